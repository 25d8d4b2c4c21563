# SPDX-License-Identifier: Apache-2.0 OR MIT
# shellcheck shell=bash
# Shared by the mount suites: sourced, not run.  Gives, beside what tests/lib.sh
# gives, a store $S on a real disk, a mount point $M, and cleans up at the end.

. "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"
S=$W/store
M=$W/mnt
mkdir "$M"

mounted() { grep -q " $M fuse.codexfs " /proc/self/mounts; }

cleanup() {
	local status=$?
	cd /
	# what else would go to the journal
	[ "$status" = 0 ] || [ ! -s "$W/mount.log" ] || {
		echo "the last that mounts said:"
		tail -n 20 "$W/mount.log"
	}
	if mounted; then
		"$CODEXFS" umount -l "$M" || umount -l "$M"
		# the process ends with its last open file; the store is free then
		timeout 60 flock "$S/lock" true
	fi
	scratch_end $status
	exit $status
}
trap cleanup EXIT

if [ ! -c /dev/fuse ]; then skip "there is no /dev/fuse"; fi
if [ "$(id -u)" -ne 0 ]; then skip "mount tests want root"; fi

# make_store [OPTIONS of init]
make_store() {
	"$CODEXFS" init --quota 4G "$@" "$S" >"$W/init.out" ||
		fail "init failed"
}
# do_mount [OPTIONS of mount]
do_mount() {
	"$CODEXFS" mount --log-file "$W/mount.log" "$@" "$S" "$M" ||
		fail "mount failed"
	mounted || fail "mount said 0, but nothing is mounted"
}
do_umount() {
	"$CODEXFS" umount "$M" || fail "umount failed"
	! mounted || fail "umount said 0, but it is still mounted"
}
remount() {
	do_umount
	do_mount "$@"
}
check_store() {
	"$CODEXFS" fsck "$S" >"$W/fsck.out" 2>&1 || {
		cat "$W/fsck.out" >&2
		fail "fsck found errors"
	}
}
# The process that serves the mount
mount_pid() { holder "$S"; }
# kill -9, and wait until the kernel has let go of the store
kill_mount() {
	kill -9 "$(mount_pid)" || fail "the mount process is gone already"
	timeout 60 flock "$S/lock" true || fail "a killed process holds the store"
}
# same DIR DIR: names, contents, modes, owners, times, links, xattrs
same() {
	local list='rsync -aHAXn --delete --itemize-changes --checksum'
	local diffs
	diffs=$($list "$1/" "$2/") || fail "comparing $1 and $2 failed"
	[ -z "$diffs" ] || {
		printf '%s\n' "$diffs" | head -20 >&2
		fail "$2 differs from $1"
	}
}
# A tree with every kind of file: make_tree DIR FILES
make_tree() {
	local d=$1 n=$2 i
	mkdir -p "$d/sub/deep/er" "$d/many"
	for ((i = 0; i < n; i++)); do
		head -c $((i * 37 % 20000)) /dev/urandom >"$d/many/f$i"
	done
	head -c 5000000 /dev/urandom >"$d/big"
	head -c 65536 /dev/urandom >"$d/block"
	: >"$d/empty"
	truncate -s 100M "$d/sparse"
	printf x | dd of="$d/sparse" bs=1 seek=50000000 conv=notrunc status=none
	ln "$d/big" "$d/sub/hard"
	ln -s ../big "$d/sub/soft"
	ln -s /nowhere/at/all "$d/dangling"
	mkfifo "$d/fifo"
	mknod "$d/null" c 1 3
	setfattr -n user.colour -v blue "$d/big"
	setfattr -n trusted.t -v 1 "$d/sub"
	setfacl -m u:1234:rw "$d/block"
	setfacl -d -m g:77:rx "$d/sub/deep"
	chmod 4755 "$d/block"
	chown 1000:1001 "$d/empty"
	touch -d '2001-02-03 04:05:06.789012345' "$d/big" "$d/sub"
	printf 'name with a newline\n' >"$d/odd
name"
	printf 'x' >"$d/$(printf 'n%.0s' $(seq 255))"
}
