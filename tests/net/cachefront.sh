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
proxy_http_version 1.1;
proxy_set_header Connection "";
proxy_cache kept;
log_format asked '\$remote_addr \$upstream_cache_status \$uri';
add_header X-Cache \$upstream_cache_status;
server {
	listen $(addr 2):8000;
	access_log $W/asked asked;
	location / { proxy_pass http://$(addr 1):8070; }
}
# one that does not look at what is asked for behind the "?"
server {
	listen $(addr 2):8001;
	access_log $W/asked asked;
	location / {
		proxy_pass http://$(addr 1):8070;
		proxy_cache_key careless\$uri;
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

fetch() { # FILE
	rm -f "$1"
	"$CODEXFS" dataset get --store "$B" -o "$1" "$cid"
}
# new_node PORT: B with nothing in it, and the cache at this port
new_node() {
	rm -rf "$B"
	make_store "$B"
	: >"$W/asked"
	start_node 3 "$B" "${common[@]}" --cache 64M \
		--peer "/ip4/$(addr 2)/tcp/$1/http"
}
# believes_nothing WHAT PATH: B has no bytes of it, and did not take any, though it
# was given what the cache has for such a path
believes_nothing() {
	local end=$((SECONDS + 60))

	# a node that has not met its peer yet fetches nothing either
	until grep -q "^$(addr 3) HIT .*$2" "$W/asked"; do
		[ $SECONDS -lt $end ] ||
			fail "B was not given $1: $(cat "$W/asked" "$W/out")"
		fetch "$W/got" >"$W/out" 2>&1 &&
			fail "$1 was taken for the dataset"
	done
	[ ! -s "$W/got" ] || cmp -s -n "$(stat -c %s "$W/got")" "$W/got" \
		"$W/file" || fail "bytes of it were written: $1"
	stop_node "$B"
	"$CODEXFS" fsck "$B" >"$W/out" 2>&1 || fail "fsck: $(cat "$W/out")"
	say "noticed: $1"
}
# poison KIND: one bit in the middle of every answer that is kept for such a path
poison() {
	python3 - "$W/kept" "$1" <<'END' || fail "nothing of $1 is kept"
import os, sys
n = 0
for folder, _, names in os.walk(sys.argv[1]):
    for name in names:
        with open(os.path.join(folder, name), "r+b") as f:
            kept = f.read()
            at = kept.index(b"\r\n\r\n") + 4
            if sys.argv[2].encode() not in kept[:at]:
                continue
            at += (len(kept) - at) // 2
            f.seek(at)
            f.write(bytes([kept[at] ^ 1]))
            n += 1
sys.exit(n == 0)
END
}

new_node 8000
until_ok 60 "B reads through the cache" fetch "$W/got"
cmp "$W/got" "$W/file" || fail "other bytes through the cache"
stop_node "$B"
say "a node read 10 MB through the cache"

# ---- poison ----

poison "/ipfs/"
cached HIT "$front/ipfs/$cid?format=raw"
cmp -s "$W/got" "$W/manifest" && fail "the cache was not poisoned"
poison "/manifest"
new_node 8000
believes_nothing "a manifest with another bit" "/manifest"

rm -rf "${W:?}/kept/"*
new_node 8001
believes_nothing "an answer to another question" "/blocks"

poison "/blocks"
new_node 8001
believes_nothing "a block with another bit" "/blocks"

# ---- and without it ----

rm -rf "${W:?}/kept/"*
new_node 8000
until_ok 60 "B reads when the cache was emptied" fetch "$W/got"
cmp "$W/got" "$W/file" || fail "other bytes through the cache"
