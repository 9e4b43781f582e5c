#!/usr/bin/env bash
# Threat hostile-sysctls: a new namespace takes the host's sysctls over. With every one of them set to the worst on the host,
# the VM's namespace has its own values, and the packets that the bad ones would let through do not get anywhere.
. "$(dirname "$0")/lib.sh"
world_up

for scope in all default; do
	for setting in route_localnet=1 accept_local=1 accept_source_route=1 accept_redirects=1 send_redirects=1 rp_filter=0 \
		proxy_arp=1 arp_accept=1 arp_ignore=0 forwarding=0; do
		sysctl -q "net.ipv4.conf.$scope.$setting"
	done
	for setting in accept_source_route=1 accept_redirects=1 seg6_enabled=1 accept_ra=2 autoconf=1 proxy_ndp=1 use_tempaddr=2; do
		sysctl -q "net.ipv6.conf.$scope.$setting"
	done
done
sysctl -q net.ipv4.ip_nonlocal_bind=1 net.ipv4.icmp_ratelimit=100000 net.ipv4.tcp_orphan_retries=0 net.ipv4.fwmark_reflect=1
for file in /proc/sys/net/bridge/bridge-nf-call-*; do [ -e "$file" ] && echo 1 >"$file"; done
sysctl -q net.ipv4.conf.wan0.accept_local=1

start_sandbox victim --quiet --net-default allow -- sleep 60
wait_for 20 ip route show 172.16.0.0/30
wait_for 20 pgrep -x sleep
supervisor=$(pgrep -ox msb-supervisor)
in_vm() { in_dns_netns "$@"; }

# expect VALUE PATH…: what the VM's namespace has
expect() {
	local value=$1 path
	shift
	for path; do same "$path is $value" "$value" "$(in_vm cat "/proc/sys/net/$path" 2>&1)"; done
}
for link in uplink br0 tap0; do
	expect 0 ipv4/conf/$link/{route_localnet,accept_local,accept_source_route,accept_redirects,secure_redirects,send_redirects,proxy_arp,arp_accept}
	expect 0 ipv6/conf/$link/{accept_redirects,accept_ra,autoconf,proxy_ndp,seg6_enabled,use_tempaddr}
	expect 1 ipv4/conf/$link/rp_filter
	expect -1 ipv6/conf/$link/accept_source_route
done
expect 0 ipv4/icmp_ratelimit ipv6/icmp/ratelimit ipv4/ip_nonlocal_bind ipv4/fwmark_reflect
expect 1 ipv4/tcp_orphan_retries
for file in /proc/sys/net/bridge/bridge-nf-call-*; do [ -e "$file" ] && expect 0 "${file#/proc/sys/net/}"; done
host_link=$(ip -br link | grep -o '^msb[0-9]*')
for name in route_localnet accept_local accept_source_route accept_redirects send_redirects proxy_arp; do
	same "the host's link: $name is 0" 0 "$(cat "/proc/sys/net/ipv4/conf/$host_link/$name")"
done
kill "$sandbox_pid"
wait "$sandbox_pid" 2>/dev/null

run_sandbox --quiet -- python3 "$TESTS/e2e/tools/forge.py" dns 172.16.0.2 172.16.0.1 example.com
same "a hand-made query to the gateway is answered" answered "$out"
for address in 127.0.0.53 127.0.0.1 255.255.255.255 224.0.0.251 172.16.0.3 0.0.0.0; do
	run_sandbox --quiet --net-default allow -- python3 "$TESTS/e2e/tools/forge.py" dns 172.16.0.2 "$address" example.com
	same "a query to $address reaches no proxy" silence "$out"
done
finish
