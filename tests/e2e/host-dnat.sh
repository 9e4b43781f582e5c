#!/usr/bin/env bash
# Threat host-dnat: the host, as Docker and Kubernetes do, turns its own address into a container's before input and
# forward see the packet. A sandbox that may go anywhere must not get to that container by the host's address, nor to the
# host by an address that the host takes for its own.
. "$(dirname "$0")/lib.sh"
world_up

ip netns add container
ip link add docker0 type veth peer name eth0 netns container
ip address add 10.88.0.1/24 dev docker0
ip link set docker0 up
ip netns exec container ip link set lo up
ip netns exec container ip address add 10.88.0.2/24 dev eth0
ip netns exec container ip link set eth0 up
ip netns exec container ip route add default via 10.88.0.1
sysctl -q net.ipv4.conf.docker0.forwarding=1 net.ipv4.conf.wan0.forwarding=1
ip netns exec container nft -f - <<END
table inet probe { counter arrived { }
	chain prerouting {
		type filter hook prerouting priority -400;
		tcp flags & (syn | ack) == syn counter name arrived # the end of the connection below comes when it likes
		meta l4proto udp counter name arrived
	}
}
END
ip netns exec container busybox httpd -p 80 -h "$WORK/www"
busybox httpd -p 127.0.0.1:8888 -h "$WORK/www"
busybox httpd -p 9999 -h "$WORK/www"
nft -f - <<END
table ip docker {
	chain prerouting {
		type nat hook prerouting priority -100;
		fib daddr type local tcp dport 8080 dnat to 10.88.0.2:80
		fib daddr type local udp dport 8080 dnat to 10.88.0.2:80
		ip daddr 198.51.100.77 tcp dport 80 redirect to :9999
	}
	chain forward { type filter hook forward priority 0; policy accept; }
}
END
arrived() { ip netns exec container nft -j list counter inet probe arrived | jq '[.nftables[].counter.packets // empty] | add'; }

try "the DNAT works for others" on_internet "$PROBE" tcp "$HOST4" 8080
before=$(arrived)
for proto in tcp udp; do
	for address in "$HOST4" 10.88.0.1 127.0.0.1; do
		run_sandbox --net-default allow -- "$PROBE" "$proto" "$address" 8080 700
		lacks "$proto to $address:8080 goes nowhere" "$out" '^(connected|answered)'
	done
done
same "nothing arrived at the container" "$before" "$(arrived)"
for address in "$HOST4" 10.88.0.1; do
	run_sandbox --net-default allow -- "$PROBE" tcp "$address" 9999 700
	lacks "the host's service is out of reach at $address" "$out" '^connected'
done
run_sandbox --net-default allow -- "$PROBE" tcp 198.51.100.77 80 700
lacks "a redirect to the host's own service is none of the sandbox's" "$out" '^connected'
run_sandbox --net-default allow -- "$PROBE" tcp 10.88.0.2 80 9000
contains "the container's own address is the policy's business" "$out" '^connected'
finish
