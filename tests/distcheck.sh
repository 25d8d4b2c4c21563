#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0 OR MIT
#
# make distcheck in a build folder of its own, CDX_COUNT times.  What the compiler makes
# of the sources is looked at elsewhere: it is told to be quick.  0: once, and of the
# tests those that read files of the tarball; the others differ in nothing from what
# make check has run.
set -eu

. "$CDX_SRCDIR/tests/subbuild.sh"
subbuild build-dist
rounds=${CDX_COUNT:-1}
unset CDX_COUNT CDX_SUITE
args=(DISTCHECK_CONFIGURE_FLAGS=CFLAGS=-O1)
if [ "$rounds" -eq 0 ]; then
	rounds=1
	mapfile -t readers < <(cd "$CDX_SRCDIR" &&
		grep -lE 'CDX_SRCDIR|vector_file\.h|api_kit\.h' \
			tests/unit/test_*.c && ls tests/fuzz/fuzz_*.c)
	[ ${#readers[@]} -gt 40 ] || {
		echo "which tests read files is looked for in the wrong place"
		exit 1
	}
	readers=("${readers[@]%.c}" tests/check/docs.sh tests/check/man.sh
		tests/mount/basic.sh tests/mount/dataset.sh)
	args+=("TESTS=${readers[*]}")
fi
i=0
while [ $i -lt "$rounds" ]; do
	make -s -j"$(nproc)" distcheck "${args[@]}"
	i=$((i + 1))
done
cd .. && rm -rf build-dist
