#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0 OR MIT
#
# Whether the tests of the contracts would notice: every row of mutants.tab is a
# contract that is wrong in one line, and must fail them.  CDX_COUNT rows, as
# far apart as they can be; 0 are all.
. "$(dirname "$0")/lib.sh"

here=$CDX_SRCDIR/tests/contracts

forge_project
# two at a time: each compiles one, and runs the tests on it
workers=()
for k in 0 1; do
	node "$here/mutate.mjs" "$here/mutants.tab" "$PROJECT" "$FORGE" \
		"${CDX_COUNT:-0}" "$k" 2 >"$W/mutants.$k" 2>&1 &
	workers+=($!)
done
bad=0
for k in 0 1; do
	wait "${workers[$k]}" || bad=1
	cat "$W/mutants.$k"
done
[ $bad -eq 0 ] || fail "some mutants were not killed, or are none"
