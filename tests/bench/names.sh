#!/usr/bin/env bash
# What a TCP flow costs that is judged by its server name, beside the same sandbox's flows to the same server that are not: connections a
# second, one at a time and 16 at once, and bytes down and up, with frames as virtual cards have them (GSO) and with 1,500-byte packets. In
# the same place, for what others get: haproxy in TCP mode, which waits for the name, and sniproxy, on a host that forwards; a packet filter
# is not on their way. Each round of a way is next to a round of the straight one, in one process; all that takes part has
# SCHED_FIFO, so that other work on the machine does not.
# usage: tests/bench/names.sh BUILD [ROUNDS]        one JSON object a line
. "$(dirname "$0")/../e2e/lib.sh"
host_up
internet_links
internet_counters
rate=$BUILD/e2e/relay_rate rounds=${2:-40}
SERVER=93.184.216.34

# compare WORK LABEL KIND SIZE GOAL STRAIGHT WAY
compare() {
	local result unit=bytes/s
	result=$(chrt -f 5 "$rate" "hello-$3" "$4" "$rounds" "$6" "$7") || exit 3
	[ "$3" = connect ] && unit=connections/s
	# shellcheck disable=SC2086 # five numbers
	set -- "$1" "$2" "$5" "$unit" $result
	printf '{"work":"%s","label":"%s","against":"in the kernel","ratio":%s,"low":%s,"high":%s,"runs":%d,"value":%s,"unit":"%s"%s}\n' \
		"$1" "$2" "$7" "$8" "$9" "$rounds" "$6" "$4" "${3:+,\"goal\":$3}"
}

connections() { # LABEL GOAL STRAIGHT WAY
	compare "connections, one at a time" "$1" connect 1 "$2" "$3" "$4"
	compare "connections, 16 at once" "$1" connect 16 "$2" "$3" "$4"
}
streams() { # FRAMES LABEL GOAL STRAIGHT WAY
	compare "throughput down, $1" "$2" out 32 "$3" "$4" "$5"
	compare "throughput up, $1" "$2" in 32 "$3" "$4" "$5"
}

# a guest of the host's own, which forwards for it
bare_guest() {
	ip netns add bare
	ip link add bare0 type veth peer name eth0 netns bare
	ip address add 10.99.0.1/24 dev bare0
	ip link set bare0 up
	ip netns exec bare ip address add 10.99.0.2/24 dev eth0
	ip netns exec bare ip link set eth0 up
	ip netns exec bare ip route add default via 10.99.0.1
	on_internet ip route add 10.99.0.0/24 via "$HOST4"
	echo 1 >/proc/sys/net/ipv4/ip_forward
}

peers() {
	cat >"$WORK/haproxy.cfg" <<-END_OF_FILE
		defaults
			mode tcp
			option splice-auto
			timeout client 60s
			timeout server 60s
			timeout connect 10s
		frontend names
			bind 10.99.0.1:9002
			tcp-request inspect-delay 5s
			tcp-request content reject if { req.ssl_sni -i evil.example.net }
			tcp-request content accept if { req.len gt 0 }
			default_backend server
		backend server
			server server $SERVER:9000
	END_OF_FILE
	cat >"$WORK/sniproxy.conf" <<-END_OF_FILE
		user root
		pidfile $WORK/sniproxy.pid
		listener 10.99.0.1:9003 {
			protocol tls
			table names
			fallback $SERVER:9000
		}
		table names {
			.*\\.example\\.com $SERVER:9000
		}
	END_OF_FILE
	haproxy -db -f "$WORK/haproxy.cfg" >"$WORK/haproxy.out" 2>&1 &
	sniproxy -f -c "$WORK/sniproxy.conf" >"$WORK/sniproxy.out" 2>&1 &
	wait_for 10 sh -c 'ss -Htln | grep -q 10.99.0.1:9002' || cat "$WORK/haproxy.out" >&2
	wait_for 10 sh -c 'ss -Htln | grep -q 10.99.0.1:9003' || cat "$WORK/sniproxy.out" >&2
}

# segments as they are on a wire, on each link between
no_offloads() {
	local link
	for link in "$guest eth0" "$sandbox tap0" "$sandbox uplink" "/proc/self/ns/net wan0" "/proc/self/ns/net bare0" \
		"/run/netns/internet wan0" "/run/netns/bare eth0" $(ip -br link | awk '/^msb/ { sub(/@.*/, "", $1); print "/proc/self/ns/net:" $1 }'); do
		link=${link/:/ }
		nsenter --net="${link% *}" ethtool -K "${link#* }" tso off gso off gro off >/dev/null
	done
}

on_internet nft flush chain inet answers prerouting
on_internet nft add rule inet answers prerouting iifname wan0 tcp dport '{ 9000, 9001 }' redirect to :9100
on_internet "$rate" serve :: 9100 >"$WORK/serve.out" &
wait_for 20 grep -q ready "$WORK/serve.out"
start_sandbox bench --max-connections 0 --max-connection-rate 1000000 --net-rule 'deny@evil.example.net:tcp:9001,allow@public' -- sleep 600
if ! wait_for 20 pgrep -x sleep; then
	cat "$WORK/bench.err" >&2
	exit 3
fi
guest=/proc/$(pgrep -nx sleep)/ns/net sandbox=/proc/$(pgrep -nx msb-names)/ns/net
bare_guest
peers
for process in relay_rate msb-names msb-supervisor haproxy sniproxy; do
	for pid in $(pgrep -x "$process"); do chrt -a -f -p 5 "$pid"; done
done
straight=$guest,$SERVER,9000,0 judged=$guest,$SERVER,9001,0
forwarded=/run/netns/bare,$SERVER,9000,0 haproxy=/run/netns/bare,10.99.0.1,9002,0 sniproxy=/run/netns/bare,10.99.0.1,9003,0

connections "judged by its name" 0.4 "$straight" "$judged"
connections "haproxy" "" "$forwarded" "$haproxy"
connections "sniproxy" "" "$forwarded" "$sniproxy"
for frames in "GSO" "1,500-byte packets"; do
	goal=
	if [ "$frames" != GSO ]; then
		no_offloads
		goal=0.7
	fi
	streams "$frames" "judged by its name" "$goal" "$straight" "$judged"
	streams "$frames" "haproxy" "" "$forwarded" "$haproxy"
	streams "$frames" "sniproxy" "" "$forwarded" "$sniproxy"
done
