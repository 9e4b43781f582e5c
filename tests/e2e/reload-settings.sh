#!/usr/bin/env bash
# A reload changes settings, each seen at work: bandwidth and packets a second, nameservers, rebind protection, published ports, what is
# logged. What cannot change while a sandbox runs is refused by its name, and the policy before stays in force.
. "$(dirname "$0")/lib.sh"
world_up
ipv6_up
CTL=$BUILD/msb-ctl
cat >"$WORK/agent.sh" <<-END
	for port in 81 82; do busybox httpd -p 0.0.0.0:\$port -h $WORK/www; done
	while read -r line; do echo "\$(eval "\$line" 2>&1 | tr '\n' ' ')"; done <"$WORK/orders"
END
cat >"$WORK/burst.py" <<-'END'
	import socket
	flow = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
	flow.connect(("198.51.100.9", 9))
	for _ in range(600):
	    flow.send(b"x" * 1000)
	print("sent")
END
mkfifo "$WORK/orders"
FILE=(--policy "$WORK/agent.msb")
echo 'default egress allow' >"$WORK/agent.msb"
start_sandbox settings --events "$WORK/events" "${FILE[@]}" -- bash "$WORK/agent.sh"
exec 7>"$WORK/orders"
told=0
ask() { # COMMAND: leaves what the guest said in $said
	told=$((told + 1))
	echo "$1" >&7
	wait_for "$(patience 20)" line_is_there
	said=$(sed -n "${told}p" "$WORK/settings.out" | sed 's/ *$//')
}
line_is_there() { [ "$(wc -l <"$WORK/settings.out")" -ge "$told" ]; }
ask 'echo up'
reload() { # OPTION…: beside the file
	err=$("$CTL" reload settings "${FILE[@]}" "$@" 2>&1 >/dev/null)
	status=$?
}

# --- packets a second: what one burst gets through ---
burst() { # leaves how many of 600 have arrived
	local before
	before=$(seen 198.51.100.9 udp 9)
	ask "python3 $WORK/burst.py"
	wait_for 1 more "$before" 600 || :
	arrived=$(($(seen 198.51.100.9 udp 9) - before))
}
more() { [ $(($(seen 198.51.100.9 udp 9) - $1)) -ge "$2" ]; }
burst
same "no limit: all of a burst arrive" 600 "$arrived"
reload --net-egress-ops 20/10s
burst
check "20 packets in 10 s by a reload: $arrived of 600 arrive" "$([ "$arrived" -ge 1 ] && [ "$arrived" -le 200 ]; echo $?)" "$err"
contains "as the packet filter counts them" "$(in_dns_netns nft list ruleset)" 'limit rate over .* counter packets [1-9][0-9]* .*over the limit'

# --- bandwidth ---
shaped() { in_dns_netns tc -s -j qdisc show dev uplink | jq -r '.[] | select(.kind == "tbf") | "\(.options.rate) \(.overlimits > 0)"'; }
reload --net-egress-bandwidth 100K/1s
same "a bandwidth limit by a reload is the link's" "102400 false" "$(shaped)"
burst
same "and what is over it waits, or is dropped there" "102400 true" "$(shaped)"
check "so that not all of a burst arrive: $arrived" "$([ "$arrived" -ge 1 ] && [ "$arrived" -lt 600 ]; echo $?)"
reload --net-egress-bandwidth 200K/1s
same "another one" 204800 "$(shaped | cut -d' ' -f1)"
reload
same "none" "" "$(shaped)"
drained() { [ "$(in_dns_netns tc -s -j qdisc show dev uplink | jq '.[0].backlog // 0')" = 0 ]; }
wait_for 10 drained
burst
same "and all of a burst arrive again" 600 "$arrived"

# --- nameservers ---
asks() { ask "getent ahostsv4 $1 | head -n 1 | cut -d' ' -f1"; }
asks a.example.com
same "the host's nameserver" "93.184.216.35 0" "$said $(seen 1.1.1.1 udp 53)"
reload --dns-nameserver 1.1.1.1
before=$(seen "$RESOLVER" udp 53)
asks deep.a.example.com
same "another nameserver by a reload" "93.184.216.36" "$said"
check "is asked" "$([ "$(seen 1.1.1.1 udp 53)" -ge 1 ]; echo $?)"
same "and the one before is not" "$before" "$(seen "$RESOLVER" udp 53)"
reload
before=$(seen 1.1.1.1 udp 53)
asks four.example.com
same "the host's again" "93.184.216.38 $before" "$said $(seen 1.1.1.1 udp 53)"

# --- rebind protection ---
asks rebind.example.com
same "rebind protection" "" "$said"
reload --no-dns-rebind-protection
asks rebind.example.com
same "off" 10.0.0.5 "$said"
reload
asks rebind.example.com
same "and on again, for what is in the cache, too" "" "$said"

# --- ranges of published ports ---
page() { curl -s --max-time 5 "http://127.0.0.1:$1/"; }
reload -p 8000-8002:80-82
same "a range of ports" "hello from the Internet hello from the Internet" "$(page 8001) $(page 8002)"
reload -p 8002-8003:81-82
same "another that has one of them" "hello from the Internet hello from the Internet" "$(page 8002) $(page 8003)"
same "and not the other" 7 "$(page 8001; echo $?)"
reload
same "none" "7 7" "$(page 8002; echo -n $?) $(page 8003; echo -n $?)"

# --- what is logged ---
logged() { grep '"allow"' "$WORK/events" 2>/dev/null | grep -c '8\.8\.8\.8'; }
ask "$PROBE tcp 8.8.8.8 80 3000"
printf 'default egress allow\nallow@8.8.8.8:tcp log\n' >"$WORK/agent.msb"
reload
same "nothing is logged before" 0 "$(logged)"
ask "$PROBE tcp 8.8.8.8 80 3000"
is_logged() { [ "$(logged)" -ge 1 ]; }
wait_for "$(patience 10)" is_logged
check "a rule with log, by a reload" $? "$(tail -n 3 "$WORK/events")"
echo 'default egress allow' >"$WORK/agent.msb"
reload
before=$(logged)
ask "$PROBE tcp 8.8.8.8 80 3000"
ask "$PROBE tcp 8.8.8.8 80 3000"
same "and without it nothing is, again" "$before" "$(logged)"

# --- what cannot change ---
generation() { "$CTL" status settings --format json | jq .generation; }
before=$(generation)
while read -r what option value; do
	reload "$option" "$value"
	contains "cannot change, and is named: $option" "$status $err" "^1 .*${what//_/ } cannot change while the sandbox runs"
done <<-END
	the_guest's_addresses --net-ipv4-address 172.16.9.2
	the_guest's_addresses --net-ipv6-address fd42:6d73:62:9::2
	the_guest's_MAC --net-mac 02:00:00:00:00:07
	address_pools --net-ipv6-pool fd00:1::/64
	how_many_connections_there_may_be_at_once --max-tcp-connections 9
	how_many_connections_there_may_be_at_once --max-udp-connections 9
	the_rate_of_new_connections --max-connection-rate 9
	how_long_DNS_is_waited_for --dns-query-timeout-ms 700
	nameservers_given_by_name --dns-nameserver dns.google
END
same "the policy before is in force" "$before" "$(generation)"
ask "$PROBE tcp 8.8.4.4 80 3000"
contains "as ever" "$said" '^connected'
exec 7>&-
wait "$sandbox_pid"
finish
