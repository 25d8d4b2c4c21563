#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0 OR MIT
# At and over every limit: names, paths, links, attributes, sizes, offsets,
# locks; then options that make no sense.  CDX_COUNT rounds.
. "$(dirname "$0")/lib.sh"
need rsync cmp

limits=$CDX_BUILDDIR/tests/mount/limits
[ -x "$limits" ] || fail "limits is not built"

# What is in a folder, in a form that can be compared
listing() {
	(cd "$1" && find . -printf '%P %y %m %n %s %l %T@\n' | LC_ALL=C sort)
	(cd "$1" && find . -type f -size -100M -print0 | LC_ALL=C sort -z |
		xargs -0 -r sha256sum)
}

make_store
do_mount
for ((round = 1; round <= ${CDX_COUNT:-1}; round++)); do
	mkdir "$M/limits"
	for check in $("$limits" list); do
		mkdir "$M/limits/$check"
		timeout 300 "$limits" "$check" "$M/limits/$check" ||
			fail "$check ($?)"
		say "$check"
	done

	say "copies share their bytes"
	head -c 50000000 /dev/urandom >"$M/limits/original"
	"$CODEXFS" sync "$M" >/dev/null || fail "sync"
	free1=$(stat -f -c '%f * %S' "$M")
	for i in 1 2 3 4; do
		cp "$M/limits/original" "$M/limits/copy$i" || fail "cp"
	done
	"$CODEXFS" sync "$M" >/dev/null || fail "sync"
	free2=$(stat -f -c '%f * %S' "$M")
	[ $(((free1) - (free2))) -lt 10000000 ] ||
		fail "four copies take $(((free1) - (free2))) bytes"
	printf changed | dd of="$M/limits/copy1" bs=1 seek=1000 conv=notrunc \
		status=none
	cmp "$M/limits/original" "$M/limits/copy2" || fail "a copy changed"
	cmp -s "$M/limits/original" "$M/limits/copy1" && fail "no change"

	say "all of it again after a remount"
	listing "$M/limits" >"$W/before"
	remount
	listing "$M/limits" >"$W/after"
	cmp "$W/before" "$W/after" || {
		diff "$W/before" "$W/after" | head >&2
		fail "a remount changed something"
	}
	timeout 300 rm -rf "$M/limits" || fail "rm -rf"
	[ ! -e "$M/limits" ] || fail "rm -rf left something"
	for ((i = 0; i < 60; i++)); do
		[ "$(find "$M" | wc -l)" -eq 1 ] && break
		sleep 0.1
	done
done
do_umount
check_store

say "options that make no sense"
# refuses COMMAND...: an error with a text, soon, and not by a signal
refuses() {
	local rc
	timeout 20 "$@" >"$W/out" 2>&1 </dev/null
	rc=$?
	[ $rc -gt 0 ] && [ $rc -lt 124 ] || fail "ends with $rc: $*"
	[ -s "$W/out" ] || fail "says nothing: $*"
}
long=$(printf 'x%.0s' $(seq 5000))
for bad in '' -1 0x 1e3 12Q 99999999999999999999 -9223372036854775809 "$long"; do
	for option in --quota --data --parity --codec --volume \
		--words-file; do
		refuses "$CODEXFS" init "$option=$bad" "$W/never"
	done
	for option in commit seal_age threads uid gid key; do
		refuses "$CODEXFS" mount -o "$option=$bad" "$S" "$M"
		! mounted || fail "-o $option=$bad mounted"
	done
	refuses "$CODEXFS" compact --below="$bad" "$S"
	refuses "$CODEXFS" sync --until="$bad" "$S"
	refuses "$CODEXFS" status --log-level="$bad" "$S"
	refuses "$CODEXFS" dataset get --store "$S" "$bad"
	refuses "$CODEXFS" dataset rm --store "$S" "$bad"
	refuses "$CODEXFS" dataset show --store "$S" "$bad"
	for verb in protect slots verify; do
		refuses "$CODEXFS" dataset $verb --store "$S" "$bad"
	done
	for option in --block-size --cell-size --data --parity --codec; do
		refuses "$CODEXFS" dataset add --store "$S" "$option=$bad" \
			"$W/init.out"
	done
	for option in --slot --challenge --samples; do
		refuses "$CODEXFS" dataset inputs --store "$S" \
			"$option=$bad" "$bad"
	done
	refuses "$CODEXFS" policy --data="$bad" "$S"
	refuses "$CODEXFS" key restore --volume="$bad" "$S"
done
for verb in init mount umount status sync fsck compact dataset policy key; do
	refuses "$CODEXFS" $verb --no-such-option
	refuses "$CODEXFS" $verb --store
	refuses "$CODEXFS" $verb "$W/no/such/place" a b c d
	refuses "$CODEXFS" $verb "$long$long"
done
refuses "$CODEXFS" init --quota 1 "$W/never"
refuses "$CODEXFS" init --data 1000000 --parity 1 "$W/never"
refuses "$CODEXFS" init --data 30 "$W/never"
refuses "$CODEXFS" init --volume 4294967296 "$W/never"
refuses "$CODEXFS" dataset cid "$W/nothing"
refuses "$CODEXFS" dataset cid "$W"
refuses "$CODEXFS" dataset add --store "$S" --filename "$long" "$W/init.out"
refuses "$CODEXFS" dataset add --store "$S" --mimetype "$long" "$W/init.out"
[ ! -e "$W/never" ] || fail "a refused init left something"
check_store
say "all good"
