#!/usr/bin/env bash
# Threat direct-inbound: a neighbour on the LAN, or another sandbox, routes to the guest's address, while the default for
# ingress is allow and the guest listens. Nothing may arrive, not even a refusal may come back.
. "$(dirname "$0")/lib.sh"
world_up

start_sandbox server --quiet --net-default allow -- bash -c "busybox httpd -f -p 8080 -h $WORK/www & exec $BUILD/e2e/echo"
wait_for 20 ip route show 172.16.0.0/30
wait_for 20 pgrep -f 'httpd -f -p 8080'
sleep 0.3
guest=$(pgrep -nf 'busybox httpd -f -p 8080')
nsenter --net="/proc/$guest/ns/net" nft -f - <<END
table inet probe { counter arrived { }
	chain prerouting { type filter hook prerouting priority -400; iifname != "lo" meta l4proto { tcp, udp, icmp } counter name arrived; }
}
END
arrived() { nsenter --net="/proc/$guest/ns/net" nft -j list counter inet probe arrived | jq '[.nftables[].counter.packets // empty] | add'; }
on_internet ip route add 172.16.0.0/12 via "$HOST4"
on_internet ip -6 route add fd42:6d73:62::/48 via "$HOST6"

try "the guest itself reaches its server" nsenter --net="/proc/$guest/ns/net" "$PROBE" tcp 172.16.0.2 8080
before=$(arrived)
for address in 172.16.0.2 fd42:6d73:62::2; do
	for proto in tcp udp; do
		for port in 8080 7; do
			same "from the LAN, $proto $address $port: silence" timeout \
				"$(on_internet "$PROBE" "$proto" "$address" "$port" 400 | cut -d' ' -f1)"
		done
		contains "from the host, $proto $address 8080: nothing" "$("$PROBE" "$proto" "$address" 8080 400)" '^(timeout|failed .*Operation not permitted)'
		run_sandbox --quiet --net-default allow -- "$PROBE" "$proto" "$address" 8080 400
		lacks "from another sandbox, $proto $address 8080" "$out" '^(connected|answered)'
	done
done
for address in 172.16.0.1 fd42:6d73:62::1; do
	same "its gateway from the LAN, TCP $address 53: silence" timeout "$(on_internet "$PROBE" tcp "$address" 53 400 | cut -d' ' -f1)"
done
same "nothing arrived at the guest" "$before" "$(arrived)"
kill "$sandbox_pid"
wait "$sandbox_pid" 2>/dev/null
finish
