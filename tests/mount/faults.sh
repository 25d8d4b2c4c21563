#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0 OR MIT
# Damaged stores, failing disks, jumping clocks, a daemon killed at the worst
# moments: EIO and never wrong bytes, a clear error, nothing else lost, no hang.
# CDX_COUNT: how often the daemon is killed in each of the moments.
. "$(dirname "$0")/lib.sh"
need setfattr cmp od mkfs.ext4

count=${CDX_COUNT:-2}
seed=${CDX_SEED:-1}
say "seed $seed"
RANDOM=$((seed % 32768))

# What this script mounts beside $M
finish() {
	local status=$? i
	cd /
	if mounted; then
		"$CODEXFS" umount -l "$M" || umount -l "$M"
		timeout 60 flock "$S/lock" true
	fi
	for i in mnt2 ro disk tmpfs; do
		! mountpoint -q "$W/$i" || umount -l "$W/$i"
	done
	(exit $status)
	cleanup
}
trap finish EXIT

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
# After kill_mount; without it the next mount says that it does this
umount_dead() {
	! mounted || umount "$M" 2>/dev/null || umount -l "$M"
}
# fresh [OPTIONS of init]
fresh() {
	rm -rf "$S"
	make_store "$@"
	areas_seen=
}
# A mount whose log we read
mount_logged() {
	: >"$W/log"
	"$CODEXFS" mount -f "$S" "$M" 2>>"$W/log" &
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

say "1. damaged bytes: a sealed segment without parity"
fresh --parity 0
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

say "1. damaged bytes: a protected segment"
fresh
do_mount
cp "$W/one" "$W/two" "$M/"
"$CODEXFS" sync --until=protected "$M" >/dev/null || fail "sync protected"
new_areas
segment=${new%%$'\n'*}
do_umount
flip "$S/areas/$segment" 200000
mount_logged
good_read "$M/one" "$W/one"
good_read "$M/two" "$W/two"
[ "$(figure readErrors)" -eq 0 ] || fail "a read failed"
[ "$(figure badBlocks)" -eq 1 ] || fail "status does not count one bad block"
grep -q ' zD' "$W/log" || fail "no CID is logged: $(cat "$W/log")"
do_umount
found ' zD'
# the file itself is gone or another: not more of it than there is parity for
cp "$S/areas/$segment" "$W/segment"
truncate -s $(($(stat -c %s "$W/segment") * 3 / 4)) "$S/areas/$segment"
do_mount
good_read "$M/one" "$W/one"
good_read "$M/two" "$W/two"
do_umount
found .

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
fresh --parity 0
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
	umount_dead
	mapfile -t at < <(LC_ALL=C grep -abo CDXR "$S/log" | cut -d: -f1)
	[ ${#at[@]} -ge 10 ] || fail "${#at[@]} log records, not 10"
	victim=${at[${#at[@]} - 5]}
	case $how in
	body) flip "$S/log" $((victim + 60)) ;;
	head) flip "$S/log" $((victim + 20)) ;;
	zeros) dd if=/dev/zero of="$S/log" bs=4096 conv=notrunc status=none \
		seek=1 count=1000 ;;
	esac
	mount_logged -o no_auto_unmount,commit=300
	case $how in
	zeros) ;;
	*) grep -q 'record.*damaged' "$W/log" ||
		fail "$how: the lost records are not logged" ;;
	esac
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
	*) [ "$n" -ge 4 ] && [ "$n" -le 6 ] ||
		fail "$how: $n files are there" ;;
	esac
	# what is logged now is not continued by what was logged then
	for i in 6 7; do
		head -c 30000 "$W/two" >"$M/g$i"
		echo "$i" >>"$M/g$i"
		sync "$M/g$i"
		kill_mount
		umount_dead
		do_mount -o no_auto_unmount,commit=300
		[ "$(tail -c +30001 "$M/g$i")" = "$i" ] ||
			fail "$how: what was synced after the damage is lost"
		for ((j = n + 1; j <= 10; j++)); do
			[ ! -s "$M/f$j" ] || fail "$how: f$j is back"
		done
	done
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
wants 4 'fsck' "$CODEXFS" mount "$S" "$M"
wants 4 'log' "$CODEXFS" fsck "$S"
head -c 1000000 "$W/ilog" >"$S/log"
wants 4 'fsck' "$CODEXFS" mount "$S" "$M"
wants 4 'log' "$CODEXFS" fsck "$S"
"$CODEXFS" init --quota 200M "$W/other" >/dev/null
cp "$W/other/log" "$S/log"
wants 4 'fsck' "$CODEXFS" mount "$S" "$M"
wants 4 'log' "$CODEXFS" fsck "$S"
mv "$W/ilog" "$S/log"
check_store

