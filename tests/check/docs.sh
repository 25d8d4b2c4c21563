#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0 OR MIT
#
# Every function that a header declares has a comment right above it, or stands
# in a run of declarations without an empty line that begins with one; the
# comment on a struct counts for the run that follows the struct.
set -eu

cd "${CDX_SRCDIR:-$(dirname "$0")/../..}"

# shellcheck disable=SC2016
find src fs -name '*.h' ! -path src/config.h -print | sort | xargs awk '
FNR == 1 { covered = 0; carry = 0; comment = 0; body = 0; open = 0 }
# inside a comment, a preprocessor line, a struct or an inline body
comment { if (/\*\//) { comment = 0; covered = 1 } next }
body { if (/^}/) { body = 0; carry = covered && struct; struct = 0 } next }
open { if (/;[ \t]*(\/\*.*)?$/) open = 0
       else if (/^{/) { open = 0; body = 1 }
       next }
/^[ \t]*\/\*/ { if (!/\*\//) comment = 1; covered = 1; next }
/^[ \t]*\/\// { covered = 1; next }
/^[ \t]*$/ { covered = carry; carry = 0; next }
/^#/ { if (/\\$/) macro = 1; next }
macro { if (!/\\$/) macro = 0; next }
/^extern "C"/ || /^typedef/ { next }
/^(struct|enum|union)[^()]*{[ \t]*$/ { body = 1; struct = 1; next }
/^[A-Za-z_].*[A-Za-z0-9_*) ]$/ && !/\(/ { pending = 1; next }
/^[A-Za-z_].*\(/ || pending {
	pending = 0
	total++
	if (!covered) {
		print FILENAME ":" FNR ": not documented: " $0
		bad++
	}
	if (/;[ \t]*(\/\*.*)?$/ || /}[ \t]*$/) next
	open = 1
}
END {
	print total " declarations, " bad + 0 " without a comment"
	exit bad != 0 || total == 0
}'
