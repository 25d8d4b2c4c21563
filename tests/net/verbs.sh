#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0 OR MIT
#
# The verbs of nodes, on two real nodes of this machine which know each other by
# address: every verb, what it says when something is wrong, and its exit status.
# No namespaces, no root, no mount.

# shellcheck source-path=SCRIPTDIR source=../lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"

need python3 curl flock
A=$W/a
B=$W/b
unset CODEXFS_CONFIG

verbs_end() {
	local status=$? store pid

	trap - EXIT
	for store in "$A" "$B"; do
		if [ -e "$store/lock" ] && ! flock -n "$store/lock" true; then
			pid=$(holder "$store")
			[ -z "$pid" ] || kill -9 "$pid" 2>/dev/null
		fi
		[ $status -eq 0 ] || [ ! -s "$store.log" ] || {
			echo "== $store.log"
			tail -n 20 "$store.log"
		} >&2
	done
	scratch_end "$status"
	exit "$status"
}
trap verbs_end EXIT

step() { printf '%3d s  %s\n' "$SECONDS" "$*"; }
# node STORE [OPTIONS]: on any port of the loopback
node() {
	local store=$1

	shift
	"$CODEXFS" node --listen 127.0.0.1:0 --api none --dht no \
		--log-file "$store.log" "$@" "$store" >"$W/out" 2>&1 \
		</dev/null || fail "node $store: $(cat "$W/out")"
}
status_of() { # STORE EXPRESSION
	"$CODEXFS" status --json "$1" >"$W/status" 2>"$W/err" ||
		fail "status $1: $(cat "$W/err")"
	member "$W/status" "$2"
}
address_of() { status_of "$1" 'j["node"]["addresses"][0]'; }
met() { # STORE: it knows a peer's id
	"$CODEXFS" peers --json "$1" >"$W/peers" &&
		[ "$(member "$W/peers" 'any(p["id"] for p in j["peers"])')" = true ]
}
announces() { # STORE KEYS
	[ "$(status_of "$1" 'j["node"]["discovery"]["keys"]')" = "$2" ]
}

step "configuration"
wants 2 'Usage' "$CODEXFS" config
wants 2 'Usage' "$CODEXFS" config show
printf '[node]\nlisten = 127.0.0.1:0\n[api]\napi = nonsense\n' >"$W/bad.conf"
wants 2 "bad.conf:4: api is an address" "$CODEXFS" config check \
	--config "$W/bad.conf"
printf '[node]\nx = 1\n' >"$W/key.conf"
wants 2 'key.conf:2: there is no key' "$CODEXFS" config check \
	--config "$W/key.conf"
printf '[node]\nlisten = none\nnat = upnp\n' >"$W/clash.conf"
wants 2 "clash.conf:3: nat is upnp" "$CODEXFS" config check \
	--config "$W/clash.conf"
wants 2 'tls-key is not' "$CODEXFS" config check --tls-cert "$W/none"
wants 2 "cannot read the tls-cert" "$CODEXFS" config check \
	--tls-cert "$W/none" --tls-key "$W/none"
wants 2 'cannot read the configuration' "$CODEXFS" config check \
	--config "$W/none"
wants 0 '^listen = 0.0.0.0:8070	# default of node$' "$CODEXFS" config check \
	--config /dev/null
wants 0 '^cache = 2G	# --cache$' "$CODEXFS" config check --config /dev/null \
	--cache 2G
"$CODEXFS" config check --json --config /dev/null --peer a.example:1 \
	>"$W/json" || fail "config check --json"
is "$(member "$W/json" '[v["value"] for v in j["values"] if v["key"] == "peer"]')" \
	'["a.example:1"]' "the peer of the configuration"

step "nodes that do not start"
"$CODEXFS" init --quota 1G "$A" >/dev/null 2>&1 || fail "init"
"$CODEXFS" init --quota 1G "$B" >/dev/null 2>&1 || fail "init"
wants 2 'Usage' "$CODEXFS" node
wants 2 'Usage' "$CODEXFS" node "$A" "$B"
wants 3 'not a codexfs store' "$CODEXFS" node "$W/none"
wants 2 'an address and port' "$CODEXFS" node --listen 8070 "$A"
wants 2 "bad.conf:4" "$CODEXFS" node --config "$W/bad.conf" "$A"
wants 1 'cannot listen on 192.0.2.1:1' "$CODEXFS" node --listen 192.0.2.1:1 \
	--dht no --api none "$A"
printf 'no pem\n' >"$W/pem"
wants 1 'no certificate in PEM form' "$CODEXFS" node --tls-cert "$W/pem" \
	--tls-key "$W/pem" --listen 127.0.0.1:0 --dht no --api none "$A"
wants 1 'cannot write the log' "$CODEXFS" node --log-file "$W/no/log" \
	--listen 127.0.0.1:0 --dht no --api none "$A"

