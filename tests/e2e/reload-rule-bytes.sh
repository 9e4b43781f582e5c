#!/usr/bin/env bash
# Limits of bytes of rules over reloads: what a rule has used stays used by the same text, wherever the rule stands, and though it was
# away; flows that are open are counted by the rule that lets them pass now; what is used is told by status, stats and Prometheus' text.
. "$(dirname "$0")/lib.sh"
world_up
. "$TESTS/e2e/bytes-lib.sh"
rules() { reload 'default egress deny' "$@"; } # LINES…
quota() { "$CTL" status q --format json | jq -r --arg rule "$1" '.quotas[] | select(.rule == $rule) | '"$2"; }

printf 'default egress deny\nallow@public:tcp\nallow@93.184.216.34:udp\n' >"$WORK/agent.msb"
start_asked 'exec 5<>/dev/tcp/93.184.216.34/9'
passes "without a limit" 30 30
rules 'allow@public:tcp' "allow@93.184.216.34:udp bytes $(size 10)" 'allow@public:udp'
passes "one that a reload brings begins at nothing" 4 4
same "status: what is used" "$((4 * 1028)) of $(size 10), false" "$(quota 2 '"\(.used) of \(.most), \(.spent)"')"
rules 'allow@8.8.8.8' '' 'allow@public:tcp' "allow@93.184.216.34:udp bytes $(size 10) log" 'allow@public:udp'
passes "a rule that moved goes on where it was, and no later one takes over" 20 6
same "status: used up" "$(size 10) true" "$(quota 3 '"\(.used) \(.spent)"')"
contains "as a table" "$("$CTL" status q)" 'allow@93\.184\.216\.34:udp +10780 +all of it +.*agent\.msb:5'
contains "stats" "$("$CTL" stats q)" 'bytes +allow@93\.184\.216\.34:udp: 10780, 10780 used up'
text=$("$CTL" stats q --format prometheus)
contains "Prometheus' text" "$text" 'msb_quota_used_bytes\{sandbox="q",rule="3",place=".*agent.msb:5"\} 10780'
if command -v promtool >/dev/null; then
	promtool check metrics <<<"$text" >"$WORK/promtool" 2>&1
	check "which promtool takes" $? "$(cat "$WORK/promtool")"
fi
{ "$CTL" status q --format json | jq -c . && "$CTL" stats q --format json | jq -c .; } >"$WORK/answers"
python3 -c 'import json, sys, jsonschema
schema = json.load(open(sys.argv[1]))
for line in open(sys.argv[2]): jsonschema.validate(json.loads(line), schema)' "$TESTS/../docs/control.schema.json" "$WORK/answers" >"$WORK/why" 2>&1
check "the schema takes both" $? "$(tail -3 "$WORK/why")"
rules 'allow@public:tcp'
passes "without the rule" 5 0
rules 'allow@public:tcp' 'allow@93.184.216.34:udp'
passes "without its limit" 5 5
rules 'allow@public:tcp' "allow@93.184.216.34:udp bytes $(size 10)"
passes "put back, it is not full again" 5 0
rules 'allow@public:tcp' "allow@93.184.216.34:udp bytes $(size 100)"
passes "a larger one has more" 5 5

# A flow that was open before there was a limit
rules 'allow@public:tcp bytes 1M' 'allow@93.184.216.34:udp'
ask 'head -c 300000 /dev/zero >&5; echo sent'
same "a flow that was open goes on" sent "$said"
settled() { [ "$(quota 1 '.used > 300000 and .used < 400000')" = true ]; }
wait_for "$(patience 10)" settled
check "and is counted by the rule that lets it pass now" $? "$(quota 1 .)"
rules 'allow@93.184.216.34:tcp bytes 500K' 'allow@public:tcp bytes 1M'
ask 'head -c 100000 /dev/zero >&5; echo sent'
moved() { [ "$(quota 1 '.used > 100000 and .used < 150000')" = true ]; }
wait_for "$(patience 10)" moved
check "by another, where that one does" $? "$(quota 1 .)"
same "and by one alone" true "$(quota 2 '.used < 400000')"
ask 'head -c 1000000 /dev/zero >&5 2>/dev/null || echo ended'
same "and ended when that is used up" ended "${said##* }"
exec 7>&-
wait "$sandbox_pid"
same "ends well" 0 $?
finish
