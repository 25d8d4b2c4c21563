#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0 OR MIT
#
# Builds everything once more with sanitizers and runs the unit tests, the
# corpora and the quick mounts there, CDX_COUNT times.  The suite's name (CDX_SUITE) is asan (address
# and undefined behaviour, leaks on) or tsan (threads).
set -eu

case ${CDX_SUITE:-asan} in
asan) list=address,undefined ;;
tsan) list=thread ;;
*)
	echo "CDX_SUITE is asan or tsan, not $CDX_SUITE" >&2
	exit 2
	;;
esac
. "$CDX_SRCDIR/tests/subbuild.sh"
subbuild "build-${CDX_SUITE:-asan}" --enable-sanitize=$list CFLAGS='-O1 -g'
make -s -j"$(nproc)"

export ASAN_OPTIONS=detect_leaks=1:abort_on_error=0
export UBSAN_OPTIONS=print_stacktrace=1
# the committer holds the locks of all changed files at once, and TSan's deadlock
# detector has room for 64 and aborts
export TSAN_OPTIONS=detect_deadlocks=0:halt_on_error=1:suppressions=$CDX_SRCDIR/tests/tsan.supp
# the tests in there run as often as in make check
rounds=${CDX_COUNT:-1}
unset CDX_COUNT CDX_SUITE
i=0
while [ $i -lt "$rounds" ]; do
	make -j"$(nproc)" check-binaries
	i=$((i + 1))
done
