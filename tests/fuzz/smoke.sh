#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0 OR MIT
#
# Builds the fuzz targets with libFuzzer and both sanitizers and lets each look
# for CDX_COUNT seconds, starting from its committed corpus, which stays as it
# is.  What it finds is left in build-fuzz/found/.
set -eu

if ! command -v clang >/dev/null; then
	echo "clang is missing: no libFuzzer"
	exit 77
fi
corpora=$CDX_SRCDIR/tests/fuzz/corpus
. "$CDX_SRCDIR/tests/subbuild.sh"
subbuild build-fuzz CC=clang CFLAGS='-O1 -g' --enable-fuzzing \
	--enable-sanitize=address,undefined --disable-fs
mkdir -p found
make -s -j"$(nproc)" fuzz-programs

failed=0
ran=0
for target in tests/fuzz/fuzz_*; do
	what=${target##*/fuzz_}
	case $what in *.*) continue ;; esac
	[ -d "$corpora/$what" ] || { echo "$what has no corpus"; exit 1; }
	mkdir -p "work/$what"
	echo "== $what"
	"$target" -max_total_time="${CDX_COUNT:-10}" -timeout=10 \
		-rss_limit_mb=1024 -print_final_stats=1 \
		-artifact_prefix="found/$what-" "work/$what" "$corpora/$what" ||
		failed=$((failed + 1))
	ran=$((ran + 1))
done
echo "$ran targets, $failed with findings"
sources=("$CDX_SRCDIR"/tests/fuzz/fuzz_*.c)
[ $ran -eq ${#sources[@]} ] || {
	echo "but there are ${#sources[@]} sources: see tests/fuzz/module.am"
	exit 1
}
[ $failed -eq 0 ]
