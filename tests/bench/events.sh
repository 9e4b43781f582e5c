#!/usr/bin/env bash
# What reports cost the guest's own traffic: a download, while the guest opens 1,000 denied connections a second. Each is refused and
# counted, and what is reported of them becomes lines of a file; every flow of the guest's is listened to as well (--events-all). Beside
# it the same download in the same sandbox while the same program opens as many connections elsewhere on this machine, where each SYN is
# dropped and nothing else happens. All that takes part has SCHED_FIFO. usage: tests/bench/events.sh BUILD        one JSON object a line
. "$(dirname "$0")/../e2e/lib.sh"
host_up
internet_links
internet_counters
on_internet chrt -f 5 "$BUILD/e2e/echo" &
rounds=${ROUNDS:-40}
here=$TESTS/bench/tools
wait_for 20 "$BUILD/e2e/probe" tcp "$INTERNET4" 7 || exit 3

# elsewhere: a link that drops whatever comes
ip netns add flooded
ip link add flood0 netns flooded type veth peer name hole0
nsenter --net=/run/netns/flooded -- sh -c 'ip link set lo up; ip address add 198.18.0.1/24 dev flood0; ip link set flood0 up; ip neighbour add 198.18.0.2 lladdr 02:00:00:00:00:02 dev flood0; ip route add default via 198.18.0.2'
ip link set hole0 up
nft -f - <<-'EOF'
	table netdev hole {
		chain ingress { type filter hook ingress device hole0 priority 0; drop; }
	}
EOF

start_sandbox bench --net-default-egress deny --net-rule 'deny@198.51.100.0/24,allow@93.184.216.34:tcp:19' --events "$WORK/events" --events-all \
	-- sh -c 'echo started; exec sleep 600'
wait_for 20 grep -q started "$WORK/bench.out" || exit 3
wait_for 20 pgrep -nx sleep || exit 3
guest=/proc/$(pgrep -nx sleep)/ns/net
wait_for 20 nsenter --net="$guest" -- "$BUILD/e2e/probe" tcp 93.184.216.34 19 || exit 3
chrt -f -p 5 "$(pgrep -nx msb-supervisor)"
chrt -f 5 python3 "$here/events.py" "$rounds" "denied and reported=$guest" "dropped elsewhere=/run/netns/flooded" -- "$guest" 93.184.216.34 19 >"$WORK/rounds" || exit 3
kill "$sandbox_pid"
python3 "$here/ratios.py" --work "a download, 1,000 denied connections a second" --against "dropped elsewhere" --as "the same flood, dropped elsewhere" \
	--goal 0.95 --unit bytes/s "denied and reported" <"$WORK/rounds"
