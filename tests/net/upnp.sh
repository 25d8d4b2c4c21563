#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0 OR MIT
#
# A port of a router, by UPnP: a real miniupnpd in a namespace of its own.
. "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"

if [ "$(id -u)" -ne 0 ]; then skip "network tests want root, for namespaces"; fi
PATH=$PATH:/usr/sbin:/sbin
need ip ldd nft miniupnpd
ldd "$(command -v miniupnpd)" | grep -q nftnl ||
	skip "this miniupnpd is not the one for nftables"
NAT=${CDX_BUILDDIR:-.}/tests/net/nat_once
[ -x "$NAT" ] || skip "nat_once is not built"

R=cdxupnp$$.r
H=cdxupnp$$.h
OUTER=11.22.33.44 # miniupnpd refuses those that are nobody's
DAEMON=
down() {
	if [ -n "$DAEMON" ]; then
		kill "$DAEMON" 2>/dev/null
		wait "$DAEMON" 2>/dev/null
	fi
	exec 9>&-
	ip netns del "$R" 2>/dev/null
	ip netns del "$H" 2>/dev/null
}
cleanup() {
	local status=$?

	trap - EXIT
	down
	scratch_end $status
	exit $status
}
trap cleanup EXIT

ip netns add "$R" 2>"$W/err" || skip "no namespaces here: $(cat "$W/err")"
ip netns add "$H"
ip -n "$R" link add in0 type veth peer name eth0 netns "$H" || fail "no veth"
ip -n "$R" link add out0 type veth peer name out1
ip -n "$R" addr add "$OUTER/24" dev out0
ip -n "$R" addr add 10.77.0.1/24 dev in0
ip -n "$H" addr add 10.77.0.2/24 dev eth0
for i in lo out0 out1 in0; do ip -n "$R" link set "$i" up; done
for i in lo eth0; do ip -n "$H" link set "$i" up; done
ip -n "$H" route add default via 10.77.0.1
ip netns exec "$R" nft -f - <<'RULES' || skip "no nft here"
table inet filter {
	chain forwardUPnP { }
	chain UPnP { }
	chain UPnP-Postrouting { }
	chain prerouting {
		type nat hook prerouting priority dstnat;
		jump UPnP
	}
	chain postrouting {
		type nat hook postrouting priority srcnat;
		jump UPnP-Postrouting
	}
}
RULES

daemon() {
	cat >"$W/conf" <<CONF
ext_ifname=out0
ext_ip=$OUTER
listening_ip=in0
http_port=5000
enable_natpmp=no
enable_upnp=yes
secure_mode=yes
upnp_forward_chain=forwardUPnP
upnp_nat_chain=UPnP
upnp_nat_postrouting_chain=UPnP-Postrouting
uuid=00000000-0000-0000-0000-000000000001
allow 1024-65535 10.77.0.0/24 1024-65535
deny 0-65535 0.0.0.0/0 0-65535
CONF
	ip netns exec "$R" miniupnpd -d -f "$W/conf" -P "$W/pid" \
		>"$W/daemon.log" 2>&1 &
	DAEMON=$!
	for _ in $(seq 600); do
		grep -q "HTTP listening" "$W/daemon.log" && return
		kill -0 "$DAEMON" 2>/dev/null || break
		sleep 0.1
	done
	skip "miniupnpd does not run here: $(tail -1 "$W/daemon.log")"
}

# ask PORT: what nat_once says, in $said; it goes on until descriptor 9 is closed
ask() {
	rm -f "$W/in" "$W/said"
	mkfifo "$W/in"
	ip netns exec "$H" "$NAT" "$1" <"$W/in" >"$W/said" 9>&- &
	ASKER=$!
	exec 9>"$W/in"
	for _ in $(seq 600); do
		[ -s "$W/said" ] && break
		sleep 0.1
	done
	said=$(cat "$W/said")
}
end() {
	exec 9>&-
	wait "$ASKER" || fail "nat_once failed"
}
# ask_router PORT: the same, again where the router's answer came too late
ask_router() {
	local try

	for try in 1 2 3 4 5; do
		ask "$1"
		case $said in
		"failed: no router"*) [ "$try" -eq 5 ] || end ;;
		*) break ;;
		esac
	done
}
rules() { ip netns exec "$R" nft list ruleset; }

# without a router: words that say what to do
ask 8070
case $said in
"failed: no router"*) ;;
"built without"*) skip "this codexfs was $said" ;;
*) fail "without a router: $said" ;;
esac
end

daemon
ask_router 8070
[ "$said" = "$OUTER 8070" ] || fail "with a router: $said"
rules | grep -q "dport 8070 dnat ip to 10.77.0.2:8070" ||
	fail "no rule for the port: $(rules)"

end
rules | grep -q "dport 8070" && fail "the mapping was not taken back: $(rules)"

# the router goes away while the mapping stands: the end does not hang
ask_router 8071
[ "$said" = "$OUTER 8071" ] || fail "another port: $said"
kill "$DAEMON"
wait "$DAEMON"
DAEMON=
end
echo "upnp: ok"
