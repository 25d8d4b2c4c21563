# SPDX-License-Identifier: Apache-2.0 OR MIT
# shellcheck shell=bash
# Shared by the suites of nodes in network namespaces: sourced, not run.  Gives,
# beside what tests/lib.sh gives, hosts 1 to N on one bridge, what can go wrong on
# their lines, and nodes, bootstraps and caches on them; all of it goes at the end.
#
# Host i has the address 10.77.0.i and nothing else; the bridge is in a namespace of
# its own, so that the machine's own network sees none of this.  Only the network is
# another one: files, processes and mounts are the machine's.

. "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"

NET=cdxnet$$
HOSTS=0
PIDS=()   # of what was started here, but for nodes and mounts
STORES=() # of nodes and mounts
MOUNTS=()

if [ "$(id -u)" -ne 0 ]; then skip "network tests want root, for namespaces"; fi
need ip tc iptables nsenter curl python3 flock

addr() { printf '10.77.0.%d' "$1"; }
# in_ns HOST COMMAND...
in_ns() {
	local host=$1
	shift
	nsenter --net="/run/netns/$NET.$host" -- "$@"
}

# net_up N
net_up() {
	local i

	ip netns add "$NET.hub" 2>"$W/net.err" ||
		skip "no network namespaces here: $(cat "$W/net.err")"
	ip -n "$NET.hub" link add br0 type bridge 2>"$W/net.err" ||
		skip "no bridges here: $(cat "$W/net.err")"
	ip -n "$NET.hub" link set br0 up
	for ((i = 1; i <= $1; i++)); do
		HOSTS=$i
		ip netns add "$NET.$i" || fail "namespace $i"
		ip -n "$NET.hub" link add "v$i" type veth peer name eth0 \
			netns "$NET.$i" || fail "line of host $i"
		ip -n "$NET.hub" link set "v$i" master br0 up
		ip -n "$NET.$i" addr add "$(addr "$i")/24" dev eth0
		ip -n "$NET.$i" link set eth0 up
		ip -n "$NET.$i" link set lo up
	done
}
net_down() {
	local i

	for ((i = 1; i <= HOSTS; i++)); do ip netns del "$NET.$i"; done
	HOSTS=0
	ip netns del "$NET.hub" 2>/dev/null
}

# rate HOST MBIT: of its line, both ways
rate() {
	ip netns exec "$NET.$1" tc qdisc replace dev eth0 root tbf \
		rate "$2mbit" burst 64k latency 100ms || fail "rate of host $1"
	ip netns exec "$NET.hub" tc qdisc replace dev "v$1" root tbf \
		rate "$2mbit" burst 64k latency 100ms || fail "rate of host $1"
}
# loss HOST PERCENT: of what comes to it
loss() {
	in_ns "$1" iptables -I INPUT -i eth0 -m statistic --mode random \
		--probability "$(python3 -c "print($2 / 100)")" -j DROP ||
		fail "loss at host $1"
}
# partition "1 2" "3 4": neither side hears the other
partition() {
	local a b

	for a in $1; do
		for b in $2; do
			in_ns "$a" iptables -A INPUT -s "$(addr "$b")" -j DROP &&
				in_ns "$b" iptables -A INPUT -s "$(addr "$a")" \
					-j DROP || fail "partition $a $b"
		done
	done
}
# heal: no loss and no partition any more
heal() {
	local i

	for ((i = 1; i <= HOSTS; i++)); do
		in_ns "$i" iptables -F INPUT || fail "heal host $i"
	done
}

listens() { # HOST tcp|udp PORT
	[ -n "$(in_ns "$1" ss -H -ln --"$2" "sport = :$3")" ]
}

# begin HOST LOG COMMAND...: in the background; its process in $BEGUN
begin() {
	local host=$1 log=$2

	shift 2
	# not in_ns: the process in $BEGUN is to be the program, not a shell around it
	nsenter --net="/run/netns/$NET.$host" -- "$@" >"$log" 2>&1 </dev/null &
	BEGUN=$!
	PIDS+=("$BEGUN")
}
# finish PID
finish() {
	local pid left=()

	kill "$1" 2>/dev/null
	wait "$1" 2>/dev/null
	for pid in "${PIDS[@]}"; do
		[ "$pid" = "$1" ] || left+=("$pid")
	done
	PIDS=("${left[@]}")
}

# ---- programs on the hosts ----

