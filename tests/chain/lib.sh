# SPDX-License-Identifier: Apache-2.0 OR MIT
# shellcheck shell=bash
# Shared by the suites that need a chain: sourced, not run.  Gives, beside what
# tests/lib.sh gives, an anvil of its own (contrib/anvil, fetched once).

: "${CDX_SRCDIR:?CDX_SRCDIR names the sources}"
: "${CDX_BUILDDIR:?CDX_BUILDDIR names the build folder}"
CDX_TMP=${CDX_TMP:-${TMPDIR:-/tmp}}
CODEXFS=${CODEXFS:-$CDX_BUILDDIR/codexfs}
. "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"

ANVIL_URL=
anvil_pid=
chain_end() {
	local status=$?

	anvil_stop
	[ "$status" -eq 0 ] || [ ! -s "$W/anvil.log" ] ||
		tail -n 20 "$W/anvil.log" >&2
	scratch_end "$status"
}
trap chain_end EXIT

# The program that the machine's package holds: run by itself, so that its pid
# is the one that is ended.
anvil_program() {
	local npm=$CDX_BUILDDIR/anvil-npm

	fetch_npm "$CDX_SRCDIR/contrib/anvil" "$npm" || exit
	set -- "$npm"/node_modules/@foundry-rs/anvil-*/bin/anvil
	[ -x "$1" ] || skip "there is no anvil for this machine"
	anvil=$1
}

# anvil_start [OPTION...]: sets ANVIL_URL.  Port 0 is anvil's own choice, which
# it says in its first lines.
anvil_start() {
	local port i

	[ -n "${anvil:-}" ] || anvil_program
	: >"$W/anvil.log"
	"$anvil" --host 127.0.0.1 --port 0 "$@" >"$W/anvil.log" 2>&1 \
		</dev/null &
	anvil_pid=$!
	for ((i = 0; i < 300; i++)); do
		port=$(sed -n 's/^Listening on .*:\([0-9][0-9]*\)$/\1/p' \
			"$W/anvil.log")
		[ -z "$port" ] || break
		kill -0 "$anvil_pid" 2>/dev/null ||
			fail "anvil ended: $(cat "$W/anvil.log")"
		sleep 0.1
	done
	[ -n "$port" ] || fail "anvil does not listen"
	ANVIL_URL=http://127.0.0.1:$port
	export ANVIL_URL
}
anvil_stop() {
	[ -n "$anvil_pid" ] || return 0
	kill "$anvil_pid" 2>/dev/null
	wait "$anvil_pid" 2>/dev/null
	anvil_pid=
}

# rpc METHOD [PARAM...]: prints the result.  A parameter is JSON, or else a
# string.
rpc() { python3 "$CDX_SRCDIR/tests/chain/rpc.py" "$ANVIL_URL" "$@"; }