say "4. a damaged database"
fresh
do_mount
mkdir "$M/d"
for i in $(seq 3000); do
	echo "$i" >"$M/d/a file with a long name, so that it takes room $i"
done
do_umount
cp "$S/db" "$W/db"
size=$(stat -c %s "$W/db")
mapfile -t cuts < <(printf '%s\n' 0 1 4096 8191 8192 12288 \
	$(((size / 2) & ~4095)) $((size - 4096 * 20)))
for cut in "${cuts[@]}"; do
	head -c "$cut" "$W/db" >"$S/db"
	wants 4 'store is damaged' "$CODEXFS" mount "$S" "$M"
	wants 4 'db' "$CODEXFS" fsck "$S"
	[ "$(stat -c %s "$S/db")" -eq "$cut" ] || fail "a damaged db was changed"
done
# the first pages: what LMDB begins with
for off in 16 4112; do
	cp "$W/db" "$S/db"
	printf '\377\377\377\377\377\377\377\377' |
		dd of="$S/db" bs=1 seek=$off conv=notrunc status=none
	wants 4 'store is damaged' "$CODEXFS" fsck "$S"
done
for off in 24 32 40 56 64 72 80 88 96 104 112 120 128 136 144 152; do
	cp "$W/db" "$S/db"
	flip "$S/db" $off
	flip "$S/db" $((4096 + off))
	timeout 60 "$CODEXFS" fsck "$S" >"$W/out" 2>&1
	rc=$?
	[ $rc -eq 0 ] || [ $rc -eq 4 ] ||
		fail "fsck ends with $rc at byte $off: $(cat "$W/out")"
	timeout 60 "$CODEXFS" mount "$S" "$M" >"$W/out" 2>&1
	say "byte $off: fsck $rc, mount $? $(cat "$W/out")"
	! mounted || do_umount
done
# any page: an error or the right contents, and fsck never dies
for ((i = 0; i < 4 * count; i++)); do
	cp "$W/db" "$S/db"
	page=$((2 + (RANDOM * 32768 + RANDOM) % (size / 4096 - 2)))
	dd if=/dev/urandom of="$S/db" bs=4096 seek=$page count=1 conv=notrunc \
		status=none
	timeout 60 "$CODEXFS" fsck "$S" >"$W/out" 2>&1
	rc=$?
	[ $rc -eq 0 ] || [ $rc -eq 4 ] ||
		fail "fsck ends with $rc at page $page: $(cat "$W/out")"
done
cp "$W/db" "$S/db"
check_store

say "5. a store of a newer format"
need mdb_dump mdb_load
mdb_dump -n -s meta "$S/db" >"$W/meta"
sed '/^ 666f726d6174$/ { n; s/.*/ 00000002/ }' "$W/meta" >"$W/meta2"
cmp -s "$W/meta" "$W/meta2" && fail "no format in meta"
mdb_load -n -s meta -f "$W/meta2" "$S/db" || fail "mdb_load"
wants 1 'made by a newer codexfs' "$CODEXFS" mount "$S" "$M"
wants 8 'made by a newer codexfs' "$CODEXFS" fsck "$S"
wants 1 'made by a newer codexfs' "$CODEXFS" status "$S"
mdb_load -n -s meta -f "$W/meta" "$S/db" || fail "mdb_load"
check_store

