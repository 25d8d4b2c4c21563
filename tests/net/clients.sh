#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0 OR MIT
#
# curl and wget with a node: uploads, ranges, resumed downloads, HEAD; from another
# node too.
. "$(dirname "$0")/rest_lib.sh"
need wget

get() { curl -sf "$@" || fail "curl $*: exit status $?"; }

rest_node "$W/a"
A=$API/api/codex/v1
A_TOKEN=$TOKEN
head -c 20000003 /dev/urandom >"$W/f"
sum=$(sha256sum <"$W/f")

# by length, without one, and from a pipe: the same dataset
cid=$(get -T "$W/f" -X POST -H 'Content-Type: application/octet-stream' "$A/data")
is "$(get --data-binary "@$W/f" -H 'Content-Type: application/octet-stream' \
	"$A/data")" "$cid" "another CID"
# shellcheck disable=SC2002
is "$(cat "$W/f" | get -T - -X POST -H 'Content-Type: application/octet-stream' \
	-H 'Transfer-Encoding: chunked' "$A/data")" "$cid" "another CID of a pipe"

is "$(get "$A/data/$cid" | sha256sum)" "$sum" "other bytes"
is "$(get -r 65530-131080 "$A/data/$cid" | sha256sum)" \
	"$(tail -c +65531 "$W/f" | head -c 65551 | sha256sum)" "another range"
is "$(get -r -77 "$A/data/$cid" | sha256sum)" \
	"$(tail -c 77 "$W/f" | sha256sum)" "another end"
is "$(curl -s -o "$W/out" -w '%{http_code}' -r 20000003- "$A/data/$cid")" 416 \
	"a range beyond the end"
is "$(get -I "$A/data/$cid" | tr -d '\r' |
	sed -n 's/^[Cc]ontent-[Ll]ength: //p')" 20000003 "HEAD"
etag=$(get -I "$A/data/$cid" | tr -d '\r' | sed -n 's/^[Ee][Tt][Aa][Gg]: //p')
is "$etag" "\"$cid\"" "entity tag"
is "$(curl -s -o "$W/out" -w '%{http_code}' -H "If-None-Match: $etag" \
	"$A/data/$cid")" 304 "what did not change"

# broken off and resumed
head -c 7000000 "$W/f" >"$W/part"
get -C - -o "$W/part" "$A/data/$cid"
is "$(sha256sum <"$W/part")" "$sum" "curl -C -"
head -c 12345678 "$W/f" >"$W/part"
wget -q -c -O "$W/part" "$A/data/$cid" || fail "wget -c: exit status $?"
is "$(sha256sum <"$W/part")" "$sum" "wget -c"
wget -q -O "$W/part" "$A/data/$cid" || fail "wget: exit status $?"
is "$(sha256sum <"$W/part")" "$sum" "wget"
wget -q --spider "$A/data/$cid" || fail "wget --spider"
! wget -q --spider "$A/data/${cid%?}" || fail "wget --spider of nothing"

# names: what was given comes back
name='a "b" €.txt'
named=$(get -T "$W/f" -X POST -H 'Content-Disposition: attachment; '\
"filename=\"x\"; filename*=UTF-8''a%20%22b%22%20%E2%82%AC.txt" "$A/data")
get "$A/data/$named/network/manifest" >"$W/json"
is "$(member "$W/json" 'j["manifest"]["filename"]')" "$name" "file name"
(cd "$W" && get -OJ "$A/data/$named") || exit 1
is "$(sha256sum <"$W/a _b_ ___.txt")" "$sum" "curl -OJ"

# an upload that is broken off leaves nothing
get "$A/space" >"$W/before"
sent=$(curl -s --max-time 1 --limit-rate 1M -T "$W/f" -X POST -o "$W/out" \
	-w '%{size_upload}' "$A/data")
is $? 28 "an upload that takes too long"
[ "$sent" -gt 0 ] || fail "nothing of it was sent"
until_same() {
	local i
	for ((i = 0; i < 600; i++)); do
		get "$A/space" >"$W/after"
		cmp -s "$W/before" "$W/after" && return
		sleep 0.1
	done
	fail "left over: $(cat "$W/before" "$W/after")"
}
until_same

# the token
is "$(curl -s -o "$W/out" -w '%{http_code}' -X DELETE "$A/data/$named")" 401 \
	"DELETE without the token"
get -u "me:$TOKEN" -X DELETE "$A/data/$named"
is "$(curl -s -o "$W/out" -w '%{http_code}' "$A/data/$named")" 404 "deleted"

# another node: nothing without peers, all of it with one
rest_addr "$API"
rest_node "$W/b"
B=$API/api/codex/v1
is "$(curl -s -o "$W/out" -w '%{http_code}' "$B/data/$cid")" 404 "not here"
get "$B/connect/$PEER?addrs=$ADDR" >"$W/out"
is "$(get -r 5000000-5000099 "$B/data/$cid/network/stream" | sha256sum)" \
	"$(tail -c +5000001 "$W/f" | head -c 100 | sha256sum)" \
	"a range from another node"
is "$(get "$B/data/$cid/network/stream" | sha256sum)" "$sum" \
	"from another node"
get "$B/data/$cid/network/manifest" >"$W/json"
is "$(member "$W/json" 'j["manifest"]["datasetSize"]')" 20000003 "its size"

# fetched in the background: then it is here
is "$(get -H 'Content-Type: text/plain' -X POST "$B/data/$cid/network" |
	python3 -c 'import json, sys; print(json.load(sys.stdin)["cid"])')" \
	"$cid" "a fetch"
for ((i = 0; i < 600; i++)); do
	[ "$(curl -s -o "$W/got" -w '%{http_code}' "$B/data/$cid")" = 200 ] &&
		break
	sleep 0.1
done
is "$(sha256sum <"$W/got")" "$sum" "fetched"
get "$B/data" >"$W/json"
is "$(member "$W/json" 'j["content"][0]["cid"]')" "$cid" "in the list"
get -H "Authorization: Bearer $TOKEN" -X DELETE "$B/data/$cid"
get "$B/data" >"$W/json"
is "$(member "$W/json" 'j["content"]')" "[]" "not in the list"

# a peer that was named is asked again, though it had nothing a moment ago
head -c 70000 "$W/f" >"$W/late"
late=$(get -T "$W/late" -X POST "$A/data")
get -H "Authorization: Bearer $A_TOKEN" -X DELETE "$A/data/$late"
is "$(curl -s -o "$W/out" -w '%{http_code}' "$B/data/$late/network/stream")" \
	404 "gone"
is "$(get -T "$W/late" -X POST "$A/data")" "$late" "another CID"
is "$(get "$B/data/$late/network/stream" | sha256sum)" \
	"$(sha256sum <"$W/late")" "what came late"
say "curl and wget are served"
