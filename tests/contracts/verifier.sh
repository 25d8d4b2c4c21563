#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0 OR MIT
#
# The verifier on forge's EVM: with keys whose secrets are known, with proofs of
# our prover, and with the proof that Codex publishes.  CDX_COUNT calls of
# each fuzz test.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/real.sh"

seed=${CDX_SEED:-1}

forge_project
make_real 32
cp "$CDX_SRCDIR"/tests/vectors/hardhat_*.json "$CDX_REAL" || exit 1
say "CDX_SEED=$seed"
FOUNDRY_FUZZ_SEED=$(printf '0x%x' "$seed") FOUNDRY_FUZZ_RUNS=${CDX_COUNT:-64} \
	"$FORGE" test --match-contract '^Verifier' >"$W/test.log" 2>&1 ||
	fail "forge test: $(cat "$W/test.log")"
grep '^Ran ' "$W/test.log"
! grep -q '^\[SKIP' "$W/test.log" || fail "skipped: $(cat "$W/test.log")"
