# SPDX-License-Identifier: Apache-2.0 OR MIT
# shellcheck shell=bash
#
# Sourced by suites that need a build of their own.

# subbuild NAME OPTION... - a folder NAME in the build folder, configured with
# these options; becomes the working folder.  autoconf refuses to build beside
# a source folder that is configured itself, so such a one is copied first.
subbuild() {
	local build=${CDX_BUILDDIR:-$PWD}/$1 source=$CDX_SRCDIR
	shift

	mkdir -p "$build"
	if [ -e "$CDX_SRCDIR/config.status" ]; then
		source=$build/source
		make -s -C "$CDX_BUILDDIR" distdir distdir="$source"
	fi
	cd "$build" || return 1
	[ -f Makefile ] || "$source/configure" -q "$@"
}
