#!/usr/bin/env bash
# Threat neighbour-flood: thousands of sources in the guest's own network fill the kernel's neighbour table, which all
# namespaces share. One global address is the guest's, a permanent neighbour; link-local ones are few.
. "$(dirname "$0")/lib.sh"
world_up

start_sandbox crowd --quiet --net-default allow -- bash -c "until [ -e $WORK/go ]; do sleep 0.1; done; python3 $TESTS/e2e/tools/frames.py neighbours; sleep 60"
wait_for 20 pgrep -x sleep
supervisor=$(pgrep -ox msb-supervisor)
in_vm() { in_dns_netns "$@"; }
entries() { in_vm ip neighbour show dev br0; }
wait_for 20 in_vm ip neighbour show fd42:6d73:62::2 dev br0
contains "the guest's address is a permanent neighbour" "$(entries)" '^fd42:6d73:62::2 lladdr 02:6d:ac:10:00:02( router)? PERMANENT'
touch "$WORK/go"
started=$SECONDS
try "10,000 solicitations were sent" wait_for 60 grep -q '^sent 10000' "$WORK/crowd.out"
sleep 0.2
same "no neighbour of its network but itself" "" "$(entries | grep '^fd42' | grep -v '^fd42:6d73:62::2 ')"
count=$(entries | grep -vc PERMANENT)
most=$((60 + 20 * (SECONDS - started + 1))) # 40 at once and 20 a second, for as long as it took
if [ "$count" -le "$most" ]; then
	ok "link-local neighbours are as many as the rate of neighbour discovery lets in ($count of 5,000, at most $most)"
else
	not_ok "link-local neighbours are few" "$count of 5,000, more than $most"
fi
ip -6 neighbour flush dev wan0
try "the host still finds neighbours of its own" "$PROBE" tcp 2606:2800:220:1::34 443
kill "$sandbox_pid"
finish
