# SPDX-License-Identifier: Apache-2.0 OR MIT
# shellcheck shell=bash
# Shared by the suites against foreign provers: sourced, not run.  Gives, beside
# what tests/lib.sh gives, snarkjs and circom2 of tests/proof/npm, once
# fetch_provers has fetched them.

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
fetch_provers() { fetch_npm "$CDX_SRCDIR/tests/proof/npm" "$npm"; }
