# SPDX-License-Identifier: Apache-2.0 OR MIT
# shellcheck shell=bash
# Shared by the suites that run the contracts on forge's EVM: sourced, not run.
# Gives, beside what tests/lib.sh gives, $FORGE, and a project for it in the
# build folder, where what it compiled stays for the next time.

: "${CDX_SRCDIR:?CDX_SRCDIR names the sources}"
: "${CDX_BUILDDIR:?CDX_BUILDDIR names the build folder}"
CDX_TMP=${CDX_TMP:-${TMPDIR:-/tmp}}
CODEXFS=${CODEXFS:-$CDX_BUILDDIR/codexfs}
. "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"
trap 'scratch_end $?' EXIT

FORGE=
PROJECT=$CDX_BUILDDIR/contracts-forge

# copy FROM PATTERN TO: makes the folder TO hold what FROM has of PATTERN, no
# more of it; what did not change stays as it is
copy() {
	local from=$1 pattern=$2 to=$3 file

	mkdir -p "$to" || fail "cannot make $to"
	for file in "$from"/$pattern; do
		cmp -s "$file" "$to/${file##*/}" ||
			cp "$file" "$to/" || fail "cannot copy $file"
	done
	for file in "$to"/$pattern; do
		[ -e "$from/${file##*/}" ] || rm -f "$file"
	done
	chmod -R u+w "$to"
}

# The project: tests and contracts side by side, compiled
forge_project() {
	local foundry=$CDX_SRCDIR/tests/contracts/foundry
	local npm=$CDX_BUILDDIR/contracts-npm tools=$CDX_BUILDDIR/forge-npm

	fetch_npm "$CDX_SRCDIR/src/contracts/npm" "$npm"
	fetch_npm "$CDX_SRCDIR/tests/contracts/npm" "$tools"
	set -- "$tools"/node_modules/@foundry-rs/forge-*/bin/forge
	[ -x "$1" ] || skip "there is no forge for this machine"
	FORGE=$1
	# where the compiler of JavaScript is found
	export NODE_PATH=$npm/node_modules

	copy "$CDX_SRCDIR/src/contracts" '*.sol' "$PROJECT/src"
	copy "$foundry/test" '*.sol' "$PROJECT/test"
	copy "$foundry/tools" solc "$PROJECT/tools"
	chmod +x "$PROJECT/tools/solc"
	cp "$foundry/foundry.toml" "$PROJECT/"
	ln -sfn "$npm/node_modules" "$PROJECT/node_modules"
	cd "$PROJECT" || exit 1
	# two suites at once would compile the same, and one in the other's way
	exec 8>lock
	flock 8
	"$FORGE" build >"$W/build.log" 2>&1 ||
		fail "forge build: $(cat "$W/build.log")"
	exec 8>&-
}
