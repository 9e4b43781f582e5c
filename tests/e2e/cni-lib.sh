# Functions for the tests of msb-cni: a bridge network as the plugin `bridge` makes it, pods on it, and calls of the plugin.
# shellcheck shell=bash disable=SC2034

# network_up: cni0, 10.88.0.1/16 and fd88::1/64, which the host forwards for and masquerades
network_up() {
	ip link add cni0 type bridge
	ip address add 10.88.0.1/16 dev cni0
	ip address add fd88::1/64 dev cni0 nodad
	ip link set cni0 up
	echo 1 >/proc/sys/net/ipv4/ip_forward
	echo 1 >/proc/sys/net/ipv6/conf/all/forwarding
	nft -f - <<-EOF
		table inet network {
			chain prerouting {
				type nat hook prerouting priority -100;
				ip daddr 10.96.0.10 meta l4proto { tcp, udp } th dport 53 dnat ip to $RESOLVER
			}
			chain postrouting {
				type nat hook postrouting priority 100;
				ip saddr 10.88.0.0/16 oifname "wan0" masquerade
				ip6 saddr fd88::/64 oifname "wan0" masquerade
			}
		}
	EOF
}

# pod_up NAME IPV4 IPV6: a pod's namespace with the link that the plugin before would have made; the subject of all calls from then on
pod_up() {
	pod=$1 pod4=$2 pod6=$3
	ip netns add "$pod"
	ip link add "v$pod" type veth peer name eth0 netns "$pod"
	ip link set "v$pod" master cni0 up
	pod ip link set lo up
	pod_connect
	CNI_CONTAINERID=$pod CNI_NETNS=/run/netns/$pod CNI_IFNAME=eth0
}
# pod_connect: its link is up, with its addresses and routes, whatever was there
pod_connect() {
	pod ip address replace "$pod4/16" dev eth0
	pod ip address replace "$pod6/64" dev eth0 nodad
	ip link set "v$pod" up
	pod ip link set eth0 up
	pod ip route replace default via 10.88.0.1
	pod ip -6 route replace default via fd88::1
}

# pod COMMAND…: in the pod's network namespace
pod() { nsenter --net="/run/netns/$pod" -- "$@"; }

# probe tcp|udp ADDRESS PORT: how a flow of the pod's fares, in a word
probe() { pod "$PROBE" "$@" | cut -d' ' -f1; }

# mac: that of the pod's link
mac() { pod ip -j link show eth0 | jq -r '.[0].address'; }

# net_conf [MEMBERS]: the plugin's configuration, with these members, and the result of the plugin before
net_conf() {
	cat <<-EOF
		{"cniVersion":"1.1.0","name":"test","type":"msb-cni",${1:-\"rules\":[\"deny@any\"]},
		 "runtimeConfig":{"dns":{"Servers":["10.96.0.10"]}},
		 "prevResult":{"cniVersion":"1.1.0",
		  "interfaces":[{"name":"cni0"},{"name":"v$pod"},{"name":"eth0","sandbox":"/run/netns/$pod"}],
		  "ips":[{"address":"$pod4/16","gateway":"10.88.0.1","interface":2},{"address":"$pod6/64","gateway":"fd88::1","interface":2}],
		  "routes":[{"dst":"0.0.0.0/0"},{"dst":"::/0"}]}}
	EOF
}

# cni COMMAND CONFIGURATION: a call, below the command CNI_UNDER if there is one; leaves $status, and $WORK/cni.out and cni.err
cni() {
	CNI_COMMAND=$1 CNI_CONTAINERID=${CNI_CONTAINERID-} CNI_NETNS=${CNI_NETNS-} CNI_IFNAME=${CNI_IFNAME-} CNI_ARGS=${CNI_ARGS-} \
		timeout 60 ${CNI_UNDER-} "$BUILD/msb-cni" < <(printf %s "$2") >"$WORK/cni.out" 2>"$WORK/cni.err"
	status=$?
}

# cni_refused NAME CODE COMMAND CONFIGURATION: it fails with an error object of that code
cni_refused() {
	cni "$3" "$4"
	same "$1: code $2" "$2 true" "$(jq -r '"\(.code) \(.msg | length > 0)"' "$WORK/cni.out" 2>&1)"
	[ "$status" != 0 ] || not_ok "$1: exit status" "0"
}
