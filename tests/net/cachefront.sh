#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0 OR MIT
#
# A plain HTTP cache in front of a node: others read through it, verified; what it
# keeps is what the node said; and when it is poisoned nobody believes it.
. "$(dirname "$0")/lib.sh"
need nginx ss cmp

A=$W/a B=$W/b
front="http://$(addr 2):8000"
common=(--network front --dht no --api none)

net_up 3
make_store "$A"
make_store "$B"
start_node 1 "$A" "${common[@]}"
head -c 10000001 /dev/urandom >"$W/file"
cid=$("$CODEXFS" dataset add --store "$A" "$W/file") || fail "dataset add"

mkdir "$W/kept"
cat >"$W/conf" <<END
proxy_cache_path $W/kept keys_zone=kept:4m max_size=256m inactive=1h
	use_temp_path=off;
server {
	listen $(addr 2):8000;
	location / {
		proxy_pass http://$(addr 1):8070;
		proxy_http_version 1.1;
		proxy_set_header Connection "";
		proxy_cache kept;
		add_header X-Cache \$upstream_cache_status;
	}
}
END
start_nginx 2 8000 "$W/conf"

# cached HOW URL: what the cache says that it did
cached() {
	in_ns 3 curl -sf -D "$W/head" -o "$W/got" "$2" || fail "curl $2"
	is "$(tr -d '\r' <"$W/head" | sed -n 's/^X-Cache: //p')" "$1" "$2"
}

# ---- a stranger ----

cached MISS "$front/ipfs/$cid?format=raw"
cp "$W/got" "$W/manifest"
cached HIT "$front/ipfs/$cid?format=raw"
cmp "$W/got" "$W/manifest" || fail "the cache keeps other bytes"
say "a manifest is kept by the cache: the node lets it"

# ---- a node ----

fetch() { # OUT
	"$CODEXFS" dataset get --store "$B" -o "$1" "$cid"
}
start_node 3 "$B" "${common[@]}" --cache 64M \
	--peer "/ip4/$(addr 2)/tcp/8000/http"
until_ok 60 "B reads through the cache" fetch "$W/got"
cmp "$W/got" "$W/file" || fail "other bytes through the cache"
stop_node "$B"
say "a node read 10 MB through the cache"

# ---- poison ----

# One bit of every answer that is kept, in its middle; nobody has it now but the
# cache
stop_node "$A"
find "$W/kept" -type f | python3 -c 'import os, sys
for name in sys.stdin.read().split():
    n = os.path.getsize(name)
    with open(name, "r+b") as f:
        head = f.read()
        at = head.index(b"\r\n\r\n") + 4
        at += (n - at) // 2
        f.seek(at)
        f.write(bytes([head[at] ^ 1]))'
cached HIT "$front/ipfs/$cid?format=raw"
cmp -s "$W/got" "$W/manifest" && fail "the cache was not poisoned"
rm -rf "$B"
make_store "$B"
start_node 3 "$B" "${common[@]}" --cache 64M \
	--peer "/ip4/$(addr 2)/tcp/8000/http"
fetch "$W/got" >"$W/out" 2>&1 && fail "poison was taken for the dataset"
[ ! -s "$W/got" ] || cmp -s -n "$(stat -c %s "$W/got")" "$W/got" "$W/file" ||
	fail "bytes of poison were written"
stop_node "$B"
"$CODEXFS" fsck "$B" >"$W/out" 2>&1 || fail "fsck: $(cat "$W/out")"
say "poison was noticed"

# ---- and without it ----

rm -rf "${W:?}/kept/"*
start_node 1 "$A" "${common[@]}"
start_node 3 "$B" "${common[@]}" --cache 64M \
	--peer "/ip4/$(addr 2)/tcp/8000/http"
until_ok 60 "B reads when the cache was emptied" fetch "$W/got"
cmp "$W/got" "$W/file" || fail "other bytes through the cache"
