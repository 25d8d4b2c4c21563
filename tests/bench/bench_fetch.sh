#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0 OR MIT
#
# Fetching, verification included:
#
#   bench_fetch.sh [MIB]
#
# MIB (CDX_COUNT, 256) of a dataset, CDX_ROUNDS (5) times in turn, medians:
#
#   loopback   one peer, beside curl and nginx with the same bytes: both into a
#              file of the same folder, and both nowhere
#   degraded   the same from 10 + 5 slots of which 5 data slots are gone, into an
#              empty cache, beside the same with all of them
#   three      three peers on lines of 100 Mbit/s, of 300 Mbit/s
#   latency    one peer on a line of 200 Mbit/s behind 25 ms each way, of the line
#
# Beside each rate of ours are the milliseconds of CPU time for a MiB, of who
# fetches and of who provides: they say more where others use the machine.  All of
# it wants root, for the network namespaces of the last two.
. "$(dirname "$0")/../net/lib.sh"
need nginx curl

mib=${1:-${CDX_COUNT:-256}}
rounds=${CDX_ROUNDS:-5}
B=$CDX_BUILDDIR/tests/bench/bench_fetch
DELAY=$CDX_BUILDDIR/tests/net/delay
[ -x "$B" ] || fail "no $B: make bench builds it"

calc() { awk "BEGIN { printf \"%.${2:-2}f\", $1 }"; }
# median NAME [COLUMN]
median() {
	awk "{ print \$${2:-1} }" "$W/$1.list" | sort -g |
		awk '{ a[NR] = $1 } END { print a[int((NR + 1) / 2)] }'
}
mbs() { calc "$1 / 1e6" 0; }

# provide NAME LISTEN [HOST]: a provider of $W/data; PORT, CID, and its input on
# descriptor FD
provide() {
	local name=$1 in=()

	# not in_ns: a shell would be what gets the signal
	[ -z "${3-}" ] || in=(nsenter --net="/run/netns/$NET.$3" --)
	mkfifo "$W/$name.in"
	"${in[@]}" "$B" provide "$W/$name" "$W/data" "$2" \
		<"$W/$name.in" >"$W/$name.out" 2>"$W/$name.err" &
	PIDS+=("$!")
	exec {FD}>"$W/$name.in"
	until_ok 300 "provider $name" grep -q . "$W/$name.out"
	read -r PORT CID <"$W/$name.out"
}
# tell NAME FD WORDS: has a provider do something; what it answers
tell() {
	local lines
	lines=$(wc -l <"$W/$1.out")
	printf '%s\n' "$3" >&"$2"
	until [ "$(wc -l <"$W/$1.out")" -gt "$lines" ]; do
		[ ! -s "$W/$1.err" ] || fail "provider $1: $(cat "$W/$1.err")"
		sleep 0.02
	done
	tail -n 1 "$W/$1.out"
}
# fetch CACHE_MIB CID OUT PEER...: what bench_fetch prints
fetch() {
	local cache=$1 cid=$2 out=$3

	shift 3
	rm -rf "$W/client"
	"${WHERE[@]}" "$B" get "$W/client" "$cache" "$cid" "$out" 4096 "$@" \
		>"$W/get.out" 2>&1 || fail "get: $(cat "$W/get.out")"
	[ -z "${CDX_VERBOSE-}" ] || cat "$W/get.out" >&2
	cat "$W/get.out"
}
WHERE=()
# measure LIST NAME FD CACHE CID OUT PEER: adds bytes a second, and milliseconds of
# CPU time for a MiB of both
measure() {
	local list=$1 name=$2 fd=$3 before
	shift 3
	before=$(tell "$name" "$fd" cpu)
	fetch "$@" >"$W/measured"
	awk -v t="$before" -v u="$(tell "$name" "$fd" cpu)" '{
		print $1 / $2, $4 * 1e3 / ($1 / 1048576),
			(u - t) * 1e3 / ($1 / 1048576) }' "$W/measured" \
		>>"$W/$list.list"
}
# rate_of LIST CACHE CID OUT PEER...: adds bytes a second alone
rate_of() {
	local list=$1
	shift
	fetch "$@" >"$W/measured"
	awk '{ print $1 / $2 }' "$W/measured" >>"$W/$list.list"
}
# report WHAT LIST OTHER RATE GOAL
report() {
	local ours
	ours=$(median "$2")
	printf '%-22s %6s MB/s, %s %s MB/s, ratio %s (goal %s); CPU %s + %s ms a MiB\n' \
		"$1:" "$(mbs "$ours")" "$3" "$(mbs "$4")" \
		"$(calc "$ours / $4")" "$5" \
		"$(calc "$(median "$2" 2)")" "$(calc "$(median "$2" 3)")"
}

