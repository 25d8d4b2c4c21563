#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0 OR MIT
# Protected datasets through the verbs: the small geometry of the vectors byte
# for byte, loss and rebuild, other stores, refusals; all of it on a closed
# store and through a live mount.
. "$(dirname "$0")/lib.sh"
need python3 cmp curl getfattr

vectors=$CDX_SRCDIR/tests/vectors
small=$vectors/derived_small_k3m2.json

# ds VERB...: on the store as it is now, closed or mounted
ds() { "$CODEXFS" dataset "$@" --store "$where"; }
states() { # of the slots of a dataset, in a row
	ds slots "$1" | awk '{ printf "%s%s", s, $6; s = " " }'
}
roots() { ds slots "$1" | awk '{ print $3 }'; }

python3 -c 'import hashlib, json, sys
d = json.load(open(sys.argv[1]))
b = bytes((o * 31 + (o >> 8) * 17 + (o >> 16) * 7 + 5) & 255
	  for o in range(d["datasetSize"]))
assert hashlib.sha256(b).hexdigest() == d["dataSha256"]
open(sys.argv[2], "wb").write(b)' "$small" "$W/small" || fail "the vector file"
head -c 3000001 /dev/urandom >"$W/big"
challenge=$(member "$small" 'j["challengeHex"]')

# The vector, and what every JSON has to have
check_small() {
	local cid verifiable

	cid=$(ds add --no-filename --block-size 1024 "$W/small") ||
		fail "dataset add"
	is "$cid" "$(member "$small" 'j["plainManifestCid"]')" "plain CID"
	is "$cid" "$("$CODEXFS" dataset cid --no-filename --block-size 1K \
		"$W/small")" "dataset cid"
	ds add --json --no-filename --block-size 1024 "$W/small" >"$W/j" ||
		fail "dataset add --json"
	is "$(member "$W/j" 'j["cid"]')" "$cid" "cid of --json"
	is "$(member "$W/j" 'j["plain"]["cid"]')" "$cid" "plain of --json"
	ds add --json --no-filename --block-size 1024 --cell-size 64 --data 3 \
		--parity 2 "$W/small" >"$W/j" || fail "dataset add --parity"
	python3 - "$small" "$W/j" <<'END' || fail "dataset add --parity --json"
import json, sys
d, j = (json.load(open(f)) for f in sys.argv[1:])
p, e, v = (j[x]["manifest"] for x in ("plain", "protected", "verifiable"))
assert j["plain"]["cid"] == d["plainManifestCid"]
assert len({j[x]["cid"] for x in ("plain", "protected", "verifiable")}) == 3
for m in p, e, v:
    assert m["blockSize"] == 1024
    assert m["filename"] is None and m["mimetype"] is None
assert p["treeCid"] == d["treeCid"] and p["datasetSize"] == 7892
assert p["protected"] is False and "ecK" not in p
for m in e, v:
    assert m["protected"] is True and m["datasetSize"] == 15360
    assert (m["ecK"], m["ecM"]) == (3, 2)
    assert m["originalTreeCid"] == d["treeCid"]
    assert m["originalDatasetSize"] == 7892
    assert m["treeCid"] == e["treeCid"] != p["treeCid"]
assert "slotRoots" not in e
assert v["cellSize"] == 64 and len(v["slotRoots"]) == 5
assert v["slotRoots"][:3] == d["slotRootCids"][:3]
assert v["verifyRoot"].startswith("zE4LQeWx")
END
	verifiable=$(member "$W/j" 'j["verifiable"]["cid"]')
	ds add --no-filename --block-size 1024 --cell-size 64 --data 3 \
		--parity 2 "$W/small" >"$W/out" || fail "the same once more"
	is "$(awk 'END { print $1, $NF }' "$W/out")" "verifiable $verifiable" \
		"the last line of add"
	is "$(ds protect --data 3 --parity 2 --cell-size 64 "$cid")" \
		"$verifiable" "dataset protect of what is protected"
	for i in "$cid" "$verifiable"; do
		ds get "$i" | cmp - "$W/small" || fail "dataset get $i"
		ds verify "$i" | grep -q 'all well' || fail "dataset verify $i"
		is "$(roots "$i" | head -3 | xargs)" \
			"$(member "$small" '" ".join(j["slotRootCids"][:3])')" \
			"the roots of the data slots"
		ds show "$i" | grep -q "$verifiable" ||
			fail "show $i does not name the verifiable manifest"
	done
	ds ls | grep "$verifiable" | grep -q ' 3+2 ' || fail "ls: no 3+2"
	ds ls | grep "$cid" | grep -q ' plain ' || fail "ls: no plain"
	is "$(ds show --json "$cid" >"$W/j"
	member "$W/j" 'j["protections"][0]["cid"]')" "$verifiable" \
		"protections of the plain one"

	ds inputs --slot 1 --challenge "0x$challenge" -o "$W/input" "$verifiable" ||
		fail "dataset inputs"
	ds inputs --slot 1 --challenge "${challenge^^}" "$cid" |
		cmp - "$W/input" || fail "inputs differ without 0x"
	python3 - "$vectors/derived_small_k3m2_input.json" "$W/input" <<'END' ||
