# SPDX-License-Identifier: Apache-2.0 OR MIT
# shellcheck shell=bash
# Shared by the suites of the market: sourced, not run.  Gives, beside what
# tests/chain/lib.sh gives, a development key and programs of market_kit.h.

. "$(dirname "${BASH_SOURCE[0]}")/../chain/lib.sh"
need python3

# market_run PROGRAM [ARGUMENT...]: tests/market/PROGRAM on an anvil of its own,
# with a development key of one sample, which is made once in a script
market_run() {
	local program=$CDX_BUILDDIR/tests/market/$1

	shift
	[ -x "$program" ] || fail "$program is not built"
	[ -e "$W/dev.zkey" ] ||
		"$CODEXFS" proof setup --samples 1 -o "$W/dev.zkey" \
			2>"$W/out" || fail "proof setup: $(cat "$W/out")"
	anvil_start
	TMPDIR=$W "$program" "$ANVIL_URL" "$W/dev.zkey" \
		"$CDX_SRCDIR/src/contracts/artifacts" "$@" ||
		fail "${program##*/} failed"
	anvil_stop
}
