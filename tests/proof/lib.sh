# SPDX-License-Identifier: Apache-2.0 OR MIT
# shellcheck shell=bash
# Shared by the suites against foreign provers: sourced, not run.  Gives, beside
# what tests/lib.sh gives, snarkjs and circom2 of tests/proof/npm, once fetch_npm
# has fetched them.

: "${CDX_BUILDDIR:?CDX_BUILDDIR names the build folder}"
CDX_TMP=${CDX_TMP:-${TMPDIR:-/tmp}}
. "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"
trap 'scratch_end $?' EXIT

npm=$CDX_BUILDDIR/tests/proof-npm
snarkjs() { node "$npm/node_modules/.bin/snarkjs" "$@"; }
circom2() { node "$npm/node_modules/.bin/circom2" "$@"; }
alter() {
	python3 "$CDX_SRCDIR/tests/proof/alter.py" "$@" || fail "alter.py $*"
}

# What npm says when the registry cannot be reached, as opposed to a package
# that is not what the lock file says
offline='ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ENETUNREACH|ETIMEDOUT'

# Once for a build folder, and again when the lock file changes
fetch_npm() {
	local from=$CDX_SRCDIR/tests/proof/npm why

	need node npm
	mkdir -p "$npm" || fail "cannot make $npm"
	exec 9>"$npm/lock"
	flock 9
	if ! cmp -s "$from/package-lock.json" "$npm/done"; then
		rm -f "$npm/done"
		cp "$from/package.json" "$from/package-lock.json" "$npm/"
		chmod u+w "$npm"/package*.json
		(cd "$npm" && npm ci --ignore-scripts --no-audit --no-fund) \
			>"$npm/npm.log" 2>&1 || {
			cat "$npm/npm.log" >&2
			why=$(grep -m 1 -oE "$offline" "$npm/npm.log") &&
				skip "npm cannot reach its registry: $why"
			fail "npm ci"
		}
		cp "$from/package-lock.json" "$npm/done"
	fi
	exec 9>&-
}
