#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0 OR MIT
# A real tree is copied in and protected; then as many slots of every segment as
# there is parity are given away, and the tree still reads back the same.  What
# is made again has the same roots.  CDX_COUNT times, each with other slots.
. "$(dirname "$0")/lib.sh"
need rsync getfattr

rounds=${CDX_COUNT:-1}
seed=${CDX_SEED:-1}
say "seed $seed"
RANDOM=$((seed % 32768))
k=4
m=2
tree=/usr/include
[ -d "$tree" ] || tree=/usr/share/doc

cx() { "$CODEXFS" "$@"; }
# What a segment's file in the virtual folder says: field NAME SEGMENT
field() { sed -n "s/^$1 //p" "$M/.codex/segments/$2"; }
state() { getfattr --only-values -n user.codex.state "$1" 2>/dev/null; }
figure() {
	cx status --json "$M" | sed -n "s/.*\"$1\": \([0-9]*\).*/\1/p" |
		head -n 1
}
# Nothing that the kernel still has answers for us
fresh() {
	remount
	[ ! -w /proc/sys/vm/drop_caches ] || echo 1 >/proc/sys/vm/drop_caches
}
# Roots of a dataset's slots: a line each
roots() { cx dataset slots --store "$M" "$1" | awk '{print $1, $2, $3}'; }

make_store --quota 1G --data $k --parity $m
do_mount
cp -a "$tree" "$M/a" || fail "cp failed"
cx sync --until=protected "$M" >"$W/sync.out" || fail "sync --until=protected"
big=$(find "$M/a" -type f -size +64k | head -n 1)
[ -n "$big" ] || fail "$tree has no large file"
[ "$(state "$big")" = protected ] || fail "a protected file does not say so"
[ "$(figure waiting)" = 0 ] || fail "status: something waits"
segs=$(ls "$M/.codex/segments")
n=$(wc -w <<<"$segs")
[ "$n" -gt 0 ] || fail "there is no segment"
[ "$(figure protected)" = "$n" ] || fail "not all of $n segments are protected"
say "$n segments of $k + $m"

for ((round = 1; round <= rounds; round++)); do
	for s in $segs; do
		cid=$(field verifiable "$s")
		roots "$cid" >"$W/roots.$s"
		mapfile -t gone < <(shuf -i 0-$((k + m - 1)) -n $m \
			--random-source=<(yes "$RANDOM$s"))
		for slot in "${gone[@]}"; do
			cx dataset evict --store "$M" --slot "$slot" "$cid" \
				>"$W/out" || fail "evict slot $slot of $cid"
		done
		printf '%s\n' "${gone[@]}" >"$W/gone.$s"
		# one more is one too many
		for ((slot = 0; slot < k + m; slot++)); do
			grep -qx "$slot" "$W/gone.$s" ||
				! cx dataset evict --store "$M" \
					--slot "$slot" "$cid" 2>/dev/null ||
				fail "slot $slot could be given away too"
		done
	done
	cx sync "$M" >/dev/null
	cx sync "$M" >/dev/null
	fresh
	same "$tree" "$M/a"
	[ "$(figure badBlocks)" = 0 ] || fail "given away, but called bad"
	do_umount
	check_store
	do_mount
	for s in $segs; do
		cid=$(field verifiable "$s")
		mapfile -t gone <"$W/gone.$s"
		for slot in "${gone[@]}"; do
			cx dataset rebuild --store "$M" --slot "$slot" "$cid" \
				>"$W/out" || fail "rebuild slot $slot of $cid"
		done
		roots "$cid" | cmp - "$W/roots.$s" || fail "the roots changed"
		cx dataset slots --store "$M" "$cid" | grep -q absent &&
			fail "a slot of $cid is still absent"
		cx dataset verify --store "$M" "$cid" >"$W/out" || {
			cat "$W/out" >&2
			fail "verify $cid"
		}
	done
	fresh
	same "$tree" "$M/a"
	[ "$(figure degradedReads)" = 0 ] || fail "rebuilt, but not used"
	do_umount
	check_store
	do_mount
done

say "the policy for what comes next"
cx policy --data 3 --parity 1 "$M" >"$W/out" || fail "policy"
cp -a "$tree" "$M/b" || fail "the second cp failed"
cx sync --until=protected "$M" >/dev/null || fail "sync --until=protected"
remount
grep -lx 'data 3' "$M"/.codex/segments/* >/dev/null ||
	fail "no segment of the new code"
same "$tree" "$M/b"
same "$tree" "$M/a"
rm -rf "$M/a" "$M/b"
do_umount
check_store
say "all good"
