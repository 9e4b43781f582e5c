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
on_internet ip address add "$address/32" dev lo
internet_dns "$name. 600 IN A $address"
rate=$BUILD/e2e/relay_rate
declare -A port=([straight]=9000 [relay]=9443 [haproxy]=9444 [sniproxy]=9445)
mark=0x6d736204 # LOWER_NAMES_MARK of compiler/lower/sandbox_net.h

# compare WORK LABEL KIND SIZE ROUNDS GOAL WAY
compare() {
	local result unit=bytes/s
	result=$(chrt -f 5 "$rate" "$3" "$4" "$5" "$straight" "$7") || exit 3
	case $3 in
	connect) unit=connections/s ;;
	first) unit=us ;;
	esac
	# shellcheck disable=SC2086 # five numbers
	set -- "$1" "$2" "$5" "$6" "$unit" $result
	printf '{"work":"server names: %s","label":"%s","against":"the kernel alone","ratio":%s,"low":%s,"high":%s,"runs":%d,"value":%s,"unit":"%s"%s}\n' \
		"$1" "$2" "$8" "$9" "${10}" "$3" "$7" "$5" "${4:+,\"goal\":$4}"
}

# all LABEL GOALS WAY: goals of bytes and of connections, or empty. Many connections at once come last: the host counts what is open,
# and what it has counted within a tick slows the next ones down.
all() {
	compare download "$1" in 64 12 "${2%,*}" "$3"
	compare upload "$1" out 64 12 "${2%,*}" "$3"
	compare "time to the first answer" "$1" first 50 10 "" "$3"
	compare "connections, one at a time" "$1" connect 1 3 "" "$3"
	compare "connections, 16 at once" "$1" connect 16 3 "${2#*,}" "$3"
}

in_sandbox() { nsenter --net="/proc/$sandbox/ns/net" -- "$@"; }

# A sandbox, $guest a process in it and $sandbox one in its outer namespace
begin() {
	start_sandbox bench --max-connections 0 --max-connection-rate 1000000 --net-default-egress deny \
		--net-rule "allow@$name:tcp:{9443,9444,9445}" --net-rule "allow@host:tcp:{9444,9445}" --net-rule "allow@$address:tcp:9000" \
		-- sh -c "getent ahostsv4 $name; echo asked; exec sleep 600"
	if ! wait_for 20 grep -q asked "$WORK/bench.out"; then
		cat "$WORK/bench.err" >&2
		exit 3
	fi
	wait_for 20 pgrep -nx sleep || exit 3
	guest=$(pgrep -nx sleep) sandbox=$(pgrep -nx msb-names)
	straight=/proc/$guest/ns/net,$address,9000,0,$name
}

end() {
	kill "$sandbox_pid"
	wait "$sandbox_pid"
} 2>/dev/null

# Links take no packet larger than a frame, and nobody makes one of several
plain_packets() {
	local where link
	for where in "/proc/$sandbox/ns/net" "/proc/$guest/ns/net" /proc/self/ns/net /run/netns/internet; do
		for link in $(nsenter --net="$where" ls /sys/class/net); do
			nsenter --net="$where" ethtool -K "$link" tso off gso off gro off >/dev/null 2>&1
		done
	done
}

fifo() {
	local pid
	for pid in $(pgrep -x "relay_rate|haproxy|sniproxy|msb-names|msb-supervisor"); do chrt -a -f -p 5 "$pid"; done
}

haproxy_configuration() {
	cat <<-EOF
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
}

sniproxy_configuration() {
	cat <<-EOF
		listener 172.16.0.1:${port[sniproxy]} {
		    proto tls
		    table names
		    source 172.16.0.1
		}
		table names {
		    $name $address:${port[sniproxy]}
		}
	EOF
}

# peer NAME ARG…: in the sandbox's outer namespace, at the gateway, where else the host's services are; it connects by the relay's mark
peer() {
	local who=$1 relayed
	shift
	relayed=$(in_sandbox nft -a list chain inet msb proxies | sed -n 's/.*ip daddr 172.16.0.1 .*handle //p')
	in_sandbox nft -f - <<-EOF
		delete rule inet msb proxies handle $relayed
		table inet peers {
			chain from_peers {
				type filter hook output priority -10;
				oifname "uplink" tcp dport ${port[$who]} meta mark set $mark
			}
		}
	EOF
	"${who}_configuration" >"$WORK/$who.cfg"
	in_sandbox "$who" "$@" "$WORK/$who.cfg" >"$WORK/$who.err" 2>&1 &
	peer_pid=$!
	wait_for 20 nsenter --net="/proc/$sandbox/ns/net" sh -c "ss -Hltn sport = :${port[$who]} | grep -q ." && return
	cat "$WORK/$who.err" >&2
	exit 3
}

# measure PREPARE SUFFIX GOALS
measure() {
	begin
	"$1" && fifo
	all "the relay$2" "$3" "/proc/$guest/ns/net,$address,${port[relay]},0,$name"
	end
	for who in haproxy sniproxy; do
		begin
		case $who in
		haproxy) peer haproxy -f ;;
		sniproxy) peer sniproxy -f -c ;;
		esac
		"$1" && fifo
		all "$who in its place$2" , "/proc/$guest/ns/net,172.16.0.1,${port[$who]},0,$name"
		kill "$peer_pid"
		end
	done
}

for who in "${!port[@]}"; do
	on_internet "$rate" serve 0.0.0.0 "${port[$who]}" >"$WORK/$who.out" &
	wait_for 20 grep -q ready "$WORK/$who.out" || exit 3
done
measure true "" ,
measure plain_packets ", 1,500-byte packets" 0.7,0.4