head -c "${mib}M" /dev/urandom >"$W/data"

# ---- loopback ----
mkdir "$W/web" && ln "$W/data" "$W/web/data"
mkdir "$W/nginx"
cat >"$W/nginx/nginx.conf" <<EOF
daemon off; worker_processes 1; pid $W/nginx/pid; user root;
events { worker_connections 64; }
http {
	access_log off; sendfile on; tcp_nopush on;
	client_body_temp_path $W/nginx/body; proxy_temp_path $W/nginx/proxy;
	server { listen 127.0.0.1:18611; root $W/web; }
}
EOF
nginx -p "$W/nginx" -c "$W/nginx/nginx.conf" -e "$W/nginx/error.log" \
	>"$W/nginx/out" 2>&1 &
PIDS+=("$!")
until_ok 30 nginx curl -sf -o /dev/null -r 0-0 http://127.0.0.1:18611/data
# curl_to LIST OUT
curl_to() {
	curl -sf -o "$2" -w '%{speed_download}\n' \
		http://127.0.0.1:18611/data >>"$W/$1.list" || fail curl
}
provide one 127.0.0.1:0
one=$FD one_port=$PORT one_cid=$CID
for ((i = 0; i < rounds; i++)); do
	rm -f "$W/copy"
	curl_to curl_file "$W/copy"
	rm -f "$W/copy"
	measure get_file one "$one" 0 "$one_cid" "$W/copy" "127.0.0.1:$one_port"
	[ "$i" -gt 0 ] || cmp "$W/copy" "$W/data" || fail "other bytes"
	rm -f "$W/copy"
	curl_to curl_null /dev/null
	measure get_null one "$one" 0 "$one_cid" - "127.0.0.1:$one_port"
done
report "loopback into a file" get_file curl "$(median curl_file)" 0.8
report "loopback to nowhere" get_null curl "$(median curl_null)" -

# ---- degraded ----
provide two 127.0.0.1:0
two=$FD two_port=$PORT
cid=$(tell one "$one" protect)
is "$(tell two "$two" protect)" "$cid" "the protected dataset"
tell two "$two" "lose 5" >/dev/null
cache=$((4 * mib))
for ((i = 0; i < rounds; i++)); do
	measure plain one "$one" "$cache" "$cid" - "127.0.0.1:$one_port"
	measure lost two "$two" "$cache" "$cid" - "127.0.0.1:$two_port"
done
report degraded lost plain "$(median plain)" 0.6
printf '%-22s CPU %s + %s ms a MiB\n' "plain:" \
	"$(calc "$(median plain 2)")" "$(calc "$(median plain 3)")"
exec {one}>&- {two}>&-

# ---- lines ----
small=$((mib < 96 ? mib : 96))
truncate -s "${small}M" "$W/data"
net_up 4
WHERE=(in_ns 4)
for i in 1 2 3; do
	provide "line$i" "$(addr "$i"):8070" "$i"
	rate "$i" 100
done
for i in 1 2 3; do
	rate_of three 0 "$CID" - "$(addr 1):8070" "$(addr 2):8070" \
		"$(addr 3):8070"
done
three=$(median three)
printf 'three lines of 100 Mbit/s: %s Mbit/s, ratio %s (goal 0.9)\n' \
	"$(calc "$three * 8 / 1e6" 0)" "$(calc "$three * 8 / 300e6")"

rate 1 200
begin 1 "$W/delay.out" "$DELAY" --ms 25 --listen "$(addr 1):8071" \
	--to "$(addr 1):8070"
until_ok 30 "the delay" grep -q ready "$W/delay.out"
for i in 1 2 3; do
	rate_of far 0 "$CID" - "$(addr 1):8071"
done
far=$(median far)
printf '50 ms on a line of 200 Mbit/s: %s Mbit/s, ratio %s (goal 0.8)\n' \
	"$(calc "$far * 8 / 1e6" 0)" "$(calc "$far * 8 / 200e6")"
