#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0 OR MIT
# Proofs of CDX_COUNT samples against snarkjs: it checks our circuit and witness,
# proves with our key, verifies our proofs, and holds a ceremony over our circuit
# whose key we then prove with.  What is wrong with a key, a proof, a public
# input or an input is refused, in words.  No mount is needed.
. "$(dirname "$0")/lib.sh"
need python3 cmp flock
fetch_provers

n=${CDX_COUNT:-1}
S=$W/store
make_ptau=$CDX_BUILDDIR/tests/proof/make_ptau
[ -x "$make_ptau" ] || fail "$make_ptau is not built"
cx() { "$CODEXFS" "$@"; }
proof() { "$CODEXFS" proof "$@"; }
# same JSON of two files, but for a member of the second
same_json() {
	python3 - "$@" <<'END' || fail "$1 and $2 differ"
import json, sys
a, b = (json.load(open(f)) for f in sys.argv[1:3])
for member in sys.argv[3:]:
    del b[member]
assert a == b
END
}
# power N: of the smallest power of two that a circuit of N constraints fits in,
# which has a row more for each public input and for the constant
power() {
	local p=1
	while [ $((1 << p)) -lt $(($1 + 4)) ]; do p=$((p + 1)); done
	echo $p
}
cd "$W" || exit 1

# ---- the circuit and its witness

check_circuit() {
	local line

	proof export-r1cs --samples "$n" -o our.r1cs || fail "export-r1cs"
	snarkjs r1cs info our.r1cs >out || fail "r1cs info: $(cat out)"
	for line in "Wires: $((2033 + 17652 * n))" \
		"Constraints: $((2022 + 17556 * n))" \
		"Private Inputs: $((11 + 99 * n))" "Public Inputs: 3" \
		"Labels: $((8088 + 64894 * n))" "Outputs: 0"; do
		grep -qE "# of $line( |$)" out || fail "no $line: $(cat out)"
	done
}

check_witness() {
	proof witness --inputs inputs.json -o our.wtns || fail "witness"
	is "$(stat -c %a our.wtns)" 600 "mode of the witness"
	wants 0 'WITNESS IS CORRECT' snarkjs wtns check our.r1cs our.wtns
	snarkjs wtns export json our.wtns wtns.json || fail "wtns export json"
	# the constant, and the inputs in the circuit's order
	python3 - wtns.json inputs.json "$n" <<'END' || fail "values of the witness"
import json, sys
w, i = (json.load(open(f)) for f in sys.argv[1:3])
n = int(sys.argv[3])
flat = lambda rows: [x for row in rows for x in row]
want = ([1] + [i[k] for k in ("entropy", "dataSetRoot", "slotIndex",
	"slotRoot", "nCellsPerSlot", "nSlotsPerDataSet")] + i["slotProof"]
	+ flat(i["cellData"]) + flat(i["merklePaths"]))
assert len(w) == 2033 + 17652 * n
assert [int(x) for x in w[:len(want)]] == [int(x) for x in want]
END
	cp our.wtns bad.wtns
	printf 'x' | dd of=bad.wtns bs=1 seek=$((76 + 32 * 1000)) \
		conv=notrunc status=none
	# the oracle can say no
	wants 1 'WITNESS IS NOT CORRECT' snarkjs wtns check our.r1cs bad.wtns
}

# ---- a key of our own

