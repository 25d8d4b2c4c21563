#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0 OR MIT
# Mounting, unmounting, being killed, and bad input: a clear error, the right
# exit status, nothing lost, no hang.
. "$(dirname "$0")/lib.sh"
need setfattr

# wants STATUS TEXT COMMAND...: fails that way, and says that
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

say "usage"
wants 2 Usage "$CODEXFS"
wants 0 Verbs "$CODEXFS" --help
wants 2 'unknown verb' "$CODEXFS" frobnicate
for verb in init mount umount status sync fsck compact dataset policy key; do
	wants 0 Usage "$CODEXFS" $verb --help
done
wants 2 . "$CODEXFS" init --quota 0 "$S"
wants 2 . "$CODEXFS" init --quota 99999999999999999999G "$S"
wants 2 '32 columns' "$CODEXFS" init --data 40 --parity 40 "$S"
wants 2 . "$CODEXFS" init --data 0 --parity 1 "$S"
wants 2 'isa_l_rs_vand' "$CODEXFS" init --data 8 --parity 5 \
	--codec isa_l_rs_vand "$S"
wants 2 'isa_l_rs_cauchy' "$CODEXFS" init --codec no_such "$S"
wants 2 . "$CODEXFS" init --volume -1 "$S"
[ ! -e "$S" ] || fail "a refused init left something"

say "init"
make_store
wants 1 'a store already' "$CODEXFS" init "$S"
mkdir "$W/full"
touch "$W/full/x"
wants 1 'not empty' "$CODEXFS" init "$W/full"
words=$(sed -n '/^[a-z]* [a-z ]*$/p' "$W/init.out" | tail -1)
printf '%s\n' "$words" >"$W/words"
chmod 600 "$W/words"
"$CODEXFS" init --words-file "$W/words" --quota 200M "$W/s2" >/dev/null ||
	fail "init from words"
cmp "$S/key" "$W/s2/key" || fail "the same words gave another key file"
printf '%s\n' "${words/ / x}" >"$W/badwords"
wants 1 'word 2' "$CODEXFS" init --words-file "$W/badwords" "$W/s3"
printf '%s\n' "${words% *}" >"$W/badwords"
wants 1 '24 words' "$CODEXFS" init --words-file "$W/badwords" "$W/s3"
[ ! -e "$W/s3" ] || fail "a refused init left something"

say "key files"
cp -a "$S/key" "$W/key"
wants 3 'no key file' "$CODEXFS" mount --key "$W/nothing" "$S" "$M"
head -c 20 "$W/key" >"$W/short"
chmod 600 "$W/short"
wants 1 'damaged' "$CODEXFS" mount --key "$W/short" "$S" "$M"
"$CODEXFS" init --quota 200M "$W/s4" >/dev/null
wants 7 'not the one' "$CODEXFS" mount --key "$W/s4/key" "$S" "$M"
chmod 644 "$S/key"
wants 1 'chmod 600' "$CODEXFS" mount "$S" "$M"
chmod 600 "$S/key"
printf 'correct horse\n' >"$W/pw"
printf 'wrong horse\n' >"$W/pw2"
"$CODEXFS" key password --new-password-file "$W/pw" "$S" || fail "key password"
wants 7 'password is wrong' "$CODEXFS" mount --password-file "$W/pw2" "$S" "$M"
wants 7 'password' setsid "$CODEXFS" status "$S"
do_mount -o password_file="$W/pw"
echo hello >"$M/hello"
do_umount
rm "$S/key"
"$CODEXFS" key restore --words-file "$W/words" "$S" || fail "key restore"
wants 7 "not this store" "$CODEXFS" key restore --volume 3 \
	--words-file "$W/words" "$S"
do_mount
[ "$(cat "$M/hello")" = hello ] || fail "lost a file"