import json, sys
d, j = (json.load(open(f)) for f in sys.argv[1:])
assert d.keys() == j.keys()
# the others are made of the parity slots' roots too
for k in d.keys() - {"dataSetRoot", "slotProof"}:
    assert d[k] == j[k], k
assert j["slotProof"][0] == d["slotProof"][0]
assert len(j["slotProof"]) == 8 and len(j["merklePaths"][0]) == 32
END
		fail "the proof inputs are not those of the vector"
	ds inputs --slot 4 --samples 2 --challenge "$challenge" "$cid" >"$W/j" ||
		fail "inputs of a parity slot"
	is "$(member "$W/j" 'len(j["cellData"])')" 2 "samples"

	check_loss "$cid" "$verifiable"
	ds rm "$verifiable" | grep -q "$cid" || fail "rm does not name the rest"
	ds rm "$cid" || fail "rm of the plain one"
	ds ls | grep -q "$cid" && fail "it is still there"
	return 0
}

# Two of five slots are lost, and come back three ways
check_loss() {
	local cid=$1 verifiable=$2 i

	roots "$verifiable" >"$W/roots"
	rm -rf "$W/export"
	ds slots --export "$W/export" "$verifiable" >/dev/null ||
		fail "slots --export"
	is "$(stat -c %s "$W"/export/slot-00? | xargs)" \
		"3072 3072 3072 3072 3072" "the exported files"
	head -c 3072 "$W/small" | cmp - "$W/export/slot-000" ||
		fail "slot 0 is not the first three blocks"
	wants 0 'evicted: 1 4' ds evict --slot 4 --slot 1 "$cid"
	is "$(states "$verifiable")" "here absent here here absent" "states"
	wants 1 '3 are needed' ds evict --slot 0 "$verifiable"
	for i in "$cid" "$verifiable"; do
		ds get "$i" | cmp - "$W/small" || fail "get with slots away"
		ds verify "$i" >"$W/out" || fail "verify with slots away"
		grep -q 'slot 4 (parity): absent' "$W/out" ||
			fail "verify does not name what is away"
	done
	ds inputs --slot 1 --challenge "$challenge" "$verifiable" |
		cmp - "$W/input" || fail "inputs of a slot that is away"
	ds slots --export "$W/export2" "$verifiable" | grep -q 'left out: 1 4' ||
		fail "the export does not say what it left out"
	wants 0 'slot 1: 3 blocks written' ds rebuild --slot 1 "$verifiable"
	wants 0 'slot 4: 3 blocks written' \
		ds rebuild --slot 4 --from "$W/export" "$cid"
	roots "$verifiable" | cmp - "$W/roots" || fail "roots after rebuild"
	# the last block of slot 2 is padding, which is nowhere
	wants 0 'slot 2: 0 blocks written' ds rebuild --slot 2 "$verifiable"
	ds evict --slot 0 --slot 2 "$verifiable" >/dev/null || fail "evict"
	printf x | dd of="$W/export/slot-000" bs=1 seek=2000 conv=notrunc \
		status=none
	ds rebuild --json --slot 0 --slot 2 --from "$W/export" "$verifiable" \
		>"$W/j" || fail "rebuild from an export with a wrong block"
	is "$(member "$W/j" '[s["slot"] for s in j["slots"]]')" "[0, 2]" \
		"rebuild --json"
	is "$(states "$verifiable")" "here here here here here" "states"
	ds verify --json "$verifiable" >"$W/j" || fail "verify"
	is "$(member "$W/j" 'j["ok"]')" true "verify --json"
	ds get "$cid" | cmp - "$W/small" || fail "get after rebuild"
}

