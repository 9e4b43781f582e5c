#!/usr/bin/env bash
# Lookups as a way out: a tunnel moves what it likes where names below a domain of its own may be looked up, and a bounded part of it
# under each bound, over UDP, TCP and to a resolver of its own choice. What is refused is told and counted, a reload gives no more,
# and ordinary work does not meet bounds that stop a tunnel.
. "$(dirname "$0")/lib.sh"
world_up
CTL=$BUILD/msb-ctl TUNNEL=198.51.100.53 TOOL=$TESTS/e2e/tools/dns_tunnel.py # its domain's nameserver
OCTETS=4000
on_internet nft insert rule inet answers prerouting ip daddr $TUNNEL udp dport 53 redirect to :5353
mkdir "$WORK/arrived"
on_internet python3 "$TOOL" serve 0.0.0.0 5353 tunnel.test "$WORK/arrived" &
server_is_up() { on_internet ss -Hluan sport = :5353 | grep -q .; }
wait_for 10 server_is_up

# moved LABEL HOW OPTION…: sends OCTETS in labels of that length; leaves how many arrived, the rcodes, and questions on the wire
moved() {
	local label=$1 how=$2
	shift 2
	rm -f "$WORK"/arrived/*
	: >"$WORK/events"
	seen_reset
	run_sandbox --net-default deny --net-rule 'allow@*.tunnel.test' --dns-nameserver $TUNNEL --events "$WORK/events" "$@" -- \
		bash -c "python3 $TOOL send ${server-\$(sed -n 's/^nameserver //p' /etc/resolv.conf | head -1)} tunnel.test $OCTETS $label $how"
	arrived=$(cat "$WORK"/arrived/* 2>/dev/null | wc -c) questions=$(seen $TUNNEL udp 53)
	echo "# labels of $label${how:+ over $how}, ${*:-no bound}: $arrived octets arrived, $questions questions, rcodes $out"
}
# limits WHAT: how many events of kind limit with this text, where several are one line
limits() { jq -s --arg text "$1" 'map(select(.kind == "limit" and .text == $text) | .count // 1) | add // 0' "$WORK/events"; }

moved 63 ''
same "without a bound all of it arrives" $OCTETS "$arrived"
same "and no event says so" 0 "$(jq -s 'map(select(.kind == "limit")) | length' "$WORK/events")"
all=$questions

moved 63 '' --dns-max-label 32
same "a bound on labels: nothing of a tunnel with long ones arrives" "0 octets, 0 questions, 0=0 2=0 3=$all" "$arrived octets, $questions questions, $out"
same "each is a denial by that setting" "$all limit limit dns label 32" \
	"$(jq -r 'select(.kind == "deny") | "\(.rule) \(.text)"' "$WORK/events" | sort | uniq -c | sed 's/^ *//')"
contains "and is said" "$err" 'msb-run: denied dns@.* limit dns label 32'
moved 63 tcp --dns-max-label 32
same "nor over TCP" "0 octets, 0 questions, 0=0 2=0 3=$all" "$arrived octets, $questions questions, $out"

for how in '' tcp; do
	moved 32 "$how" --dns-max-label 32 --dns-max-names 10/10m
	same "names${how:+ over TCP}: ten get through, and no more" "10 questions, 0=10" "$questions questions, ${out%% *}"
	check "with the octets that ten names have room for" $((arrived > 0 && arrived <= 10 * 160 ? 0 : 1)) "$arrived"
	contains "the rest may pass later: SERVFAIL" "$out" '2=[1-9][0-9]* 3=0'
done
same "each of them is in an event" "2=$(limits 'limit dns names 10/10m')" "$(cut -d' ' -f2 <<<"$out")"
same "with its option and number" "--dns-max-names 10" "$(jq -r 'select(.kind == "limit") | "\(.option) \(.value)"' "$WORK/events" | sort -u)"
same "which is said once" 1 "$(grep -c 'refused by limit dns names 10/10m (--dns-max-names): dns@' <<<"$err")"

moved 63 '' --dns-max-rate 5/10m --dns-max-rate-burst 3
same "rate: five and the burst" "8 questions, 0=8 3=0" "$questions questions, ${out%% *} ${out##* }"
same "each of the rest is in an event" "2=$(limits 'limit dns rate 5/10m burst 3')" "$(cut -d' ' -f2 <<<"$out")"
python3 "$TESTS/e2e/tools/events-valid.py" "$TESTS/../docs/events.schema.json" "$WORK/events" >"$WORK/valid" 2>&1
check "which is as the schema says" $? "$(cat "$WORK/valid")"

server=$TUNNEL moved 63 '' --dns-max-names 10/10m --net-rule "allow@$TUNNEL:udp:53"
same "a resolver of the guest's own choice is no way round" "10 questions, 0=10" "$questions questions, ${out%% *}"

moved 63 '' --audit --dns-max-names 10/10m --dns-max-label 60
same "an audit lets all pass" $OCTETS "$arrived"
same "and tells what the bounds would refuse" "$all limit dns label 60" \
	"$(jq -s -r 'map(select(.kind == "audit")) | group_by(.text) | map("\(map(.count // 1) | add) \(.[0].text)") | join(", ")' "$WORK/events")"
moved 63 '' --audit --dns-max-names 10/10m
same "of the other bounds, too" "$OCTETS octets, $((all - 10)) limit dns names 10/10m" \
	"$arrived octets, $(jq -s -r 'map(select(.kind == "audit")) | group_by(.text) | map("\(map(.count // 1) | add) \(.[0].text)") | join(", ")' "$WORK/events")"

# --- ordinary work ---
run_sandbox --net-default deny --net-rule 'allow@*.example.com' --dns-max-label 32 --dns-max-names 20/1m --dns-max-rate 20/1s -- \
	bash -c 'for i in $(seq 60); do dig +short +tries=1 www.example.com; dig +short +tries=1 +tcp +nocookie example.com AAAA; done | sort | uniq -c'
same "what the cache answers does not count" "60" "$(awk '$2 == "93.184.216.34" { print $1 }' <<<"$out")"
same "in silence" "" "$err"

# --- a reload ---
cat >"$WORK/t.msb" <<-'END'
	default egress deny
	allow@*.tunnel.test
	dns nameserver 198.51.100.53
	limit dns names 3/10m
END
mkfifo "$WORK/orders"
cat >"$WORK/agent.sh" <<-END
	server=\$(sed -n 's/^nameserver //p' /etc/resolv.conf | head -1)
	while read -r name; do dig +tries=1 +time=5 @\$server "\$name" | sed -n 's/.*status: \([A-Z]*\).*/\1/p'; done <"$WORK/orders"
END
start_sandbox channel --policy "$WORK/t.msb" -- bash "$WORK/agent.sh"
exec 7>"$WORK/orders"
told=0
line_is_there() { [ "$(wc -l <"$WORK/channel.out")" -ge "$told" ]; }
# asks NAME…: leaves each one's status in $said
asks() {
	said=
	for name; do
		told=$((told + 1))
		echo "$name.x.tunnel.test" >&7
		wait_for "$(patience 20)" line_is_there
		said+="$(sed -n "${told}p" "$WORK/channel.out") "
	done
}
asks a b c d
same "three of four" "NOERROR NOERROR NOERROR SERVFAIL " "$said"
sed -i 's|names 3/10m|names 5/10m|' "$WORK/t.msb"
"$CTL" reload channel --policy "$WORK/t.msb" >"$WORK/ctl.out" 2>&1
same "reload" 0 $?
contains "it shows what opens" "$(<"$WORK/ctl.out")" 'limit dns names 5/600s, was 3/600s'
asks d e f
same "two more, not five" "NOERROR NOERROR SERVFAIL " "$said"
echo 'limit dns label 6' >>"$WORK/t.msb"
"$CTL" reload channel --policy "$WORK/t.msb" >"$WORK/ctl.out" 2>&1
asks a toolong
same "a bound that a reload brings" "NOERROR NXDOMAIN " "$said"
same "what was counted" "label 1, names 2, rate 0" \
	"$("$CTL" stats channel --format json | jq -r '[.dns.limited[] | "\(.bound) \(.count)"] | join(", ")')"
contains "Prometheus has it" "$("$CTL" stats channel --format prometheus)" 'msb_dns_limited_total\{sandbox="channel",bound="names"\} 2'
same "status shows the bounds" "--dns-max-label 6 null, --dns-max-names 5 600000" \
	"$("$CTL" status channel --format json | jq -r '[.limits[] | select(.option | startswith("--dns")) | "\(.option) \(.most) \(.every_ms)"] | join(", ")')"
contains "for people, too" "$("$CTL" status channel)" '--dns-max-names +5 in 10m'
contains "explain in the running sandbox" "$("$CTL" explain channel dns@toolong.x.tunnel.test)" 'a label of 7 octets: .*t.msb:5 limit dns label 6'
exec 7>&-
wait "$sandbox_pid"
finish