step "verbs without a node"
wants 1 'is no node' "$CODEXFS" peers "$A"
head -c 3000000 /dev/urandom >"$W/file"
cid=$("$CODEXFS" dataset add --store "$A" "$W/file") || fail "dataset add"
wants 1 'is no node' "$CODEXFS" dataset find --store "$A" "$cid"
wants 0 'others are told when' "$CODEXFS" dataset announce --store "$A" "$cid"
wants 0 'private' "$CODEXFS" dataset announce --private --store "$A" "$cid"
wants 0 'public' "$CODEXFS" dataset announce --store "$A" "$cid"
wants 3 'no such dataset' "$CODEXFS" dataset announce --store "$B" "$cid"
wants 3 'no such dataset' "$CODEXFS" dataset get -o "$W/got" --store "$B" \
	"$cid"
wants 2 'not a CID' "$CODEXFS" dataset announce --store "$A" nonsense
wants 2 'does not take --output' "$CODEXFS" dataset find -o x --store "$A" \
	"$cid"

step "two nodes"
node "$A"
wants 5 'in use' "$CODEXFS" node --listen none --dht no --api none "$A"
a=$(address_of "$A")
wants 1 'is taken\|in use' "$CODEXFS" node --dht no --api none \
	--listen "127.0.0.1:$(cut -d/ -f5 <<<"$a")" "$B"
wants 0 'no peer is known' "$CODEXFS" peers "$A"
wants 0 '^node  *16Uiu2HA' "$CODEXFS" status "$A"
is "$(status_of "$A" 'j["node"]["reach"]["state"]')" unknown \
	"reachable by nobody that is known"
node "$B" --peer "$a" --cache 64M
until_ok 120 "B meets A" met "$B"
is "$(member "$W/peers" 'j["peers"][0]["id"]')" \
	"$(status_of "$A" 'j["node"]["id"]')" "the peer that B knows"
wants 0 "^16Uiu2HA.*$a" "$CODEXFS" peers "$B"
is "$(status_of "$B" 'j["cache"]["limit"]')" 67108864 "the cache of B"
until_ok 120 "A announces" announces "$A" 2

step "found, fetched, kept"
wants 0 "^16Uiu2HA.* all .*$a" "$CODEXFS" dataset find --store "$B" "$cid"
tree=$("$CODEXFS" dataset show --json --store "$A" "$cid" >"$W/json" &&
	member "$W/json" 'j["manifest"]["treeCid"]')
wants 0 '^16Uiu2HA' "$CODEXFS" dataset find --store "$B" "$tree"
"$CODEXFS" dataset find --json --store "$B" "$cid" >"$W/json" ||
	fail "dataset find --json"
is "$(member "$W/json" 'j["providers"][0]["holds"]')" all "what A holds"
"$CODEXFS" dataset get -o "$W/got" --store "$B" "$cid" 2>"$W/err" ||
	fail "dataset get: $(cat "$W/err")"
cmp "$W/file" "$W/got" || fail "other bytes than were added"
until_ok 120 "B announces what it keeps" announces "$B" 2
[ "$(status_of "$B" 'j["node"]["exchange"]["bytesReceived"]')" -ge 3000000 ] ||
	fail "B had it from nobody"
[ "$(status_of "$A" 'j["node"]["server"]["blocksSent"]')" -ge 46 ] ||
	fail "A gave nothing"

step "nobody has it"
none=$(head -c 100 /dev/urandom | "$CODEXFS" dataset cid -) || fail "cid"
wants 3 'nobody was found' "$CODEXFS" dataset find --store "$B" "$none"
wants 3 'nobody\|do not give it' "$CODEXFS" dataset get -o "$W/none" --store "$B" "$none"
[ ! -e "$W/none" ] || fail "a file of nothing"

step "private, and gone"
head -c 500000 /dev/urandom >"$W/secret"
secret=$("$CODEXFS" dataset add --private --store "$A" "$W/secret") ||
	fail "dataset add --private"
wants 3 'nobody was found' "$CODEXFS" dataset find --store "$B" "$secret"
wants 0 'others are told' "$CODEXFS" dataset announce --store "$A" "$secret"
until_ok 120 "A announces both" announces "$A" 4
"$CODEXFS" dataset get -o "$W/got2" --store "$B" "$secret" ||
	fail "what was announced cannot be had"
cmp "$W/secret" "$W/got2" || fail "other bytes than were added"
wants 0 'private' "$CODEXFS" dataset announce --private --store "$A" "$secret"
until_ok 120 "A withdraws" announces "$A" 2

step "the first one ends"
"$CODEXFS" umount "$A" || fail "the node does not end"
"$CODEXFS" dataset get -o "$W/got3" --store "$B" "$cid" ||
	fail "what was kept is gone"
cmp "$W/file" "$W/got3" || fail "other bytes than were kept"
pid=$(holder "$B")
kill -TERM "$pid"
timeout 60 flock "$B/lock" true || fail "B does not end"
# the store is free a moment before the process says so
until_ok 120 "B says that it is clean" grep -q 'is closed, clean' "$B.log"
wants 0 '^clean: .* 0 errors' "$CODEXFS" fsck "$B"
say "all verbs did as they should"