# What cannot be is refused with a reason, and changes nothing
check_refusals() {
	local cid none=zDvZRwzm3v9pdzgZthuAB5e3FFwArpafhSxgsJmkDc5dMXpnTjdm

	wants 2 'unknown dataset verb: frobnicate' ds frobnicate x
	wants 2 'protect does not take --block-size' \
		ds protect --block-size 1K "$none"
	wants 2 'slots does not take --data' ds slots --data 3 "$none"
	wants 2 'ls does not take --slot' ds ls --slot 3
	wants 2 'verify does not take --slot' ds verify --slot 1 "$none"
	wants 2 'rm does not take --output' ds rm -o x "$none"
	wants 2 'up to 255 bytes, not 256' \
		ds add --mimetype "$(printf 'x%.0s' {1..256})" "$W/three"
	wants 2 'up to 4096 bytes, not 4097' "$CODEXFS" dataset cid \
		--filename "$(printf 'x%.0s' {1..4097})" "$W/three"
	before=$(ds ls)
	wants 2 'smallest has 10 blocks' ds add --data 10 --parity 5 "$W/three"
	is "$(ds ls)" "$before" "a refused add left something"
	wants 2 . ds add --data 3 --parity 30 "$W/three"
	wants 2 'isa_l_rs_vand' ds add --data 3 --parity 5 \
		--codec isa_l_rs_vand "$W/three"
	wants 2 . ds add --data 3 --parity 1 --cell-size 1000 "$W/three"
	wants 2 . ds add --block-size 5M "$W/three"
	wants 2 . ds add --block-size 0 "$W/three"
	wants 2 . ds add --data 0 "$W/three"
	wants 2 'whole number' ds add --data 3x "$W/three"
	wants 2 'jerasure_rs_vand' ds add --codec nothing "$W/three"
	is "$(ds ls)" "$before" "a refused add left something"
	cid=$(ds add "$W/three") || fail "add"
	wants 2 'blocks' ds protect --data 4 --parity 2 "$cid"
	wants 2 'not protected' ds slots "$cid"
	wants 2 'not protected' ds evict --slot 0 "$cid"
	wants 2 'which slots' ds rebuild "$cid"
	wants 2 'one --slot' ds inputs --challenge "$challenge" "$cid"
	wants 2 '64 hex' ds inputs --slot 0 --challenge "${challenge}0" "$cid"
	wants 2 '64 hex' ds inputs --slot 0 --challenge "0x${challenge:2}" "$cid"
	wants 2 '64 hex' ds inputs --slot 0 --challenge "g${challenge:1}" "$cid"
	wants 2 '64 hex' ds inputs --slot 0 "$cid"
	wants 2 'number from 0' ds evict --slot 32 "$cid"
	wants 2 'number from 0' ds evict --slot -1 "$cid"
	for verb in protect slots verify show get; do
		wants 3 . ds $verb "$none"
		wants 2 . ds $verb nonsense
	done
	wants 3 . ds rebuild --slot 0 "$none"
	ds protect --data 3 --parity 1 "$cid" >/dev/null || fail "protect"
	wants 2 'slots are 0 to 3' ds evict --slot 4 "$cid"
	wants 3 'No such file' ds rebuild --slot 0 --from "$W/nowhere" "$cid"
	mkdir -p "$W/nothing"
	wants 3 'neither slots' ds rebuild --slot 0 --from "$W/nothing" "$cid"
	wants 1 . ds slots --export "$W/three" "$cid"
	wants 3 'slot root' ds show "$(roots "$cid" | head -1)"
	ds show --json "$cid" >"$W/j"
	wants 3 'of a tree' ds show "$(member "$W/j" 'j["manifest"]["treeCid"]')"
	# two protections: the plain CID says no longer which is meant
	ds protect --data 1 --parity 2 "$cid" >"$W/mirror" || fail "protect 1+2"
	wants 2 '2 ways' ds slots "$cid"
	is "$(states "$(cat "$W/mirror")")" "here here here" "1+2"
	wants 2 'instead' ds protect --data 1 --parity 2 "$(cat "$W/mirror")"
	wants 0 'pin is gone' ds rm "$cid"
	ds ls --json >"$W/j"
	for i in $(member "$W/j" '" ".join(d["cid"] for d in j["content"]
		if d["manifest"].get("filename") == "three"
		and d["kind"] == "verifiable")'); do
		ds rm "$i" >/dev/null || fail "rm of a verifiable one"
	done
}

