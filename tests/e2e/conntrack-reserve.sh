#!/usr/bin/env bash
# Threat conntrack-flood, by many sandboxes: those for which there is room reserve all that they may hold of the host's conntrack and
# are not counted; the others are, all together, and never those. A reservation ends with its sandbox.
. "$(dirname "$0")/lib.sh"
world_up
max=$(cat /proc/sys/net/netfilter/nf_conntrack_max) most=$((4096 * 3 + 256))
share=$((max / 16))
[ $most -le $share ] || most=$share
room=$((max / 4 / most))
if [ $room -lt 1 ] || [ $room -gt 12 ]; then
	skip "reservations" "nf_conntrack_max is $max"
	finish
fi

# up NAME…: sandboxes that wait, all started at once
declare -A pids
up() {
	local name
	for name in "$@"; do
		start_sandbox "$name" --quiet --net-default allow -- sh -c 'echo ready; exec sleep 600'
		pids[$name]=$sandbox_pid
	done
	for name in "$@"; do wait_for "$(patience 30)" grep -q ready "$WORK/$name.out" || cat "$WORK/$name.err"; done
}
# reservations: how many links have one, and how many flows that is
reservations() {
	ip -o -d link show | python3 -c '
import re, sys
flows = [int(group) - 0x6d000000 for group in re.findall(r"^\d+: msb.* group (\d+) ", sys.stdin.read(), re.M)]
print(len(flows), sum(flows))'
}
# counting: how many tables count all sandboxes
counting() { nft list chains inet | grep -c 'chain everyone {'; }

names=()
for i in $(seq $((room + 2))); do names+=("r$i"); done
up "${names[@]}"
read -r links flows <<<"$(reservations)"
if [ "$links" -ge 1 ] && [ "$flows" -le $((max / 4)) ]; then ok "of $((room + 2)) at once, $links reserve $flows of $((max / 4))"; else not_ok "reservations fit" "$links links, $flows flows of $((max / 4))"; fi
same "each of them that is all that it may hold" $((links * most)) "$flows"
same "whoever has none counts" $((room + 2 - links)) "$(counting)"

# one after another none is taken back
for name in "${names[@]}"; do kill "${pids[$name]}"; done
for name in "${names[@]}"; do wait "${pids[$name]}" 2>/dev/null; done
same "with the sandboxes they end" "0 0" "$(reservations)"
for i in $(seq $((room + 1))); do up "s$i"; done
same "one after another: as many as there is room for" "$room $((room * most))" "$(reservations)"
same "the last counts" 1 "$(counting)"
kill "${pids[s1]}"
wait "${pids[s1]}" 2>/dev/null
up again
same "what has ended is room again" "$room $((room * most))" "$(reservations)"
for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null; done
wait "${pids[@]}" 2>/dev/null
finish
