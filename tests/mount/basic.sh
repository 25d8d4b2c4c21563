#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0 OR MIT
# The first thing a user does: copy a tree in, mount again, find it all.
. "$(dirname "$0")/lib.sh"
need rsync setfattr setfacl

make_store
[ "$(wc -w <<<"$(sed -n '/^[a-z ]*$/p' "$W/init.out")")" -eq 24 ] ||
	fail "init did not show 24 words"
[ "$(stat -c %a "$S/key")" = 600 ] || fail "the key file is not 0600"
do_mount
make_tree "$W/tree" 200

rsync -aHAXS "$W/tree/" "$M/a/" || fail "rsync failed"
same "$W/tree" "$M/a"
rsync -aHAXS --delete "$W/tree/" "$M/a/" || fail "the second rsync failed"
cp -a "$M/a" "$M/b" || fail "cp inside the mount failed"
same "$W/tree" "$M/b"
[ "$(stat -c %b "$M/b/sparse")" -lt 2000 ] || fail "the hole takes space"
remount
same "$W/tree" "$M/a"
same "$W/tree" "$M/b"

say "rename semantics"
mkdir "$M/d1" "$M/d2"
touch "$M/d2/x"
mv -T "$M/d1" "$M/d2" 2>/dev/null && fail "rename onto a full folder worked"
rmdir "$M/d2" 2>/dev/null && fail "rmdir of a full folder worked"
printf old >"$M/r1"
printf new >"$M/r2"
mv "$M/r2" "$M/r1"
[ "$(cat "$M/r1")" = new ] || fail "rename did not replace"

say "unlink while open"
exec 7>"$M/open"
rm "$M/open"
printf abc >&7 || fail "writing to an unlinked file failed"
exec 7>&-

say "access times by the relatime rule"
printf abc >"$M/read"
before=$(stat -c %x "$M/read")
sleep 0.05
cat "$M/read" >"$W/out" # from the kernel's cache
after=$(stat -c %x "$M/read")
[ "$after" != "$before" ] || fail "reading did not set the access time"
cat "$M/read" >"$W/out"
[ "$(stat -c %x "$M/read")" = "$after" ] || fail "a second read set it again"
rm "$M/read"

say "umount and mount at once"
cp "$M/a/big" "$M/late"
umount "$M" || fail "umount(8) failed"
do_mount -o nodiratime,dev
mknod "$M/null" c 1 3
echo x >"$M/null" || fail "-o dev: a device does not open"
rm "$M/null"
cmp "$M/late" "$W/tree/big" || fail "the last file is not whole"
"$CODEXFS" mount -o remount,ro "$S" "$M" || fail "remount,ro failed"
touch "$M/late" 2>/dev/null && fail "a file changed after remount,ro"
"$CODEXFS" mount -o remount,rw "$S" "$M" || fail "remount,rw failed"
rm "$M/late"

say "the virtual folder"
find "$M" -mindepth 1 -maxdepth 1 -printf "%P\n" | grep -q codex &&
	fail ".codex is listed"
grep -q '"version"' "$M/.codex/status.json" || fail "no status.json"
mkdir "$M/.codex" 2>/dev/null && fail ".codex could be made"
[ "$(getfattr --only-values -n user.codex.state "$M/r1" 2>/dev/null)" ] ||
	fail "no user.codex.state"
setfattr -n user.codex.state -v x "$M/r1" 2>/dev/null &&
	fail "user.codex.state could be set"
getfattr -d "$M/r1" 2>/dev/null | grep -q codex && fail "user.codex is listed"

say "datasets"
cid=$("$CODEXFS" dataset add --store "$M" "$W/tree/big") || fail "dataset add"
[ "$cid" = "$("$CODEXFS" dataset cid "$W/tree/big")" ] || fail "dataset cid"
cmp "$M/.codex/datasets/$cid" "$W/tree/big" || fail "reading through .codex"
cmp "$M/.codex/names/big" "$W/tree/big" || fail "reading by name"
"$CODEXFS" dataset get --store "$M" -o "$W/out" "$cid" || fail "dataset get"
cmp "$W/out" "$W/tree/big" || fail "dataset get gave other bytes"
"$CODEXFS" dataset rm --store "$M" "$cid" || fail "dataset rm"
[ -e "$M/.codex/datasets/$cid" ] && fail "the dataset is still there"

say "sync and status"
"$CODEXFS" sync "$M" >/dev/null || fail "sync"
"$CODEXFS" sync --until=sealed "$M" >"$W/sync.out" || fail "sync sealed"
grep -q 'this disk only' "$W/sync.out" ||
	fail "sync does not say where the namespace is"
[ "$(getfattr --only-values -n user.codex.state "$M/a/big")" = sealed ] ||
	fail "a sealed file does not say so"
"$CODEXFS" status --json "$M" | grep -q '"sealed": [1-9]' ||
	fail "status shows no sealed segment"
same "$W/tree" "$M/a"
remount
same "$W/tree" "$M/a"

rm -rf "$M/a" "$M/b"
do_umount
check_store
say "all good"