# Names of others' making stay on their line
check_names() {
	local cid

	cid=$(ds add --filename $'a\n\e[31mb\\ \303\244\302\205' "$W/three") ||
		fail "add of a name"
	ds ls | grep -qF "  a\\x0a\\x1b[31mb\\\\ $(printf '\303\244')\\xc2\\x85" ||
		fail "ls: $(ds ls)"
	ds show "$cid" | grep -q '^filename  *a.x0a.x1b' || fail "show: a name"
	ds rm "$cid" || fail "rm"
}

# A store that nobody has open gives slots to another one
check_other_store() {
	local cid

	cid=$(ds add --data 4 --parity 3 "$W/big" | awk 'END { print $NF }')
	"$CODEXFS" dataset add --store "$W/other" --data 4 --parity 3 \
		"$W/big" >"$W/out" || fail "add to another store"
	is "$(awk 'END { print $NF }' "$W/out")" "$cid" \
		"the CID in another store"
	ds evict --slot 0 --slot 1 --slot 6 "$cid" >/dev/null || fail "evict"
	wants 0 'slot 0' ds rebuild --slot 0 --slot 1 --slot 6 \
		--from "$W/other" "$cid"
	ds verify "$cid" >/dev/null || fail "verify after --from STORE"
	ds get "$cid" | cmp - "$W/big" || fail "get after --from STORE"
	ds evict --slot 2 "$cid" >/dev/null || fail "evict"
	exec 8<"$W/other/lock"
	flock 8
	wants 5 'in use' ds rebuild --slot 2 --from "$W/other" "$cid"
	exec 8<&-
	wants 5 'in use' ds rebuild --slot 2 --from "$S" "$cid"
	wants 0 'slot 2' ds rebuild --slot 2 "$cid"
	for i in "$cid" "$(ds ls | awk '/ plain .* big$/ { print $1 }')"; do
		ds rm "$i" >/dev/null || fail "rm"
	done
}

# Bytes that rot in the store are found, told, read around, and mended
check_damage() {
	local cid file

	cid=$(ds add --data 4 --parity 2 "$W/big" | awk 'END { print $NF }')
	file=$(python3 - "$S/areas" "$W/big" <<'END'
import os, sys
want = open(sys.argv[2], "rb").read()[65536 * 3:65536 * 4]
for n in os.listdir(sys.argv[1]):
    p = os.path.join(sys.argv[1], n)
    at = open(p, "rb").read().find(want)
    if at >= 0:
        with open(p, "r+b") as f:
            f.seek(at + 4711)
            f.write(bytes([want[4711] ^ 1]))
        print(n)
        break
END
	)
	[ -n "$file" ] || fail "the block is in no data file"
	ds get "$cid" 2>/dev/null | cmp - "$W/big" ||
		fail "get with a wrong block"
	wants 1 'rebuild --slot 0' ds verify "$cid"
	ds verify --json "$cid" >"$W/j" 2>/dev/null
	is "$(member "$W/j" '[j["ok"], j["bad"], j["slots"][0]["state"]]')" \
		'[false, 1, "damaged"]' "verify --json of damage"
	wants 0 'slot 0: 1 blocks written' ds rebuild --slot 0 "$cid"
	wants 0 'all well' ds verify "$cid"
	for i in "$cid" "$(ds ls | awk '/ plain .* big$/ { print $1 }')"; do
		ds rm "$i" >/dev/null || fail "rm"
	done
}

