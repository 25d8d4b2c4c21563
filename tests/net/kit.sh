#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0 OR MIT
#
# Do the lines of tests/net/lib.sh do what they say?  Else the suites on them would
# show nothing.
. "$(dirname "$0")/lib.sh"
need ping ss

hears() { in_ns "$1" ping -q -n -c 1 -W 1 "$(addr "$2")" >/dev/null; }

net_up 4
for i in 2 3 4; do until_ok 30 "host 1 to $i" hears 1 $i; done
until_ok 30 "host 4 to 3" hears 4 3

partition "1 2" "3 4"
! hears 1 3 && ! hears 4 2 || fail "a partition that leaks"
until_ok 30 "a partition on one side" hears 1 2
until_ok 30 "a partition on the other side" hears 3 4
heal
until_ok 30 "healed, 1 to 3" hears 1 3
until_ok 30 "healed, 4 to 2" hears 4 2

loss 2 100
! hears 1 2 || fail "a line that loses everything"
until_ok 30 "loss on another line" hears 1 3
heal
until_ok 30 "healed, 1 to 2" hears 1 2

# 16 MiB over 100 Mbit/s take 1.3 s at the least, over a fast line hardly any
mkdir "$W/www"
head -c 16777216 /dev/urandom >"$W/www/f"
printf 'server { listen %s:8000; root %s/www; }\n' "$(addr 1)" "$W" >"$W/conf"
start_nginx 1 8000 "$W/conf"
get() { # HOST URL
	in_ns "$1" curl -sf -o "$W/got" -w '%{time_total}' "$2" ||
		fail "curl $2 on host $1"
	cmp "$W/got" "$W/www/f" >&2 || fail "other bytes"
}
rate 2 100
seconds=$(get 2 "http://$(addr 1):8000/f")
python3 -c "assert $seconds > 1.2, $seconds" || fail "a limit that is none"

# 100 ms there and back, and all bytes
start_delay 3 50 9000 "$(addr 1):8000"
first=$(in_ns 4 curl -sf -o "$W/got" -w '%{time_starttransfer}' \
	"http://$(addr 3):9000/f") || fail "curl over a long line"
cmp "$W/got" "$W/www/f" || fail "other bytes over a long line"
python3 -c "assert $first > 0.1, $first" || fail "a long line that is short"

# A second one for datagrams
start_delay 3 50 9001 "$(addr 1):9001" --udp
begin 1 "$W/echo" python3 -c 'import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(("0.0.0.0", 9001))
while True:
    m, a = s.recvfrom(70000)
    s.sendto(m[::-1], a)'
until_ok 30 "an echo" listens 1 udp 9001
in_ns 4 python3 - "$(addr 3)" <<'END' || fail "datagrams over a long line"
import socket, sys, time
s = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for i in range(20)]
begin = time.monotonic()
for i, x in enumerate(s):
    x.settimeout(30)
    x.sendto(b"datagram %d" % i, (sys.argv[1], 9001))
for i, x in enumerate(s):
    assert x.recv(100) == (b"datagram %d" % i)[::-1]
assert time.monotonic() - begin > 0.1
END
say "lines: partition, loss, rate ($seconds s), delay ($first s)"
