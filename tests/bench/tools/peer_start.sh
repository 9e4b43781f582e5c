#!/usr/bin/env bash
# What `msb-run --vmm none -- true` does, by ip, sysctl and nft: a namespace behind a link, with our ruleset, and a guest's
# behind a bridge in it; masquerading; the command; the end. usage: peer_start.sh RULESET.nft COMMAND…
# No resolver, no published ports, nothing that watches over it.
set -eu
ruleset=$1
shift
ip netns add peer-vm
ip netns add peer-guest
ip link add peer0 type veth peer name uplink netns peer-vm
ip -n peer-vm link add br0 type bridge
ip -n peer-vm link add tap0 type veth peer name eth0 netns peer-guest
ip -n peer-vm link set tap0 master br0
ip netns exec peer-vm sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1 net.ipv4.conf.all.rp_filter=1 \
	net.ipv4.conf.default.rp_filter=1 net.ipv4.conf.all.accept_redirects=0 net.ipv4.conf.all.send_redirects=0 \
	net.ipv6.conf.all.accept_ra=0 net.ipv6.conf.default.accept_ra=0 net.ipv6.conf.default.accept_dad=0
sysctl -qw net.ipv4.conf.peer0.forwarding=1 net.ipv6.conf.peer0.forwarding=1
ip netns exec peer-vm nft -f "$ruleset"
nft -f - <<'R'
table inet peer {
	chain forward { type filter hook forward priority 0; oifname "peer0" ct state established,related accept; oifname "peer0" drop; }
	chain postrouting { type nat hook postrouting priority 100; ip saddr 172.16.0.0/30 oifname != "peer0" masquerade; }
}
R
ip address add 169.254.0.1/30 dev peer0
ip link set peer0 up
ip route add 172.16.0.0/30 via 169.254.0.2
ip -n peer-vm link set lo up
ip -n peer-vm link set br0 up
ip -n peer-vm link set tap0 up
ip -n peer-vm link set uplink up
ip -n peer-vm address add 172.16.0.1/30 dev br0
ip -n peer-vm -6 address add fd42:6d73:62::1/126 dev br0 nodad
ip -n peer-vm address add 169.254.0.2/30 dev uplink
ip -n peer-vm route add default via 169.254.0.1
ip -n peer-guest link set lo up
ip -n peer-guest link set eth0 up
ip -n peer-guest address add 172.16.0.2/30 dev eth0
ip -n peer-guest -6 address add fd42:6d73:62::2/126 dev eth0 nodad
ip -n peer-guest route add default via 172.16.0.1
ip netns exec peer-guest "$@"
nft delete table inet peer
ip link del peer0
ip netns del peer-guest
ip netns del peer-vm
