#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0 OR MIT
#
# Three nodes and a stranger who only know a bootstrap: what one adds another reads
# through its mount, a cache takes over when the first leaves, a stranger's curl
# fetches a block and checks it; then the network falls apart and comes together,
# the bootstrap goes and comes back, a line loses packets, and a node is killed while
# another fetches from it.
. "$(dirname "$0")/lib.sh"
need ss sha256sum cmp
if [ ! -c /dev/fuse ]; then skip "there is no /dev/fuse"; fi

BOOT=4 # and the stranger
A=$W/a B=$W/b C=$W/c M=$W/mnt
common=(--network three --bootstrap "$(addr $BOOT):4222" --dht-port 8090)

a() { start_node 1 "$A" "${common[@]}" --api none "$@"; }
c() { start_node 3 "$C" "${common[@]}" --api none --cache 512M; }
# publish NAME BYTES: a file of random bytes on A; its CID
publish() {
	head -c "$2" /dev/urandom >"$W/$1"
	"$CODEXFS" dataset add --store "$A" "$W/$1" || fail "dataset add $1"
}
# through B's mount, as soon as B has found somebody
reads() { cmp "$M/.codex/datasets/$2" "$W/$1"; }
gets() { # NAME CID, by C, which keeps it
	"$CODEXFS" dataset get --store "$C" -o "$W/got" "$2" &&
		cmp "$W/got" "$W/$1"
}

found() { # CID HOST: B has heard that it is there
	"$CODEXFS" dataset find --store "$B" "$1" >"$W/found"
	grep -q "/$(addr "$2")/" "$W/found"
}
received() { # by B, bytes
	"$CODEXFS" status --json "$B" >"$W/status" || fail "status of B"
	member "$W/status" 'j["node"]["exchange"]["bytesReceived"]'
}
more_than() { [ "$(received)" -gt "$1" ]; }

net_up 4
for s in "$A" "$B" "$C"; do make_store "$s"; done
start_bootstrap $BOOT 4222 three
boot=$BEGUN
cat >"$W/conf" <<END
[node]
listen = $(addr 2):8070
announce = /ip4/$(addr 2)/tcp/8070/http
network = three
bootstrap = $(addr $BOOT):4222
dht-port = 8090
read-timeout = 5
END
a
start_mount 2 "$B" "$M" "$W/conf"
c

# ---- found, read, taken over ----

one=$(publish one 20000001)
until_ok 120 "B reads what A added" reads one "$one"
say "B read 20 MB of A through its mount"

two=$(publish two 5000001)
until_ok 120 "C fetches what A added" gets two "$two"
stop_node "$A"
# what nobody had a moment ago is not asked for again for some seconds: so first
# see that there is somebody
until_ok 120 "B hears of C" found "$two" 3
until_ok 120 "B reads from the cache of C" reads two "$two"
say "C took over for A"

# ---- a stranger ----

head -c 65536 "$W/two" >"$W/block"
python3 - "$W/block" >"$W/cids" <<'END'
import base64, hashlib, sys
d = hashlib.sha256(open(sys.argv[1], "rb").read()).digest()
raw = bytes([1, 0x55, 0x12, 32]) + d
print("b" + base64.b32encode(raw).decode().lower().rstrip("="))
codex = bytes([1, 0x82, 0x9a, 3, 0x12, 32]) + d
digits = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
n, text = int.from_bytes(codex, "big"), ""
while n:
    n, r = divmod(n, 58)
    text = digits[r] + text
print("z" + text)
END
while read -r cid; do
	in_ns $BOOT curl -sf -o "$W/got" \
		"http://$(addr 3):8070/ipfs/$cid?format=raw" ||
		fail "a stranger gets no $cid"
	is "$(sha256sum <"$W/got")" "$(sha256sum <"$W/block")" "hash of $cid"
done <"$W/cids"
say "a stranger fetched a block by both of its CIDs"

# ---- the network falls apart ----

a
three=$(publish three 3000001)
until_ok 120 "C fetches from A, which is back" gets three "$three"
until_ok 120 "B hears of it" found "$three" 1
partition "2" "1 3 4"
four=$(publish four 3000001)
reads three "$three" >"$W/out" 2>&1 && fail "B reads over a line that is cut"
heal
until_ok 180 "B reads when it is whole again" reads four "$four"
until_ok 120 "B reads the other one" reads three "$three"
say "the network fell apart and came together"

# ---- the bootstrap goes, and comes back ----

finish "$boot"
five=$(publish five 2000001)
until_ok 180 "B finds A without the bootstrap" reads five "$five"
stop_node "$A"
a --peer "/ip4/$(addr 3)/tcp/8070/http"
"$CODEXFS" dataset get --store "$A" -o "$W/got" "$two" &&
	cmp "$W/got" "$W/two" || fail "A, started without a bootstrap, has a peer"
start_bootstrap $BOOT 4222 three
six=$(publish six 2000001)
until_ok 300 "B finds A through the bootstrap that came back" reads six "$six"
say "the bootstrap went and came back"

# ---- a line that loses packets, a node that is killed ----

seven=$(publish seven 15000001)
until_ok 120 "C fetches what A added" gets seven "$seven"
eight=$(publish eight 1000001)
loss 2 3
until_ok 180 "B reads over a line that loses packets" reads eight "$eight"
heal
until_ok 120 "B hears of A" found "$seven" 1
until_ok 120 "B hears of C" found "$seven" 3
rate 1 20
rate 3 20
before=$(received)
reads seven "$seven" >"$W/read" 2>&1 &
reading=$!
until_ok 60 "B fetches" more_than "$before"
kill -0 "$reading" || fail "B had all of it before A was killed"
kill_node "$A"
wait "$reading" || until_ok 120 "B reads on from C" reads seven "$seven"
say "A was killed while B fetched from it"

stop_mount "$M"
stop_node "$C"
for s in "$A" "$B" "$C"; do
	"$CODEXFS" fsck "$s" >"$W/out" 2>&1 || fail "fsck $s: $(cat "$W/out")"
done