say "6. a store that cannot be written, or not be read"
mkdir "$W/ro"
mount --bind "$S" "$W/ro" && mount -o remount,bind,ro "$W/ro" ||
	fail "no read-only bind mount"
wants 1 'Read-only file system' "$CODEXFS" mount "$W/ro" "$M"
wants 8 'Read-only file system' "$CODEXFS" fsck "$W/ro"
umount "$W/ro"
chmod 711 "$W"
wants 1 'Permission denied' setpriv --reuid 65534 --clear-groups \
	"$CODEXFS" status "$S"
chmod 755 "$S"
wants 1 'key' setpriv --reuid 65534 --clear-groups "$CODEXFS" status "$S"
cp "$S/key" "$W/key"
chmod 600 "$W/key"
chown 65534 "$W/key"
wants 1 'Permission denied' setpriv --reuid 65534 --clear-groups \
	"$CODEXFS" status --key "$W/key" "$S"
mv "$S/key" "$W/key"
mkdir "$S/key"
wants 1 'key' "$CODEXFS" mount "$S" "$M"
rmdir "$S/key"
mv "$W/key" "$S/key"
chown 0 "$S/key"
chmod 700 "$S"
check_store

say "7. a store copied while open"
fresh
do_mount -o commit=1
for i in one two; do
	cp "$W/$i" "$M/$i"
done
sync "$M/one" "$M/two"
(while [ ! -e "$W/stop" ]; do
	head -c 300000 "$W/three" >"$M/busy"
	sync "$M/busy"
done) &
writer=$!
cp -a "$S" "$W/copy"
touch "$W/stop"
wait $writer
good_read "$M/one" "$W/one"
do_umount
check_store
cp "$W/small" "$W/copy-test"
first=$S
rm -f "$W/copy/control.sock"
for i in "$first" "$W/copy"; do
	S=$i
	if ! timeout 60 "$CODEXFS" mount "$S" "$M" >"$W/out" 2>&1; then
		# files that were copied at different moments
		[ "$S" != "$first" ] || fail "$(cat "$W/out")"
		grep -q 'damaged' "$W/out" || fail "$(cat "$W/out")"
		say "the copy is not one: $(cat "$W/out")"
		continue
	fi
	good_read "$M/one" "$W/one"
	good_read "$M/two" "$W/two"
	head -c 1000000 /dev/urandom >"$W/new"
	cp "$W/new" "$M/new"
	remount
	good_read "$M/new" "$W/new"
	do_umount
	[ "$S" != "$first" ] || check_store
done
S=$first
# a copy of a store that is closed, used beside it
rm -rf "$W/copy"
cp -a "$S" "$W/copy"
mkdir "$W/mnt2"
do_mount
"$CODEXFS" mount "$W/copy" "$W/mnt2" || fail "a copy does not mount"
for i in 1 2 3 4 5; do
	head -c 500000 /dev/urandom >"$W/n$i"
	cp "$W/n$i" "$M/n$i"
	tac -s x "$W/n$i" >"$W/m$i"
	cp "$W/m$i" "$W/mnt2/n$i"
done
"$CODEXFS" sync --until=sealed "$M" >/dev/null || fail "sync"
"$CODEXFS" sync --until=sealed "$W/mnt2" >/dev/null || fail "sync"
"$CODEXFS" umount "$W/mnt2" || fail "umount"
"$CODEXFS" mount "$W/copy" "$W/mnt2" || fail "a copy does not mount"
remount
for i in 1 2 3 4 5; do
	cmp "$W/n$i" "$M/n$i" || fail "the first of two copies"
	cmp "$W/m$i" "$W/mnt2/n$i" || fail "the second of two copies"
done
"$CODEXFS" umount "$W/mnt2" || fail "umount"
do_umount
check_store
"$CODEXFS" fsck "$W/copy" >"$W/out" || fail "fsck of the copy: $(cat "$W/out")"


say "8. a clock that jumps"
fake=$(find /usr/lib -name libfaketimeMT.so.1 2>/dev/null | head -1)
if [ -z "$fake" ]; then
	say "left out: libfaketime is not installed"
