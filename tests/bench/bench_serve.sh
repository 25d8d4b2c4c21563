#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0 OR MIT
#
# Blocks for strangers against files of nginx, on the loopback:
#
#   bench_serve.sh [ROUNDS]
#
# Requests a second for blocks of 64 KiB over kept connections of HTTP/1.1, by
# wrk, in turn with nginx (sendfile, as many workers) that serves the same bytes;
# ROUNDS (CDX_COUNT, 5) of each, medians count.  Once from memory, and once with
# blocks that are read and hashed for every request.  The goal is 0.9 of nginx.
set -u
rounds=${1:-${CDX_COUNT:-5}}
seconds=${CDX_SECONDS:-2}
blocks=256
B=${CDX_BUILDDIR:?}/tests/bench/bench_serve
W=$(mktemp -d "${TMPDIR:-/tmp}/bench-serve-XXXXXX")
PIDS=()

skip() {
	echo "$*"
	exit 77
}
cleanup() {
	exec 8>&- 9>&-
	for p in "${PIDS[@]}"; do
		kill "$p" 2>/dev/null
		wait "$p" 2>/dev/null
	done
	rm -rf "$W"
}
trap cleanup EXIT
for tool in nginx wrk; do
	command -v "$tool" >/dev/null || skip "$tool is not installed"
done

# serve NAME HOT_MIB FD: starts one of ours; its port in $PORT
serve() {
	local i
	mkdir -p "$W/$1"
	mkfifo "$W/$1/end"
	"$B" "$W/$1" "$blocks" "$2" <"$W/$1/end" >"$W/$1/out" &
	PIDS+=($!)
	eval "exec $3>\"$W/$1/end\""
	for ((i = 0; i < 600; i++)); do
		PORT=$(awk '$1 == "port" { print $2 }' "$W/$1/out")
		[ -z "$PORT" ] || return 0
		sleep 0.1
	done
	echo "bench_serve does not start"
	exit 1
}

# A free port is one that nobody has had before us: nginx tells no other way.
start_nginx() {
	local i
	for ((i = 0; i < 20; i++)); do
		NGINX=$((20000 + RANDOM % 10000))
		cat >"$W/nginx.conf" <<END
daemon off; worker_processes $(nproc); pid $W/pid; error_log $W/error.log;
events { worker_connections 1024; }
http {
	access_log off; sendfile on; tcp_nopush on; tcp_nodelay on;
	keepalive_requests 1000000000; open_file_cache max=4096;
	default_type application/vnd.ipld.raw;
	client_body_temp_path $W/body; proxy_temp_path $W/proxy;
	fastcgi_temp_path $W/fastcgi; uwsgi_temp_path $W/uwsgi;
	scgi_temp_path $W/scgi;
	server {
		listen 127.0.0.1:$NGINX;
		root $W/hot/www;
		add_header Cache-Control "public, max-age=29030400, immutable";
		add_header X-Content-Type-Options nosniff;
	}
}
END
		nginx -p "$W" -c "$W/nginx.conf" -e "$W/error.log" 2>/dev/null &
		PIDS+=($!)
		# it has the port when it writes this; else it tries for a while
		while kill -0 $! 2>/dev/null; do
			[ ! -s "$W/pid" ] || return 0
			sleep 0.1
		done
	done
	echo "nginx does not start"
	exit 1
}

# paths NAME: a script for wrk that asks for all blocks in turn
paths() {
	{
		echo 'local r = {}'
		echo 'function init()'
		for f in "$W/$1/www/ipfs"/*; do
			printf '\tr[#r + 1] = wrk.format("GET", "/ipfs/%s")\n' \
				"${f##*/}"
		done
		echo 'end'
		echo 'local i = 0'
		echo 'function request() i = i % #r + 1; return r[i] end'
	} >"$W/$1.lua"
}

# measure PORT NAME: requests a second; none may fail
measure() {
	local out
	out=$(wrk -t1 -c16 -d"$seconds"s -s "$W/$2.lua" \
		"http://127.0.0.1:$1/" 2>&1) || {
		echo "$out" >&2
		exit 1
	}
	case $out in
	*"Non-2xx"* | *"Socket errors"*)
		echo "$out" >&2
		exit 1
		;;
	esac
	awk '/^Requests\/sec/ { print $2 }' <<<"$out"
}
median() { sort -n | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'; }

serve hot 64 8
hot=$PORT
serve cold 1 9
cold=$PORT
chmod 755 "$W" "$W/hot"
paths hot
paths cold
start_nginx
for p in "$hot" "$NGINX"; do
	measure "$p" hot >/dev/null || exit 1
done
measure "$cold" cold >/dev/null || exit 1
for ((i = 0; i < rounds; i++)); do
	measure "$hot" hot >>"$W/hot.n" || exit 1
	measure "$NGINX" hot >>"$W/nginx.n" || exit 1
	measure "$cold" cold >>"$W/cold.n" || exit 1
done
h=$(median <"$W/hot.n")
c=$(median <"$W/cold.n")
n=$(median <"$W/nginx.n")
awk -v h="$h" -v c="$c" -v n="$n" 'BEGIN {
	printf "nginx, files of 64 KiB         %8.0f requests/s\n", n
	printf "blocks from memory             %8.0f requests/s  %.2f of it (goal 0.90)\n", h, h / n
	printf "blocks read and hashed anew    %8.0f requests/s  %.2f of it\n", c, c / n
}'
