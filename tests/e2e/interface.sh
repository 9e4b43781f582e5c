#!/usr/bin/env bash
# The guest's card by option: its MAC, MTU and addresses, from the guest's own link to the host's, within the pool.
# long
. "$(dirname "$0")/lib.sh"
world_up
ipv6_up
MAC=02:00:5e:00:53:01
shown='cat /sys/class/net/eth0/address /sys/class/net/eth0/mtu; ip -4 -o address show eth0 | grep -o "inet [^ ]*"; ip -6 -o address show eth0 scope global | grep -o "inet6 [^ ]*"'

run_sandbox --net-mac "$MAC" --net-mtu 1400 --net-ipv4-address 172.20.7.6 --net-ipv6-address fd42:6d73:62:9::2 -- bash -c "$shown
	$PROBE tcp 93.184.216.34 443 2000; $PROBE tcp 2606:2800:220:1::34 443 2000; $PROBE dns example.com 172.20.7.5"
same "the guest's card is as was said" "$MAC 1400 inet 172.20.7.6/30 inet6 fd42:6d73:62:9::2/64" "$(head -4 <<<"$out" | tr '\n' ' ' | sed 's/ $//')"
same "it gets through, in both families" "connected connected" "$(sed -n '5,6p' <<<"$out" | cut -d' ' -f1 | tr '\n' ' ' | sed 's/ $//')"
contains "its gateway answers" "$out" '93.184.216.34'

# The links in between, and a large MTU
start_sandbox links --net-mtu 9000 -- sleep 60
ns=$(wait_for 20 pgrep -nx msb-dns && pgrep -nx msb-dns)
mtus() { nsenter --net="/proc/$ns/ns/net" -- cat /sys/class/net/{tap0,br0,uplink}/mtu; cat /sys/class/net/msb*/mtu; }
try "all links have it" wait_for 10 eval '[ "$(mtus | sort -u)" = 9000 ]'
kill "$sandbox_pid"
wait "$sandbox_pid" 2>/dev/null
run_sandbox --net-mtu 1000 -- bash -c "$shown; $PROBE tcp 93.184.216.34 443 2000"
contains "below 1280 there is no IPv6, and that is said" "$err" 'IPv6 is inactive in the sandbox: it needs an MTU of 1280, not 1000'
lacks "no IPv6 address" "$out" inet6
contains "IPv4 works" "$out" connected

# A forged source is refused as ever: the filter knows the MAC
run_sandbox --quiet --net-mac "$MAC" --cap-net-admin -- bash -c "ip link set eth0 address 02:00:5e:00:53:02 && $PROBE tcp 93.184.216.77 443 500"
same "another MAC gets nowhere" 0 "$(seen 93.184.216.77)"

# What cannot be: an error that says what to do
refused() { # NAME PATTERN ARG…
	local name=$1 pattern=$2
	shift 2
	run_sandbox "$@" -- true
	same "$name: status" 125 "$status"
	contains "$name" "$err" "$pattern"
}
refused "a gateway's place" 'the second of a /30.*' --net-ipv4-address 172.20.7.5
refused "a subnet's end" 'the second of a /64' --net-ipv6-address fd42:6d73:62:9::3
refused "outside the pool" 'not in the pool' --net-ipv4-pool 10.9.0.0/24 --net-ipv4-address 172.20.7.6
refused "the other family" 'no IPv6 address' --net-ipv6-address 172.20.7.6
refused "a multicast MAC" "a multicast one" --net-mac 01:00:5e:00:53:01
refused "no MAC" 'like 02:00' --net-mac 02:00:5e:00:53
refused "too small" 'from 576 to 65521' --net-mtu 575
refused "too large" 'from 576 to 65521' --net-mtu 65522
refused "multi-tenant" 'chooses no addresses' --deployment-profile multi-tenant --net-ipv4-address 172.20.7.6
refused "multi-tenant, a MAC" 'chooses no addresses' --deployment-profile multi-tenant --net-mac "$MAC"
refused "the gateway's MAC" "the guest's MAC is the gateway's" --net-ipv4-address 172.20.7.6 --net-mac 02:6d:ac:14:07:05
ip route add 172.20.7.4/30 dev lo
refused "a subnet that is taken" '172.20.7.4/30' --net-ipv4-address 172.20.7.6
contains "and what to do" "$err" 'help: another --net-ipv4-address'
ip route del 172.20.7.4/30 dev lo

# microsandbox's shapes
cat >"$WORK/net.yaml" <<-END
	policy: public
	interface: { mac: "$MAC", mtu: 1400, ipv4_address: "172.20.7.6" }
END
"$BUILD/msb-policyc" compile --emit json "$WORK/net.yaml" >"$WORK/net.json"
for file in net.yaml net.json; do
	run_sandbox --policy "$WORK/$file" -- bash -c "$shown"
	same "$file" "$MAC 1400 inet 172.20.7.6/30" "$(head -3 <<<"$out" | tr '\n' ' ' | sed 's/ $//')"
done

if [ -e "$BUILD/guest/vmlinuz" ]; then
	run_vm --net-mac "$MAC" --net-mtu 1400 --net-ipv4-address 172.20.7.6 -- sh -c 'cat /sys/class/net/eth0/address /sys/class/net/eth0/mtu; ip address show dev eth0 | grep -o "inet [^ ]*"; wget -qO- http://93.184.216.34/ || wget -qO- http://93.184.216.34/'
	same "in a VM" "$MAC 1400 inet 172.20.7.6/30 hello from the Internet" "$(tr '\n' ' ' <<<"$out" | tr -d '\r' | sed 's/ $//')"
else
	skip "in a VM" "needs make guest"
fi
finish
