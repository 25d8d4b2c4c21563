#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0 OR MIT
#
# Our circuit against the official one, compiled here with npm circom2: the
# constraint system byte for byte, and on CDX_COUNT made-up datasets, as many
# tampered ones and all edge cases the same verdict and the same witness.  One
# sample; with 500 datasets or more five samples as well.
#
#   CDX_CIRCUITS  a checkout of the official circuits (codex-storage-proofs-
#                 circuits); without it there is nothing to compare with
#   CDX_SEED      of the datasets
. "$(dirname "$0")/lib.sh"

count=${CDX_COUNT:-20}
seed=${CDX_SEED:-1}
[ -n "${CDX_CIRCUITS:-}" ] ||
	skip "CDX_CIRCUITS does not say where the official circuits are"
[ -f "$CDX_CIRCUITS/circuit/codex/sample_cells.circom" ] ||
	skip "no circuits in $CDX_CIRCUITS"
fetch_provers
make_inputs=$CDX_BUILDDIR/tests/proof/make_inputs
[ -x "$make_inputs" ] || fail "$make_inputs is not built"
say "CDX_SEED=$seed"

cat >"$W/compare.js" <<'EOF'
// compare.js PROOF_MAIN_JS WASM DIR: the wasm's verdict and witness for each
// input, against ours
const fs = require("fs");
const [, , js, wasm, dir] = process.argv;
const calculator = require(js + "/witness_calculator.js");

async function main() {
	const w = await calculator(fs.readFileSync(wasm));
	let same = 0;
	let refused = 0;
	let n = 0;
	// the circuit's asserts and logs are not ours to read
	const log = console.log;
	console.log = console.error = () => {};
	for (; fs.existsSync(`${dir}/${n}.json`); n++) {
		const input = JSON.parse(fs.readFileSync(`${dir}/${n}.json`));
		const ours = `${dir}/${n}.wtns`;
		let theirs = null;

		try {
			theirs = await w.calculateWTNSBin(input, 0);
		} catch (e) {
			theirs = null;
		}
		if ((theirs !== null) !== fs.existsSync(ours)) {
			log(`input ${n}: ` + (theirs ? "taken by the wasm, " +
				"refused here" : "refused by the wasm, taken here"));
			process.exit(1);
		}
		if (theirs === null) {
			refused++;
			continue;
		}
		if (Buffer.compare(Buffer.from(theirs), fs.readFileSync(ours))) {
			log(`input ${n}: another witness`);
			process.exit(1);
		}
		same++;
	}
	log(`${n} inputs: ${same} equal witnesses, ${refused} refused by both`);
	process.exit(n > 0 ? 0 : 1);
}

main();
EOF

# compare SAMPLES COUNT
compare() {
	local n=$1 dir=$W/$1 main=proof_main

	mkdir "$dir" "$dir/out"
	# the includes name no folders
	cp "$CDX_CIRCUITS"/circuit/*/*.circom "$dir/" || fail "no circuits"
	cat >"$dir/$main.circom" <<-EOF
		pragma circom 2.0.0;
		include "sample_cells.circom";
		component main {public [entropy,dataSetRoot,slotIndex]} =
		    SampleAndProve(32, 8, 5, 67, $n);
	EOF
	(cd "$dir" && circom2 $main.circom --r1cs --wasm --O2 -o . \
		>circom.log 2>&1) || {
		cat "$dir/circom.log"
		fail "circom does not compile"
	}
	"$make_inputs" "$dir/out" "$n" "$2" "$seed" || fail "make_inputs"
	cmp "$dir/$main.r1cs" "$dir/out/circuit.r1cs" ||
		fail "$n samples: another constraint system"
	echo "$n samples: the same constraint system"
	node "$W/compare.js" "$dir/${main}_js" "$dir/${main}_js/$main.wasm" \
		"$dir/out" || fail "$n samples"
	wants 0 'WITNESS IS CORRECT' snarkjs wtns check \
		"$dir/out/circuit.r1cs" "$dir/out/0.wtns"
	rm -rf "$dir"
}

compare 1 "$count"
[ "$count" -lt 500 ] || compare 5 "$((count / 5))"
say "all good"
