#!/usr/bin/env bash
# Threat ttl-rst: a reset that is dropped on the way makes the sandbox's conntrack forget a connection that the host's goes on
# knowing for days. Whatever drops it, the host never has more entries of a sandbox than it may have connections.
. "$(dirname "$0")/lib.sh"
world_up
ipv6_up

MOST=20
# established: how many TCP connections from the default pools the host believes to be open
established() { grep -E ' src=(172\.(1[6-9]|2[0-9]|3[01])\.|fd42:6d73:0*62:)' /proc/net/nf_conntrack | grep -c ' ESTABLISHED '; }

# attack KIND COUNT ARG…: leaves what the guest printed in $said, how many the host believes to be open in $entries, and how
# many the sandbox's own namespace in $within
attack() {
	local kind=$1 count=$2
	shift 2
	rm -f "$WORK/$kind.out"
	start_sandbox "$kind" --quiet --net-default allow --max-connections "$MOST" "$@" -- bash -c \
		"ip link set eth0 mtu 1504 2>/dev/null; exec python3 $TESTS/e2e/tools/lone_reset.py $kind $count"
	wait_for "$(patience 25)" grep -q ^opened "$WORK/$kind.out" || cat "$WORK/$kind.err"
	said=$(cat "$WORK/$kind.out") entries=$(established)
	within=$(nsenter --net="/proc/$(pgrep -ox msb-supervisor)/ns/net" -- grep -cE ' ESTABLISHED |\[OFFLOAD\]' /proc/net/nf_conntrack)
	kill "$sandbox_pid"
	wait "$sandbox_pid" 2>/dev/null
}

# bounded WHAT: the attack that was carried out has left no more than the bound
bounded() {
	if [[ $said == opened* ]] && [ "$entries" -le "$MOST" ] && [ "$entries" -gt 0 ]; then
		ok "$1: $entries entries in the host's conntrack ($said)"
	else
		not_ok "$1: at most $MOST entries in the host's conntrack" "$entries ($said)"
	fi
}

attack ttl 60
bounded "TTL and hop limit 1, both families"
same "those over the bound are refused at once, the others go on" "opened $MOST refused 40 echoed 4" "$said"
same "the sandbox's namespace knows what the host knows" "$entries" "$within"
attack option 60
bounded "a malformed IP option"
attack oversize 60 --cap-net-admin
bounded "larger than the MTU, not to be cut, both families"
attack flooded 60 --net-egress-bandwidth 200000/1s
bounded "behind more than a slow link takes"
ip link set wan0 mtu 1300
attack large 40
if [[ $said == opened* ]] && [ "$entries" -le "$MOST" ]; then ok "larger than a later link's MTU: $entries entries"; else not_ok "larger than a later link's MTU" "$entries ($said)"; fi
ip link set wan0 mtu 1500
attack sent 60
same "resets that arrive make room" "opened 60 refused 0 echoed 0" "$said"

run_sandbox --quiet --net-default allow -- bash -c "ip -o address show dev eth0; python3 $TESTS/e2e/tools/lone_reset.py hop"
guest=$(grep -oE 'inet 172[0-9.]+' <<<"$out" | cut -d' ' -f2)
same "the first hop of traceroute answers, both families" "${guest%.*}.$((${guest##*.} - 1)) fd42:6d73:62" \
	"$(grep -E '^172' <<<"$out") $(grep -E '^fd42' <<<"$out" | cut -d: -f1-3)"
finish
