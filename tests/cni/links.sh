#!/usr/bin/env bash
# A link that is no veth: behind macvlan a pod is a host of the node's own network, whose router is its gateway.
. "$(dirname "$0")/lib.sh"
node_up
jq -n --arg rules "$RULES" --arg gateway4 "$INTERNET4" --arg gateway6 "$INTERNET6" '{
	cniVersion: "1.0.0", name: "own",
	plugins: [
		{ type: "macvlan", master: "wan0", ipam: { type: "host-local",
			ranges: [[{ subnet: "203.0.113.0/24", rangeStart: "203.0.113.100", gateway: $gateway4 }],
				[{ subnet: "2001:db8:1::/64", rangeStart: "2001:db8:1::100", gateway: $gateway6 }]],
			routes: [{ dst: "0.0.0.0/0" }, { dst: "::/0" }] } },
		{ type: "msb-cni", rules: ($rules / "\n") }
	] }' >"$NETWORKS/own.conflist"
leftovers_mark
add mac own; check "ADD" $?
exec_in=(in_pod mac env PATH="$BUILD/e2e:$PATH")
seen_reset
fares "an address that is allowed" connected tcp 93.184.216.50 80
fares "one that is not" refused tcp 93.184.216.51 80
fares "IPv6, an address that is allowed" connected tcp 2606:2800:220:1::50 80
fares "IPv6, one that is not" refused tcp 2606:2800:220:1::51 80
same "a name" 93.184.216.34 "$(inside 'dig +short +time=2 +tries=1 example.com A')"
fares "its address is open then" connected tcp 93.184.216.34 80
never_there "what is not allowed" 93.184.216.51
try "DEL" del mac own
ip netns delete mac
nothing_left "nothing is left"
finish
