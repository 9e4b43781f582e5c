#!/usr/bin/env bash
# What the host has no route to, the guest is told at once, each time: a client that has both families goes on with the other
# without a pause. The host's own errors would come once a second. The policy is asked first; a route that comes later is used.
. "$(dirname "$0")/lib.sh"
world_up
ipv6=1
[ -e /proc/sys/net/ipv6/conf/all/force_forwarding ] || ipv6=

# A connect() that waits, as most programs' do, and how many milliseconds it took
cat >"$WORK/wait.sh" <<'END'
began=${EPOCHREALTIME/./}
said=$({ : <"/dev/tcp/$1/443"; } 2>&1)
echo "waited $(((${EPOCHREALTIME/./} - began) / 1000)) ms: ${said##*: }"
END
# at_once NAME ADDRESS: a burst of connections, then one that waits: all of them fail at once
at_once() {
	run_sandbox --quiet --net-default allow -- bash -c "for i in 1 2 3 4 5 6 7 8 9 10 11 12; do $PROBE tcp $2 443 3000; done; . $WORK/wait.sh $2"
	same "$1" 13 "$(awk '/unreachable/ && $2 < 500' <<<"$out" | wc -l)"
}
reaches() {
	run_sandbox --quiet --net-default allow -- "$PROBE" tcp "$2" 443 5000
	contains "$1" "$out" ^connected
}
A4=93.184.216.34 A6=2606:2800:220:1::34

if [ -n "$ipv6" ]; then
	ipv6_up
	reaches "with a route: IPv6" $A6
	ip -6 route delete default
	at_once "no default route: IPv6" $A6
	reaches "IPv4 is as before" $A4
	reaches "IPv6 on the host's own link, too" "$INTERNET6"
	ip -6 route add 2606:2800::/32 via "$INTERNET6"
	reaches "routes to some prefixes: those" $A6
	at_once "not the others" 2a04:4e42::223
	ip -6 route add unreachable default
	at_once "a route that says unreachable is none" 2a04:4e42::223
	ip -6 route delete unreachable default
	ip -6 route delete 2606:2800::/32
	sysctl -q net.ipv6.conf.wan0.disable_ipv6=1
	at_once "no IPv6 at all on the host" $A6
	sysctl -q net.ipv6.conf.wan0.disable_ipv6=0
	ip -6 address add "$HOST6/64" dev wan0 nodad
fi

ip route delete default
at_once "no default route: IPv4" $A4
reaches "the host's own link, too" "$INTERNET4"

# The same in a VM, whose kernel may be slower than the answer
timeout 120 "$BUILD/msb-run" --vmm qemu --quiet --net-default allow -- sh -c "cat >/tmp/probe; chmod +x /tmp/probe
	for i in 1 2 3 4 5 6; do /tmp/probe tcp $A4 443 5000; done" <"$PROBE" >"$WORK/out" 2>"$WORK/err"
same "in a VM" 6 "$(awk '$1 == "unreachable" && $2 < 500' "$WORK/out" | wc -l)"

# The policy is asked first, and says so
run_sandbox --net-default deny --net-rule "allow@93.184.216.0/24" -- sh -c "$PROBE tcp $A4 443 3000; $PROBE tcp 9.9.9.10 443 3000"
same "what the policy lets pass is unreachable, what it denies is refused" "unreachable refused" "$(awk '{ print $1 }' <<<"$out" | tr '\n' ' ' | sed 's/ $//')"
contains "and what it denies is reported" "$err" '9\.9\.9\.10'
lacks "what is unreachable is no denial" "$err" '93\.184'

# While it runs, routes come and go
cat >"$WORK/try.sh" <<END
while :; do
	$PROBE tcp $A4 443 1000 >>$WORK/log4
	[ -z "$ipv6" ] || $PROBE tcp $A6 443 1000 >>$WORK/log6
	sleep 0.05
done
END
fares() { # fares NAME HOW: both families do, from now on
	local family bad=
	: >"$WORK/log4"
	: >"$WORK/log6"
	for family in 4 ${ipv6:+6}; do wait_for "$(patience 5)" grep -q "^$2" "$WORK/log$family" || bad+=" IPv$family"; done
	if [ -z "$bad" ]; then ok "$1"; else not_ok "$1" "not$bad"; fi
}
start_sandbox one --quiet --net-default allow -- sh "$WORK/try.sh"
fares "no route yet" unreachable
ip route add default via "$INTERNET4"
ip -6 route add default via "$INTERNET6"
fares "a default route comes" connected
ip route delete default
ip -6 route delete default
fares "and goes" unreachable
ip route add 0.0.0.0/1 via "$INTERNET4"
ip route add 128.0.0.0/1 via "$INTERNET4"
ip -6 route add 2000::/3 via "$INTERNET6"
fares "as VPN clients route: in halves" connected
ip link set wan0 down
fares "the link goes down" unreachable
kill "$sandbox_pid"
wait "$sandbox_pid"

# A datagram that is too big for the way is told, though no answer has come yet
ip link set wan0 up
ip link set wan0 mtu 1400
ip route add default via "$INTERNET4"
cat >"$WORK/big.py" <<END
import socket
import sys
import time

with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as datagrams:
    datagrams.setsockopt(socket.IPPROTO_IP, 10, 2)  # IP_MTU_DISCOVER, IP_PMTUDISC_DO
    datagrams.connect(("$A4", 9))
    datagrams.send(b"x" * 1450)
    until = time.monotonic() + 5
    while datagrams.getsockopt(socket.IPPROTO_IP, 14) == 1500 and time.monotonic() < until:  # IP_MTU
        time.sleep(0.01)
    print("the way takes", datagrams.getsockopt(socket.IPPROTO_IP, 14))
END
run_sandbox --quiet --net-default allow -- python3 "$WORK/big.py"
contains "a datagram that is too big for the way" "$out" "the way takes 1400"
ip route delete default

# Exceptions beside a default route, and exceptions to these
ip route add default via "$INTERNET4"
ip route add unreachable 198.51.0.0/16
ip route add 198.51.100.0/24 via "$INTERNET4"
at_once "an unreachable route beside a default route" 198.51.99.9
reaches "but for what a longer one reaches" 198.51.100.9
reaches "and all else" $A4
# Another table may be the one that is asked: there the host tells
ip route add 198.51.99.0/24 via "$INTERNET4" table 77
ip rule add iif msb0 lookup 77
reaches "where another table has the route, that is used" 198.51.99.9
finish
