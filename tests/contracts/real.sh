# SPDX-License-Identifier: Apache-2.0 OR MIT
# shellcheck shell=bash
# Real proofs for the suites of the contracts: sourced after lib.sh.
#
#   make_real N		makes the folder $CDX_REAL in forge's project, for the
#			suite's own use, and in it proofs.json: N of them
#			(tests/chain/make_proofs.c) under a development key

# keccak256 of the block hash 0x000102...1f (spec/marketplace.md 2.3)
real_challenge=8ae1aa597fa146ebd3aa2ceddf360668dea5e526567e92b0321816a4e895bd2d

make_real() {
	local make_proofs=$CDX_BUILDDIR/tests/chain/make_proofs

	[ -x "$make_proofs" ] || fail "$make_proofs is not built"
	export CDX_REAL=data/${CDX_SUITE:-by-hand}
	rm -rf "$CDX_REAL"
	mkdir -p "$CDX_REAL" || fail "cannot make $CDX_REAL"
	# how many samples a proof has makes no difference to a contract
	"$CODEXFS" proof setup --samples 1 -o "$W/dev.zkey" 2>"$W/setup.log" ||
		fail "setup: $(cat "$W/setup.log")"
	"$make_proofs" "$W/dev.zkey" "$1" "$real_challenge" \
		>"$CDX_REAL/proofs.json" ||
		fail "make_proofs"
}