check_development() {
	proof setup --samples "$n" --vk dev.vk -o dev.zkey 2>out || fail "setup"
	grep -q 'development key' out || fail "setup does not warn"
	proof export-vk -o vk.json dev.zkey || fail "export-vk"
	cmp vk.json dev.vk || fail "setup --vk is not export-vk"
	is "$(member vk.json 'j["development"]')" true "development"
	snarkjs zkey export verificationkey dev.zkey sj.vk >out ||
		fail "snarkjs does not take our key: $(cat out)"
	same_json sj.vk vk.json development

	snarkjs groth16 prove dev.zkey our.wtns sj.proof sj.public >out ||
		fail "snarkjs does not prove with our key: $(cat out)"
	wants 0 '^valid$' proof verify --development --vk dev.vk \
		--public sj.public --proof sj.proof
	wants 0 '^valid$' proof verify --development --vk sj.vk \
		--public sj.public --proof sj.proof
	proof prove --development --inputs inputs.json --key dev.zkey \
		-o proof.json --public public.json || fail "prove"
	same_json sj.public public.json
	wants 0 'OK!' snarkjs groth16 verify dev.vk public.json proof.json
	wants 0 'OK!' snarkjs groth16 verify dev.vk sj.public proof.json
	alter json public.json bad 0 +1
	wants 1 'Invalid proof' snarkjs groth16 verify dev.vk bad proof.json

	# what was checked once is named by its hash
	proof info --json dev.zkey >info || fail "info"
	is "$(member info 'j["sha256"]')" "$(sha256sum <dev.zkey | cut -c-64)" \
		"sha256"
	is "$(member info '[j["samples"], j["development"], j["contributions"],
		j["wires"]]')" "[$n, true, 0, $((2033 + 17652 * n))]" "info"
	proof prove --development --inputs inputs.json --key dev.zkey \
		--pin "$(member info 'j["sha256"]')" -o second.json ||
		fail "prove --pin"
	cmp -s proof.json second.json && fail "two proofs are the same"
	wants 0 '^all valid$' proof verify --development --vk dev.vk \
		--public public.json --proof second.json \
		--public sj.public --proof sj.proof
	wants 4 'its SHA-256 is another' proof prove --development \
		--inputs inputs.json --key dev.zkey --pin "$(printf '0%.0s' \
			{1..64})"
	wants 2 '64 hex digits' proof prove --development \
		--inputs inputs.json --key dev.zkey --pin 00

	# words for the contract: those of snarkjs, whose second coordinates
	# come imaginary part first
	proof calldata --json --proof proof.json >words || fail "calldata"
	{
		printf '['
		snarkjs zkey export soliditycalldata public.json proof.json |
			cat
		printf ']'
	} >sj.words
	python3 - sj.words words <<'END' || fail "calldata is not snarkjs's"
import json, sys
(a, b, c, public), w = (json.load(open(f)) for f in sys.argv[1:])
assert w == a + [b[0][1], b[0][0], b[1][1], b[1][0]] + c
END
	proof calldata --proof proof.json | cmp - <(member words '"\n".join(j)') ||
		fail "calldata is not that of --json"

	wants 1 'dev.zkey: it is a development key' proof prove \
		--inputs inputs.json --key dev.zkey -o never
	[ ! -e never ] || fail "refused, but written"
	wants 1 'dev.vk: it is a development key' proof verify --vk dev.vk \
		--public public.json --proof proof.json
	wants 1 'is a development key' proof import --store "$S" dev.zkey
	wants 0 'no proving key' proof info --store "$S"
	is "$(find "$S/proof" -type f)" "" "what a refused import left"
}

# ---- a ceremony's key

check_ceremony() {
	local i bits

	bits=$(power $((2022 + 17556 * n)))
	"$make_ptau" "$bits" tau.ptau || fail "make_ptau"
	snarkjs groth16 setup our.r1cs tau.ptau 0.zkey >out ||
		fail "groth16 setup: $(cat out)"
	wants 1 'is a development key' proof import --store "$S" 0.zkey
	wants 0 'no proving key' proof info --store "$S"
	for i in 1 2; do
		snarkjs zkey contribute $((i - 1)).zkey $i.zkey --name="$i" \
			-e="$RANDOM $RANDOM" >out || fail "contribute: $(cat out)"
	done
	wants 0 'ZKey Ok!' snarkjs zkey verify our.r1cs tau.ptau 2.zkey
	snarkjs zkey export verificationkey 2.zkey sj.vk >out ||
		fail "export verificationkey: $(cat out)"
	proof export-vk 2.zkey >vk.json || fail "export-vk"
	same_json sj.vk vk.json

	proof import --json --store "$S" 2.zkey >info || fail "import"
	is "$(member info '[j["samples"], j["development"], j["sha256"]]')" \
		"[$n, false, \"$(sha256sum <2.zkey | cut -c-64)\"]" "import"
	wants 0 "$(sha256sum <2.zkey | cut -c-16)" proof info --store "$S"
	! grep -q development out || fail "called a development key"
	proof info --json --store "$S" >info || fail "info"
	is "$(member info '[[k["samples"], k["development"]] for k in
		j["keys"]]')" "[[$n, false]]" "info --json"
	cx status "$S" >out || fail "status"
	grep -q "$(sha256sum <2.zkey | cut -c-16)" out || fail "status: $(cat out)"
	is "$(proof info --json 2.zkey >info; member info 'j["contributions"]')" \
		2 "contributions"
}

