#!/usr/bin/env bash
# The flowtable, under a kernel that has one: established flows go past the chains, and what must end or must not pass does so
# all the same. Run by tests/e2e/host-*.sh. usage: tests/kernels/fast-path.sh BUILD
# shellcheck disable=SC2154 # $sandbox_pid and $out are lib.sh's
. "$(dirname "$0")/../e2e/lib.sh"
here=$(cd "$(dirname "$0")" && pwd)
sysctl -qw net.ipv6.conf.all.forwarding=1 # kernels before 6.17 forward IPv6 for all links or for none
world_up
ipv6_up

# in_vm COMMAND…: in the namespace between guest and host
in_vm() { nsenter --net="/proc/$(pgrep -nx msb-supervisor)/ns/net" -- "$@"; }
in_guest() { nsenter --net="/proc/$(pgrep -nx python3)/ns/net" -- "$@"; }
# watched: how many packets have come to the hook that chain forward is at
watch() {
	in_vm nft -f - <<-EOF
		table inet watch {
			counter chains { }
			chain forward { type filter hook forward priority -1; counter name chains; }
		}
	EOF
}
watched() { in_vm nft -j list counter inet watch chains | jq '[.nftables[].counter.packets // empty] | add'; }
echoed() { sed -n '/^[0-9]*$/p' "$WORK/loop" 2>/dev/null; }
at_least() { [ "$(echoed || echo 0)" -ge "$1" ] 2>/dev/null; }

# loop PROTOCOL ADDRESS ARG…: a sandbox whose command is the echo loop; returns when it echoes
loop() {
	local protocol=$1 address=$2
	shift 2
	rm -f "$WORK/loop"
	start_sandbox fast --quiet --net-default allow "$@" -- python3 "$here/echo_loop.py" "$protocol" "$address" 7 "$WORK/loop" 2
	wait_for "$(patience 30)" at_least 20 || cat "$WORK/fast.err"
}
stop() {
	kill "$sandbox_pid" 2>/dev/null
	wait "$sandbox_pid" 2>/dev/null
}
# grows BY: the loop echoes so many more
grows() { wait_for "$(patience 30)" at_least $(($(echoed) + $1)); }
has_flowtable() { in_vm nft list flowtables | grep -q 'flowtable fast'; }
# passes_by WHAT: fifty echoes more, and hardly a packet of them in the chains
passes_by() {
	local before after
	wait_for 60 has_flowtable
	check "the flowtable is there" $?
	watch
	grows 20
	before=$(watched)
	grows 50
	after=$(watched)
	if [ -n "$(echoed)" ] && [ $((after - before)) -le 4 ]; then ok "$1 goes past the chains"; else not_ok "$1 goes past the chains" "$((after - before)) packets in them, $(cat "$WORK/loop")"; fi
}
# counted: packets of the flow to port 7 that the guest sent, as conntrack has them
counted() { in_vm cat /proc/net/nf_conntrack | sed -n '/dport=7 /{s/.*dport=7 packets=\([0-9]*\) .*/\1/p;q}'; }
# silent WHAT: no packet more arrives at port 7 from now on
silent() {
	local before
	before=$(seen_total)
	sleep 1.5 # some 500 packets, were it not so
	same "$1" 0 $(($(seen_total) - before))
}

for to in 198.51.100.7 2001:db8:99::7; do
	for protocol in tcp udp; do
		loop $protocol $to
		passes_by "an established flow of $protocol to $to"
		echoes=$(echoed)
		check "conntrack counts what goes past the chains: $(counted) packets, $echoes echoes" "$([ "$(counted)" -ge "$echoes" ]; echo $?)"
		stop
	done
done

# what the policy says by now holds for flows that are there, once conntrack has forgotten them
for protocol in tcp udp; do
	loop $protocol 198.51.100.7
	in_vm nft insert rule inet msb outbound meta l4proto $protocol th dport 7 counter jump refuse
	grows 20
	check "a $protocol flow that was let pass goes on" $?
	same "its entry is forgotten" 1 "$(in_vm "$BUILD/e2e/forget" "$(in_guest ip -4 -o address show dev eth0 | sed 's/.*inet \([0-9.]*\).*/\1/')")"
	silent "a $protocol flow that is denied by now ends at once"
	stop
done

# forged frames of an offloaded flow: another MAC, another source, a TTL that ends here, IPv4 options
loop udp 198.51.100.7 --cap-net-admin
port=$(in_guest ss -Hun | awk '$5 ~ /:7$/ || $4 ~ /:7$/ { print }' | sed -n 's/.*:\([0-9]*\) *198\.51\.100\.7:7.*/\1/p' | head -n 1)
guest=$(in_guest ip -4 -o address show dev eth0 | sed 's/.*inet \([0-9.]*\).*/\1/')
on_internet nft add table inet forged
on_internet nft -f - <<-'EOF'
	table inet forged {
		counter arrived { }
		chain prerouting { type filter hook prerouting priority -400; udp dport 7 @th,64,48 0x464f52474544 counter name arrived; }
	}
EOF
in_guest python3 "$here/forge_flow.py" "$guest" "$port" 198.51.100.7 >"$WORK/forged" 2>&1
same "frames are forged on an offloaded flow" "honest 20 mac 20 source 20 ttl 20 options 20" "$(cat "$WORK/forged")"
same "only those that the guest may send arrive" 20 "$(on_internet nft -j list counter inet forged arrived | jq '[.nftables[].counter.packets // empty] | add')"
stop

# a flow that rests for longer than the flowtable keeps it is the chains' again
loop tcp 198.51.100.7
watch
is_offloaded() { in_vm grep -q OFFLOAD /proc/net/nf_conntrack; }
wait_for 60 is_offloaded # before its time there is a second, which a busy machine may take between two packets
check "conntrack knows that a flow is in the flowtable" $?
in_vm sysctl -qw net.netfilter.nf_flowtable_tcp_timeout=1
grows 20
: >"$WORK/loop.rest"
is_kept() { ! is_offloaded; }
wait_for "$(patience 60)" is_kept
check "a flow that rests leaves the flowtable" $?
before=$(watched)
rm "$WORK/loop.rest"
grows 20
check "and goes on" $?
if [ "$(watched)" -gt "$before" ]; then ok "by the chains, which see it again"; else not_ok "by the chains, which see it again"; fi
stop

# a policy that bounds what passes has no flowtable
for bound in "--net-egress-ops 1000000/1s" "--net-ingress-ops 1000000/1s" "--net-egress-bandwidth 1G/1s" "--net-ingress-bandwidth 1G/1s"; do
	# shellcheck disable=SC2086 # an option and its value
	loop tcp 198.51.100.7 $bound
	same "with ${bound% *} every packet is seen: no flowtable" "" "$(in_vm nft list flowtables | grep 'flowtable ')"
	stop
done

leftovers_mark
loop tcp 198.51.100.7
kill -KILL "$sandbox_pid"
wait "$sandbox_pid" 2>/dev/null
none_left() { [ -z "$(leftovers)" ]; }
wait_for "$(patience 60)" none_left
check "killed with an offloaded flow, nothing is left" $? "$(leftovers)"
finish
