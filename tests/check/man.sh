#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0 OR MIT
#
# Every verb of src/codexfs/main.c has a man page, an entry in codexfs(1) and
# one in the completion; every long option of a verb is named in its help, its
# man page and the completion; every mount option is named in codexfs(5); every
# exit status of base/err.c is named in codexfs(1); no page speaks of an option
# that is not there; the sections of documents that comments name exist; and
# mandoc finds nothing wrong, where it is installed.
set -u

cd "${CDX_SRCDIR:-$(dirname "$0")/../..}" || exit 1
bad=0
man=docs/man
completion=contrib/bash-completion/codexfs

complain() {
	echo "$*"
	bad=$((bad + 1))
}

# name and shortcut of each long option that a source defines
options_of() {
	sed -nE 's/^[[:space:]]*\{"([a-z][a-z-]*)", (no|required|optional)_argument, NULL, ([^}]*)\}.*/\1 \3/p' \
		"$1"
}

# those of a verb: its own, that of verbs which only show, those of a code and the
# keys of the configuration where it has them
options_of_verb() {
	options_of "$1"
	if grep -q 'return cli_show(' "$1"; then
		echo json OPT_JSON
	fi
	if grep -q '^[[:space:]]*CLI_CODE_OPTIONS,' "$1"; then
		options_of src/codexfs/code_opts.h
	fi
	if grep -q '^[[:space:]]*CLI_CONF_OPTIONS,' "$1"; then
		options_of src/codexfs/conf_opts.h
	fi
}

# the source, and the help of the keys
help_of_verb() {
	cat "$1"
	if grep -q 'CLI_CONF_HELP' "$1"; then
		cat src/codexfs/conf_opts.h
	fi
}

page_of() {
	local page
	for page in "$man/codexfs-$1".[158]; do
		[ -f "$page" ] && echo "$page"
	done
}

names_option() { # PAGE OPTION
	grep -qE "(Fl|,) -$2( |\$)" "$1"
}

common=$(options_of src/codexfs/cli.h)
[ -n "$common" ] || complain 'no common options found in src/codexfs/cli.h'
while read -r option _; do
	names_option $man/codexfs.1 "$option" ||
		complain "codexfs.1 does not name --$option"
done <<<"$common"

verbs=$(sed -nE 's/^[[:space:]]*\{"([a-z]+)", .*/\1/p' src/codexfs/main.c)
[ "$(wc -w <<<"$verbs")" -ge 9 ] || complain 'verbs not found in main.c'
for verb in $verbs; do
	page=$(page_of "$verb")
	source=src/codexfs/$verb.c
	if [ -z "$page" ] || [ ! -f "$source" ]; then
		complain "$verb: no man page, or no $source"
		continue
	fi
	grep -q "^\.It Cm $verb\$" $man/codexfs.1 ||
		complain "$verb: no entry in codexfs.1"
	grep -qE "verbs='([a-z ]* )?$verb( [a-z ]*)?'" $completion ||
		complain "$verb: not in the completion"
	grep -q "^Usage: codexfs $verb\|\"Usage: codexfs $verb" "$source" ||
		complain "$verb: its help has no usage line"
	while read -r option short; do
		[ -n "$option" ] || continue
		names_option "$page" "$option" ||
			complain "$page does not name --$option"
		if [[ $short = \'?\' ]]; then
			grep -q "^[[:space:]]*\"  -${short:1:1}[, ]" "$source" ||
				complain "$verb --help does not name -${short:1:1}"
		else
			grep -qE "(\"  |, )--${option}[ =]" \
				<(help_of_verb "$source") ||
				complain "$verb --help does not name --$option"
		fi
		grep -qE -- "--$option([= '|)]|\$)|own=.* -${short:1:1}[ ']" \
			$completion ||
			complain "$verb --$option: not in the completion"
	done < <(options_of_verb "$source")
	known=$({ echo "$common"; options_of_verb "$source"; } |
		cut -d' ' -f1)
	while read -r option; do
		grep -qx -- "$option" <<<"$known" ||
			complain "$page: there is no --$option"
	done < <(grep -oE '(Fl|,) -[a-z-]+' "$page" | sed -E 's/.* -//')
done

# what -o takes: the tables, and the names that are compared
mount_options=$(sed -nE \
	-e 's/.*FLAG\("([a-z_]+)".*/\1/p' \
	-e '/kernel_options\[\]/,/};/s/"/\n/gp' \
	-e '/swallowed\[\]/,/};/s/"/\n/gp' \
	-e 's/.*strcmp\(name, "([a-z_]+)"\) == 0\).*/\1/p' \
	src/codexfs/mount_options.c | grep -xE '_?[a-z_]+' | sort -u)
[ "$(wc -w <<<"$mount_options")" -gt 30 ] ||
	complain 'mount options not found in mount_options.c'
for option in $mount_options; do
	# refused, and the kernel's own, which a remount repeats
	[[ $option = @(password|words|user_id|group_id) ]] ||
		grep -qE "(Cm|,) ($option|.* , $option|.* $option)( |\$)" \
			$man/codexfs.5 ||
		complain "codexfs.5 does not name -o $option"
done

while read -r status; do
	grep -q "^\.It $status\$" $man/codexfs.1 ||
		complain "codexfs.1 does not name exit status $status"
done < <(sed -nE 's/^[[:space:]]*\{.*, ([0-9]+), ("[^"]*"|NULL)\},$/\1/p' \
	src/base/err.c | sort -u)

for page in "$man"/*.[158]; do
	while read -r name section; do
		[ -f "$man/$name.$section" ] ||
			complain "$page: there is no $name($section)"
	done < <(sed -nE 's/^\.Xr (codexfs[a-z-]*) ([158]).*/\1 \2/p' "$page")
done

# sections that comments in the code send their reader to
sections=$(grep -rhoE 'docs/[A-Z]+\.md( "[A-Za-z ]+")?' src fs | sort -u)
while read -r file section; do
	section=${section//\"/}
	if [ ! -f "$file" ]; then
		complain "a comment speaks of $file, which is not there"
	elif [ -n "$section" ] && ! grep -qE "^(#+ |\*)$section" "$file"; then
		complain "a comment speaks of \"$section\", not in $file"
	fi
done <<<"$sections"

if command -v mandoc >/dev/null; then
	# the machine's own index of pages, which stderr speaks of, is not ours
	# to judge
	found=$(mandoc -Tlint "$man"/codexfs*.[158] 2>/dev/null |
		grep -v 'referenced manual not found')
	[ -z "$found" ] || complain "mandoc:"$'\n'"$found"
else
	echo 'mandoc is not installed: the pages were not linted'
fi

[ $bad -eq 0 ] || echo "$bad complaints"
[ $bad -eq 0 ]
