#!/usr/bin/env bash
# Threat spoof-list: frames that do not come from the guest's own MAC and addresses, or that hide in VLAN tags and other
# Ethernet types, get nowhere, whatever the policy allows; claims of other addresses are not believed.
. "$(dirname "$0")/lib.sh"
world_up
ipv6_up

run_sandbox --quiet --net-default allow -- python3 "$TESTS/e2e/tools/frames.py" spoof
same "frames were sent" 0 "$status"
sleep 0.2
while read -r kind to; do
	family=IPv4
	[[ $to == *:* ]] && family=IPv6
	case $kind in
	own) same "$family: a frame of its own arrives" 1 "$(seen "$to" udp 7)" ;;
	*) same "$family: $kind" 0 "$(seen "$to")" ;;
	esac
done <<<"$out"
same "as many as were made" 34 "$(wc -l <<<"$out")"

# What the gateway believes about its neighbours, before and after the guest lies about them
start_sandbox liar --quiet --net-default allow -- bash -c "until [ -e $WORK/go ]; do sleep 0.1; done; python3 $TESTS/e2e/tools/frames.py claim; sleep 60"
in_vm() { in_dns_netns "$@"; }
neighbours() { in_vm ip neighbour show dev br0 | sed 's/ *router//' | sort; }
wait_for 20 sh -c "nsenter --net=/proc/\$(pgrep -nx msb-dns)/ns/net -- ip neighbour show 172.16.0.2 dev br0 | grep PERMANENT"
sleep 0.3
before=$(neighbours | grep -v '^fe80')
contains "the guest is a permanent neighbour" "$before" '^172.16.0.2 lladdr 02:6d:ac:10:00:02 PERMANENT'
touch "$WORK/go"
try "claims were sent" wait_for 60 grep -q "^sent" "$WORK/liar.out"
sleep 0.2
after=$(neighbours)
same "its own entries are what they were" "$before" "$(grep -v '^fe80' <<<"$after")"
lacks "nobody has another MAC than the guest's" "$(grep -v 'FAILED\|INCOMPLETE' <<<"$after")" 'lladdr 0[^2]|lladdr 02:6d:[^a]'

kill "$sandbox_pid"
finish
