#!/usr/bin/env bash
# Threat conntrack-flood, on the host: one sandbox has a share of the host's conntrack, all of them together have another, and
# whoever of them ends, the others' flows stay counted.
. "$(dirname "$0")/lib.sh"
world_up
sysctl -qw net.ipv4.ip_forward=1

# neighbour N: a namespace behind link msbN, as a sandbox would be
neighbour() {
	ip netns add "s$1"
	ip link add "msb$1" type veth peer name eth0 netns "s$1"
	ip address add "172.16.0.$(($1 * 4 + 1))/30" dev "msb$1"
	ip link set "msb$1" up
	ip -n "s$1" address add "172.16.0.$(($1 * 4 + 2))/30" dev eth0
	ip -n "s$1" link set eth0 up
	ip -n "s$1" route add default via "172.16.0.$(($1 * 4 + 1))"
}
# table N EACH SHARE ALL: its table with these bounds, until untable N
table() {
	"$BUILD/e2e/host_limits" "msb$1" "172.16.0.$(($1 * 4 + 1))" "fd42:6d73:62:$1::1" "$2" "$3" "$4" >"$WORK/table$1" &
	table_pid[$1]=$!
	wait_for 10 grep -q ready "$WORK/table$1" || echo "# no table for msb$1"
}
untable() {
	kill "${table_pid[$1]}"
	wait "${table_pid[$1]}" 2>/dev/null
	rm "$WORK/table$1"
}
# flows N COUNT: as many of UDP from there
flows() {
	ip netns exec "s$1" python3 -c '
import socket, sys, time
for i in range(int(sys.argv[1])):
    try:
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b"x", ("93.184.216.34", 9))
    except OSError:
        pass
    time.sleep(0.01)' "$2"
}
# entries N: what the host knows of flows of UDP from there
entries() { grep -cE "udp .* src=172\.16\.0\.$(($1 * 4 + 2)) " /proc/net/nf_conntrack; }

for n in 1 2 3 4; do neighbour "$n"; done

table 1 20 30 1000
flows 1 40
same "UDP: its own bound" 20 "$(entries 1)"
ip netns exec s1 python3 -c '
import socket, time
held = []
for i in range(40):
    s = socket.socket()
    try:
        s.connect(("93.184.216.34", 443))
        held.append(s)
    except ConnectionRefusedError:
        pass
    time.sleep(0.01)
print(len(held))' >"$WORK/tcp"
same "TCP: what UDP has left of the sandbox's share" 10 "$(cat "$WORK/tcp")"
untable 1

# All together: four tables, a bound of 50
for n in 1 2 3 4; do table "$n" 30 1000 50; done
flows 2 30
flows 3 30
same "all sandboxes together" "30 20" "$(entries 2) $(entries 3)"
same "refused at once" "refused" "$(ip netns exec s4 "$PROBE" tcp 93.184.216.34 443 2000 | cut -d' ' -f1)"
untable 1
flows 4 10
same "the oldest has ended: the others' flows stay counted" 0 "$(entries 4)"
ip netns add other
ip link add side type veth peer name eth0 netns other
ip address add 192.0.2.1/24 dev side
ip link set side up
ip -n other address add 192.0.2.7/24 dev eth0
ip -n other link set eth0 up
ip -n other route add default via 192.0.2.1
on_internet ip route add 192.0.2.0/24 via "$HOST4"
same "who is no sandbox is not counted" connected "$(ip netns exec other "$PROBE" tcp 93.184.216.34 443 3000 | cut -d' ' -f1)"
ip link set msb4 group $((0x6d000010))
flows 4 10
same "nor is who has reserved its part" 10 "$(entries 4)"
counted=$(nft -j list table inet msb2 | jq '[.nftables[].rule? // empty | select(.chain == "over_all")] | length')
if [ "$counted" -ge 2 ]; then ok "their own tables refuse and report"; else not_ok "their own tables refuse and report" "$counted rules"; fi
for n in 2 3 4; do untable "$n"; done
finish
