#!/usr/bin/env bash
# Pods by Kubernetes' container runtime interface, as the kubelet makes them.
. "$(dirname "$0")/lib.sh"
if [ ! -e "$BUILD/cri/fetched" ]; then
	skip everything "no gRPC client: \`make ci-deps\` fetches it"
	finish
fi
node_up
network bridged bridge
containerd_used

contains "the network is ready" "$(cri Status '{}')" '"NetworkReady","status":true'
cri_pod web; check "a pod starts" $?
exec_in=(cri_exec "$container")
judged CRI
not_lifted CRI
try "it is removed" cri_remove "$pod"

# --- what a kubelet adds: the cluster's resolver, and host ports -------------------------------------------------------

# the Service 10.96.0.10, as kube-proxy has it
nft -f - <<-EOF
	table ip service {
		chain prerouting {
			type nat hook prerouting priority -100;
			ip daddr 10.96.0.10 meta l4proto { tcp, udp } th dport 53 dnat to $RESOLVER
		}
	}
EOF
asked='{ "dns_config": { "servers": ["10.96.0.10"], "searches": ["default.svc.cluster.local", "cluster.local"], "options": ["ndots:5"] },
	"port_mappings": [{ "container_port": 7, "host_port": 8007 }, { "container_port": 7, "host_port": 8007, "protocol": 1 },
		{ "container_port": 80, "host_port": 8080 }] }'
keys='{ "capabilities": { "dns": true },
	"rules": ["allow@example.com:tcp:80", "allow:ingress@203.0.113.1:tcp:7", "allow:ingress@203.0.113.1:udp:7"] }'
for place in "before msb-cni" "behind msb-cni"; do
	network bridged bridge "$keys"
	[ "$place" = "before msb-cni" ] || { jq '.plugins |= [.[0], .[2], .[1]]' "$NETWORKS/bridged.conflist" >"$WORK/list" &&
		mv "$WORK/list" "$NETWORKS/bridged.conflist"; }
	containerd_stop
	containerd_start
	name="portmap $place"
	cri_pod asked "$asked"; check "$name: a pod with the cluster's resolver and host ports" $?
	exec_in=(cri_exec "$container")
	contains "$name: its resolv.conf" "$(inside 'cat /etc/resolv.conf' | tr '\n' ';')" \
		'^search default\.svc\.cluster\.local cluster\.local;nameserver 10\.96\.0\.10;options ndots:5'
	contains "$name: the cluster's resolver answers for a name that is allowed" "$(inside 'nslookup example.com 10.96.0.10' 2>&1)" 93.184.216.34
	lacks "$name: and for none that is not" "$(inside 'nslookup example.org 10.96.0.10' 2>&1)" 93.184.216.40
	contains "$name: a name is found behind the search domains" "$(inside 'ping -c 1 -W 1 example.com' 2>&1)" 'PING example\.com \(93\.184\.216\.34\)'
	fares "$name: the resolver has no other port" refused tcp 10.96.0.10 80
	inside 'setsid echo-server </dev/null >/dev/null 2>&1 & setsid httpd -f -p 80 </dev/null >/dev/null 2>&1 &'
	for port in 7 80; do wait_for 10 inside "probe tcp 127.0.0.1 $port 200 | grep -q connected"; done
	same "$name: a host port that a rule lets in" connected "$(on_internet "$PROBE" tcp "$HOST4" 8007 2000 | cut -d' ' -f1)"
	same "$name: by UDP" answered "$(on_internet "$PROBE" udp "$HOST4" 8007 2000 | cut -d' ' -f1)"
	same "$name: one that none does, though it is mapped" timeout "$(on_internet "$PROBE" tcp "$HOST4" 8080 1500 | cut -d' ' -f1)"
	same "$name: the node may" connected "$("$PROBE" tcp "$(cri PodSandboxStatus "{ \"pod_sandbox_id\": \"$pod\" }" | jq -r .status.network.ip)" 80 2000 | cut -d' ' -f1)"
	try "$name: it is removed" cri_remove "$pod"
	lacks "$name: and so is its port" "$(iptables-save)" 'dport 80(07|80) .*DNAT'
done
nft delete table ip service
nft delete table ip nat && nft delete table ip6 nat # portmap's, whose chains stay
containerd_stop
ip link delete cni0
nothing_left "nothing is left"
finish
