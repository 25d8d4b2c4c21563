#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0 OR MIT
#
# libcodex.so exports exactly what src/libcodex.sym lists, and an installed
# header declares each of these names.
set -eu

srcdir=${CDX_SRCDIR:-$(dirname "$0")/../..}
library=${CDX_BUILDDIR:-.}/.libs/libcodex.so

if [ ! -e "$library" ]; then
	echo "$library is not built (--disable-shared)"
	exit 77
fi
exported=$(nm -D --defined-only "$library" |
	awk '$2 ~ /^[A-Z]$/ && $3 !~ /^(_init|_fini|__.*|_edata|_end)$/ \
		{ print $3 }' | sort)
listed=$(sort "$srcdir/src/libcodex.sym")
if [ "$exported" != "$listed" ]; then
	echo "left: listed in src/libcodex.sym; right: exported"
	diff <(echo "$listed") <(echo "$exported") || true
	exit 1
fi

mapfile -t headers < <(sed -n '/_HEADERS = /,/[^\\]$/p' "$srcdir/src/module.am" |
	grep -oE '%D%/[a-z0-9_/]+\.h' | sed "s|%D%|$srcdir/src|")
for name in $listed; do
	grep -qE "(^|[^a-z0-9_])$name\(" "${headers[@]}" || {
		echo "$name: in no installed header"
		exit 1
	}
done
# shellcheck disable=SC2086
echo "$(set -- $listed; echo $#) symbols"