check_store() {
	local file

	cx dataset prove --store "$S" --slot 1 --samples "$n" \
		--challenge "$challenge" -o store.proof --public store.public \
		"$cid" 2>out || fail "dataset prove: $(cat out)"
	! grep -q warning out || fail "a warning: $(cat out)"
	same_json store.public public.json
	wants 0 'OK!' snarkjs groth16 verify sj.vk store.public store.proof
	wants 0 '^valid$' proof verify --vk sj.vk --public store.public \
		--proof store.proof
	wants 1 'NOT valid' proof verify --vk sj.vk --public store.public \
		--proof proof.json
	wants 3 "no proving key for $((n + 1)) samples" cx dataset prove \
		--store "$S" --slot 1 --samples $((n + 1)) \
		--challenge "$challenge" "$cid"

	# the store's copy is the one that was checked, or none
	file=$S/proof/$(sha256sum <2.zkey | cut -c-64).zkey
	cmp 2.zkey "$file" || fail "the copy is not the key"
	is "$(stat -c %a "$file")" 400 "mode of the copy"
	alter swap 2.zkey bad 5
	cp -f bad "$file"
	wants 4 'its SHA-256 is another; import the key again' cx dataset prove \
		--store "$S" --slot 1 --samples "$n" --challenge "$challenge" "$cid"
	rm -f "$file"
	wants 4 'import the key again' cx dataset prove \
		--store "$S" --slot 1 --samples "$n" --challenge "$challenge" "$cid"
	wants 0 . proof import --store "$S" 2.zkey
	cx dataset prove --json --store "$S" --slot 4 --samples "$n" \
		--challenge "$challenge" "$cid" >j || fail "dataset prove"
	for file in proof public calldata; do
		python3 -c 'import json, sys
json.dump(json.load(open("j"))[sys.argv[1]], open(sys.argv[1], "w"))' $file
	done
	wants 0 'OK!' snarkjs groth16 verify sj.vk public proof
	proof calldata --json --proof proof >words || fail "calldata"
	same_json words calldata
	is "$(member public 'j[2]')" 4 "the slot"
}

# ---- keys that are refused

# refused TEXT FILE: by import, which leaves nothing
refused() {
	wants 1 "$1" proof import --store "$S" "$2"
	is "$(find "$S/proof" -type f -name '*.part')" "" "a refused import left"
}

check_keys() {
	cat >small.circom <<'END'
pragma circom 2.0.0;
template Product() {
	signal input a;
	signal input b;
	signal input c;
	signal input d;
	signal e;
	e <== a * b;
	d === c * e;
}
component main {public [a, b, c]} = Product();
END
	circom2 small.circom --r1cs >out 2>&1 || fail "circom2: $(cat out)"
	"$make_ptau" 6 small.ptau || fail "make_ptau"
	snarkjs groth16 setup small.r1cs small.ptau s0 >out || fail "$(cat out)"
	snarkjs zkey contribute s0 small.zkey --name=1 -e=1 >out ||
		fail "$(cat out)"
	snarkjs plonk setup small.r1cs small.ptau plonk.zkey >out ||
		fail "plonk setup: $(cat out)"
	refused 'is for a circuit of 6 wires' small.zkey
	refused 'a key of plonk, not of groth16' plonk.zkey

	alter coef 2.zkey bad 1234 +1
	refused 'coefficient 1234 .*our circuit has another value' bad
	alter coef 2.zkey bad 1234 max
	refused 'coefficient 1234: not below the prime' bad
	alter wire 2.zkey bad 1234
	refused 'coefficient 1234 .*our circuit has none there' bad
	alter point 2.zkey bad 3
	refused 'IC\[0\]: not a point of G1' bad
	alter point 2.zkey bad 5
	refused '[^B]A\[[0-9]*\]: not a point of G1' bad
	alter point 2.zkey bad 6
	refused 'B1\[[0-9]*\]: not a point of G1' bad
	alter point 2.zkey bad 7
	refused 'B2\[[0-9]*\]: not a point of the twist' bad
	alter point 2.zkey bad 8
	refused 'C\[[0-9]*\]: not a point of G1' bad
	alter point 2.zkey bad 9
	refused 'H\[0\]: not a point of G1' bad
	alter swap 2.zkey bad 3
	refused 'the proof that it gives does not verify' bad
	alter swap 2.zkey bad 5
	refused 'the proof that it gives does not verify' bad
	alter swap 2.zkey bad 6
	refused 'B is not the same in G1 and in G2' bad
	alter swap 2.zkey bad 7
	refused 'B is not the same in G1 and in G2' bad
	alter swap 2.zkey bad 8
	refused 'the proof that it gives does not verify' bad
	alter swap 2.zkey bad 9
	refused 'the proof that it gives does not verify' bad
	alter double 2.zkey bad 3
	refused 'section 3 is there twice' bad
	head -c 1000000 2.zkey >bad
	refused 'section 4: [0-9]* bytes, but [0-9]* are left' bad
	head -c -1 2.zkey >bad
	refused 'section 10: [0-9]* bytes, but [0-9]* are left' bad
	(cat 2.zkey && echo) >bad
	refused '1 bytes after the last section' bad
	: >bad
	refused 'is empty' bad
	refused 'not a .zkey file' our.r1cs
	mkfifo fifo
	wants 2 'not a regular file' proof import --store "$S" "$W"
	wants 2 'not a regular file' proof import --store "$S" fifo
	wants 2 'not a regular file' timeout 10 "$CODEXFS" proof info fifo
	wants 3 'No such file' proof import --store "$S" nowhere
	wants 0 "$(sha256sum <2.zkey | cut -c-16)" proof info --store "$S"
}

