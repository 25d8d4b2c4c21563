#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0 OR MIT
#
# The compiled contracts that are committed are what the sources give, small
# enough to be deployed, and keep to the ABI of abi.tab.

: "${CDX_BUILDDIR:?CDX_BUILDDIR names the build folder}"
CDX_TMP=${CDX_TMP:-${TMPDIR:-/tmp}}
. "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"
trap 'scratch_end $?' EXIT

contracts=$CDX_SRCDIR/src/contracts
npm=$CDX_BUILDDIR/contracts-npm
# EIP-170
largest=24576

# code_size FILE: bytes that a contract has once it is deployed
code_size() {
	node -e 'const a = JSON.parse(fs.readFileSync(process.argv[1]));
console.log(a.deployedBytecode.length / 2 - 1);' "$1" || fail "no size of $1"
}

fetch_npm "$contracts/npm" "$npm"
node "$contracts/build.mjs" "$npm" "$W/artifacts" >"$W/build.log" 2>&1 ||
	fail "build.mjs: $(cat "$W/build.log")"
for file in "$W"/artifacts/*.json; do
	name=${file##*/}
	cmp "$file" "$contracts/artifacts/$name" ||
		fail "$name is not what the sources give: make contracts"
	size=$(code_size "$file")
	say "${name%.json}: $size bytes"
	[ "$size" -le $largest ] || fail "$name: more than $largest bytes"
done
is "$(cd "$W/artifacts" && echo *)" "$(cd "$contracts/artifacts" && echo *)" \
	"contracts"
node "$CDX_SRCDIR/tests/contracts/abi.mjs" \
	"$CDX_SRCDIR/tests/contracts/abi.tab" "$contracts/artifacts" "$npm" ||
	fail "abi.tab"