elif ! LD_PRELOAD=$fake "$CODEXFS" --version >"$W/out" 2>&1; then
	say "left out: this build does not run below libfaketime"
else
	fresh
	echo '+0' >"$W/clock"
	LD_PRELOAD=$fake FAKETIME_TIMESTAMP_FILE=$W/clock FAKETIME_NO_CACHE=1 \
		FAKETIME_DONT_FAKE_MONOTONIC=1 DONT_FAKE_MONOTONIC=1 \
		"$CODEXFS" mount -o commit=1,no_auto_unmount "$S" "$M" ||
		fail "mount under libfaketime"
	for jump in +0 +3650d -3650d -3d +1; do
		echo "$jump" >"$W/clock"
		commits=$(figure commits)
		cp "$W/small" "$M/at$jump" || fail "$jump: cp"
		echo x >"$M/x"
		timeout 20 sync "$M/x" || fail "$jump: fsync hangs"
		for ((i = 0; i < 60; i++)); do
			[ "$(figure commits)" -eq "$commits" ] || break
			sleep 0.1
		done
		[ "$(figure commits)" -gt "$commits" ] ||
			fail "$jump: no commits any more"
		timeout 60 "$CODEXFS" sync --until=sealed "$M" >/dev/null ||
			fail "$jump: sync"
		mkdir "$M/d$jump"
		say "clock $jump: made $(stat -c %y "$M/d$jump")"
	done
	a=$(stat -c %Y "$M/d+3650d")
	b=$(stat -c %Y "$M/d+1")
	[ $((a - b)) -gt $((3600 * 24 * 3649)) ] ||
		fail "the clock did not jump: the test tests nothing"
	kill_mount
	do_mount
	cmp "$W/small" "$M/at-3650d" || fail "lost what came after the jump"
	for i in -1000 0 4102444800 8589934592; do
		touch -d "@$i" "$M/x" || fail "touch @$i"
		[ "$(stat -c %Y "$M/x")" = $i ] || fail "time $i is not kept"
	done
	remount
	[ "$(stat -c %Y "$M/x")" = 8589934592 ] || fail "a time is lost"
	do_umount
	check_store
fi

say "9. mount points: busy, dead, not empty, a file system of another kind"
fresh
mkdir "$W/mnt2/sub" && echo below >"$W/mnt2/below"
"$CODEXFS" mount "$S" "$W/mnt2" || fail "a mount point with files in it"
[ ! -e "$W/mnt2/below" ] || fail "what lies below is seen"
"$CODEXFS" umount "$W/mnt2" || fail "umount"
[ "$(cat "$W/mnt2/below")" = below ] || fail "what lies below is lost"
do_mount -o no_auto_unmount
exec 7<"$M"
wants 1 busy "$CODEXFS" umount "$M"
kill_mount
wants 1 'dead mount' "$CODEXFS" sync "$M"
wants 0 . "$CODEXFS" status "$M"
wants 0 . "$CODEXFS" mount -o no_auto_unmount "$S" "$M"
echo x >"$M/x" || fail "a mount over a dead one"
exec 7<&-
kill_mount
"$CODEXFS" umount "$M" || fail "a dead mount cannot be ended"
! mounted || fail "a dead mount stays"
wants 1 'not a directory' "$CODEXFS" mount "$S" /dev/null
check_store

# killed_during WHAT COMMAND...: starts it, kills the daemon at some moment
killed_during() {
	local what=$1 rc
	shift
	"$@" >"$W/out" 2>&1 &
	local job=$!
	sleep "0.$((RANDOM % 4))$((RANDOM % 10))"
	pid=$(mount_pid)
	[ -z "$pid" ] || kill -9 "$pid" 2>/dev/null
	timeout 60 flock "$S/lock" true || fail "$what: the store stays in use"
	wait $job
	rc=$?
	[ $rc -lt 124 ] || fail "$what: ends with $rc"
	killed=$((killed + (rc != 0)))
	! mounted || "$CODEXFS" umount "$M" 2>/dev/null || umount -l "$M"
	check_store
	do_mount
	for i in one two three; do
		cmp "$M/$i" "$W/$i" || fail "$what: $i"
	done
}
say "10. killed at bad moments, $count times each"
fresh
do_mount
for i in one two three; do
	cp "$W/$i" "$M/$i"
