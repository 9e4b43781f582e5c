#!/usr/bin/env bash
# Each flow of a rule with `log` ends with one event, within two seconds: how it ended, and exactly the bytes and packets that its end of
# it counted. Closed by either end, reset by either, idle, cut by another policy, and open when the sandbox ends.
. "$(dirname "$0")/lib.sh"
world_up
TOOLS=$TESTS/e2e/tools/flow_ends
on_internet nft insert rule inet answers prerouting iifname wan0 th dport 5001-5011 meta l4proto '{ tcp, udp }' redirect
on_internet python3 "$TOOLS/server.py" "$WORK/server" &
wait_for 20 test -s "$WORK/server"
ipv6_up
cd "$WORK" || exit 1
printf 'default egress deny\nallow@public:tcp:5009\nallow@public:tcp:5001-5008 log\nallow@public:udp log\n' >agent.msb
printf 'default egress deny\nallow@public:tcp:5009\nallow@public:tcp:5006 log\nallow@public:udp:5010 log\n' >less.msb
mkfifo in
: >state
"$BUILD/msb-run" --vmm none --cap-net-admin --name agent --policy agent.msb --events events -- python3 "$TOOLS/client.py" "$WORK/state" <in >out 2>err &
run=$!
exec 5>in
wait_for 30 grep -q '^5009 closed' state || { cat err state; exit 1; }
# ends PORT: each of its ends, "HOW PACKETS_SENT PACKETS_RECEIVED RULE"
ends() { jq -r --argjson p "$1" 'select(.kind == "flow-end" and .port == $p) | "\(.end) \(.rule) \(.verdict)"' events; }
# moved PORT: "BYTES_SENT BYTES_RECEIVED PACKETS_SENT PACKETS_RECEIVED"
moved() { jq -r --argjson p "$1" 'select(.kind == "flow-end" and .port == $p) | "\(.bytes_sent) \(.bytes_received) \(.packets_sent) \(.packets_received)"' events; }
counted() { awk -v o="out$1" -v i="in$1" '$1 == o { b = $2; p = $3 } $1 == i { c = $2; q = $3 } END { print b, c, p, q }' state; }
# late PORT: seconds between what the client did and the event's time
late() {
	local at
	at=$(jq -r --argjson p "$1" 'select(.kind == "flow-end" and .port == $p) | .time' events)
	awk -v e="$(date -d "$at" +%s.%N)" -v p="$1" '$1 == p && NF == 3 { print e - $3 }' state
}
# with a flowtable conntrack is slow to believe a reset
slow=$(in_dns_netns nft list flowtables | grep -c flowtable)
for port in 5001 5002 5003 5004; do
	most=2
	[ "$slow" -gt 0 ] && [ "$port" -ge 5003 ] && most=14
	wait_for "$(patience $((most + 1)))" grep -q "\"flow-end\".*\"port\":$port," events
	seconds=$(late "$port")
	check "$port: within $most seconds (${seconds:-never})" "$(awk -v s="${seconds:-99}" -v most="$(patience $most)" 'BEGIN { exit !(s < most) }'; echo $?)"
done
same "closed by the client" "closed 2 allow" "$(ends 5001)"
same "closed by the server first" "closed 2 allow" "$(ends 5002)"
same "reset by the client" "reset 2 allow" "$(ends 5003)"
same "reset by the server" "reset 2 allow" "$(ends 5004)"
same "a rule without \`log\`: nothing" "" "$(ends 5009)"
same "open ones have not ended" "" "$(ends 5005)$(ends 5006)$(ends 5010)$(ends 5011)"

for of in udp_timeout udp_timeout_stream; do in_dns_netns sysctl -qw "net.netfilter.nf_conntrack_$of=1"; done
echo 5010 >&5
wait_for 60 grep -q '"flow-end".*"port":5010,' events
same "UDP, when it was idle for as long as conntrack waits" "timeout 3 allow" "$(ends 5010)"
for of in udp_timeout udp_timeout_stream; do in_dns_netns sysctl -qw "net.netfilter.nf_conntrack_$of=120"; done
echo 5011 >&5
wait_for 20 grep -q '^5011 open' state
"$BUILD/msb-ctl" reload agent --policy less.msb >/dev/null
wait_for "$(patience 4)" sh -c "grep -q '\"flow-end\".*\"port\":5005,' events && grep -q '\"flow-end\".*\"port\":5011,' events"
same "TCP cut by another policy: whose rule denies it now" "revoked default deny" "$(ends 5005)"
same "UDP, too" "revoked default deny" "$(ends 5011)"
exec 5>&-
wait $run
same "one that was open when the sandbox ended" "stop 2 allow" "$(ends 5006 | sed 's/^\(closed\|reset\)/stop/')"
wait_for 5 grep -q '^0 end' state
for port in 5001 5002 5003 5004 5010 5011; do
	same "$port: bytes and packets as the client's own link has counted them" "$(counted $port)" "$(moved $port)"
done
same "each has ended once" 8 "$(jq -r 'select(.kind == "flow-end") | .flow' events | sort | uniq -c | awk '{ n += $1 } END { print n }')"
python3 "$TESTS/e2e/tools/events-valid.py" "$TESTS/../docs/events.schema.json" events >invalid
check "lines are as the schema says" $?
head -3 invalid
same "the last event is the sandbox's own end" stop "$(tail -n 1 events | jq -r .kind)"
finish
