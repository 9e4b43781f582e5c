#!/usr/bin/env bash
# The processes of a pod's sandbox are killed, all at once, while packets that its policy denies come from both sides: none passes.
# The kernel takes the rules out of a namespace that nobody has any more some milliseconds before its links.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/cni-lib.sh"
world_up
network_up
FLOOD=$BUILD/e2e/packet_flood PORT=7777 OPEN_PORT=7778
RULES='"rules":["allow@93.184.216.35","deny@any","deny:ingress@host:udp:7777","allow:ingress@any:udp:7778"],"denyMode":"drop"'

# counter_up LINK COMMAND…: in the namespace where COMMAND runs others, what came in by the link from the sandbox is counted, also
# when the link is gone
counter_up() {
	local link=$1
	shift
	"$@" nft -f - <<-EOF
		table netdev seen {
			counter passed { }
			chain $link { type filter hook ingress device "$link" priority 0; udp dport { $PORT, $OPEN_PORT } counter name passed; }
		}
	EOF
}
# passed COMMAND…: how many since the last time
passed() { "$@" nft -j reset counter netdev seen passed | jq '.nftables[].counter.packets // empty'; }
passes_out() { pod bash -c "echo >/dev/udp/93.184.216.35/$PORT" && [ "$(passed env)" -gt 0 ]; }
passes_in() { bash -c "echo >/dev/udp/$pod4/$OPEN_PORT" && [ "$(passed pod)" -gt 0 ]; }
pids() { pgrep -x 'msb-(cni|owner|supervisor)'; }
is_gone() { ! pgrep 'msb-' && ! ip link show "v$pod"; }

# sandboxed NUMBER: a pod behind the policy, and both directions counted
sandboxed() {
	pod_up "pod$1" "10.88.1.$1" "fd88::1:$1"
	cni ADD "$(net_conf "$RULES")"
	[ "$status" = 0 ] || not_ok "ADD" "$(cat "$WORK/cni.out")"
	counter_up "v$pod" env
	counter_up eth0 pod
}
# removed: what a round leaves
removed() {
	CNI_NETNS='' cni DEL "$(net_conf)"
	nft delete table netdev seen
	ip netns del "$pod"
}

# --- all three at once ---------------------------------------------------------------------------------------

sandboxed 1
try "what is allowed out is counted" wait_for 5 passes_out
try "and what is allowed in" wait_for 5 passes_in
out=0 in=0 sent=0
for i in {2..16}; do
	if [ $((i % 2)) = 0 ]; then from=93.184.216.36 to=$pod4; else from=2606:2800:220:1::36 to=$pod6; fi
	pod "$FLOOD" "$from" "$PORT" 0.5 >"$WORK/sent" &
	floods=$!
	"$FLOOD" "$to" "$PORT" 0.5 >/dev/null &
	floods="$floods $!"
	sleep 0.2
	mapfile -t all < <(pids)
	kill -KILL "${all[@]}"
	wait $floods
	wait_for 5 is_gone
	out=$((out + $(passed env))) in=$((in + $(passed pod))) sent=$((sent + $(cat "$WORK/sent")))
	[ "${#all[@]} $((sent > 0))" = "3 1" ] || not_ok "a flood against three processes" "${#all[@]}, $sent packets"
	removed
	sandboxed "$i"
done
same "of what is denied none passed out, and none in" "0 0" "$out $in"

# --- the supervisor alone, with nobody to see it --------------------------------------------------------------

try "what is allowed passes" wait_for 5 passes_out
helpers=$(pgrep -x 'msb-cni|msb-owner')
kill -STOP $helpers
kill -KILL "$(pgrep -x msb-supervisor)"
wait_for 5 sh -c '! pgrep -x msb-supervisor'
passed env >/dev/null
try "nothing does once the supervisor is dead, though nobody closes the link" test "$(passes_out && echo passed)" = ""
kill -CONT $helpers
wait_for 5 is_gone
removed

finish
