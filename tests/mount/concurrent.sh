#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0 OR MIT
# Writers, readers, movers and tools at once for CDX_COUNT seconds, while
# segments are sealed and compacted; then everything again after a remount.
. "$(dirname "$0")/lib.sh"
need rsync tar cmp

program=$CDX_BUILDDIR/tests/mount/concurrent
[ -x "$program" ] || fail "concurrent is not built"
seconds=${CDX_COUNT:-5}
seed=${CDX_SEED:-1}
say "seed $seed"

make_tree "$W/tree" 150
rm "$W/tree/sparse"
make_store
do_mount -o commit=1
mkdir "$M/c"
stop=$((SECONDS + seconds))

# Each of these goes on until the time is over; one round at least.
untar() {
	local n=0
	while [ $n -eq 0 ] || [ $SECONDS -lt $stop ]; do
		rm -rf "$M/tar"
		mkdir "$M/tar" || return 1
		tar -C "$W/tree" --xattrs-include='*' --acls -cf - . |
			tar -C "$M/tar" --xattrs-include='*' --acls -xf - || return 1
		n=$((n + 1))
	done
	say "tar: $n rounds"
}
resync() {
	local n=0
	while [ $n -eq 0 ] || [ $SECONDS -lt $stop ]; do
		rsync -aHAX --delete "$W/tree/" "$M/rsync/" || return 1
		rm -rf "$M/rsync/many" "$M/rsync/big"
		n=$((n + 1))
	done
	rsync -aHAX --delete "$W/tree/" "$M/rsync/" || return 1
	say "rsync: $n rounds"
}
lists() {
	while [ $SECONDS -lt $stop ]; do
		# names come and go: only the listing of what stays must work
		find "$M" >/dev/null 2>&1
		ls -lR "$M/c" >/dev/null 2>&1
		stat -f "$M" >/dev/null || return 1
		"$CODEXFS" status "$M" >/dev/null || return 1
	done
}
seals() {
	local n=0
	while [ $SECONDS -lt $stop ]; do
		"$CODEXFS" sync --until=sealed "$M" >/dev/null || return 1
		"$CODEXFS" compact --below 90 "$M" >/dev/null || return 1
		n=$((n + 1))
		sleep 1
	done
	say "sealed and compacted $n times"
}
datasets() {
	local cid n=0
	while [ $SECONDS -lt $stop ]; do
		cid=$("$CODEXFS" dataset add --store "$M" "$W/tree/big") ||
			return 1
		cmp "$M/.codex/datasets/$cid" "$W/tree/big" || return 1
		"$CODEXFS" dataset rm --store "$M" "$cid" || return 1
		n=$((n + 1))
	done
	say "datasets: $n rounds"
}

jobs=()
for job in untar resync lists seals datasets; do
	$job &
	jobs+=($!)
done
timeout $((seconds + 300)) "$program" run "$M/c" "$W/state" "$seconds" "$seed" ||
	fail "the processes: $?"
i=0
for job in untar resync lists seals datasets; do
	wait "${jobs[i++]}" || fail "$job"
done
same "$W/tree" "$M/tar"
same "$W/tree" "$M/rsync"

say "after a remount"
remount
"$program" verify "$M/c" "$W/state" || fail "a remount lost something"
same "$W/tree" "$M/tar"
same "$W/tree" "$M/rsync"
rm -rf "$M/tar" "$M/rsync"
do_umount
check_store
say "all good"
