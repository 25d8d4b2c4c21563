# SPDX-License-Identifier: Apache-2.0 OR MIT
# shellcheck shell=bash
# Shared by suites that are scripts: sourced, not run.  Gives a scratch folder
# $W in $CDX_TMP, and what to say how a test went.  Who sources it sees to $W at
# the end, with scratch_end in a trap.

set -u

: "${CODEXFS:?CODEXFS names the program under test}"
W=$(mktemp -d "${CDX_TMP:-/var/tmp}/codexfs-test.XXXXXX") || exit 1
unset CODEXFS_STORE

say() { printf '%s\n' "$*"; }
fail() {
	printf 'FAIL: %s\n' "$*" >&2
	exit 1
}
skip() {
	printf 'SKIP: %s\n' "$*"
	exit 77
}
need() {
	local tool
	for tool; do
		command -v "$tool" >/dev/null || skip "$tool is not installed"
	done
}
# wants STATUS TEXT COMMAND...: it ends so and says so
wants() {
	local status=$1 text=$2 got
	shift 2
	"$@" >"$W/out" 2>&1 </dev/null
	got=$?
	[ "$got" -eq "$status" ] ||
		fail "exit status $got, not $status: $* : $(cat "$W/out")"
	grep -q -e "$text" "$W/out" ||
		fail "does not say \"$text\": $* : $(cat "$W/out")"
}
# is TEXT TEXT WHAT
is() { [ "$1" = "$2" ] || fail "$3: $1, not $2"; }
# member FILE EXPRESSION: of the JSON j
member() {
	python3 -c 'import json, sys
j = json.load(open(sys.argv[1]))
v = eval(sys.argv[2])
print(v if isinstance(v, str) else json.dumps(v))' "$1" "$2" ||
		fail "no $2 in $(cat "$1")"
}
# until_ok SECONDS WHAT COMMAND...: tries until it succeeds
until_ok() {
	local seconds=$1 what=$2 end=$((SECONDS + $1))

	shift 2
	until "$@" >"$W/until.out" 2>&1; do
		[ $SECONDS -lt $end ] ||
			fail "$what: not within $seconds s: $(cat "$W/until.out")"
		sleep 0.2
	done
}
# The process that has a store open
holder() { sed -n 's/^process \([0-9]*\) .*/\1/p' "$1/lock" 2>/dev/null; }
# What npm says when the registry cannot be reached, as opposed to a package
# that is not what the lock file says
npm_offline='ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ENETUNREACH|ETIMEDOUT'
# fetch_npm FROM TO: the packages that the lock file in FROM names, into TO;
# once, and again when the lock file changes
fetch_npm() {
	local from=$1 to=$2 why

	need node npm flock
	mkdir -p "$to" || fail "cannot make $to"
	exec 9>"$to/lock"
	flock 9
	if ! cmp -s "$from/package-lock.json" "$to/done"; then
		rm -f "$to/done"
		cp "$from/package.json" "$from/package-lock.json" "$to/"
		chmod u+w "$to"/package*.json
		(cd "$to" && npm ci --ignore-scripts --no-audit --no-fund) \
			>"$to/npm.log" 2>&1 || {
			cat "$to/npm.log" >&2
			why=$(grep -m 1 -oE "$npm_offline" "$to/npm.log") &&
				skip "npm cannot reach its registry: $why"
			fail "npm ci"
		}
		cp "$from/package-lock.json" "$to/done"
	fi
	exec 9>&-
}
# scratch_end STATUS: the folder goes, unless CDX_KEEP wants a failure's kept
scratch_end() {
	if [ "$1" -ne 0 ] && [ -n "${CDX_KEEP:-}" ]; then
		echo "kept: $W" >&2
	else
		rm -rf "$W"
	fi
}
