#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0 OR MIT
#
# Enforces layers.tab on the project's #include lines: a module includes itself
# and what its line names; a line names no higher row; nobody includes another
# module's internal header; libfuse is included in fs/ alone.
set -eu

cd "${CDX_SRCDIR:-$(dirname "$0")/../..}"
table=tests/check/layers.tab

awk '
/^#/ || NF < 2 { next }
{ row[$2] = $1; for (i = 3; i <= NF; i++) uses[$2 " " $i] = 1 }
END {
	bad = 0
	for (pair in uses) {
		split(pair, p, " ")
		if (!(p[2] in row)) {
			print "layers.tab: " p[1] " may use unknown " p[2]
			bad++
		} else if (row[p[2]] + 0 > row[p[1]] + 0) {
			print "layers.tab: " p[1] " may not use higher " p[2]
			bad++
		}
		if (p[1] < p[2] && (p[2] " " p[1]) in uses) {
			print "layers.tab: " p[1] " and " p[2] " use each other"
			bad++
		}
	}
	exit bad != 0
}' "$table"

# no || and no -exec: an unreadable file is an error, not an empty one
find src fs -name '*.[ch]' ! -path src/config.h -print | sort |
while read -r file; do
	awk -v file="$file" '
	FNR == NR {
		if ($0 !~ /^#/ && NF >= 2) {
			known[$2] = 1
			for (i = 3; i <= NF; i++)
				uses[$2 " " $i] = 1
		}
		next
	}
	FNR == 1 {
		split(file, part, "/")
		own = part[1] == "fs" ? "fs" : part[2]
		if (!(own in known)) {
			print file ": " own " is not in layers.tab"
			bad++
		}
	}
	/^[ \t]*#[ \t]*include[ \t]*[<"]fuse/ && own != "fs" {
		print file ":" FNR ": only fs/ includes libfuse"
		bad++
	}
	/^[ \t]*#[ \t]*include[ \t]*"/ {
		split($0, quoted, "\"")
		name = quoted[2]
		if (name == "config.h")
			next
		if (split(name, path, "/") != 2) {
			print file ":" FNR ": write \"module/" name "\""
			bad++
			next
		}
		if (path[1] == own)
			next
		if (!((own " " path[1]) in uses)) {
			print file ":" FNR ": " own " may not include " name
			bad++
		} else if (path[2] ~ /internal/) {
			print file ":" FNR ": internal to " path[1] ": " name
			bad++
		}
	}
	END { exit bad != 0 }' "$table" "$file" || echo bad
done | {
	bad=0
	while read -r line; do
		case $line in
		bad) bad=$((bad + 1)) ;;
		*) echo "$line" ;;
		esac
	done
	if [ $bad -ne 0 ]; then
		echo "$bad files break the layers"
		exit 1
	fi
}
