#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0 OR MIT
#
# What a glance finds in the sources: banned calls, a missing licence line,
# white space at line ends, files that are too long or in no module.am,
# config.h not first, and documents that docs/module.am leaves out.
set -u

cd "${CDX_SRCDIR:-$(dirname "$0")/../..}" || exit 1
bad=0

complain() {
	echo "$*"
	bad=$((bad + 1))
}

mapfile -t code < <(find src fs tests -name '*.[ch]' \
	! -path src/config.h ! -path '*/build*' | sort)
mapfile -t scripts < <(find contrib tests .ci \( -name '*.sh' -o -name '*.am' \
	-o -path .ci/run -o -path tests/run -o -path tests/driver \) \
	! -path '*/build*' -type f 2>/dev/null | sort)
mapfile -t fragments < <(find src fs tests -name module.am | sort)
[ ${#code[@]} -gt 10 ] || complain "no sources found in $PWD"

# banned FILES... - PATTERN in code, not in a comment line
banned() {
	local pattern=$1 why=$2 hits
	shift 2
	hits=$(grep -nE "(^|[^A-Za-z0-9_.>\"])($pattern)[[:space:]]*\(" \
		/dev/null "$@" | grep -vE '^[^:]*:[0-9]+:[[:space:]]*(/?\*|//)')
	[ -z "$hits" ] || complain "$why:"$'\n'"$hits"
}
mapfile -t test_code < <(printf '%s\n' "${code[@]}" | grep '^tests/')
mapfile -t product_code < <(printf '%s\n' "${code[@]}" | grep -v '^tests/')

banned 'sprintf|vsprintf|strcpy|strncpy|strcat|strncat|strtok|gets' \
	'unbounded or silently cut strings' "${code[@]}"
banned 'atoi|atol|atoll|atof' 'numbers read without an error' "${code[@]}"
banned 'rand|srand' 'not a random source' "${code[@]}"
banned 'random|srandom|drand48' 'not a random source' "${product_code[@]}"
banned 'system|popen' 'runs a shell' "${code[@]}"
banned 'alloca' 'stack of unknown size' "${code[@]}"
[ ${#test_code[@]} -eq 0 ] ||
	banned 'assert' 'vanishes with NDEBUG' "${test_code[@]}"

for file in "${code[@]}" "${scripts[@]}"; do
	head -n 2 "$file" |
		grep -q 'SPDX-License-Identifier: Apache-2.0 OR MIT' ||
		complain "$file: no SPDX line"
	hits=$(grep -nE '[[:space:]]+$' "$file")
	[ -z "$hits" ] || complain "$file: white space at line ends:"$'\n'"$hits"
done

listed=$(sed '/^#/d' "${fragments[@]}" |
	grep -hoE '[A-Za-z0-9_./%-]+\.[ch]')
for file in "${code[@]}"; do
	lines=$(wc -l <"$file")
	[ "$lines" -le 700 ] || complain "$file: $lines lines, at most 700"
	name=${file##*/}
	grep -qE "(^|/)${name//./\\.}\$" <<<"$listed" ||
		complain "$file: in no module.am"
	case $file in *.c) ;; *) continue ;; esac
	first=$(grep -m1 '^#[[:space:]]*include' "$file")
	[ "${first//[[:space:]]/}" = '#include"config.h"' ] ||
		complain "$file: config.h is not its first include"
done

for file in docs/*.md docs/man/*; do
	grep -q "%D%/${file#docs/}" docs/module.am ||
		complain "$file: not in docs/module.am"
done

[ $bad -eq 0 ] || echo "$bad complaints"
[ $bad -eq 0 ]