check_policy() {
	"$CODEXFS" policy "$where" | grep -q '10 data and 5 parity' ||
		fail "policy: not 10+5"
	wants 0 '6 data and 3 parity' "$CODEXFS" policy --data 6 --parity 3 \
		"$where"
	"$CODEXFS" policy --json --store "$where" >"$W/j" || fail "policy"
	is "$(member "$W/j" '[j["ecK"], j["ecM"], j["codec"]]')" \
		'[6, 3, "isa_l_rs_cauchy"]' "policy --json"
	wants 2 . "$CODEXFS" policy --data 30 "$where"
	wants 2 . "$CODEXFS" policy --data 0 "$where"
	wants 2 . "$CODEXFS" policy --parity 5 --codec isa_l_rs_vand "$where"
	wants 0 '6 data and 3 parity' "$CODEXFS" policy "$where"
	wants 0 '10 data and 5' "$CODEXFS" policy --data 10 --parity 5 "$where"
	"$CODEXFS" status --json "$where" >"$W/j" || fail "status"
	is "$(member "$W/j" 'j["store"]["k"]')" 10 "status"
	member "$W/j" 'j["protection"]["backlogBytes"]' >/dev/null
}

# Slots that are away: what may be dropped, and what that would lose
check_rm() {
	local plain verifiable

	ds add --data 4 --parity 2 - <"$W/big" >"$W/out" || fail "add of stdin"
	plain=$(awk '/^plain/ { print $2 }' "$W/out")
	verifiable=$(awk '/^verifiable/ { print $2 }' "$W/out")
	ds evict --slot 0 --slot 3 "$verifiable" >/dev/null || fail "evict"
	wants 1 'rebuild them first' ds rm "$verifiable"
	ds get "$verifiable" | cmp - "$W/big" || fail "get after a refused rm"
	wants 0 'pin is gone' ds rm "$plain"
	ds get "$verifiable" | cmp - "$W/big" || fail "get without the pin"
	ds rm "$verifiable" >/dev/null || fail "rm of all of it"
	ds ls | grep -q -e "$plain" -e "$verifiable" && fail "ls shows it still"
	return 0
}

# The socket takes nothing on trust that the verbs would never send
check_socket() {
	local cid status request

	cid=$(ds add --block-size 1024 --cell-size 64 --data 3 --parity 2 \
		"$W/small" | awk 'END { print $NF }')
	while read -r status request; do
		set -- -s -o "$W/out" -w '%{http_code}' \
			--unix-socket "$S/control.sock" -X "${request%% *}"
		is "$(curl "$@" "http://x/control/v1/${request#* }")" \
			"$status" "$request: $(cat "$W/out")"
		grep -q '"error"' "$W/out" || fail "no error: $request"
	done <<END
400 POST datasets/$cid/evict
400 POST datasets/$cid/evict?slots=
400 POST datasets/$cid/evict?slots=1,,2
400 POST datasets/$cid/evict?slots=1,
400 POST datasets/$cid/evict?slots=32
400 POST datasets/$cid/evict?slots=5
400 POST datasets/$cid/evict?slots=4294967296
400 POST datasets/$cid/evict?slots=-1
400 POST datasets/$cid/rebuild?slots=0&from=relative
400 POST datasets/$cid/export?slots=0&dir=relative
400 POST datasets/$cid/export?slots=0
400 GET datasets/$cid/slots?slots=99999999999999999999
400 GET datasets/$cid/inputs?slots=0&challenge=00
400 GET datasets/$cid/inputs?slots=0,1&challenge=$challenge
400 GET datasets/$cid/inputs?slots=0&challenge=$challenge&samples=0
400 GET datasets/$cid/inputs?slots=0&challenge=$challenge&samples=1025
400 POST datasets/$cid/protect?data=3
400 POST datasets/$cid/protect?data=99999999999999999999
400 POST datasets?blockSize=4194305
400 POST policy?data=0
400 POST policy?data=33&parity=0
400 POST policy?codec=leopard
400 POST sync?until=tomorrow
400 POST compact?below=101
404 GET datasets/$cid/evict?slots=0
404 POST datasets/$cid/slots
404 POST datasets/$cid/
404 POST datasets/$cid/evict/?slots=0
404 DELETE policy
END
	is "$(states "$cid")" "here here here here here" "states"
	for i in "$cid" "$(ds ls | awk '/ plain .* small$/ { print $1 }')"; do
		ds rm "$i" >/dev/null || fail "rm"
	done
}

