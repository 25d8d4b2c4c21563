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
subbuild build-fuzz CC=clang CFLAGS='-O1 -g1' --enable-fuzzing \
	--enable-sanitize=address,undefined --disable-fs
mkdir -p found
make -s -j"$(nproc)" fuzz-programs

# look TARGET: what it found stays in found/, what it said in work/
look() {
	local what=${1##*/fuzz_} log status=0

	log=work/$what.log
	mkdir -p "work/$what"
	"$1" -seed="${CDX_SEED:-1}" -max_total_time="${CDX_COUNT:-10}" -timeout=10 \
		-rss_limit_mb=1024 -print_final_stats=1 \
		-artifact_prefix="found/$what-" "work/$what" "$corpora/$what" \
		>"$log" 2>&1 || status=$?
	if [ $status -eq 0 ]; then
		printf '%-24s %s runs\n' "$what" \
			"$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")"
	else
		printf 'FAIL: %s: exit status %d\n%s\n' "$what" $status \
			"$(cat "$log")"
	fi
	[ $status -eq 0 ]
}
export -f look
export corpora

targets=()
for target in tests/fuzz/fuzz_*; do
	what=${target##*/fuzz_}
	case $what in *.*) continue ;; esac
	[ -d "$corpora/$what" ] || { echo "$what has no corpus"; exit 1; }
	targets+=("$target")
done
# one for each processor: a target has one thread
failed=0
printf '%s\0' "${targets[@]}" |
	xargs -0 -n 1 -P "$(nproc)" bash -c 'look "$1"' look || failed=1
ran=${#targets[@]}
echo "$ran targets"
sources=("$CDX_SRCDIR"/tests/fuzz/fuzz_*.c)
[ $ran -eq ${#sources[@]} ] || {
	echo "but there are ${#sources[@]} sources: see tests/fuzz/module.am"
	exit 1
}
[ $failed -eq 0 ]
