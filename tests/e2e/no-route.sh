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

# With a default route, an exception of the host's is the host's to tell
ip link set wan0 up
ip route add default via "$INTERNET4"
ip route add unreachable 198.51.100.0/24
run_sandbox --quiet --net-default allow -- "$PROBE" tcp 198.51.100.9 443 3000
contains "an unreachable route beside a default route" "$out" '^prohibited [0-9]{1,3} ms'
finish