done
"$CODEXFS" sync "$M" >/dev/null || fail "sync"
killed=0
for ((n = 0; n < count; n++)); do
	head -c 30000000 /dev/urandom >"$M/more"
	killed_during umount timeout 60 "$CODEXFS" umount "$M"
done
for ((n = 0; n < count; n++)); do
	head -c 30000000 /dev/urandom >"$M/more$((n % 2))"
	killed_during sealing timeout 60 "$CODEXFS" sync --until=sealed "$M"
done
for ((n = 0; n < count; n++)); do
	for ((i = 0; i < 30; i++)); do
		head -c 1000000 /dev/urandom >"$M/c$i"
	done
	"$CODEXFS" sync --until=sealed "$M" >/dev/null || fail "sync"
	rm "$M"/c?[0-8]
	killed_during compaction timeout 60 "$CODEXFS" compact "$M"
done
say "$killed of $((3 * count)) commands were cut short"
do_umount
check_store

say "11. a disk that fails"
first=$S
mkdir "$W/tmpfs" "$W/disk"
mount -t tmpfs -o size=150M codexfs-test "$W/tmpfs" || fail "tmpfs"
truncate -s 1G "$W/tmpfs/image"
mkfs.ext4 -q -E lazy_itable_init=1 "$W/tmpfs/image" || fail "mkfs.ext4"
# The disk is a file that cannot grow any more: what goes to new places of it
# ends in an I/O error, not in ENOSPC
if mount -o loop,errors=continue "$W/tmpfs/image" "$W/disk" 2>"$W/out"; then
	S=$W/disk/store
	make_store --quota 700M
	do_mount -o commit=1
	cp "$W/one" "$M/one"
	"$CODEXFS" sync "$M" >/dev/null || fail "sync"
	failed=
	for ((i = 0; i < 60 && !${#failed}; i++)); do
		timeout 120 head -c 8000000 /dev/urandom 2>/dev/null \
			>"$M/fill$i" || failed='write'
		timeout 120 sync "$M/fill$i" 2>/dev/null || failed=fsync
	done
	[ -n "$failed" ] || fail "the disk does not fail"
	say "$failed failed at file $i; state: $(timeout 20 "$CODEXFS" \
		status --json "$M" | sed -n 's/.*"state": //p')"
	timeout 60 cat "$M/one" >"$W/read" 2>/dev/null &&
		{ cmp "$W/read" "$W/one" || fail "wrong bytes"; }
	timeout 120 "$CODEXFS" umount "$M" >"$W/out" 2>&1 ||
		say "umount: $(cat "$W/out")"
	! mounted || "$CODEXFS" umount -l "$M" || umount -l "$M"
	timeout 60 flock "$S/lock" true || fail "the store stays in use"
	mount -o remount,size=2G "$W/tmpfs"
	umount "$W/disk" || fail "umount of the disk"
	e2fsck -fp "$W/tmpfs/image" >"$W/out" 2>&1
	rc=$?
	[ $rc -le 2 ] || say "e2fsck: $rc"
	mount -o loop "$W/tmpfs/image" "$W/disk" || fail "the disk is lost"
	do_mount
	good_read "$M/one" "$W/one"
	n=$i
	for ((i = 0; i < n - 1; i++)); do
		[ "$(stat -c %s "$M/fill$i")" -eq 8000000 ] ||
			fail "fill$i was fsynced and is not whole"
		timeout 60 cat "$M/fill$i" >/dev/null || fail "fill$i: EIO"
	done
	echo again >"$M/again" || fail "a repaired disk takes no file"
	do_umount
	check_store
	umount "$W/disk"
else
	say "left out: no loop mounts here: $(cat "$W/out")"
fi
umount "$W/tmpfs"
S=$first
say "all good"
