#!/usr/bin/env bash
# The host's network changes while a sandbox runs: the default route moves to a link that came later, the outgoing link is made
# anew, renamed, gets another address, is reached by another table or by next hop objects. The sandbox goes on, and strangers
# are kept from being forwarded over the new links as over the old; with the sandbox every switch is back.
. "$(dirname "$0")/lib.sh"
world_up
ipv6=1
[ -e /proc/sys/net/ipv6/conf/all/force_forwarding ] || ipv6=

# uplink NAME NUMBER: one more link to the Internet, 198.51.NUMBER.2 and 2001:db8:NUMBER::2
uplink() {
	local family
	ip link add "$1" type veth peer name "$1" netns internet
	ip address add "198.51.$2.2/24" dev "$1"
	ip address add "2001:db8:$2::2/64" dev "$1" nodad
	on_internet ip address add "198.51.$2.1/24" dev "$1"
	on_internet ip address add "2001:db8:$2::1/64" dev "$1" nodad
	ip link set "$1" up
	on_internet ip link set "$1" up
	for family in -4 -6; do on_internet ip "$family" rule add iif "$1" lookup 100; done
	on_internet nft -f - <<-END
		table inet by_$1 {
			chain first { type filter hook prerouting priority -300; iifname "$1" meta l4proto tcp counter name arrived; }
			chain answers { type nat hook prerouting priority -100; iifname "$1" meta l4proto { tcp, udp } redirect to :7; }
			counter arrived { }
		}
	END
}
arrived_by() { on_internet nft -j list counter inet "by_$1" arrived | jq '[.nftables[].counter.packets // empty] | add'; }
# gone NAME: that link and what belongs to it
gone() {
	ip link delete "$1"
	on_internet nft delete table inet "by_$1"
}
default_by() {
	ip route replace default via "198.51.$2.1" dev "$1"
	ip -6 route replace default via "2001:db8:$2::1" dev "$1"
}

# A guest that tries without end; a line each time
cat >"$WORK/try.sh" <<END
while :; do
	$PROBE tcp 93.184.216.34 443 400 >>$WORK/log4
	[ -z "$ipv6" ] || $PROBE tcp 2606:2800:220:1::34 443 400 >>$WORK/log6
	sleep 0.05
done
END
# gets_through WHAT: both families do, from now on
gets_through() {
	local family bad=
	: >"$WORK/log4"
	: >"$WORK/log6"
	for family in 4 ${ipv6:+6}; do wait_for "$(patience 5)" grep -q ^connected "$WORK/log$family" || bad+=" IPv$family"; done
	if [ -z "$bad" ]; then ok "$1"; else not_ok "$1" "not$bad: $(tail -n 3 "$WORK/one.err" | tr '\n' ' ')"; fi
}

start_sandbox one --quiet --net-default allow -- sh "$WORK/try.sh"
one=$sandbox_pid
gets_through "at first: by the link that was there"

uplink wan1 11
default_by wan1 11
gets_through "the default route moves to a link that came later"
if [ "$(arrived_by wan1)" -gt 0 ]; then ok "and that is the way it takes"; else not_ok "and that is the way it takes"; fi
contains "strangers are not forwarded over it" "$(nft list table inet msb0)" 'iif "wan1" meta nfproto ipv4 ct state .*drop'

gone wan1
uplink wan1 11
default_by wan1 11
gets_through "the link is made anew"

ip address delete 198.51.11.2/24 dev wan1
ip address add 198.51.11.77/24 dev wan1
ip -6 address add 2001:db8:11::77/64 dev wan1 nodad
ip -6 address delete 2001:db8:11::2/64 dev wan1
default_by wan1 11
gets_through "its address changes"

ip link set wan1 down
ip link set wan1 name ppp0
ip link set ppp0 up
ip -6 address add 2001:db8:11::77/64 dev ppp0 nodad 2>/dev/null
default_by ppp0 11
gets_through "it is renamed"
contains "strangers are not forwarded by its new name" "$(nft list table inet msb0)" 'iif "ppp0" .*drop'

# As wg-quick does it: a table of its own, found by a rule
uplink wg0 2
ip route add default via 198.51.2.1 dev wg0 table 51820
ip rule add not fwmark 51820 table 51820
ip rule add table main suppress_prefixlength 0
ip -6 route add default via 2001:db8:2::1 dev wg0 table 51820
ip -6 rule add not fwmark 51820 table 51820
ip -6 rule add table main suppress_prefixlength 0
gets_through "another table's default route wins"
if [ "$(arrived_by wg0)" -gt 0 ]; then ok "and that is the way it takes"; else not_ok "and that is the way it takes"; fi
for family in -4 -6; do
	ip "$family" rule delete not fwmark 51820 table 51820
	ip "$family" rule delete table main suppress_prefixlength 0
done
gone wg0

# Next hop objects, which the kernel may list by number alone
sysctl -q net.ipv4.nexthop_compat_mode=0
uplink wan3 3
ip nexthop add id 3 via 198.51.3.1 dev wan3
ip nexthop add id 6 via 2001:db8:3::1 dev wan3
ip route replace default nhid 3
ip -6 route delete default
ip -6 route add default nhid 6
gets_through "a default route by a next hop object"
sysctl -q net.ipv4.nexthop_compat_mode=1

uplink wan4 4
uplink wan5 5
ip route replace default nexthop via 198.51.4.1 nexthop via 198.51.5.1
ip -6 route delete default
ip -6 route add default nexthop via 2001:db8:4::1 nexthop via 2001:db8:5::1
gets_through "a default route over two links"
for link in wan4 wan5; do
	contains "$link forwards" "$(cat /proc/sys/net/ipv4/conf/$link/forwarding)" 1
	contains "and for sandboxes only" "$(nft list table inet msb0)" "iif \"$link\" .*drop"
done

same "nothing of this was worth a line" "" "$(cat "$WORK/one.err")"
# A network manager that takes every link for its own
ip link set msb0 down
try "the sandbox's link is set down: it is said" wait_for "$(patience 5)" grep -q 'set msb0 down: the sandbox has no network' "$WORK/one.err"
ip link set msb0 up
gets_through "the sandbox's link goes down and comes up"
contains "and it is said" "$(cat "$WORK/one.err")" 'routes or neighbours away on msb0; put back'
contains "as is that the network is back" "$(cat "$WORK/one.err")" 'msb0 is up again'
for family in -4 -6; do
	ip "$family" route flush dev msb0
	ip "$family" neighbour flush dev msb0 nud permanent
done
gets_through "its routes and neighbours are flushed"
# what is sent before they are back has the kernel look for the neighbour, which does not answer
ip neighbour replace 169.254.0.2 dev msb0 nud failed
ip -6 neighbour replace fe80::2 dev msb0 nud failed
ip route flush dev msb0
gets_through "and looked for in vain meanwhile"

kill "$one"
wait "$one"
same "with the sandbox, all switches are back" "" "$(grep -l 1 /proc/sys/net/ipv4/conf/*/forwarding /proc/sys/net/ipv6/conf/*/force_forwarding 2>/dev/null)"
lacks "no link has a note of it" "$(ip link)" 'altname'
finish