say "in use"
mkdir "$W/mnt2"
wants 5 'in use by process' "$CODEXFS" mount "$S" "$W/mnt2"
wants 8 'in use by process' "$CODEXFS" fsck "$S"
wants 1 'mounted already' "$CODEXFS" mount "$W/s2" "$M"
(cd "$M" && wants 1 busy "$CODEXFS" umount "$M") || exit 1
do_umount
wants 3 'not a codexfs mount' "$CODEXFS" umount "$M"

say "mount points and options"
wants 3 . "$CODEXFS" mount "$S" "$W/nowhere"
touch "$W/file"
wants 1 'not a directory' "$CODEXFS" mount "$S" "$W/file"
wants 3 'codexfs init' "$CODEXFS" mount "$W/full" "$M"
wants 2 'unknown mount option' "$CODEXFS" mount -o frob "$S" "$M"
wants 2 'never takes secrets' "$CODEXFS" mount -o password=x "$S" "$M"
wants 2 'takes a number' "$CODEXFS" mount -o commit=0 "$S" "$M"
do_mount -o ro
touch "$M/x" 2>/dev/null && fail "a read-only mount took a file"
[ "$(cat "$M/hello")" = hello ] || fail "cannot read a read-only mount"
do_umount
do_mount -o noatime,uid=1234,gid=4321,user,nofail,_netdev,x-systemd.foo=1
[ "$(stat -c %u:%g "$M/hello")" = 1234:4321 ] || fail "uid= and gid="
do_umount

say "the fstab helpers"
ln -s "$CODEXFS" "$W/mount.codexfs"
ln -s "$CODEXFS" "$W/mount.fuse.codexfs"
"$W/mount.codexfs" "$S" "$M" -o rw,dev,suid || fail "mount.codexfs"
do_umount
"$W/mount.fuse.codexfs" "$S" "$M" -o rw,noatime || fail "mount.fuse.codexfs"
do_umount
"$CODEXFS" "$S" "$M" -o rw,dev,suid || fail "codexfs STORE MNT"
do_umount
wants 32 . "$W/mount.codexfs" "$W/full" "$M"

say "killed: the mount recovers"
do_mount -o no_auto_unmount
echo synced >"$M/synced"
sync "$M/synced"
kill_mount
sleep 0.3
stat "$M" >/dev/null 2>&1 && fail "the mount of a killed process answers"
do_mount
[ "$(cat "$M/synced")" = synced ] || fail "a synced file is lost"
for sig in TERM INT HUP; do
	echo $sig >"$M/$sig"
	kill -$sig "$(mount_pid)"
	timeout 30 flock "$S/lock" true || fail "SIG$sig does not end it"
	do_mount
	[ "$(cat "$M/$sig")" = $sig ] || fail "SIG$sig lost a file"
done
umount "$M" || fail "umount(8)"
timeout 30 flock "$S/lock" true || fail "umount(8) does not end it"
do_mount
fusermount3 -u "$M" || fail "fusermount3"
timeout 30 flock "$S/lock" true || fail "fusermount3 does not end it"

say "not synced, but older than the commit interval"
do_mount -o commit=1
echo later >"$M/later"
sleep 4
kill_mount
do_mount
[ "$(cat "$M/later")" = later ] || fail "a file older than the interval is lost"

say "sync takes what the kernel caches of open files"
head -c 5000000 /dev/urandom >"$W/data"
exec 8>"$M/open"
cat "$W/data" >&8
"$CODEXFS" sync "$M" >/dev/null || fail "sync"
kill_mount
exec 8>&-
do_mount
cmp "$W/data" "$M/open" || fail "sync left out what an open file had written"

say "copied while open"
head -c 3000000 /dev/urandom >"$M/data"
sync "$M/data"
cp -a "$S" "$W/copy"
cp "$M/data" "$W/data"
do_umount
check_store
rm -f "$W/copy/control.sock"
"$CODEXFS" fsck "$W/copy" >/dev/null
rc=$?
[ $rc -eq 0 ] || [ $rc -eq 4 ] || fail "a copied store cannot be checked: $rc"
say "all good"
