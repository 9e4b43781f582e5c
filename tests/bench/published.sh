#!/usr/bin/env bash
# What a published port costs beside the same server straight over the sandbox's veth, and the way to the host's services beside a
# veth of its own: bytes in and out (from the client's side), connections a second, one at a time and 16 at once. In the same
# place, for what bounds it: the least that any relay in user space does (null_relay), and socat. Each round of a way is next to a
# round of the straight one, in one process; all that takes part has SCHED_FIFO, so that other work on the machine does not.
# usage: tests/bench/published.sh BUILD        one JSON object a line
. "$(dirname "$0")/../e2e/lib.sh"
host_up
rate=$BUILD/e2e/relay_rate mark=0x6d736203 # LOWER_RELAY_MARK of compiler/lower/sandbox_net.h

# compare WORK LABEL KIND SIZE ROUNDS GOAL AGAINST STRAIGHT WAY
compare() {
	local result unit=bytes/s
	result=$(chrt -f 5 "$rate" "$3" "$4" "$5" "$8" "$9") || exit 3
	[ "$3" = connect ] && unit=connections/s
	# shellcheck disable=SC2086 # five numbers
	set -- "$1" "$2" "$5" "$6" "$7" "$unit" $result
	printf '{"work":"%s","label":"%s","against":"%s","ratio":%s,"low":%s,"high":%s,"runs":%d,"value":%s,"unit":"%s"%s}\n' \
		"$1" "$2" "$5" "$9" "${10}" "${11}" "$3" "$8" "$6" "${4:+,\"goal\":$4}"
}

# all LABEL ROUNDS GOALS AGAINST STRAIGHT WAY: goals of bytes and of connections, or empty
all() {
	local bytes=${3%,*} connections=${3#*,}
	compare "throughput in" "$1" in 64 "$2" "$bytes" "${@:4}"
	compare "throughput out" "$1" out 64 "$2" "$bytes" "${@:4}"
	compare "connections, one at a time" "$1" connect 1 "$2" "$connections" "${@:4}"
	compare "connections, 16 at once" "$1" connect 16 "$2" "$connections" "${@:4}"
}

"$rate" serve 0.0.0.0 9100 >"$WORK/host.out" &
start_sandbox bench --max-connections 0 --max-connection-rate 1000000 -p 9000:9000 --net-rule allow@host -- bash -c "$rate serve 0.0.0.0 9000 & exec sleep 600"
if ! wait_for 20 grep -q ready "$WORK/bench.out" || ! wait_for 20 grep -q ready "$WORK/host.out"; then
	cat "$WORK/bench.err" >&2
	exit 3
fi
sandbox=/proc/$(pgrep -nx msb-relay)/ns/net guest=$(pgrep -nx sleep)
ip link add bare0 type veth peer name bare0 netns "$guest"
ip address add 10.99.0.1/24 dev bare0
ip link set bare0 up
nsenter --net="/proc/$guest/ns/net" sh -c 'ip address add 10.99.0.2/24 dev bare0 && ip link set bare0 up'
"$BUILD/e2e/null_relay" 127.0.0.1 9001 "$sandbox" 172.16.0.2 9000 $mark >"$WORK/null.out" &
socat TCP-LISTEN:9002,bind=127.0.0.1,fork,reuseaddr,backlog=1024 TCP:10.99.0.2:9000 2>/dev/null &
wait_for 20 grep -q ready "$WORK/null.out" || exit 3

for process in relay_rate null_relay socat msb-relay msb-supervisor; do
	for pid in $(pgrep -x "$process"); do chrt -a -f -p 5 "$pid"; done
done

straight=$sandbox,172.16.0.2,9000,$mark
all "published port" 40 0.85,0.5 "straight over the veth" "$straight" -,127.0.0.1,9000,0
all "null relay in its place" 40 , "straight over the veth" "$straight" -,127.0.0.1,9001,0
all "socat in its place" 8 , "straight over the veth" "$straight" -,127.0.0.1,9002,0
all "the host's service" 40 0.85,0.5 "straight over a veth" "/proc/$guest/ns/net,10.99.0.1,9100,0" "/proc/$guest/ns/net,172.16.0.1,9100,0"
