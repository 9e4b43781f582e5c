#!/usr/bin/env bash
# Threat icmp-as-flow: an ICMP error is let through for a flow it belongs to, and only the kinds a transport needs; forged
# ones are no flow that a rule could allow. Path MTU discovery works all the same.
. "$(dirname "$0")/lib.sh"
world_up
ipv6_up

run_sandbox --quiet --net-default allow -- python3 "$TESTS/e2e/tools/frames.py" icmp
same "packets were sent" 0 "$status"
sleep 0.2
while read -r kind to; do
	case $kind in
	own-*) same "$kind arrives at $to" 1 "$(seen "$to")" ;;
	*) same "$kind of no flow, to $to" 0 "$(seen "$to")" ;;
	esac
done <<<"$out"
same "as many as were made" 22 "$(wc -l <<<"$out")"

# Errors and redirects about a flow that is there: the errors reach the guest, nothing else does
on_internet python3 "$TESTS/e2e/tools/icmp_peer.py" answer wan0 >"$WORK/peer" &
peer=$!
wait_for 20 grep -q ready "$WORK/peer"
run_sandbox --quiet --net-default allow -- python3 "$TESTS/e2e/tools/icmp_peer.py" listen 93.184.216.50
same "of all ICMP types about its flow the guest is told these" "3 11 12" "$out"
run_sandbox --quiet --net-default allow -- python3 "$TESTS/e2e/tools/icmp_peer.py" listen 2606:2800:220:1::50
same "of all ICMPv6 types about its flow the guest is told these" "1 2 3 4" "$out"
kill "$peer"

# A link that takes only 1,400 bytes: the guest hears of it, and the path's MTU is known
ip link set wan0 mtu 1400
for address in 93.184.216.34 2606:2800:220:1::34; do
	run_sandbox --quiet --net-default allow -- python3 -c '
import socket, sys, time
v6 = ":" in sys.argv[1]
s = socket.socket(socket.AF_INET6 if v6 else socket.AF_INET, socket.SOCK_DGRAM)
level, discover, mtu = (socket.IPPROTO_IPV6, 23, 24) if v6 else (socket.IPPROTO_IP, 10, 14)
s.setsockopt(level, discover, 2)  # never fragment
s.connect((sys.argv[1], 7))
s.send(b"x" * 1420)
until = time.monotonic() + 5
while s.getsockopt(level, mtu) != 1400 and time.monotonic() < until:
    time.sleep(0.05)
print(s.getsockopt(level, mtu))' "$address"
	same "path MTU discovery to $address" 1400 "$out"
done
finish
