#!/usr/bin/env bash
# `host` is every address of the node's, also of one that has hundreds of links with the gateway's address on each, as `ptp` makes them.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/cni-lib.sh"
world_up
network_up
for n in $(seq 60); do
	ip link add "many$n" type bridge
	ip address add 10.88.0.1/32 dev "many$n"
	ip link set "many$n" up
done
ip link add last type bridge
ip address add 203.0.113.77/32 dev last
ip address add 2001:db8:1::77/128 dev last nodad
ip link set last up
ip address add 203.0.113.78/32 dev lo
busybox httpd -p 8000 -h "$WORK/www"
busybox httpd -p "[::]:8001" -h "$WORK/www"

pod_up open 10.88.0.5 fd88::5
cni ADD "$(net_conf '"rules":["allow@any"]')"
same "ADD" 0 "$status"
same "an address of the node's, where all is allowed" connected "$(probe tcp 203.0.113.77 8000)"
same "on its loopback link" connected "$(probe tcp 203.0.113.78 8000)"
same "by IPv6" connected "$(probe tcp 2001:db8:1::77 8001)"
pod_up shut 10.88.0.6 fd88::6
cni ADD "$(net_conf '"rules":["deny@host","allow@any"]')"
same "ADD without the host" 0 "$status"
same "what is outside" connected "$(probe tcp 93.184.216.34 80)"
for address in 203.0.113.77 203.0.113.78 203.0.113.2 10.88.0.1; do same "not $address" refused "$(probe tcp "$address" 8000)"; done
for address in 2001:db8:1::77 2001:db8:1::2 fd88::1; do same "not $address" refused "$(probe tcp "$address" 8001)"; done

finish
