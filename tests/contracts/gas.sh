#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0 OR MIT
#
# What every call of the contracts costs, with real proofs and the compiled
# contracts that are committed: prints the table of docs/CHAIN.md "Gas", and
# fails when a proof in a batch of 32 costs more than it may.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/real.sh"

# gas per proof at 32: its verification, and the whole call
share_max=57000
call_max=80000

forge_project
make_real 32
cp "$CDX_SRCDIR"/src/contracts/artifacts/*.json "$CDX_REAL" || exit 1
"$FORGE" test --isolate --match-contract '^GasTable' >"$W/test.log" 2>&1 ||
	fail "forge test: $(cat "$W/test.log")"

# gas NAME: of the call of that name
gas() {
	awk -F'\t' -v name="$1" '$1 == name { print $2; found = 1 }
		END { exit !found }' "$CDX_REAL/table" || fail "no gas of $1"
}
# row WHAT PROOFS VERIFICATION CALL
row() {
	say "| $1 | $3 | $(($3 / $2)) | $4 | $(($4 / $2)) |"
}

say "| call | gas |"
say "|---|---|"
awk -F'\t' '$1 !~ /^verify|^submitProofs? ?/ {
	printf "| %s | %d |\n", $1, $2 }' "$CDX_REAL/table"
say
say "| proofs in a call | verification | per proof | whole call | per proof |"
say "|---|---|---|---|---|"
share=$(gas verify) && call=$(gas submitProof) || exit 1
row "1, by submitProof" 1 "$share" "$call"
for n in 1 2 8 32; do
	share=$(gas "verifyBatch $n") && call=$(gas "submitProofs $n") ||
		exit 1
	row "$n" "$n" "$share" "$call"
done
# the dearest of these counts
for of in "one host, by another" "as many requests and hosts"; do
	call=$(gas "submitProofs $n, of $of") || exit 1
	row "$n, of $of" "$n" "$share" "$call"
done
[ $((share / n)) -le $share_max ] ||
	fail "$((share / n)) gas to verify a proof of $n, at most $share_max"
[ $((call / n)) -le $call_max ] ||
	fail "$((call / n)) gas for a proof of $n, at most $call_max"
