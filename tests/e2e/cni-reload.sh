#!/usr/bin/env bash
# Flows that come into a pod, from its node and from another pod: status lists them, a reload ends those that the new policy denies, at
# both ends, and only those, and their end is an event. usage: cni-reload.sh BUILD
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/cni-lib.sh"
world_up
network_up
pod_up other 10.88.0.9 fd88::9
pod_up web 10.88.0.5 fd88::5
cni ADD "$(net_conf '"eventsAll":true,"rules":["allow:ingress@10.88.0.9:tcp:7,allow:ingress@10.88.0.9:udp:7"]')"
same "ADD" 0 "$status"
sandbox=$("$BUILD/msb-ctl" ps --format json | jq -r '.sandboxes[0].name')
pod "$BUILD/e2e/echo" &
wait_for 10 pod sh -c 'ss -Hltn | grep -q :7'

# loop NAME COMMAND…: an echo loop that the command runs, which has got some echoes
loop() {
	local name=$1
	shift
	"$@" "$WORK/$name" 2 &
	wait_for "$(patience 20)" at_least "$name" 20
}
echoed() { sed -n '/^[0-9]*$/p' "$WORK/$1" 2>/dev/null; }
at_least() { [ "$(echoed "$1" || echo 0)" -ge "$2" ] 2>/dev/null; }
goes_on() { try "$2" wait_for "$(patience 20)" at_least "$1" $(($(echoed "$1" || echo 0) + 20)); }
has_ended() { grep -q ended "$WORK/$1"; }
ended() {
	wait_for 5 has_ended "$1"
	same "$2" "$3" "$(sed 's/.*: //' "$WORK/$1")"
}
flows() { "$BUILD/msb-ctl" status "$sandbox" --format json | jq -r '.flows[] | [.flow, .kind, .rule, .text, (.bytes_in > 1000), (.bytes_out > 1000)] | join(" ")' | sort; }
events() { "$BUILD/msb-ctl" events "$sandbox" --format json; }
reload() { "$BUILD/msb-ctl" reload "$sandbox" --policy "$WORK/policy.msb" --format json | jq -r '"\(.ended_total) \(.kept_total)"'; }

echo=$TESTS/kernels/echo_loop.py
peer=(nsenter --net=/run/netns/other -- python3 "$echo")
loop node python3 "$echo" tcp 10.88.0.5 7
loop node6 python3 "$echo" tcp fd88::5 7
loop tcp "${peer[@]}" tcp 10.88.0.5 7
loop udp "${peer[@]}" udp 10.88.0.5 7
node_text='the node may connect to its pods, where no rule denies ingress from host'
same "they are listed" "ingress@10.88.0.1:tcp:7 forwarded  $node_text true true
ingress@10.88.0.9:tcp:7 forwarded 1 allow:ingress@10.88.0.9:tcp:7 true true
ingress@10.88.0.9:udp:7 forwarded 2 allow:ingress@10.88.0.9:udp:7 true true
ingress@[fd88::1]:tcp:7 forwarded  $node_text true true" "$(flows)"
contains "as explain has it" "$("$BUILD/msb-ctl" explain "$sandbox" ingress@10.88.0.1:tcp:7)" "ALLOW .*$node_text"

printf 'default any deny\nallow:ingress@10.88.0.9:udp\n' >"$WORK/policy.msb"
same "a reload that denies one flow ends it, and keeps the others" "1 3" "$(reload)"
ended tcp "by a reset" ConnectionResetError
goes_on node "the node's goes on"
goes_on node6 "and the one by IPv6"
goes_on udp "and one that another rule allows now"

printf 'default any deny\nallow:ingress@10.88.0.0/16\ndeny:ingress@host\n' >"$WORK/policy.msb"
same "one that shuts the node out ends what no rule before it allows" "1 2" "$(reload)"
ended node6 "by a reset" ConnectionResetError
goes_on node "what a rule allows goes on"
printf 'default any deny\ndeny:ingress@host\n' >"$WORK/policy.msb"
same "one that allows nothing ends all" "2 0" "$(reload)"
ended node "by a reset" ConnectionResetError
ended udp "a datagram has no answer" TimeoutError

told() { events | jq -r 'select(.kind == "flow-end") | [.flow, .direction, .end, .bytes_received > 1000, .bytes_sent > 1000] | join(" ")' | sort; }
all_told() { [ "$(told | wc -l)" = 4 ]; }
wait_for 10 all_told
same "their ends are events" "ingress@10.88.0.1:tcp:7 ingress revoked true true
ingress@10.88.0.9:tcp:7 ingress revoked true true
ingress@10.88.0.9:udp:7 ingress revoked true true
ingress@[fd88::1]:tcp:7 ingress revoked true true" "$(told)"
begun() { events | jq -r 'select(.kind == "allow" and .direction == "ingress") | [.flow, .rule] | join(" ")' | sort; }
same "and their beginnings" "ingress@10.88.0.1:tcp:7 node
ingress@10.88.0.9:tcp:7 1
ingress@10.88.0.9:udp:7 2
ingress@[fd88::1]:tcp:7 node" "$(begun)"
events >"$WORK/events"
try "each as the schema has it" python3 "$TESTS/e2e/tools/events-valid.py" "$TESTS/../docs/events.schema.json" "$WORK/events"
cni DEL "$(net_conf)"
same "DEL" 0 "$status"
finish
