#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0 OR MIT
# Damaged stores, failing disks, jumping clocks, a daemon killed at the worst
# moments: EIO and never wrong bytes, a clear error, nothing else lost, no hang.
# CDX_COUNT: how often the daemon is killed in each of the moments.
. "$(dirname "$0")/lib.sh"
need setfattr cmp od mkfs.ext4

count=${CDX_COUNT:-2}
seed=${CDX_SEED:-$RANDOM$RANDOM}
say "seed $seed"
RANDOM=$((seed % 32768))

# wants STATUS TEXT COMMAND...: ends that way within a minute, and says that
wants() {
	local status=$1 text=$2 got
	shift 2
	timeout 60 "$@" >"$W/out" 2>&1 </dev/null
	got=$?
	[ "$got" -eq "$status" ] ||
		fail "exit status $got, not $status: $* : $(cat "$W/out")"
	grep -q -- "$text" "$W/out" ||
		fail "does not say \"$text\": $* : $(cat "$W/out")"
}
# flip FILE OFFSET: every bit of that byte
flip() {
	local byte
	byte=$(od -An -tu1 -j "$2" -N 1 "$1") || fail "no byte $2 in $1"
	printf '%b' "\\x$(printf %02x $((byte ^ 255)))" |
		dd of="$1" bs=1 seek="$2" conv=notrunc status=none
}
# The data files that are there now and were not at the call before
areas_seen=
new_areas() {
	local now
	now=$(cd "$S/areas" && ls)
	new=$(comm -13 <(printf '%s\n' "$areas_seen") <(printf '%s\n' "$now"))
	areas_seen=$now
}
# figure NAME: a number of the mount's status
figure() {
	"$CODEXFS" status --json "$M" | sed -n "s/.*\"$1\": \\([0-9]*\\).*/\\1/p"
}
# bad_read FILE: EIO, past every cache, and quickly
bad_read() {
	timeout 60 dd if="$1" of="$W/read" bs=64K iflag=direct status=none \
		2>"$W/err" && fail "$1 reads as if nothing had happened"
	grep -qi 'input/output error' "$W/err" ||
		fail "$1: $(cat "$W/err")"
}
good_read() {
	timeout 60 dd if="$1" of="$W/read" bs=64K iflag=direct status=none ||
		fail "cannot read $1"
	cmp "$W/read" "$2" || fail "$1 has other bytes"
}
# found WHAT: fsck finds errors, and names that one
found() {
	"$CODEXFS" fsck "$S" >"$W/fsck.out" 2>&1
	local rc=$?
	[ $rc -eq 4 ] || fail "fsck ends with $rc: $(cat "$W/fsck.out")"
	grep -q -- "$1" "$W/fsck.out" ||
		fail "fsck does not say \"$1\": $(cat "$W/fsck.out")"
}
fresh() {
	rm -rf "$S"
	make_store "$@"
	areas_seen=
}
# A mount whose log we read
mount_logged() {
	: >"$W/log"
	"$CODEXFS" mount -f "$@" "$S" "$M" 2>>"$W/log" &
	local i
	for ((i = 0; i < 200; i++)); do
		mounted && return
		sleep 0.05
	done
	fail "mount -f does not mount: $(cat "$W/log")"
}

for i in one two three; do
	head -c 1048576 /dev/urandom >"$W/$i"
done
head -c 20000 /dev/urandom >"$W/small"
head -c 20000 /dev/urandom >"$W/small2"

say "1. damaged bytes: a records file"
make_store
do_mount
cp "$W/small" "$W/small2" "$M/"
"$CODEXFS" sync "$M" >/dev/null
new_areas
records=$new
[ "$(wc -w <<<"$records")" -eq 1 ] || fail "not one records file: $records"
do_umount
flip "$S/areas/$records" 100
mount_logged
bad_read "$M/small"
good_read "$M/small2" "$W/small2"
[ "$(figure readErrors)" -ge 1 ] || fail "status counts no read error"
grep -q 'record' "$W/log" || fail "the log does not name it: $(cat "$W/log")"
do_umount
found "$records\|record"
do_mount
rm "$M/small" || fail "a damaged file cannot be removed"
do_umount
sed -i d "$W/log"

