#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0 OR MIT
#
# Builds everything once more with sanitizers and runs the tests there, CDX_COUNT
# times.  The suite's name (CDX_SUITE) is asan (address and undefined behaviour,
# leaks on: unit tests, corpora, quick mounts) or tsan (threads: unit tests of
# what has some, quick mounts).
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
subbuild "build-${CDX_SUITE:-asan}" --enable-sanitize=$list CFLAGS='-O1 -g1'
make -s -j"$(nproc)"

# What a mount's process finds would go to /dev/null with the rest of what it says:
# reports go to files, which are looked at last
reports=$PWD/reports
rm -rf "$reports"
mkdir "$reports"
export ASAN_OPTIONS=detect_leaks=1:abort_on_error=0:log_path=$reports/asan
export UBSAN_OPTIONS=print_stacktrace=1:log_path=$reports/ubsan
# the committer holds the locks of all changed files at once, and TSan's deadlock
# detector has room for 64 and aborts
export TSAN_OPTIONS=detect_deadlocks=0:halt_on_error=1:log_path=$reports/tsan
TSAN_OPTIONS+=:suppressions=$CDX_SRCDIR/tests/tsan.supp
# the tests in there run as often as in make check
rounds=${CDX_COUNT:-1}
suite=${CDX_SUITE:-asan}
unset CDX_COUNT CDX_SUITE

# What computes on one thread has nothing for the sanitizer of threads to see, and
# takes long under it; nor have the control socket's proofs what test_proof_groth16
# does not show.
single='^tests/unit/test_((bn254|dataset|merkle|slots)_|proof_(circuit|files|json|r1cs|zkey)|api_proof)'

check_threads() {
	local -a tests programs

	mapfile -t tests < <(make -s list-binaries | tr ' ' '\n' |
		grep -vE "$single")
	[ ${#tests[@]} -gt 50 ] || return 1
	mapfile -t programs < <(printf '%s\n' "${tests[@]}" | grep -v '\.sh$')
	# who calls this asks whether it failed, so set -e does not hold in here
	make -s -j"$(nproc)" "${programs[@]}" &&
		make -j"$(nproc)" check-TESTS TESTS="${tests[*]}"
}

i=0
status=0
while [ $i -lt "$rounds" ] && [ $status -eq 0 ]; do
	if [ "$suite" = tsan ]; then
		check_threads || status=1
	else
		make -j"$(nproc)" check-binaries || status=1
	fi
	i=$((i + 1))
done
for report in "$reports"/*; do
	[ -s "$report" ] || continue
	echo "FAIL: $report:"
	head -n 60 "$report"
	status=1
done
exit $status