# make_store STORE [OPTIONS of init]
make_store() {
	local store=$1

	shift
	"$CODEXFS" init --quota 2G "$@" "$store" >"$W/init.out" 2>&1 ||
		fail "init $store: $(cat "$W/init.out")"
}
# start_node HOST STORE [OPTIONS of node]: listens on 8070, REST on 8080 of its
# loopback; returns when it answers
start_node() {
	local host=$1 store=$2

	shift 2
	in_ns "$host" "$CODEXFS" node --listen "$(addr "$host"):8070" \
		--announce "/ip4/$(addr "$host")/tcp/8070/http" \
		--log-file "$store.log" "$@" "$store" >"$W/node.out" 2>&1 \
		</dev/null || {
		! grep -q "built without OpenDHT" "$W/node.out" ||
			skip "this codexfs was built without OpenDHT"
		fail "node $store: $(cat "$W/node.out" "$store.log")"
	}
	STORES+=("$store")
}
# stop_node STORE: a clean end
stop_node() {
	"$CODEXFS" umount "$1" >"$W/node.out" 2>&1 ||
		fail "the node of $1 does not end: $(cat "$W/node.out")"
	timeout 60 flock "$1/lock" true || fail "$1 stays open"
}
# kill_node STORE
kill_node() {
	kill -9 "$(holder "$1")" || fail "the node of $1 is gone already"
	timeout 60 flock "$1/lock" true || fail "a killed process holds $1"
}
# start_mount HOST STORE FOLDER CONFIGURATION
start_mount() {
	mkdir -p "$3"
	in_ns "$1" "$CODEXFS" mount --log-file "$2.log" -o "config=$4" "$2" "$3" \
		>"$W/mount.out" 2>&1 </dev/null ||
		fail "mount $2: $(cat "$W/mount.out")"
	STORES+=("$2")
	MOUNTS+=("$3")
}
stop_mount() { # FOLDER
	"$CODEXFS" umount "$1" || fail "umount $1"
}
# dht_network NAME: the number by which OpenDHT knows it
dht_network() {
	python3 -c 'import hashlib, sys
d = hashlib.sha256(b"codexfs network v1" + sys.argv[1].encode()).digest()
print(int.from_bytes(d[:4], "big"))' "$1"
}
# start_bootstrap HOST PORT NETWORK: its process in $BEGUN
start_bootstrap() {
	need dhtnode ss
	# it reads commands, and ends with its input
	mkfifo "$W/dht.$1" 2>/dev/null
	nsenter --net="/run/netns/$NET.$1" -- \
		dhtnode -p "$2" -n "$(dht_network "$3")" \
		>"$W/dhtnode.$1.log" 2>&1 <>"$W/dht.$1" &
	BEGUN=$!
	PIDS+=("$BEGUN")
	until_ok 60 "dhtnode on host $1" listens "$1" udp "$2"
}
# start_nginx HOST PORT FILE: FILE has what goes into http { }; process in $BEGUN
start_nginx() {
	need nginx ss
	mkdir -p "$W/nginx.$1"
	{
		printf 'daemon off; worker_processes 1; pid %s/pid;\n' \
			"$W/nginx.$1"
		printf 'error_log %s/error.log; user root;\n' "$W/nginx.$1"
		printf 'events { worker_connections 512; }\nhttp {\n'
		printf 'access_log off; client_body_temp_path %s/body;\n' \
			"$W/nginx.$1"
		printf 'proxy_temp_path %s/proxy;\n' "$W/nginx.$1"
		cat "$3"
		printf '}\n'
	} >"$W/nginx.$1/nginx.conf"
	begin "$1" "$W/nginx.$1/log" nginx -p "$W/nginx.$1" \
		-c "$W/nginx.$1/nginx.conf" -e "$W/nginx.$1/error.log"
	until_ok 60 "nginx on host $1" listens "$1" tcp "$2"
}
# start_delay HOST MS PORT TO [--udp]: a long line from its PORT to ADDR:PORT; its
# process in $BEGUN
start_delay() {
	local host=$1 ms=$2 port=$3 to=$4

	shift 4
	begin "$host" "$W/delay.$host.$port" \
		"${CDX_BUILDDIR:?}/tests/net/delay" --ms "$ms" \
		--listen "$(addr "$host"):$port" --to "$to" "$@"
	until_ok 60 "delay on host $host" grep -q ready "$W/delay.$host.$port"
}

# ---- the end ----

cleanup() {
	local status=$? m s pid

	cd /
	for m in "${MOUNTS[@]}"; do
		grep -q " $m fuse.codexfs " /proc/self/mounts &&
			{ "$CODEXFS" umount -l "$m" || umount -l "$m"; }
	done
	for s in "${STORES[@]}"; do
		flock -n "$s/lock" true 2>/dev/null && continue
		"$CODEXFS" umount "$s" >/dev/null 2>&1
		timeout 60 flock "$s/lock" true && continue
		printf 'FAIL: %s does not end\n' "$s" >&2
		kill -9 "$(holder "$s")"
		status=1
	done
	for pid in "${PIDS[@]}"; do
		kill "$pid" 2>/dev/null
		wait "$pid" 2>/dev/null
	done
	net_down
	if [ "$status" -ne 0 ] && [ "$status" -ne 77 ]; then
		for s in "${STORES[@]}"; do
			printf -- '-- %s:\n' "$s.log" >&2
			tail -n 30 "$s.log" >&2 2>/dev/null
		done
	fi
	scratch_end $status
	exit $status
}
trap cleanup EXIT
