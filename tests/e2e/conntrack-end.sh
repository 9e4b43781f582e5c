#!/usr/bin/env bash
# Threat ttl-rst, its end: when a sandbox has ended, whoever of it was killed, the host's conntrack holds none of its
# entries, and all of everybody else's.
. "$(dirname "$0")/lib.sh"
world_up

# entries: how many of the host's entries began at an address of the default pools
entries() { grep -cE ' src=(172\.(1[6-9]|2[0-9]|3[01])\.|fd42:6d73:0*62:)' /proc/net/nf_conntrack; }
# others: entries that are nobody's sandbox's
others() { grep -cE ' src=(192\.0\.2\.7|2001:0db8:0007:(0000:){4}0007) ' /proc/net/nf_conntrack; }
none_left() { [ "$(entries)" = 0 ]; }

# A neighbour whose flows the host knows, too
ip netns add neighbour
ip link add side type veth peer name eth0 netns neighbour
ip address add 192.0.2.1/24 dev side
ip link set side up
ip -n neighbour address add 192.0.2.7/24 dev eth0
ip -n neighbour link set eth0 up
ip -n neighbour route add default via 192.0.2.1
ip address add 2001:db8:7::1/64 dev side nodad
ip -n neighbour address add 2001:db8:7::7/64 dev eth0 nodad
ip -n neighbour route add default via 2001:db8:7::1
on_internet ip route add 2001:db8:7::/64 via "$HOST6"
nft -f - <<<'table inet side { chain p { type nat hook postrouting priority 100; iifname side masquerade; }; }'
sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1
ipv6_up
# neighbour_sends COUNT: as many flows of its own, in both families together
neighbour_sends() {
	ip netns exec neighbour python3 -c '
import socket, sys
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
t = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
for port in range(1024, 1024 + int(sys.argv[1]) // 2):
    s.sendto(b"x", ("93.184.216.34", port))
    t.sendto(b"x", ("2606:2800:220:1::34", port))' "$1"
}

# Flows of each kind, both families: TCP that stays, TCP that is over, UDP answered and not, echo, DNS questions
cat >"$WORK/flows.py" <<'END'
import socket, subprocess, time
held = []
for address in ("93.184.216.34", "2606:2800:220:1::34"):
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    for i in range(10):
        s = socket.create_connection((address, 443), 30)
        if i % 2:
            s.close()
        else:
            held.append(s)
    for port in (7, 9, 4000, 4001):
        s = socket.socket(family, socket.SOCK_DGRAM)
        s.sendto(b"x", (address, port))
        held.append(s)
    subprocess.run(["busybox", "ping", "-6" if family == socket.AF_INET6 else "-4", "-c1", "-W1", address],
                   stdout=subprocess.DEVNULL)
for name in ("example.com", "a.example.com", "github.com", "pypi.org"):
    socket.getaddrinfo(name, 443)
print("ready", flush=True)
time.sleep(300)
END

# start_flows: a sandbox that has all of these
start_flows() {
	rm -f "$WORK/flows.out"
	start_sandbox flows --quiet --net-default allow --net-rule deny@evil.example:tcp:4002 -- python3 "$WORK/flows.py"
	wait_for "$(patience 30)" grep -q ready "$WORK/flows.out"
}

# killed WHO: the sandbox with all these flows, then the end of WHO
killed() {
	local who=$1 began ended
	start_flows
	began=$(entries)
	case $who in
	TERM) kill "$sandbox_pid" ;;
	front) kill -KILL "$sandbox_pid" ;;
	*) kill -KILL "$(pgrep -ox "$who")" ;;
	esac
	wait "$sandbox_pid" 2>/dev/null
	wait_for "$(patience 5)" none_left
	ended=$(entries)
	if [ "$began" -ge 30 ] && [ "$ended" = 0 ]; then
		ok "$who: of $began entries none is left in the host's namespace"
	else
		not_ok "$who: no entry is left in the host's namespace" "$ended of $began are"
	fi
}
for who in TERM front msb-supervisor msb-dns msb-relay msb-names msb-owner; do killed "$who"; done

# By the time that msb-run is back, not later
run_sandbox --quiet --net-default allow -- "$PROBE" tcp 93.184.216.34 443
same "none when msb-run is back" "0 0" "$status $(entries)"

# A table full of others' entries: they stay, and the end is quick
wait_for 10 ip netns exec neighbour "$PROBE" tcp 2606:2800:220:1::34 443 200
neighbour_sends 100000
before=$(others)
start_flows
same "a sandbox among $before entries of others" yes "$([ "$before" -ge 99000 ] && [ "$(entries)" -ge 30 ] && echo yes)"
began=${EPOCHREALTIME/./}
kill "$sandbox_pid"
wait "$sandbox_pid" 2>/dev/null
took=$(((${EPOCHREALTIME/./} - began) / 1000))
same "none of the sandbox's among $before of others" "0 $before" "$(entries) $(others)"
if [ "$took" -lt "$(patience 2)000" ]; then ok "and the end takes less than 2 s"; else not_ok "the end takes less than 2 s" "$took ms"; fi
echo "# the end took $took ms"
finish
