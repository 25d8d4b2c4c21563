#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0 OR MIT
# kill -9 of the mount process at random points under load, CDX_COUNT times;
# after each: fsck, mount, and what had been fsynced is compared.
. "$(dirname "$0")/lib.sh"

load=$CDX_BUILDDIR/tests/mount/crashload
[ -x "$load" ] || fail "crashload is not built"
count=${CDX_COUNT:-3}
seed=${CDX_SEED:-1}
say "seed $seed"
RANDOM=$((seed % 32768))

make_store
replayed=0
for ((i = 1; i <= count; i++)); do
	# short commit intervals now and then, so that crashes meet commits
	do_mount -o commit=$((1 + i % 3))
	"$load" load "$M" run$i "$W/ledger$i" $((seed + i)) &
	loader=$!
	# a big copy beside it, sealing once in a while
	(dd if=/dev/urandom of="$M/big$((i % 3))" bs=1M count=40 status=none
	[ $((i % 5)) -ne 0 ] || "$CODEXFS" sync --until=sealed "$M" >/dev/null
	) 2>/dev/null &
	copier=$!
	sleep "0.$((RANDOM % 10))$((RANDOM % 10))"
	[ $((i % 4)) -ne 0 ] || sleep $((1 + RANDOM % 3))
	kill_mount
	wait $loader
	wait $copier
	# the killed one's lock is gone with it; the mount may be dead or gone
	check_store
	do_mount
	n=$("$CODEXFS" status --json "$M" |
		sed -n 's/.*"logReplayed": \([0-9]*\).*/\1/p')
	replayed=$((replayed + n))
	"$load" verify "$M" run$i "$W/ledger$i" >"$W/verify.out" || {
		cat "$W/verify.out"
		fail "crash $i lost something that was durable"
	}
	rm -rf "$M"/run*
	do_umount
done
check_store
tail -n 4 "$W/verify.out"
say "$count crashes, nothing durable lost"
