#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0 OR MIT
# Proofs of every slot of a real protected segment, through a live mount, with a
# development key of one sample: all right in one call, none right for anything
# else, with slots given away too.  CDX_COUNT times, each with another challenge.
. "$(dirname "$0")/lib.sh"
need python3 cmp

rounds=${CDX_COUNT:-1}
k=3
m=2
cx() { "$CODEXFS" "$@"; }
# prove SLOT CHALLENGE NAME: to $W/NAME.proof and $W/NAME.public
prove() {
	cx dataset prove --store "$M" --slot "$1" --samples 1 \
		--challenge "$2" -o "$W/$3.proof" --public "$W/$3.public" \
		"$cid" 2>"$W/out" || fail "prove slot $1: $(cat "$W/out")"
	grep -q 'warning: made with a development key' "$W/out" ||
		fail "no warning: $(cat "$W/out")"
}
# verify PUBLIC PROOF...: of these names, in one call
verify() {
	local -a args=()

	while [ $# -gt 0 ]; do
		args+=(--public "$W/$1.public" --proof "$W/$2.proof")
		shift 2
	done
	cx proof verify --development --vk "$W/vk" "${args[@]}"
}
# all NAME: of every slot
all() {
	local -a args=()
	local slot

	for ((slot = 0; slot < k + m; slot++)); do
		args+=("$1$slot" "$1$slot")
	done
	wants 0 '^all valid$' verify "${args[@]}"
}
challenge() { od -An -tx1 -N 32 /dev/urandom | tr -d ' \n'; }
# What the public inputs of NAME's say: SLOT, CHALLENGE, and one root for all
says() {
	python3 - "$W/$1.public" "$2" "$3" <<'END' || fail "public inputs of $1"
import json, sys
entropy, root, slot = map(int, json.load(open(sys.argv[1])))
assert slot == int(sys.argv[2])
assert entropy == int.from_bytes(bytes.fromhex(sys.argv[3])[:31], "little")
END
	member "$W/$1.public" 'j[1]'
}

make_store --quota 1G --data $k --parity $m
do_mount
head -c 20000000 /dev/urandom >"$W/file"
cp "$W/file" "$M/file"
cx sync --until=protected "$M" >"$W/out" || fail "sync --until=protected"
segment=$(ls "$M/.codex/segments" | head -n 1)
[ -n "$segment" ] || fail "there is no segment"
cid=$(sed -n 's/^verifiable //p' "$M/.codex/segments/$segment")
first=$(challenge)

wants 3 'no proving key for 1 samples' cx dataset prove --store "$M" --slot 0 \
	--samples 1 --challenge "$first" "$cid"
cx proof setup --samples 1 --vk "$W/vk" -o "$W/key" 2>"$W/out" || fail "setup"
wants 1 'is a development key' cx proof import --store "$M" "$W/key"
cx status "$M" | grep -q 'proving key' && fail "status: a refused key"
wants 0 DEVELOPMENT cx proof import --development --store "$M" "$W/key"
cx status "$M" | grep 'proving key' |
	grep -q "$(sha256sum <"$W/key" | cut -c-64), DEVELOPMENT" ||
	fail "status does not show the key"
cx status --json "$M" >"$W/j" || fail "status"
is "$(member "$W/j" '[[x["samples"], x["development"]] for x in
	j["proofKeys"]]')" '[[1, true]]' "status --json"

for ((round = 1; round <= rounds; round++)); do
	[ "$round" -eq 1 ] || first=$(challenge)
	second=$(challenge)
	say "challenges $first $second"
	for ((slot = 0; slot < k + m; slot++)); do
		prove $slot "$first" a$slot
		says a$slot $slot "$first" >>"$W/roots.$round"
	done
	is "$(sort -u "$W/roots.$round" | wc -l)" 1 "roots of one dataset"
	all a
	prove 0 "$second" b0
	is "$(says b0 0 "$second")" "$(head -n 1 "$W/roots.$round")" "the root"
	wants 0 '^valid$' verify b0 b0
	# another challenge's, another slot's
	wants 1 'a0.proof: NOT valid' verify b0 a0
	wants 1 'b0.proof: NOT valid' verify a0 b0
	wants 1 'a0.proof: NOT valid' verify a1 a0
	wants 1 'a3.proof: NOT valid' verify a0 a0 a2 a3 a4 a4
	is "$(grep -c 'proof: valid$' "$W/out")" 2 "those that are right"

	# slots that are away are made from the others
	cx dataset evict --store "$M" --slot 0 --slot $k "$cid" >"$W/out" ||
		fail "evict"
	remount
	for ((slot = 0; slot < k + m; slot++)); do
		prove $slot "$second" c$slot
	done
	all c
	cmp -s "$W/b0.proof" "$W/c0.proof" && fail "two proofs are the same"
	cmp "$W/b0.public" "$W/c0.public" || fail "other public inputs"
	cx dataset rebuild --store "$M" --slot 0 --slot $k "$cid" >"$W/out" ||
		fail "rebuild"
done
wants 2 'slots are 0 to 4' cx dataset prove --store "$M" --slot $((k + m)) \
	--samples 1 --challenge "$first" "$cid"

# who goes away in the middle leaves nothing running and nothing hanging
cx dataset prove --store "$M" --slot 1 --samples 1 --challenge "$first" \
	"$cid" >"$W/out" 2>&1 &
pid=$!
sleep 0.2
kill -9 $pid 2>/dev/null
wait $pid 2>/dev/null
timeout 60 "$CODEXFS" umount "$M" || fail "umount with a lost client"
do_mount
cmp "$M/file" "$W/file" || fail "the file"
do_umount
# the closed store proves as well
cx dataset prove --store "$S" --slot 2 --samples 1 --challenge "$first" \
	-o "$W/d.proof" --public "$W/d.public" "$cid" 2>"$W/out" ||
	fail "prove on a closed store: $(cat "$W/out")"
wants 0 '^all valid$' verify d d a2 a2
check_store
say "all good"
