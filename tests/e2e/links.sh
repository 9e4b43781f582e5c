# The links of a VM's namespace without msb-run, for tests of the ruleset alone: sourcing this starts the script again in
# network and mount namespaces of its own, where the guest is namespace `guest` and all that the uplink leads to is `sink`.
#
#	guest eth0 ── tap0 ─ br0 172.16.0.1 fd42:6d73:62::1 ─ uplink ── sink0 sink
#
# shellcheck shell=bash
if [ -z "${MSB_TEST_LINKS-}" ]; then
	exec env MSB_TEST_LINKS=1 unshare -n -m --propagation private "$0" "$@"
fi
mac() { ip -o "$@" | sed 's/.*link\/ether \([^ ]*\).*/\1/'; }
mkdir -p /run/netns
mount -t tmpfs none /run/netns # names of our own, gone with us
ip netns add guest
ip netns add sink

sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1 net.ipv4.conf.all.rp_filter=0 \
	net.ipv4.conf.default.rp_filter=0 net.ipv6.conf.default.accept_dad=0
# As msb-run has it: else frames that are bridged meet the chains before they are IP's, and lose the socket they were given.
# Without the module the settings are not there
sysctl -qw net.bridge.bridge-nf-call-iptables=0 net.bridge.bridge-nf-call-ip6tables=0 2>/dev/null || :
ip link add br0 type bridge mcast_snooping 0
ip link add tap0 type veth peer name eth0 netns guest
ip link add uplink type veth peer name sink0 netns sink
ip link set tap0 master br0
for link in lo br0 tap0 uplink; do ip link set "$link" up; done
ip -n guest link set eth0 up
ip -n sink link set sink0 up
ip addr add 172.16.0.1/30 dev br0
ip -6 addr add fd42:6d73:62::1/126 dev br0 nodad
ip addr add 198.51.100.1/30 dev uplink
ip -6 addr add 2001:db8:ff::1/126 dev uplink nodad
sink_mac=$(mac -n sink link show sink0)
ip neigh add 198.51.100.2 lladdr "$sink_mac" dev uplink nud permanent
ip neigh add 2001:db8:ff::2 lladdr "$sink_mac" dev uplink nud permanent
ip neigh add 172.16.0.2 lladdr 02:6d:ac:10:00:02 dev br0 nud permanent
ip neigh add fd42:6d73:62::2 lladdr 02:6d:ac:10:00:02 dev br0 nud permanent
ip route add default via 198.51.100.2
ip -6 route add default via 2001:db8:ff::2
