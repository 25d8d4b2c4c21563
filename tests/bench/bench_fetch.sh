#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0 OR MIT
#
# Fetching, verification included:
#
#   bench_fetch.sh [MIB]
#
# MIB (CDX_COUNT, 256) of a dataset, CDX_ROUNDS (5) times in turn, medians:
#
#   loopback   one peer, beside what curl gets from nginx serving the same bytes
#   degraded   the same from 10 + 5 slots of which 5 data slots are gone, into an
#              empty cache, beside the same with all of them
#   three      three peers on lines of 100 Mbit/s, of 300 Mbit/s
#   latency    one peer on a line of 200 Mbit/s behind 25 ms each way, of the line
#
# The last two want root, for network namespaces.
. "$(dirname "$0")/../net/lib.sh"
need nginx curl

mib=${1:-${CDX_COUNT:-256}}
rounds=${CDX_ROUNDS:-5}
B=$CDX_BUILDDIR/tests/bench/bench_fetch
DELAY=$CDX_BUILDDIR/tests/net/delay
[ -x "$B" ] || fail "no $B: make bench builds it"

calc() { awk "BEGIN { printf \"%.${2:-2}f\", $1 }"; }
median() { sort -g | awk '{ a[NR] = $1 } END { print a[int((NR + 1) / 2)] }'; }

# provide NAME LISTEN [HOST]: a provider of $W/data; PORT, CID, and its input on
# descriptor FD
provide() {
	local name=$1

	mkfifo "$W/$name.in"
	if [ -n "${3-}" ]; then
		in_ns "$3" "$B" provide "$W/$name" "$W/data" "$2" \
			<"$W/$name.in" >"$W/$name.out" 2>"$W/$name.err" &
	else
		"$B" provide "$W/$name" "$W/data" "$2" \
			<"$W/$name.in" >"$W/$name.out" 2>"$W/$name.err" &
	fi
	PIDS+=("$!")
	exec {FD}>"$W/$name.in"
	until_ok 300 "provider $name" grep -q . "$W/$name.out"
	read -r PORT CID <"$W/$name.out"
}
# say NAME FD WORDS: has a provider do something; what it answers
say() {
	local lines
	lines=$(wc -l <"$W/$1.out")
	printf '%s\n' "$3" >&"$2"
	until_ok 1200 "$3" test "$(wc -l <"$W/$1.out")" -gt "$lines"
	tail -n 1 "$W/$1.out"
}
# get CACHE_MIB CID PEER...: bytes a second
get() {
	local cache=$1 cid=$2

	shift 2
	rm -rf "$W/client"
	"$B" get "$W/client" "$cache" "$cid" - 4096 "$@" >"$W/get.out" ||
		fail "get: $(cat "$W/get.out")"
	awk '{ print $1 / $2 }' "$W/get.out"
}
mbs() { calc "$1 / 1e6" 0; }

head -c "${mib}M" /dev/urandom >"$W/data"

# ---- loopback ----
mkdir "$W/web" && ln "$W/data" "$W/web/data"
cat >"$W/nginx.conf" <<EOF
daemon off; worker_processes 1; pid $W/nginx.pid; error_log $W/nginx.err; user root;
events { worker_connections 64; }
http { access_log off; sendfile on; tcp_nopush on;
	server { listen unix:$W/web.sock; listen 127.0.0.1:18611; root $W/web; } }
EOF
nginx -c "$W/nginx.conf" 2>"$W/nginx.out" &
PIDS+=("$!")
until_ok 30 nginx curl -sf -o /dev/null -r 0-0 http://127.0.0.1:18611/data
provide one 127.0.0.1:0
one=$FD one_port=$PORT one_cid=$CID
: >"$W/curl.list" && : >"$W/get.list"
for ((i = 0; i < rounds; i++)); do
	curl -s -o /dev/null -w '%{speed_download}\n' \
		http://127.0.0.1:18611/data >>"$W/curl.list"
	get 0 "$one_cid" "127.0.0.1:$one_port" >>"$W/get.list"
done
curl_rate=$(median <"$W/curl.list") ours=$(median <"$W/get.list")
printf 'loopback: %s MB/s, curl from nginx %s MB/s, ratio %s (goal 0.8)\n' \
	"$(mbs "$ours")" "$(mbs "$curl_rate")" "$(calc "$ours / $curl_rate")"

# ---- degraded ----
cid=$(say one "$one" protect)
cache=$((4 * mib))
: >"$W/plain.list" && : >"$W/lost.list"
for ((i = 0; i < rounds; i++)); do
	get "$cache" "$cid" "127.0.0.1:$one_port" >>"$W/plain.list"
done
say one "$one" "lose 5" >/dev/null
for ((i = 0; i < rounds; i++)); do
	get "$cache" "$cid" "127.0.0.1:$one_port" >>"$W/lost.list"
done
plain=$(median <"$W/plain.list") lost=$(median <"$W/lost.list")
printf 'degraded: %s MB/s, plain %s MB/s, ratio %s (goal 0.6)\n' \
	"$(mbs "$lost")" "$(mbs "$plain")" "$(calc "$lost / $plain")"
exec {one}>&-

# ---- lines ----
small=$((mib < 96 ? mib : 96))
truncate -s "${small}M" "$W/data"
net_up 4
for i in 1 2 3; do
	provide "line$i" "$(addr "$i"):8070" "$i"
	rate "$i" 100
done
get_there() {
	rm -rf "$W/client"
	in_ns 4 "$B" get "$W/client" 0 "$CID" - 4096 "$@" >"$W/get.out" ||
		fail "get: $(cat "$W/get.out")"
	awk '{ print $1 / $2 }' "$W/get.out"
}
three=$(get_there "$(addr 1):8070" "$(addr 2):8070" "$(addr 3):8070")
printf 'three lines of 100 Mbit/s: %s Mbit/s, ratio %s (goal 0.9)\n' \
	"$(calc "$three * 8 / 1e6" 0)" "$(calc "$three * 8 / 300e6")"

rate 1 200
begin 1 "$W/delay.out" "$DELAY" --ms 25 --listen "$(addr 1):8071" \
	--to "$(addr 1):8070"
until_ok 30 "the delay" grep -q ready "$W/delay.out"
far=$(get_there "$(addr 1):8071")
printf '50 ms on a line of 200 Mbit/s: %s Mbit/s, ratio %s (goal 0.8)\n' \
	"$(calc "$far * 8 / 1e6" 0)" "$(calc "$far * 8 / 200e6")"
