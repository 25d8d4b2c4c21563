#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0 OR MIT
# Real tools on a real mount: each leaves something that is compared after a
# remount.
. "$(dirname "$0")/lib.sh"
need rsync tar git sqlite3 restic borg setfattr setfacl

make_store
do_mount
make_tree "$W/tree" 300

say "tar"
tar -C "$W" -cf "$M/tree.tar" tree || fail "tar -c onto the mount"
mkdir "$M/untar"
tar -C "$M/untar" -xpf "$M/tree.tar" || fail "tar -x on the mount"
tar -C "$M/untar" -df "$M/tree.tar" >"$W/tar.diff" 2>&1 || {
	cat "$W/tar.diff"
	fail "tar -d finds differences"
}

say "rsync twice, changes between"
rsync -aHAX --delete "$W/tree/" "$M/r/" || fail "rsync"
rm -r "$W/tree/many/f1"*
head -c 300000 /dev/urandom | dd of="$W/tree/big" conv=notrunc bs=1000 \
	seek=1000 status=none
touch "$W/tree/new file"
rsync -aHAX --delete "$W/tree/" "$M/r/" || fail "rsync --delete"
same "$W/tree" "$M/r"
cp -a "$W/tree" "$W/as-synced"

say "git"
git init -q "$W/repo"
cp -r "$CDX_SRCDIR/src" "$W/repo/"
git -C "$W/repo" add -A
git -C "$W/repo" -c user.name=t -c user.email=t@t commit -qm one
git clone -q --no-hardlinks "$W/repo" "$M/clone" || fail "git clone"
git -C "$M/clone" fsck --full --strict || fail "git fsck"
git -C "$M/clone" gc -q || fail "git gc"
git -C "$M/clone" fsck --full || fail "git fsck after gc"
[ -z "$(git -C "$M/clone" status --porcelain)" ] || fail "git status is dirty"

for mode in delete wal; do
	say "sqlite, journal_mode=$mode"
	db=$M/db-$mode
	sqlite3 "$db" "pragma journal_mode=$mode;" >/dev/null || fail "sqlite"
	{
		echo 'create table t(a integer primary key, b text);'
		for i in $(seq 300); do
			echo "insert into t(b) values(hex(randomblob(200)));"
		done
		echo 'delete from t where a % 3 = 0; vacuum;'
	} | sqlite3 "$db" || fail "sqlite statements"
	sqlite3 "$db" .dump >"$W/dump-$mode"
done

say "save by rename, as editors do"
for i in $(seq 50); do
	printf 'version %s\n' "$i" >"$M/.doc.tmp"
	sync "$M/.doc.tmp"
	mv "$M/.doc.tmp" "$M/doc"
done

say "restic"
export RESTIC_PASSWORD=secret
restic -q init -r "$M/restic" || fail "restic init"
restic -q -r "$M/restic" backup "$W/tree" || fail "restic backup"
printf more >"$W/tree/more"
restic -q -r "$M/restic" backup "$W/tree" || fail "restic backup 2"
restic -q -r "$M/restic" forget --keep-last 1 --prune || fail "restic forget"
restic -q -r "$M/restic" check --read-data || fail "restic check"

say "borg"
export BORG_PASSPHRASE=secret BORG_BASE_DIR=$W/borgbase
export BORG_RELOCATED_REPO_ACCESS_IS_OK=yes
borg init -e repokey "$M/borg" 2>/dev/null || fail "borg init"
(cd "$W" && borg create "$M/borg::one" tree) || fail "borg create"
rm "$W/tree/more"
(cd "$W" && borg create "$M/borg::two" tree) || fail "borg create 2"
borg prune --keep-last 1 "$M/borg" || fail "borg prune"
borg compact "$M/borg" || fail "borg compact"
borg check --verify-data "$M/borg" || fail "borg check"

say "all of it again after a remount"
remount
same "$W/as-synced" "$M/r"
[ "$(cat "$M/doc")" = "version 50" ] || fail "the saved document"
git -C "$M/clone" fsck --full || fail "git fsck after the remount"
for mode in delete wal; do
	sqlite3 "$M/db-$mode" 'pragma integrity_check' | grep -qx ok ||
		fail "sqlite integrity ($mode)"
	sqlite3 "$M/db-$mode" .dump | cmp - "$W/dump-$mode" ||
		fail "sqlite dump ($mode)"
done
restic -q -r "$M/restic" restore latest --target "$W/restored" ||
	fail "restic restore"
# without --ACLs: restic 0.14 keeps them as xattrs, rsync compares them apart
rm -f "$W/restored$W/tree/more" # it was there at the last backup
diffs=$(rsync -aHn --delete --itemize-changes --checksum "$W/tree/" \
	"$W/restored$W/tree/" | grep -v '^\.d\.\.t')
[ -z "$diffs" ] || fail "the restored tree differs: $diffs"
borg check "$M/borg" || fail "borg check after the remount"
do_umount
check_store
say "all good"