# ---- proofs and public inputs that are refused

# verdict STATUS TEXT [PUBLIC [PROOF [VK]]]
verdict() {
	wants "$1" "$2" proof verify --vk "${5:-sj.vk}" \
		--public "${3:-store.public}" --proof "${4:-store.proof}"
}

check_verify() {
	local i

	for i in 0 1 2; do
		alter json store.public bad $i +1
		verdict 1 'NOT valid' bad
		alter json store.public bad $i +r
		verdict 1 "input $i: not a decimal number below r" bad
	done
	alter json store.public bad 2 drop
	verdict 1 '2 public inputs, the verification key takes 3' bad
	for i in pi_a.0 pi_a.1 pi_c.0 pi_c.1; do
		alter json store.proof bad $i +1
		verdict 1 "${i%.*}: not a point of G1" store.public bad
		alter json store.proof bad $i +q
		verdict 1 "${i%.*}: not three decimal numbers below q" \
			store.public bad
	done
	for i in pi_b.0.0 pi_b.0.1 pi_b.1.0 pi_b.1.1; do
		alter json store.proof bad $i +1
		verdict 1 "pi_b: not a point of G2" store.public bad
		alter json store.proof bad $i +q
		verdict 1 "pi_b: not three pairs of decimal numbers below q" \
			store.public bad
	done
	# other points of the same curves
	alter json store.proof minus pi_a.1 neg
	verdict 1 'NOT valid' store.public minus
	alter json store.proof bad pi_c.1 neg
	verdict 1 'NOT valid' store.public bad
	alter json minus half pi_b.1.0 neg
	alter json half both pi_b.1.1 neg
	alter json store.proof half pi_b.1.0 neg
	alter json half bad pi_b.1.1 neg
	verdict 1 'NOT valid' store.public bad
	# -A and -B are another proof of the same, as the caveats say
	verdict 0 '^valid$' store.public both
	alter json store.proof bad pi_b drop
	verdict 1 'pi_b is missing' store.public bad
	verdict 1 'larger than 1048576 bytes' store.public our.r1cs
	verdict 1 'pi_a is missing' store.public sj.vk
	verdict 1 'not an array of at most 1024 inputs' store.proof
	verdict 1 'nPublic is missing' store.public store.proof store.proof
	verdict 3 'cannot read nowhere' store.public nowhere
	alter json sj.vk bad IC.3 drop
	verdict 1 'IC: not an array of nPublic + 1 points' \
		store.public store.proof bad
	alter json sj.vk bad vk_delta_2.0.0 +1
	verdict 1 'vk_delta_2: not a point of G2' store.public store.proof bad
	# a key's own numbers say what its proofs are worth, not its mark
	alter json dev.vk bad development drop
	verdict 1 'NOT valid' store.public store.proof bad
	verdict 0 '^valid$' public.json proof.json bad

	wants 2 'as many --public as --proof' proof verify --vk sj.vk \
		--public store.public --public store.public --proof store.proof
	wants 2 'as many --public as --proof' proof verify --vk sj.vk \
		--public store.public --proof store.proof --proof store.proof
	wants 2 'not to standard output' proof setup -o -
	wants 2 'needs --public' proof verify --vk sj.vk --proof store.proof
	# of several, each is named
	wants 1 '^minus: NOT valid' proof verify --vk sj.vk \
		--public store.public --proof store.proof \
		--public store.public --proof minus --public store.public \
		--proof both
	grep -q '^store.proof: valid' out || fail "$(cat out)"
	grep -q '^both: valid' out || fail "$(cat out)"
}

