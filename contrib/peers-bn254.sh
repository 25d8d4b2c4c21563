#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0 OR MIT
# Other projects' BN254 scalar field and Poseidon2 on this machine, in the form
# of tests/bench/bench_fr.  Fetches nothing: give it checked-out sources.
#
#   --nim-poseidon2 DIR  github.com/codex-storage/nim-poseidon2
#   --constantine DIR    github.com/mratsim/constantine at the commit that
#                        nim-poseidon2's .nimble file names
#   --rapidsnark DIR     github.com/iden3/rapidsnark
#   --blst DIR           github.com/supranational/blst
#   --bench FILE         a built bench_fr, run before and after the peers
#
# Whichever are left out are not measured.  Needs nim and clang for the first
# two (together), nasm for rapidsnark, a C compiler.  Nothing is written but
# below a folder of its own in $TMPDIR, removed at the end.
set -eu

nim=
constantine=
rapidsnark=
blst=
bench=

usage() {
	sed -n '3,/^set/{/^#/s/^# \{0,1\}//p}' "$0" >&2
	exit 2
}

while [ $# -gt 0 ]; do
	[ $# -ge 2 ] || usage
	case $1 in
	--nim-poseidon2) nim=$(realpath "$2") ;;
	--constantine) constantine=$(realpath "$2") ;;
	--rapidsnark) rapidsnark=$(realpath "$2") ;;
	--blst) blst=$(realpath "$2") ;;
	--bench) bench=$(realpath "$2") ;;
	*) usage ;;
	esac
	shift 2
done
[ -n "$nim$rapidsnark$blst" ] || usage

work=$(mktemp -d "${TMPDIR:-/tmp}/peers-bn254.XXXXXX")
trap 'rm -rf "$work"' EXIT

# Products: the same chain of results from each peer, checked against each other
write_products() {
	cat >"$work/products.c" <<'END'
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define PRODUCTS 4096
#define ROUNDS 60

static const uint64_t r[4] = {0x43e1f593f0000001, 0x2833e84879b97091,
			      0xb85045b68181585d, 0x30644e72e131a029};
typedef void mul_fn(uint64_t *o, const uint64_t *a, const uint64_t *b);

#ifdef RAPIDSNARK
void Fr_rawMMul(uint64_t *o, const uint64_t *a, const uint64_t *b);
void Fr_rawMSquare(uint64_t *o, const uint64_t *a);
void Fr_fail(void);
void Fr_fail(void)
{
}
static void rapidsnark_sqr(uint64_t *o, const uint64_t *a, const uint64_t *b)
{
	(void)b;
	Fr_rawMSquare(o, a);
}
#endif
#ifdef BLST
void mulx_mont_sparse_256(uint64_t *o, const uint64_t *a, const uint64_t *b,
			  const uint64_t *m, uint64_t inv);
void sqrx_mont_sparse_256(uint64_t *o, const uint64_t *a, const uint64_t *m,
			  uint64_t inv);
static void blst_mul(uint64_t *o, const uint64_t *a, const uint64_t *b)
{
	mulx_mont_sparse_256(o, a, b, r, 0xc2e1f593efffffff);
}
static void blst_sqr(uint64_t *o, const uint64_t *a, const uint64_t *b)
{
	(void)b;
	sqrx_mont_sparse_256(o, a, r, 0xc2e1f593efffffff);
}
#endif

static struct {
	const char *name;
	mul_fn *fn;
	double chain;
	double many;
} rows[] = {
#ifdef RAPIDSNARK
	{"rapidsnark product", Fr_rawMMul, 1e9, 1e9},
	{"rapidsnark square", rapidsnark_sqr, 1e9, 1e9},
#endif
#ifdef BLST
	{"blst product", blst_mul, 1e9, 1e9},
	{"blst square", blst_sqr, 1e9, 1e9},
#endif
};

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static void least(double *best, double ns)
{
	if (ns / PRODUCTS < *best)
		*best = ns / PRODUCTS;
}

int main(void)
{
	const uint64_t b[4] = {5, 6, 7, 0x2000000000000000};
	size_t n = sizeof(rows) / sizeof(rows[0]);

	for (int round = 0; round < ROUNDS; round++) {
		for (size_t i = 0; i < n; i++) {
			uint64_t y[4] = {1, 2, 3, 4};
			uint64_t z[8][4];
			double start = now();

			for (int j = 0; j < PRODUCTS; j++)
				rows[i].fn(y, y, b);
			least(&rows[i].chain, now() - start);
			memset(z, 1, sizeof(z));
			start = now();
			for (int j = 0; j < PRODUCTS / 8; j++)
				for (int k = 0; k < 8; k++)
					rows[i].fn(z[k], z[k], b);
			least(&rows[i].many, now() - start);
			if (round == 0)
				printf("%-32s ends in %016llx\n", rows[i].name,
				       (unsigned long long)y[0]);
		}
	}
	for (size_t i = 0; i < n; i++)
		printf("%-32s chain %7.1f ns  many %7.1f ns\n", rows[i].name,
		       rows[i].chain, rows[i].many);
	return 0;
}
END
}

