#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0 OR MIT
#
# The marketplace on forge's EVM: CDX_COUNT calls of each fuzz test, a quarter
# as many sequences of 64 calls for each invariant.  With --gas-report a table
# of what each function costs; other options are forge's as well.
. "$(dirname "$0")/lib.sh"

count=${CDX_COUNT:-64}
seed=${CDX_SEED:-1}

forge_project
say "CDX_SEED=$seed"
# what takes real proofs is left to verifier.sh and gas.sh
FOUNDRY_FUZZ_SEED=$(printf '0x%x' "$seed") FOUNDRY_FUZZ_RUNS=$count \
	FOUNDRY_INVARIANT_RUNS=$((count / 4 + 1)) \
	"$FORGE" test --no-match-contract '^(Verifier|GasTable)' "$@" \
	>"$W/test.log" 2>&1
status=$?
if [ "$status" -eq 0 ] && [ $# -eq 0 ]; then
	grep '^Ran ' "$W/test.log"
else
	cat "$W/test.log"
fi
[ "$status" -eq 0 ] || fail "forge test"
