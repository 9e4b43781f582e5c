#!/usr/bin/env bash
# What it costs that the server name of a flow is looked at: the same server, its address and the client, straight through the
# kernel by a rule on the address, and by a rule on the name, through the relay. Bytes in and out, connections a second, and the
# time to the first answer, each connection with a ClientHello and a ServerHello. In the relay's place, in the sandbox's own
# namespace: haproxy and sniproxy, which look at the name, too, and know beforehand where to connect. Rounds of a way are next to
# rounds of the straight one; all that takes part has SCHED_FIFO. "1,500-byte packets": no link takes larger ones (TSO, GRO off).
# usage: tests/bench/server_names.sh BUILD        one JSON object a line
RESOLVER=203.0.113.1
. "$(dirname "$0")/../e2e/lib.sh"
RESOLVER=$INTERNET4
host_up
internet_links
address=151.101.9.7 name=good.example
internet_dns "$name. 600 IN A $address"
rate=$BUILD/e2e/relay_rate
declare -A port=([straight]=9000 [relay]=9443 [haproxy]=9444 [sniproxy]=9445)
mark=0x6d736204 # LOWER_NAMES_MARK of compiler/lower/sandbox_net.h

# compare WORK LABEL KIND SIZE ROUNDS GOAL WAY
compare() {
	local result unit=bytes/s
	result=$(chrt -f 5 "$rate" "$3" "$4" "$5" "${way[straight]}" "$7") || exit 3
	case $3 in
	connect) unit=connections/s ;;
	first) unit=us ;;
	esac
	# shellcheck disable=SC2086 # five numbers
	set -- "$1" "$2" "$5" "$6" "$unit" $result
	printf '{"work":"%s","label":"%s","against":"the kernel alone","ratio":%s,"low":%s,"high":%s,"runs":%d,"value":%s,"unit":"%s"%s}\n' \
		"$1" "$2" "$8" "$9" "${10}" "$3" "$7" "$5" "${4:+,\"goal\":$4}"
}

# all LABEL ROUNDS GOALS WAY: goals of bytes and of connections, or empty
all() {
	compare "server names: download" "$1" in 64 "$2" "${3%,*}" "$4"
	compare "server names: upload" "$1" out 64 "$2" "${3%,*}" "$4"
	compare "server names: connections, one at a time" "$1" connect 1 "$2" "" "$4"
	compare "server names: connections, 16 at once" "$1" connect 16 "$2" "${3#*,}" "$4"
	compare "server names: time to the first answer" "$1" first 100 "$2" "" "$4"
}

for who in "${!port[@]}"; do
	on_internet "$rate" serve 0.0.0.0 "${port[$who]}" >"$WORK/$who.out" &
	wait_for 20 grep -q ready "$WORK/$who.out" || exit 3
done
start_sandbox bench --max-connections 0 --max-connection-rate 1000000 --net-default-egress deny \
	--net-rule "allow@$name:tcp:{9443,9444,9445}" --net-rule "allow@host:tcp:{9444,9445}" --net-rule "allow@$address:tcp:9000" \
	-- sh -c "getent ahostsv4 $name; echo asked; exec sleep 600"
if ! wait_for 20 grep -q asked "$WORK/bench.out"; then
	cat "$WORK/bench.err" >&2
	exit 3
fi
guest=$(pgrep -nx sleep) sandbox=$(pgrep -nx msb-names)
in_sandbox() { nsenter --net="/proc/$sandbox/ns/net" -- "$@"; }

# The peers, before their turn the packets are theirs: they connect by the relay's mark
cat >"$WORK/haproxy.cfg" <<-EOF
	global
	    maxconn 2000
	defaults
	    mode tcp
	    timeout connect 5s
	    timeout client 1h
	    timeout server 1h
	    option splice-auto
	frontend names
	    bind 172.16.0.1:${port[haproxy]}
	    tcp-request inspect-delay 5s
	    tcp-request content accept if { req.ssl_hello_type 1 }
	    tcp-request content reject
	    use_backend good if { req.ssl_sni -i $name }
	backend good
	    source 172.16.0.1
	    server good $address:${port[haproxy]}
EOF
cat >"$WORK/sniproxy.cfg" <<-EOF
	listener 172.16.0.1:${port[sniproxy]} {
	    proto tls
	    table names
	    source 172.16.0.1
	}
	table names {
	    $name $address:${port[sniproxy]}
	}
EOF
in_sandbox nft -f - <<-EOF
	table ip peers {
		chain to_peers {
			type nat hook prerouting priority -160;
			iifname "br0" tcp dport { ${port[haproxy]}, ${port[sniproxy]} } redirect
		}
		chain from_peers {
			type filter hook output priority -10;
			oifname "uplink" tcp dport { ${port[haproxy]}, ${port[sniproxy]} } meta mark set $mark
		}
	}
EOF
in_sandbox haproxy -f "$WORK/haproxy.cfg" 2>"$WORK/haproxy.err" >&2 &
in_sandbox sniproxy -f -c "$WORK/sniproxy.cfg" 2>"$WORK/sniproxy.err" >&2 &
for who in haproxy sniproxy; do
	wait_for 20 sh -c "nsenter --net=/proc/$sandbox/ns/net ss -Hltn sport = :${port[$who]} | grep -q ." || {
		cat "$WORK/$who.err" >&2
		exit 3
	}
done
for process in relay_rate haproxy sniproxy msb-names msb-supervisor; do
	for pid in $(pgrep -x "$process"); do chrt -a -f -p 5 "$pid"; done
done

declare -A way
for who in "${!port[@]}"; do way[$who]=/proc/$guest/ns/net,$address,${port[$who]},0,$name; done
goals=, # of what the links make of large packets there are none
for packets in "" ", 1,500-byte packets"; do
	all "the relay$packets" 30 "$goals" "${way[relay]}"
	all "haproxy in its place$packets" 10 , "${way[haproxy]}"
	all "sniproxy in its place$packets" 10 , "${way[sniproxy]}"
	goals=0.7,0.4
	for link in $(in_sandbox ls /sys/class/net) wan0; do
		for where in "/proc/$sandbox/ns/net" "/proc/$guest/ns/net" /proc/self/ns/net /run/netns/internet; do
			nsenter --net="$where" ethtool -K "$link" tso off gso off gro off >"$WORK/ethtool" 2>&1
		done
	done
	for where in "/proc/$guest/ns/net" /proc/self/ns/net; do
		nsenter --net="$where" sh -c 'for link in $(ls /sys/class/net); do ethtool -K $link tso off gso off gro off; done' >"$WORK/ethtool" 2>&1
	done
done