say "1. damaged bytes: an open segment"
do_mount
cp "$W/one" "$W/two" "$M/"
"$CODEXFS" sync "$M" >/dev/null
new_areas
segment=$new
[ "$(wc -w <<<"$segment")" -eq 1 ] || fail "not one segment: $segment"
do_umount
flip "$S/areas/$segment" 5000
mount_logged
bad=0
for i in one two; do
	if timeout 60 cat "$M/$i" >"$W/read" 2>/dev/null; then
		cmp "$W/read" "$W/$i" || fail "wrong bytes were served"
	else
		bad=$((bad + 1))
	fi
done
[ $bad -eq 1 ] || fail "$bad files of two are damaged, not one"
[ "$(figure readErrors)" -ge 1 ] || fail "status counts no read error"
[ -s "$W/log" ] || fail "nothing is logged"
# in the running mount: damage undone, damage done
flip "$S/areas/$segment" 5000
good_read "$M/one" "$W/one"
good_read "$M/two" "$W/two"
flip "$S/areas/$segment" 70000
bad=0
for i in one two; do
	dd if="$M/$i" of="$W/read" bs=64K iflag=direct status=none 2>/dev/null ||
		bad=$((bad + 1))
done
[ $bad -eq 1 ] || fail "$bad files of two are damaged, not one"
# sealing meets the damage: it ends, and does not make it good
timeout 120 "$CODEXFS" sync --until=sealed "$M" >"$W/out" 2>&1
say "sealing a damaged segment: $? $(tail -1 "$W/out")"
do_umount
found "$(printf '%x' $((16#$segment)))"
do_mount
good=0
for i in one two; do
	if timeout 60 cat "$M/$i" >"$W/read" 2>/dev/null; then
		cmp "$W/read" "$W/$i" || fail "sealing made damage look good"
		good=$((good + 1))
	fi
done
[ $good -eq 1 ] || fail "$good files are whole, not one"
do_umount

say "1. damaged bytes: a sealed segment"
fresh
do_mount
cp "$W/one" "$W/two" "$M/"
"$CODEXFS" sync --until=sealed "$M" >/dev/null || fail "sync sealed"
new_areas
segment=$new
[ "$(wc -w <<<"$segment")" -eq 1 ] || fail "not one segment: $segment"
do_umount
flip "$S/areas/$segment" 200000
mount_logged
bad=0
for i in one two; do
	if timeout 60 cat "$M/$i" >"$W/read" 2>/dev/null; then
		cmp "$W/read" "$W/$i" || fail "wrong bytes were served"
	else
		bad=$((bad + 1))
	fi
done
[ $bad -eq 1 ] || fail "$bad files of two are damaged, not one"
[ "$(figure readErrors)" -ge 1 ] || fail "status counts no read error"
grep -q ' zD' "$W/log" || fail "no CID is logged: $(cat "$W/log")"
[ "$(figure badBlocks)" -ge 1 ] || fail "status counts no bad block"
do_umount
found ' zD'
# compaction does not choke on it, and keeps what is good
do_mount
rm "$M/two"
timeout 120 "$CODEXFS" compact "$M" >"$W/out" 2>&1
say "compacting a damaged segment: $? $(tail -1 "$W/out")"
if timeout 60 cat "$M/one" >"$W/read" 2>/dev/null; then
	cmp "$W/read" "$W/one" || fail "compaction made damage look good"
fi
do_umount

say "1. damaged bytes: a dataset"
fresh
do_mount
new_areas
cid=$("$CODEXFS" dataset add --store "$M" "$W/one") || fail "dataset add"
cid2=$("$CODEXFS" dataset add --store "$M" "$W/two") || fail "dataset add"
"$CODEXFS" sync "$M" >/dev/null
new_areas
loose=$new
[ "$(wc -w <<<"$loose")" -eq 1 ] || fail "not one data file: $loose"
do_umount
flip "$S/areas/$loose" 333333
mount_logged
bad=0
for i in "$cid" "$cid2"; do
	if timeout 60 cat "$M/.codex/datasets/$i" >"$W/read" 2>/dev/null; then
		cmp -s "$W/read" "$W/one" || cmp -s "$W/read" "$W/two" ||
			fail "wrong bytes were served"
	else
		bad=$((bad + 1))
	fi
done
[ $bad -eq 1 ] || fail "$bad datasets of two are damaged, not one"
grep -q ' zD' "$W/log" || fail "no CID is logged: $(cat "$W/log")"
[ "$(figure badBlocks)" -ge 1 ] || fail "status counts no bad block"
bad=0
for i in "$cid" "$cid2"; do
	"$CODEXFS" dataset get --store "$M" -o "$W/got" "$i" >/dev/null 2>&1 ||
		bad=$((bad + 1))
