#!/usr/bin/env bash
# The host's resolver behind NAT of the host's own: Docker's 127.0.0.11 in a container, a Pi-hole in a container on the host's
# own address; and hosts that do not track DNS. A sandbox resolves as the host does, and its worker reaches nothing more.
. "$(dirname "$0")/lib.sh"
world_up
ip netns add container
ip link add docker0 type veth peer name eth0 netns container
ip address add 172.18.0.1/24 dev docker0
ip link set docker0 up
nsenter --net=/run/netns/container -- sh -c 'ip link set lo up; ip address add 172.18.0.2/24 dev eth0
	ip link set eth0 up; ip route add default via 172.18.0.1'
nsenter --net=/run/netns/container -- python3 "$TESTS/e2e/tools/dns_odd.py" "$WORK/container.log" 172.18.0.2=good &
python3 "$TESTS/e2e/tools/dns_odd.py" "$WORK/host.log" '127.0.0.11#34567=good' 127.0.0.9=good &
nft -f - <<-EOF
	table ip docker {
		chain output {
			type nat hook output priority -100;
			ip daddr 127.0.0.11 meta l4proto { tcp, udp } th dport 53 dnat to 127.0.0.11:34567
			ip daddr $HOST4 meta l4proto { tcp, udp } th dport 53 dnat to 172.18.0.2:53
		}
		chain postrouting {
			type nat hook postrouting priority 100;
			ip saddr 127.0.0.11 udp sport 34567 snat to :53
		}
	}
EOF
for server in 127.0.0.11 $HOST4 127.0.0.9; do
	wait_for 20 dig +short +tries=1 +time=1 "@$server" example.com || echo "dns-nat.sh: the host itself gets no answer from $server" >&2
done

RULES=(--net-default deny --net-rule 'allow@*.example.com')
# from NAME EXPECTED SERVER: as resolv.conf has it, over both transports
from() {
	printf 'nameserver %s\n' "$3" >"$WORK/resolv.conf"
	run_sandbox "${RULES[@]}" -- dig +tries=1 +time=9 +short a.example.com
	same "$1" "$2" "$out"
}
from "127.0.0.11, which a rule leads to another port" 93.184.216.11 127.0.0.11
from "the host's own address, which a rule leads to a container" 93.184.216.2 $HOST4
run_sandbox "${RULES[@]}" --dns-nameserver 127.0.0.11:53 --dns-nameserver $HOST4 -- dig +short www.example.com
same "given by option" 93.184.216.11 "$out"
nft 'add table ip fast; add chain ip fast out { type filter hook output priority -300; }; add chain ip fast in { type filter hook prerouting priority -300; }
	add rule ip fast out ip daddr 127.0.0.9 meta l4proto { tcp, udp } th dport 53 notrack; add rule ip fast in ip saddr 127.0.0.9 meta l4proto { tcp, udp } th sport 53 notrack
	add rule ip fast out ip saddr 127.0.0.9 notrack; add rule ip fast in ip daddr 127.0.0.9 notrack'
from "a host that does not track DNS" 93.184.216.9 127.0.0.9

# the host leads all questions of others to a resolver of its own, or lets none pass: its own packets go another way
nft "add table ip led; add chain ip led p { type nat hook prerouting priority -100; }
	add rule ip led p iifname != lo meta l4proto { tcp, udp } th dport 53 redirect to :53"
from "questions that are led to the host itself" 93.184.216.35 $RESOLVER
nft 'delete table ip led; add table ip wall; add chain ip wall f { type filter hook forward priority 0; }
	add rule ip wall f meta l4proto { tcp, udp } th dport 53 drop'
from "questions that the host does not forward" 93.184.216.35 $RESOLVER
nft delete table ip wall

# what the rules lead to is not reachable by itself, nor is anything else
start_sandbox held "${RULES[@]}" --dns-nameserver 127.0.0.11 -- sleep 600
wait_for 20 pgrep -x msb-dns
link=$(ip -br link | grep -oE '^msb[0-9]+' | sort -V | tail -n 1)
cat >"$WORK/ask.py" <<-'END'
	import socket, sys
	s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
	s.settimeout(0.5)
	s.setsockopt(socket.SOL_SOCKET, socket.SO_MARK, int(sys.argv[1]))
	try:
	    s.connect((sys.argv[2], int(sys.argv[3])))
	    s.send(bytes.fromhex("123401000001000000000000076578616d706c6503636f6d0000010001"))
	    print("answered", len(s.recv(512)) > 0)
	except OSError as error:
	    print(error.strerror or "silence")
END
mark=$((0x6d000000 | $(cat "/sys/class/net/$link/ifindex")))
contains "a marked socket reaches the nameserver" "$(python3 "$WORK/ask.py" $mark 127.0.0.11 53)" answered
for each in "127.0.0.11 34567" "172.18.0.2 53" "127.0.0.9 53" "$HOST4 53"; do
	# shellcheck disable=SC2086 # an address and a port
	lacks "and not $each" "$(python3 "$WORK/ask.py" $mark $each)" answered
done
kill "$sandbox_pid"
finish
