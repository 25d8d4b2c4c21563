#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0 OR MIT
# kill -9 of the mount process at random moments while it seals and protects,
# CDX_COUNT times; it goes on where it was, ends with everything protected, and
# never codes a step twice that had become durable.
. "$(dirname "$0")/lib.sh"
need rsync

count=${CDX_COUNT:-3}
seed=${CDX_SEED:-1}
say "seed $seed"
RANDOM=$((seed % 32768))
tree=/usr/include
[ -d "$tree" ] || tree=/usr/share/doc

cx() { "$CODEXFS" "$@"; }
figure() {
	cx status --json "$M" 2>/dev/null |
		sed -n "s/.*\"$1\": \([0-9]*\).*/\1/p" | head -n 1
}
# Seconds with hundredths up to MAX/100: moment MAX
moment() {
	local n=$((RANDOM % $1))
	printf '%d.%02d' $((n / 100)) $((n % 100))
}

# Something new to work on: fill N
fill() {
	rm -rf "$M/a"
	cp -a "$tree" "$M/a" || fail "cp $1 failed"
	cx sync "$M" >/dev/null || fail "sync $1"
	# every other time kills are to meet the protection alone
	[ $(($1 % 2)) -eq 0 ] || return 0
	cx sync --until=sealed "$M" >/dev/null || fail "sync --until=sealed $1"
}

make_store --quota 2G --data 4 --parity 2
coded=0
fills=0
full=0
max=100 # hundredths of a second that a life lasts at most
for ((i = 1; i <= count; i++)); do
	do_mount -o commit=1
	if [ $full -eq 0 ]; then
		fills=$((fills + 1))
		fill $fills
		full=1
	fi
	cx sync --until=protected "$M" >"$W/sync.out" 2>&1 &
	syncer=$!
	sleep "$(moment $max)"
	steps=$(figure stepsCoded)
	waiting=$(figure waiting)
	say "life $i: ${steps:-0} steps, ${waiting:-no} segments wait"
	# lives as long as this machine needs for some windows, and not for all
	if ! kill -0 $syncer 2>/dev/null && [ "$waiting" = 0 ]; then
		full=0
		max=$((max / 2 + 20))
	elif [ "${steps:-0}" -eq 0 ] && [ $max -lt 3000 ]; then
		max=$((max * 3 / 2))
	fi
	kill_mount
	wait $syncer
	coded=$((coded + ${steps:-0}))
	check_store
done
do_mount -o commit=1
cx sync --until=protected "$M" >"$W/sync.out" || fail "sync --until=protected"
last=$(figure stepsCoded)
[ "$(figure waiting)" = 0 ] || fail "something is not protected"
remount
# what is durable is not done again
cx sync --until=protected "$M" >/dev/null || fail "the second sync"
again=$(figure stepsCoded)
[ "$again" = 0 ] || fail "$again steps were coded a second time"
for s in "$M"/.codex/segments/*; do
	cid=$(sed -n 's/^verifiable //p' "$s")
	cx dataset verify --store "$M" "$cid" >"$W/out" || {
		cat "$W/out" >&2
		fail "verify $cid"
	}
done
same "$tree" "$M/a"
do_umount
check_store
say "$count kills in $fills fills, $coded steps coded before, $last after"