# ---- inputs that are refused

# tampered TEXT MEMBER CHANGE: by witness and prove
tampered() {
	local bad=bad.$2$3

	alter json inputs.json "$bad" "$2" "$3"
	wants 1 "$1" proof witness --inputs "$bad" -o never
	wants 1 "$1" proof prove --inputs "$bad" --key 2.zkey --pin "$pin" \
		-o never
	[ ! -e never ] || fail "refused, but written"
	rm "$bad"
}

check_inputs() {
	local last=$((n - 1)) root='slotRoot and slotProof do not lead to dataSetRoot'
	local pin i

	pin=$(sha256sum <2.zkey | cut -c-64)
	tampered "$root" dataSetRoot +1
	tampered "$root" slotRoot +1
	tampered "$root" slotIndex +1
	tampered "$root" slotProof.0 +1
	# other cells are asked for; of 256 the same ones, now and then
	for i in 1 2 3 4; do
		alter json inputs.json bad entropy =$i
		proof witness --inputs bad -o never 2>out || break
		rm never
	done
	tampered 'cellData\[[0-9]*\] and merklePaths\[[0-9]*\] do not' \
		entropy =$i
	for i in 0 $last; do
		tampered "cellData\[$i\] and merklePaths\[$i\] do not lead to" \
			cellData.$i.0 +1
		tampered "cellData\[$i\] and merklePaths\[$i\] do not lead to" \
			cellData.$i.66 +1
		tampered "cellData\[$i\] and merklePaths\[$i\] do not lead to" \
			merklePaths.$i.0 +1
		tampered "cellData\[$i\] and merklePaths\[$i\] do not lead to" \
			merklePaths.$i.5 +1
	done
	tampered 'nCellsPerSlot: not a power of two' nCellsPerSlot +1
	tampered 'nSlotsPerDataSet: not from 1 to 256' nSlotsPerDataSet =257
	tampered 'slotIndex: not below nSlotsPerDataSet' slotIndex =5
	tampered 'entropy: not a field element' entropy +r
	tampered 'slotRoot: not a field element' slotRoot +r
	tampered "cellData\[$last\]\[66\]: not a field element" \
		"cellData.$last.66" +r
	tampered 'slotProof: not an array of 8 elements' slotProof.7 drop
	tampered 'slotProof is missing' slotProof drop
	tampered "merklePaths: not an array of $n paths" "merklePaths.$last" drop
	cx dataset inputs --store "$S" --slot 1 --samples $((n + 1)) \
		--challenge "$challenge" -o more.json "$cid" || fail "inputs"
	wants 1 "the inputs have $((n + 1)) samples, the key is for $n" \
		proof prove --inputs more.json --key 2.zkey --pin "$pin" -o never
	[ ! -e never ] || fail "refused, but written"
}

challenge=$(od -An -tx1 -N 32 /dev/urandom | tr -d ' \n')
say "$n samples, challenge $challenge"
cx init --quota 1G "$S" >/dev/null || fail "init"
# no padding: its cells are all alike, and one proves for another
head -c $((24 * 65536)) /dev/urandom >data
cid=$(cx dataset add --store "$S" --data 3 --parity 2 data |
	awk 'END { print $NF }')
cx dataset inputs --store "$S" --slot 1 --samples "$n" \
	--challenge "$challenge" -o inputs.json "$cid" || fail "dataset inputs"

for part in circuit witness development ceremony store keys verify inputs; do
	begin=$EPOCHSECONDS
	check_$part
	say "$part: $((EPOCHSECONDS - begin)) s"
done
say "all good"
