#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0 OR MIT
#
# Proofs for many slots on an anvil with a block a second: bench_market.c says
# what is real and what is not.  Proofs of CDX_COUNT samples (5: Codex's).
. "$(dirname "$0")/../chain/lib.sh"
need python3

bench=$CDX_BUILDDIR/tests/bench/bench_market
[ -x "$bench" ] || fail "$bench is not built"
"$CODEXFS" proof setup --samples "${CDX_COUNT:-5}" -o "$W/dev.zkey" \
	2>"$W/out" || fail "proof setup: $(cat "$W/out")"
anvil_start --block-time 1
TMPDIR=$W "$bench" "$ANVIL_URL" "$W/dev.zkey" || fail "bench_market failed"