write_nim() {
	cat >"$work/peer.nim" <<'END'
import std/[monotimes, strutils, times]
import poseidon2/types
import poseidon2/permutation
import constantine/math/arithmetic
import constantine/math/io/io_fields

template best(name: string, count: int, body: untyped) =
  var least = high(int64)
  for round in 0 ..< 25:
    let start = getMonoTime()
    body
    least = min(least, (getMonoTime() - start).inNanoseconds)
  echo alignLeft(name, 32), " ",
    formatFloat(float(least) / float(count), ffDecimal, 1), " ns"

proc main() =
  var s: S = (zero, one, F.fromHex("0x02"))
  permInPlace(s[0], s[1], s[2])
  echo "perm(0,1,2)[0] = ", s[0].toHex()
  best("nim-poseidon2 permutation, chain", 1000):
    for i in 0 ..< 1000:
      permInPlace(s[0], s[1], s[2])
  var many: array[8, S]
  for i in 0 ..< 8:
    many[i] = s
  best("nim-poseidon2 permutation, many", 1000):
    for i in 0 ..< 125:
      for j in 0 ..< 8:
        permInPlace(many[j][0], many[j][1], many[j][2])
  var a = s[0]
  let b = s[1]
  best("constantine product, chain", 4096):
    for i in 0 ..< 4096:
      a.prod(a, b)
  var v: array[8, F]
  for i in 0 ..< 8:
    v[i] = a
  best("constantine product, many", 4096):
    for i in 0 ..< 512:
      for j in 0 ..< 8:
        v[j].prod(v[j], b)
  echo "(", a.toHex(), many[7][0].toHex(), v[7].toHex(), ")"

main()
END
}

build_products() {
	local flags=() objects=()
	if [ -n "$rapidsnark" ]; then
		nasm -felf64 -DPIC -o "$work/fr.o" "$rapidsnark/build/fr.asm"
		flags+=(-DRAPIDSNARK)
		objects+=("$work/fr.o")
	fi
	if [ -n "$blst" ]; then
		cp "$blst/build/elf/mulx_mont_256-x86_64.s" "$work/blst.S"
		"${CC:-cc}" -c -o "$work/blst.o" "$work/blst.S"
		flags+=(-DBLST)
		objects+=("$work/blst.o")
	fi
	[ ${#flags[@]} -gt 0 ] || return 0
	write_products
	# rapidsnark's object has absolute addresses and no note on its stack
	"${CC:-cc}" -O2 -no-pie -Wl,-z,noexecstack "${flags[@]}" \
		-o "$work/products" "$work/products.c" "${objects[@]}"
}

# constantine silences a warning that Nim before 1.6.12 does not know
build_nim() {
	[ -n "$nim" ] || return 0
	[ -n "$constantine" ] || usage
	cp -R "$constantine" "$work/constantine"
	sed -i '/warning\[CastSizes\]/d' \
		"$work/constantine/constantine/platforms/allocs.nim"
	write_nim
	nim c --cc:clang -d:release -d:danger --hints:off --warnings:off \
		--nimcache:"$work/cache" --path:"$nim" \
		--path:"$work/constantine" -o:"$work/peer" "$work/peer.nim"
}

build_products
build_nim
[ -z "$bench" ] || "$bench"
[ ! -x "$work/products" ] || "$work/products"
[ ! -x "$work/peer" ] || "$work/peer"
[ -z "$bench" ] || "$bench"
