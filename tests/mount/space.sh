#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0 OR MIT
# A full quota and a full disk: clean errors, no corruption, and space comes
# back after deletion.
. "$(dirname "$0")/lib.sh"
need rsync mkfs.ext4

free_kb() { stat -f -c '%a %S' "$M" | awk '{ print int($1 * $2 / 1024) }'; }

fill() {
	local i
	for ((i = 0; ; i++)); do
		head -c $((1 + i % 5))000000 /dev/urandom >"$M/fill/$i" \
			2>/dev/null || break
		[ $i -lt 2000 ] || fail "a quota without an end"
	done
	say "filled with $i files, $(free_kb) KiB left"
}

run() {
	mkdir "$M/fill" "$M/keep"
	head -c 2000000 /dev/urandom >"$W/keep"
	cp "$W/keep" "$M/keep/"
	"$CODEXFS" sync "$M" >/dev/null || fail "sync"
	local before
	before=$(free_kb)
	for round in 1 2 3; do
		fill &
		fill2=$!
		# metadata and small files meanwhile
		for i in $(seq 200); do
			echo $i >"$M/keep/s$i" 2>/dev/null
		done
		wait $fill2 || exit 1
		cmp "$W/keep" "$M/keep/keep" || fail "a kept file changed"
		rm -r "$M/fill" || fail "cannot delete on a full volume"
		mkdir "$M/fill" || fail "cannot make a folder after deletion"
		for i in $(seq 40); do
			sleep 0.5
			[ "$(free_kb)" -lt $((before * 8 / 10)) ] || break
		done
		say "round $round: $(free_kb) of $before KiB came back"
		[ "$(free_kb)" -ge $((before * 8 / 10)) ] ||
			fail "space does not come back"
	done
}

say "a quota of 256 MiB"
make_store --quota 256M
do_mount -o commit=1
run
do_umount
check_store
rm -rf "$S"

say "a disk of 400 MiB, a quota of 4 GiB"
truncate -s 400M "$W/disk"
mkfs.ext4 -q "$W/disk" || fail "mkfs"
mkdir "$W/small"
mount -o loop "$W/disk" "$W/small" || skip "no loop mounts here"
S=$W/small/store
make_store --quota 4G 2>/dev/null
do_mount -o commit=1
run
do_umount
check_store
umount "$W/small"
S=$W/none
say "all good"
