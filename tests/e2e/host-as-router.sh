#!/usr/bin/env bash
# Threat host-as-router: the forwarding that a sandbox needs on the outgoing link would let the LAN route through the host, and
# stay on. While sandboxes run, strangers are not forwarded; with the last of them, however it ends, the switch is back.
. "$(dirname "$0")/lib.sh"
world_up

# A second network behind the host, and a stranger out there who knows the way
lan_up
ip netns exec lan nft -f - <<END
table inet probe { counter arrived { }
	chain prerouting { type filter hook prerouting priority -400; meta l4proto { tcp, udp } counter name arrived; }
}
END
arrived() { ip netns exec lan nft -j list counter inet probe arrived | jq '[.nftables[].counter.packets // empty] | add'; }
strangers_try() {
	local address
	for address in 192.168.7.2 fd07::2; do
		on_internet "$PROBE" tcp "$address" 80 200
		on_internet "$PROBE" udp "$address" 80 200
		ip netns exec lan "$PROBE" udp 93.184.216.34 7 200
		ip netns exec lan "$PROBE" udp 2606:2800:220:1::34 7 200
	done >/dev/null
}
# switches: of both links and families
switches() {
	local link
	for link in wan0 lan0; do
		printf '%s%s' "$(cat /proc/sys/net/ipv4/conf/$link/forwarding)" "$(cat /proc/sys/net/ipv6/conf/$link/force_forwarding 2>/dev/null || echo 0)"
	done
}
off=0000 on=1111
[ -e /proc/sys/net/ipv6/conf/wan0/force_forwarding ] || on=1010

same "at first nothing is forwarded" $off "$(switches)"
start_sandbox one --quiet --net-default allow -- sleep 60
one=$sandbox_pid
wait_for 20 pgrep -x sleep
same "with a sandbox, both links forward" $on "$(switches)"
contains "the host link says what is borrowed" "$(ip link show msb0)" 'alias msb-run forwards:.* b4:wan0'
seen_reset
strangers_try
same "a stranger's packets do not get to the LAN" 0 "$(arrived)"
same "nor the LAN's out" 0 "$(seen 93.184.216.34 udp 7)"
run_sandbox --quiet --net-default allow -- "$PROBE" tcp 192.168.7.2 80 500
if [ "$(arrived)" -gt 0 ]; then ok "the counter counts: a sandbox that may gets there"; else not_ok "the counter counts"; fi
same "the second sandbox ended, the first still needs the switches" $on "$(switches)"
run_sandbox --quiet --net-default allow -- "$PROBE" tcp 93.184.216.34 443 9000
contains "and another works" "$out" ^connected
kill "$one"
wait "$one"
same "with the last sandbox the switches are back" $off "$(switches)"

for who in front supervisor; do
	start_sandbox killed --quiet --net-default allow -- sleep 60
	wait_for 20 pgrep -x sleep
	victim=$sandbox_pid
	[ $who = front ] || victim=$(pgrep -ox msb-supervisor)
	kill -KILL "$victim"
	wait "$sandbox_pid" 2>/dev/null
	if wait_for "$(patience 2)" sh -c "! ip -br link | grep -q ^msb && ! pgrep -x msb-owner"; then ok "$who killed: gone"; else not_ok "$who killed: gone"; fi
	same "$who killed: the switches are back" $off "$(switches)"
done

sysctl -q net.ipv4.conf.wan0.forwarding=1
run_sandbox --quiet -- true
same "what the administrator switched on stays on" 1 "$(cat /proc/sys/net/ipv4/conf/wan0/forwarding)"
sysctl -q net.ipv4.conf.wan0.forwarding=0

# Twelve at once, started and ended in any order
for i in 1 2 3 4 5 6 7 8 9 10 11 12; do
	start_sandbox "n$i" --quiet --net-default allow -- sh -c "sleep 0.$((RANDOM % 9)); $PROBE tcp 93.184.216.34 443 20000"
	pids[i]=$sandbox_pid
done
worked=0
for i in 1 2 3 4 5 6 7 8 9 10 11 12; do
	wait "${pids[i]}" && worked=$((worked + 1))
done
same "twelve sandboxes that come and go: all of them reach the Internet" 12 "$worked"
same "and the switches are back" $off "$(switches)"
finish
