#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0 OR MIT
#
# Proofs, their setup and verification, beside rapidsnark on the same key and
# witness where CDX_RAPIDSNARK says in which folder its program prover and its
# librapidsnark.so are (the latter verifies in the bench's own process).  Every figure is the best of
# CDX_COUNT rounds (5), which take turns with the peer's.  Times in
# milliseconds; a ratio below one is for us.
set -u

B=$CDX_BUILDDIR/tests/bench/bench_proof
rounds=${CDX_COUNT:-5}
S=$(mktemp -d "${TMPDIR:-/tmp}/bench-proof.XXXXXX")
trap 'rm -rf "$S"' EXIT
cpus=$(nproc)

fail() {
	echo "bench_proof.sh: $*" >&2
	exit 1
}
calc() { awk "BEGIN { printf \"%.${2:-2}f\", $1 }"; }
# value NAME: of what was printed last
value() { sed -n "s/^$1=//p" <<<"$out"; }
declare -A F # F[WHAT.wall], .cpu, .memory: the best so far
# least WHAT NEW
least() {
	if [ -z "${F[$1]:-}" ] || [ "$(calc "($2 < ${F[$1]})" 0)" = 1 ]; then
		F[$1]=$2
	fi
}
# measure WHAT COMMAND...: wall, cpu and memory of a process; best round
measure() {
	local what=$1
	shift
	out=$("$@") || fail "$*"
	least "$what.wall" "$(value wall)"
	least "$what.cpu" "$(value cpu)"
	least "$what.memory" "$(value memory)"
}

prover=
library=
if [ -n "${CDX_RAPIDSNARK:-}" ]; then
	prover=$CDX_RAPIDSNARK/prover
	library=$CDX_RAPIDSNARK/librapidsnark.so
	if [ ! -x "$prover" ] || [ ! -f "$library" ]; then
		fail "CDX_RAPIDSNARK is to have prover and librapidsnark.so"
	fi
fi

input=$CDX_SRCDIR/tests/vectors/input.json
"$CODEXFS" proof witness --inputs "$input" -o "$S/w.wtns" || fail witness
"$CODEXFS" proof setup -o "$S/5.zkey" --vk "$S/vk.json" 2>/dev/null ||
	fail setup
pin=$("$CODEXFS" proof info "$S/5.zkey" | awk '/SHA-256/ { print $2 }')
prove=("$CODEXFS" proof prove --development --pin "$pin" --inputs "$input"
	--key "$S/5.zkey" -o "$S/p.json" --public "$S/x.json")

for ((i = 0; i < rounds; i++)); do
	measure one taskset -c 0 "$B" time "${prove[@]}"
	measure all "$B" time "${prove[@]}"
	measure setup "$B" time "$CODEXFS" proof setup -o "$S/new.zkey" \
		2>"$S/setup.log"
	[ -n "$prover" ] || continue
	measure rs_one taskset -c 0 "$B" time "$prover" "$S/5.zkey" \
		"$S/w.wtns" "$S/rp.json" "$S/rx.json"
	measure rs_all "$B" time "$prover" "$S/5.zkey" "$S/w.wtns" \
		"$S/rp.json" "$S/rx.json"
done
if [ -n "$prover" ]; then
	# the peer's proof is right, and so is ours to the peer
	"$CODEXFS" proof verify --development --vk "$S/vk.json" \
		--public "$S/rx.json" --proof "$S/rp.json" >"$S/log" ||
		fail "rapidsnark's proof does not verify"
fi

row() { printf '%-44s %9s %9s %7s %6s\n' "$@"; }
# beside NAME OURS PEER GOAL
beside() {
	row "$1" "$2" "${3:--}" "$([ -z "${3:-}" ] || calc "$2 / $3")" "$4"
}
out=$("$B" prove "$S/5.zkey" 1 1) || fail prove
printf 'back end %s; processes, %d rounds\n\n' "$(value backend)" "$rounds"
row '' codexfs rapidsnark ratio goal
beside 'proof, n = 5, 1 core' "${F[one.wall]}" "${F[rs_one.wall]:-}" 0.5
beside '  processor time' "${F[one.cpu]}" "${F[rs_one.cpu]:-}" ''
beside "proof, n = 5, $cpus cores" "${F[all.wall]}" "${F[rs_all.wall]:-}" 0.5
beside '  memory, MiB' "${F[all.memory]}" "${F[rs_all.memory]:-}" 1.25
beside "setup, n = 5, against a proof on $cpus cores" "${F[setup.wall]}" \
	"${F[rs_all.wall]:-}" 2.5
out=$("$B" files "$S/vk.json" "$S/x.json" "$S/p.json" $((rounds * 4)) \
	${library:+"$library"}) || fail files
beside 'verifying, from the files, one process' "$(value ours)" \
	"$(value theirs)" 0.6

echo
echo 'inside one process (key mapped, witness there; 1 core, own verification'
echo 'included)'
row back-end proof witness '' ''
for backend in portable adx ifma; do
	if out=$(taskset -c 0 "$B" prove "$S/5.zkey" 1 "$rounds" "$backend"); then
		row "$backend" "$(value cpu)" "$(value witness)" '' ''
	else
		row "$backend" 'not here' '' '' ''
	fi
done
out=$("$B" verify "$S/5.zkey" "$((rounds * 4))") || fail verify
one=$(value one)
batch=$(value batch)
echo
row '' ms 'a proof' ratio goal
row 'verification of one' "$one" "$one" '' ''
row 'a batch of 32' "$batch" "$(calc "$batch / 32" 3)" \
	"$(calc "$batch / 32 / $one")" 0.35

echo
echo "cost of samples, $cpus cores, ms"
row samples proof setup '' ''
xs=
ys=
for n in 5 20 100; do
	out=$("$B" time "$CODEXFS" proof setup --samples "$n" -o "$S/n.zkey" \
		2>"$S/setup.log") || fail "setup $n"
	setup=$(value wall)
	out=$("$B" prove "$S/n.zkey" "$cpus" "$rounds") || fail "prove $n"
	row "$n" "$(value wall)" "$setup" '' ''
	xs="$xs $n"
	ys="$ys $(value wall)"
done
awk -v xs="$xs" -v ys="$ys" 'BEGIN {
	n = split(xs, x); split(ys, y)
	for (i = 1; i <= n; i++) { sx += x[i]; sy += y[i]
		sxx += x[i] * x[i]; sxy += x[i] * y[i] }
	b = (n * sxy - sx * sy) / (n * sxx - sx * sx)
	printf "fit: %.1f + %.2f n ms (the transforms go in powers of two)\n",
		(sy - b * sx) / n, b }'
