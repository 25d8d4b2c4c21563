#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0 OR MIT
# The sender of an account on an anvil: what tests/chain/sender.c says; then
# CDX_COUNT times kill -9 of a process with a hundred transactions.
. "$(dirname "$0")/lib.sh"

for program in sender sender_kill; do
	[ -x "$CDX_BUILDDIR/tests/chain/$program" ] ||
		fail "$program is not built"
done
export TMPDIR=$W
anvil_start --no-mining
"$CDX_BUILDDIR/tests/chain/sender" || fail "the sender on anvil"
anvil_stop
anvil_start --no-mining --hardfork berlin
"$CDX_BUILDDIR/tests/chain/sender" legacy || fail "a chain without base fee"
anvil_stop
anvil_start --block-time 1
"$CDX_BUILDDIR/tests/chain/sender_kill" || fail "a sender that is killed"
anvil_stop
