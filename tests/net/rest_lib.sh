# SPDX-License-Identifier: Apache-2.0 OR MIT
# shellcheck shell=bash
# Shared by the suites of the REST API: sourced, not run.  Gives, beside what
# tests/lib.sh gives, nodes on the loopback, on ports that the system chose: no
# namespaces, and no root.

: "${CDX_SRCDIR:?CDX_SRCDIR names the sources}"
: "${CDX_BUILDDIR:?CDX_BUILDDIR names the build folder}"
CDX_TMP=${CDX_TMP:-${TMPDIR:-/tmp}}
CODEXFS=${CODEXFS:-$CDX_BUILDDIR/codexfs}
. "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"

NODES=()
rest_end() {
	local status=$? s

	for s in "${NODES[@]}"; do
		"$CODEXFS" umount "$s" >/dev/null 2>&1
		timeout 60 flock "$s/lock" true || {
			printf 'FAIL: the node of %s does not end\n' "$s" >&2
			kill -9 "$(holder "$s")"
			status=1
		}
		if [ "$status" -ne 0 ] && [ "$status" -ne 77 ]; then
			printf -- '-- %s:\n' "$s.log" >&2
			tail -n 20 "$s.log" >&2
		fi
	done
	[ ! -e "$W/chain/anvil.pid" ] ||
		"$CDX_SRCDIR/contrib/devnet" stop "$W/chain" >/dev/null
	scratch_end "$status"
	exit "$status"
}
trap rest_end EXIT
need curl python3 flock

# rest_store STORE: makes it when there is none
rest_store() {
	[ -d "$1" ] || "$CODEXFS" init --quota 1G "$1" >"$W/init.out" 2>&1 ||
		fail "init: $(cat "$W/init.out")"
}
# rest_chain STORE...: a chain of one's own, on which the accounts of these (new)
# stores have money, and its configuration and proving key for them
rest_chain() {
	local s one fund=() pids=() npm=$CDX_BUILDDIR/anvil-npm

	fetch_npm "$CDX_SRCDIR/contrib/anvil" "$npm"
	set -- "$@" -- "$npm"/node_modules/@foundry-rs/anvil-*/bin/anvil
	[ -x "${*: -1}" ] || skip "there is no anvil for this machine"
	"$CODEXFS" proof setup --samples 1 -o "$W/dev.zkey" 2>"$W/out" ||
		fail "proof setup: $(cat "$W/out")"
	for s; do
		[ "$s" != -- ] || break
		rest_store "$s"
		"$CODEXFS" chain accounts --json --config /dev/null --store "$s" \
			>"$W/accounts" 2>/dev/null
		for one in $(member "$W/accounts" \
			'" ".join(a["address"] for a in j["accounts"])'); do
			fund+=(--fund "$one")
		done
	done
	"$CDX_SRCDIR/contrib/devnet" start --accounts 1 "${fund[@]}" \
		--key "$W/dev.zkey" --codexfs "$CODEXFS" --anvil "${*: -1}" \
		"$W/chain" >"$W/out" 2>&1 || fail "devnet: $(cat "$W/out")"
	for s; do
		[ "$s" != -- ] || break
		cp "$W/chain/codexfs.conf" "$s/" || fail "cannot copy"
		"$CODEXFS" proof import --development --store "$s" "$W/dev.zkey" \
			>"$s.import" 2>&1 &
		pids+=($!)
	done
	for one in "${pids[@]}"; do
		wait "$one" || fail "proof import: $(cat "$W"/*.import)"
	done
}
# rest_node STORE [OPTIONS of node]: makes the store when there is none; sets API,
# its URL without the prefix, and TOKEN
rest_node() {
	local store=$1 port

	shift
	rest_store "$store"
	"$CODEXFS" node --listen 127.0.0.1:0 --api 127.0.0.1:0 --nat none \
		--dht no --cache 256M --log-file "$store.log" "$@" "$store" \
		>"$W/node.out" 2>&1 </dev/null ||
		fail "node: $(cat "$W/node.out" "$store.log")"
	NODES+=("$store")
	"$CODEXFS" status --json "$store" >"$W/status" ||
		fail "status of $store"
	port=$(member "$W/status" 'j["api"]["port"]')
	API=http://127.0.0.1:$port
	TOKEN=$(cat "$store/api-token") || fail "no token in $store"
	export API TOKEN
}
market_runs() { curl -sf "$1/metrics" | grep -q '^codexfs_market_runs 1$'; }
# rest_market URL: waits until the node behind it has its part in the market
rest_market() { until_ok 60 "the market" market_runs "$1"; }
# rest_addr URL: where others reach the node behind it: a peer id and an address
rest_addr() {
	curl -sf "$1/api/codex/v1/debug/info" >"$W/info" || fail "debug/info"
	PEER=$(member "$W/info" 'j["id"]')
	ADDR=$(member "$W/info" 'j["addrs"][0]')
	export PEER ADDR
}
