#!/usr/bin/env bash
# Threat conntrack-flood, where the sandbox's own namespace bounds nothing: the host's table grants new flows of TCP and UDP up to
# the bound, and more only for those that have ended, by the host's own conntrack. Who does not count grants nothing.
# long
. "$(dirname "$0")/lib.sh"
world_up
MUTE4=93.184.216.99 MUTE6=2606:2800:220:1::99 # nobody answers there, so that flows stay as they began
on_internet nft -f - <<-EOF
	table inet mute {
		chain prerouting {
			type filter hook prerouting priority -290;
			ip daddr $MUTE4 drop
			ip6 daddr $MUTE6 drop
		}
	}
EOF
ipv6_up

BOUND=200
start_sandbox grants --net-default allow --max-connection-rate 20 --max-tcp-connections $BOUND --max-udp-connections $BOUND -- \
	sh -c 'echo ready; exec sleep 600'
wait_for "$(patience 20)" grep -q ready "$WORK/grants.out" || cat "$WORK/grants.err"
vm=/proc/$(pgrep -nx msb-dns)/ns/net init=/proc/$(pgrep -nx msb-init)/ns/net
guest4=$(nsenter --net="$init" -- ip -4 -o address show dev eth0 | sed 's/.*inet \([0-9.]*\).*/\1/')
guest6=$(nsenter --net="$init" -- ip -6 -o address show dev eth0 scope global | sed 's/.*inet6 \([0-9a-f:]*\).*/\1/')
table=$(nft list tables inet | sed -n 's/^table inet \(msb[0-9]*\)$/\1/p')
contains "grants, no counting by the kernel" "$(nft list chain inet "$table" granted_udp)" "limit rate 1/week burst $BOUND packets"

first=1024
# flood PROTOCOL ADDRESS COUNT: as many new flows from the uplink, in the guest's name
flood() {
	local from=$guest4
	[[ $2 == *:* ]] && from=$guest6
	nsenter --net="$vm" -- "$TESTS/e2e/tools/host_flood.py" "$1" "$from" "$2" "$3" $first
	first=$((first + $3))
}
# entries PROTOCOL: what the host's conntrack has of the guest
entries() {
	local spelt # as /proc writes it: every group, four digits each
	spelt=$(python3 -c 'import ipaddress, sys; print(ipaddress.ip_address(sys.argv[1]).exploded)' "$guest6")
	grep -cE "^ipv[46] +[0-9]+ +$1 .*[^=]* src=($guest4|$spelt) " /proc/net/nf_conntrack
}
# end_flows: all of the guest's, as if each had ended
end_flows() { "$BUILD/e2e/forget" "$guest4" "$guest6" >/dev/null; }
passed() { echo $(($(seen $MUTE4 "$1") + $(seen $MUTE6 "$1"))); }
# lets_pass PROTOCOL ADDRESS MORE: at least so many more, by small floods
lets_pass() {
	flood "$1" "$2" "$3"
	[ $(($(passed "$1") - before)) -ge "$3" ]
}

flood udp $MUTE4 500
flood udp $MUTE6 500
same "1000 flows of UDP at once, both families: the bound" "$BOUND $BOUND" "$(passed udp) $(entries udp)"
flood tcp $MUTE6 500
flood tcp $MUTE4 500
same "TCP counts for itself" "$BOUND $BOUND" "$(passed tcp) $(entries tcp)"
flood icmp $MUTE4 500
same "so does all else" 256 "$(entries icmp)"
wait_for "$(patience 10)" grep -q 'refused by --max-udp-connections' "$WORK/grants.err"
check "it is said what refuses" $? "$(cat "$WORK/grants.err")"

# nothing has ended: whatever is counted, nothing is granted
sleep 2.5
flood udp $MUTE4 300
same "counted twice, and still no room" "$BOUND $BOUND" "$(passed udp) $(entries udp)"

# what has ended is room again, for both families
for to in $MUTE4 $MUTE6; do
	for protocol in udp tcp; do
		end_flows
		before=$(passed $protocol)
		wait_for "$(patience 10)" lets_pass $protocol $to 40
		check "flows of $protocol have ended: as many may begin, to $to" $?
	done
done

# churn: flows that come and go as fast as can be, and at no time more than the bound
most=0
for turn in $(seq 40); do
	flood udp $MUTE4 300
	now=$(entries udp)
	[ "$now" -le "$most" ] || most=$now
	[ $((turn % 4)) -ne 0 ] || end_flows
	[ $first -lt 60000 ] || first=1024
	sleep 0.1
done
if [ "$most" -le $BOUND ] && [ "$most" -ge 40 ]; then ok "flows that come and go: never more than the bound"; else not_ok "flows that come and go: never more than the bound" "$most"; fi

# nobody counts: what was granted, and no more
end_flows
before=$(passed udp)
wait_for "$(patience 10)" lets_pass udp $MUTE4 40
for process in msb-supervisor msb-owner; do
	stopped=$(pgrep -nx $process)
	said=$(grep -c 'could count' "$WORK/grants.err")
	kill -STOP "$stopped"
	flood udp $MUTE4 300
	flood udp $MUTE6 300
	end_flows
	before=$(passed udp)
	# longer than what counts as late, of a count that is asked for within a second
	for turn in 1 2 3 4 5; do
		flood udp $MUTE4 60
		sleep 1
	done
	same "$process is stopped: no new flow" 0 $(($(passed udp) - before))
	kill -CONT "$stopped"
	wait_for "$(patience 10)" lets_pass udp $MUTE4 40
	check "it goes on: new flows pass again" $?
	same "which is said once" $((said + 1)) "$(grep -c 'could count' "$WORK/grants.err")"
done
kill "$sandbox_pid"
wait "$sandbox_pid" 2>/dev/null
same "nothing of it is left in the host's conntrack" "0 0" "$(entries udp) $(entries tcp)"
finish
