#!/usr/bin/env bash
# Threat kill-all: launcher, table owner and supervisor killed at once, as the end of a cgroup does, leave the host forwarding
# without the rule that keeps strangers out. The next start mends it: it takes over what was left, and puts it back with its end.
. "$(dirname "$0")/lib.sh"
world_up
off=0000 on=1111
[ -e /proc/sys/net/ipv6/conf/wan0/force_forwarding ] || on=1010

ip link add lan0 type veth peer name lan1
ip address add 192.168.7.1/24 dev lan0
ip address add fd07::1/64 dev lan0 nodad
ip link set lan0 up
ip link set lan1 up
switches() {
	local link
	for link in wan0 lan0; do
		printf '%s%s' "$(cat /proc/sys/net/ipv4/conf/$link/forwarding)" "$(cat /proc/sys/net/ipv6/conf/$link/force_forwarding 2>/dev/null || echo 0)"
	done
}
gone() { ! ip -br link | grep -q ^msb && ! nft list tables | grep -q msb; }
# at_once PID…: killed with no time for any to see that another is gone
at_once() {
	kill -STOP "$@"
	kill -KILL "$@"
}
kill_all() { # the running sandboxes' processes
	# shellcheck disable=SC2046
	at_once $(pgrep -x msb-run) $(pgrep -x msb-owner) $(pgrep -x msb-supervisor)
	wait "$@" 2>/dev/null
	wait_for 60 gone
}

start_sandbox one --quiet --net-default allow -- sleep 60
one=$sandbox_pid
start_sandbox two --quiet --net-default allow -- sleep 60
wait_for 20 sh -c 'test "$(pgrep -cx sleep)" -ge 2'
kill_all "$one" "$sandbox_pid"
if gone; then ok "all is gone"; else not_ok "all is gone"; fi
same "but the switches, which nobody was left to put back" $on "$(switches)"

start_sandbox next --quiet --net-default allow -- sleep 60
next=$sandbox_pid
wait_for 20 pgrep -x sleep
contains "the next sandbox keeps strangers out: wan0" "$(nft list ruleset | grep 'no router')" 'iif "wan0".*ipv4.*drop'
contains "and lan0" "$(nft list ruleset | grep 'no router')" 'iif "lan0".*ipv4.*drop'
kill "$next"
wait "$next"
same "and with it the switches are back" $off "$(switches)"
lacks "no link has a note of it" "$(ip link)" 'altname'

# One of two is left: it needs the switches, and puts all of them back
start_sandbox one --quiet --net-default allow -- sleep 60
one=$sandbox_pid
wait_for 20 pgrep -x sleep
start_sandbox two --quiet --net-default allow -- sh -c "while :; do $PROBE tcp 93.184.216.34 443 400 >>$WORK/log; sleep 0.1; done"
two=$sandbox_pid
wait_for 20 grep -q ^connected "$WORK/log"
# shellcheck disable=SC2046
at_once "$one" $(pgrep -ox msb-owner) $(pgrep -ox msb-supervisor)
wait "$one" 2>/dev/null
wait_for 60 sh -c 'test "$(nft list tables | grep -c msb)" = 1'
: >"$WORK/log"
if wait_for 10 grep -q ^connected "$WORK/log"; then ok "one of two killed: the other works"; else not_ok "one of two killed: the other works" "$(cat "$WORK/two.err")"; fi
kill "$two"
wait "$two"
same "and puts the switches back" $off "$(switches)"

# The link of a dead sandbox lingers where somebody holds its namespace
start_sandbox one --quiet --net-default allow -- sleep 60
one=$sandbox_pid
wait_for 20 pgrep -x sleep
nsenter --net="/proc/$(pgrep -ox msb-dns)/ns/net" sleep 100 &
holder=$!
wait_for 5 sh -c "test \$(readlink /proc/$holder/ns/net) != \$(readlink /proc/self/ns/net)"
# shellcheck disable=SC2046
at_once "$one" $(pgrep -x msb-owner) $(pgrep -x msb-supervisor)
wait "$one" 2>/dev/null
wait_for 10 sh -c '! nft list tables | grep -q msb'
contains "a dead sandbox's link lingers" "$(ip -br link)" '^msb'
run_sandbox --quiet --net-default allow -- true
same "it counts for nothing: the switches are back with the next" $off "$(switches)"
kill $holder
wait $holder 2>/dev/null
wait_for 20 gone

# Meanwhile the host became a router
start_sandbox one --quiet --net-default allow -- sleep 60
one=$sandbox_pid
wait_for 20 pgrep -x sleep
kill_all "$one"
same "left on once more" $on "$(switches)"
sysctl -q net.ipv4.ip_forward=1
run_sandbox --quiet --net-default allow -- true
same "what somebody else switched on since stays on" 11 "$(cat /proc/sys/net/ipv4/conf/wan0/forwarding /proc/sys/net/ipv4/conf/lan0/forwarding | tr -d '\n')"
lacks "no link has a note of it" "$(ip link)" 'altname'
finish