# One at a time, and what an unmount interrupts is gone on with
check_interrupted() {
	local cid pid

	head -c 50000000 /dev/urandom >"$W/long"
	cid=$(ds add "$W/long") || fail "add"
	"$CODEXFS" dataset protect --store "$M" --data 4 --parity 2 "$cid" \
		>"$W/long.out" 2>&1 &
	pid=$!
	sleep 0.3
	do_umount
	wait $pid
	grep -q -e '^zDv' -e 'goes on' "$W/long.out" ||
		fail "protect says neither: $(cat "$W/long.out")"
	do_mount
	ds protect --data 4 --parity 2 "$cid" >"$W/out" ||
		fail "protect was not gone on with"
	ds show "$cid" | grep -q "$(cat "$W/out")" || fail "show"
	wants 0 'all well' ds verify "$(cat "$W/out")"
	# two at once: one is refused, or was so late that the other had ended
	"$CODEXFS" dataset protect --store "$M" --data 5 --parity 1 "$cid" \
		>"$W/out" 2>&1 &
	pid=$!
	ds protect --data 5 --parity 1 "$cid" >"$W/out2" 2>&1
	wait $pid
	cat "$W/out" "$W/out2" >"$W/both"
	grep -q '^zDv' "$W/both" || fail "two at once: $(cat "$W/both")"
	[ "$(grep -c -e '^zDv' -e 'something else' "$W/both")" -eq 2 ] ||
		fail "two at once: $(cat "$W/both")"
	# who goes away in the middle leaves nothing running and nothing hanging
	"$CODEXFS" dataset protect --store "$M" --data 6 --parity 2 "$cid" \
		>"$W/out" 2>&1 &
	pid=$!
	sleep 0.3
	kill -9 $pid 2>/dev/null
	wait $pid 2>/dev/null
	for i in $(seq 120); do
		ds protect --data 6 --parity 2 "$cid" >"$W/out" 2>&1 && break
		grep -q 'something else' "$W/out" || fail "$(cat "$W/out")"
		[ "$i" -lt 120 ] || fail "a job goes on whose client is dead"
		sleep 0.5
	done
	timeout 1 curl -sN --limit-rate 1k --unix-socket "$S/control.sock" \
		"http://x/control/v1/datasets/$cid/data" >"$W/out"
	timeout 60 "$CODEXFS" umount "$M" || fail "umount with a lost client"
	do_mount
	for i in $(ds ls | awk '/ long$/ { print $1 }'); do
		ds rm "$i" >/dev/null || fail "rm"
	done
	rm "$W/long"
}

head -c 150000 /dev/urandom >"$W/three"
make_store
"$CODEXFS" init --quota 1G "$W/other" >/dev/null || fail "init"
for where in "$S" "$M"; do
	if [ "$where" = "$M" ]; then
		say "through a mount"
		do_mount
	else
		say "on a closed store"
	fi
	check_small
	check_refusals
	check_names
	check_other_store
	[ "$where" = "$M" ] || check_damage
	check_rm
	check_policy
	"$CODEXFS" dataset add --store "$W/other" "$W/three" >/dev/null
done

say "the socket"
check_socket
say "interrupted work"
check_interrupted

say "segments of the volume"
cp "$W/big" "$M/file"
wants 0 'parity and slots' "$CODEXFS" sync --until=protected "$M"
is "$(getfattr --only-values -n user.codex.state "$M/file")" protected "state"
"$CODEXFS" status "$M" | grep -q '^protected *[1-9]' || fail "status"
cid=$(ds ls | awk '/ -v +10\+5 / { print $1 }')
[ -n "$cid" ] || fail "no protected segment is listed: $(ds ls)"
wants 1 'segment of the volume' ds protect "$(ds show --json "$cid" >"$W/j"
member "$W/j" 'j["plain"]["cid"]')"
ds evict --slot 0 --slot 9 --slot 14 "$cid" >/dev/null || fail "evict"
remount
cmp "$M/file" "$W/big" || fail "the file with slots away"
wants 0 'all well' ds verify "$cid"
ds rebuild --slot 0 --slot 9 --slot 14 "$cid" >/dev/null || fail "rebuild"
wants 0 'all well' ds verify "$cid"
do_umount
check_store
say "all good"
