#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0 OR MIT
#
# Sizes that hurt: CDX_FILES files in one tree (1,000,000), one file of
# CDX_BIG_GIB GiB (20), and random overwrites of a segment-sized file until
# compaction has to work.  Prints rates, ratios against the local disk where a
# ratio means something, memory of the process, and how long a mount takes.
set -u

: "${CODEXFS:?}"
files=${CDX_FILES:-1000000}
gib=${CDX_BIG_GIB:-20}
W=$(mktemp -d "${CDX_TMP:-/var/tmp}/codexfs-scale.XXXXXX")
S=$W/store
M=$W/mnt
B=$CDX_BUILDDIR/tests/bench/fsbench
T=$CDX_BUILDDIR/tests/bench/manyfiles
mkdir "$M" "$W/disk"

cleanup() {
	cd /
	umount -l "$M" 2>/dev/null && timeout 60 flock "$S/lock" true
	rm -rf "$W"
}
trap cleanup EXIT
fail() { echo "FAIL: $*" >&2; exit 1; }
seconds() {
	local a b
	a=$(date +%s.%N)
	"$@" >/dev/null || return 1
	b=$(date +%s.%N)
	awk "BEGIN { printf \"%.2f\", $b - $a }"
}
pid() { sed -n 's/^process \([0-9]*\) .*/\1/p' "$S/lock"; }
memory() { awk '/VmHWM|VmRSS/ { printf "%s %d MiB  ", $1, $2 / 1024 }' "/proc/$(pid)/status"; }
start() { seconds "$CODEXFS" mount "$S" "$M" || fail mount; }
stop() { "$CODEXFS" umount "$M" || fail umount; }

"$CODEXFS" init --quota $((gib + 12))G "$S" >/dev/null || fail init
echo "mount of an empty store: $(start) s"

echo "== $files files, 1000 to a folder"
for what in create stat; do
	d=$("$T" $what "$W/disk" $((files / 10)))
	o=$("$T" $what "$M" "$files")
	echo "$what: $o a second; local disk $d (with a tenth of the files), ratio $(awk "BEGIN { printf \"%.2f\", $o / $d }")"
done
echo "find: $(seconds find "$M" -type f) s; memory $(memory)"
stop
t=$(start)
echo "mount with $files files: $t s; memory $(memory)"
echo "find, cold: $(seconds find "$M" -type f) s; memory $(memory)"
echo "unlink: $("$T" unlink "$M" "$files") a second"
stop

echo "== one file of $gib GiB"
start >/dev/null
o=$("$B" write "$M" $((gib * 1024)))
d=$("$B" write "$W/disk" 2048)
echo "write: $o MiB/s; local disk $d (2 GiB), ratio $(awk "BEGIN { printf \"%.2f\", $o / $d }"); memory $(memory)"
rm "$W/disk/seq"
stop
echo "mount: $(start) s"
echo 3 >/proc/sys/vm/drop_caches
echo "read: $("$B" read "$M") MiB/s; memory $(memory)"
echo "rm: $(seconds rm "$M/seq") s"
stop

echo "== random overwrites of a 320 MiB file in a store of 1500 MiB"
rm -rf "$S"
"$CODEXFS" init --quota 1500M "$S" >/dev/null || fail init
start >/dev/null
for i in 1 2 3 4 5 6 7 8; do
	"$T" churn "$M" 320 || fail "churn, round $i"
	"$CODEXFS" sync --until=sealed "$M" >/dev/null || fail "sync, round $i"
	"$CODEXFS" status --json "$M" | awk -v i=$i '
		/"compactions"|"sealed"|"liveBytes"|"free"/ && !seen[$1]++ {
			gsub(/[",:]/, ""); line = line " " $1 " " $2 }
		END { print "round " i ":" line }'
done
"$T" check "$M" 320 || fail "the churned file is wrong"
stop
"$CODEXFS" fsck "$S" || fail fsck