done
[ $bad -eq 1 ] || fail "dataset get fails for $bad datasets, not one"
do_umount
found ' zD'

say "1. a data file is gone, cut, or replaced"
fresh
do_mount
cp "$W/one" "$W/two" "$M/"
"$CODEXFS" sync --until=sealed "$M" >/dev/null || fail "sync sealed"
echo inline >"$M/inline"
new_areas
segment=${new%%$'\n'*}
do_umount
cp "$S/areas/$segment" "$W/segment"
for how in cut gone other; do
	case $how in
	cut) truncate -s 100000 "$S/areas/$segment" ;;
	gone) rm "$S/areas/$segment" ;;
	other) head -c "$(stat -c %s "$W/segment")" /dev/urandom \
		>"$S/areas/$segment" ;;
	esac
	if timeout 60 "$CODEXFS" mount "$S" "$M" >"$W/out" 2>&1; then
		bad=0
		for i in one two; do
			if timeout 60 cat "$M/$i" >"$W/read" 2>/dev/null; then
				cmp "$W/read" "$W/$i" || fail "$how: wrong bytes"
			else
				bad=$((bad + 1))
			fi
		done
		[ $bad -ge 1 ] || fail "$how: no file is damaged"
		[ "$(cat "$M/inline")" = inline ] || fail "$how: other file lost"
		do_umount
		found .
	else
		say "$how: $(cat "$W/out")"
		[ -s "$W/out" ] || fail "$how: no error text"
	fi
	cp "$W/segment" "$S/areas/$segment"
done
check_store

say "2. a damaged footer"
size=$(stat -c %s "$S/areas/$segment")
flip "$S/areas/$segment" $((size - 1000))
do_mount
good_read "$M/one" "$W/one"
good_read "$M/two" "$W/two"
do_umount
found "footer"

say "3. a damaged log record"
for how in body head zeros; do
	fresh
	do_mount -o no_auto_unmount,commit=300
	echo committed >"$M/committed"
	"$CODEXFS" sync "$M" >/dev/null
	for i in $(seq 10); do
		head -c 30000 "$W/one" >"$M/f$i"
		echo "$i" >>"$M/f$i"
		sync "$M/f$i"
	done
	kill_mount
	mapfile -t at < <(LC_ALL=C grep -abo CDXR "$S/log" | cut -d: -f1)
	[ ${#at[@]} -ge 10 ] || fail "${#at[@]} log records, not 10"
	victim=${at[${#at[@]} - 5]}
	case $how in
	body) flip "$S/log" $((victim + 60)) ;;
	head) flip "$S/log" $((victim + 20)) ;;
	zeros) dd if=/dev/zero of="$S/log" bs=4096 conv=notrunc status=none \
		seek=1 count=1000 ;;
	esac
	do_mount
	[ "$(cat "$M/committed")" = committed ] || fail "$how: a commit is lost"
	n=0
	for i in $(seq 10); do
		[ "$(tail -c +30001 "$M/f$i" 2>/dev/null)" = "$i" ] || continue
		cmp -n 30000 "$M/f$i" "$W/one" || fail "$how: wrong bytes"
		[ "$n" -eq $((i - 1)) ] || fail "$how: f$i but not f$((i - 1))"
		n=$i
	done
	say "$how: $n of 10 files"
	case $how in
	zeros) ;;
	*) [ $n -ge 4 ] && [ $n -le 6 ] || fail "$how: $n files are there" ;;
	esac
	echo goes on >"$M/on"
	sync "$M/on"
	do_umount
	check_store
done
do_mount
[ "$(cat "$M/on")" = "goes on" ] || fail "a file after the damage is lost"
do_umount

say "3. the log file is gone, cut, or another one"
mv "$S/log" "$W/ilog"
wants 4 'log' "$CODEXFS" mount "$S" "$M"
head -c 1000000 "$W/ilog" >"$S/log"
wants 4 'log' "$CODEXFS" mount "$S" "$M"
"$CODEXFS" init --quota 200M "$W/other" >/dev/null
cp "$W/other/log" "$S/log"
wants 4 'log' "$CODEXFS" mount "$S" "$M"
mv "$W/ilog" "$S/log"
check_store
say "all good"
