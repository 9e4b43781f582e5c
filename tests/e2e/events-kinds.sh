#!/usr/bin/env bash
# Events of each kind, from what really happens: as docs/events.schema.json says, on every way that they take the same.
. "$(dirname "$0")/lib.sh"
world_up
ipv6_up
CTL=$BUILD/msb-ctl
valid() { python3 "$TESTS/e2e/tools/events-valid.py" "$TESTS/../docs/events.schema.json" "$@"; }
# of KIND FILTER: of the agent's lines of that kind
of() { jq -r --arg kind "$1" "select(.kind == \$kind) | $2" "$WORK/agent.events"; }
has() { [ -n "$(of "$1" .kind)" ]; }

cat >"$WORK/agent.msb" <<-'EOF'
	default egress deny
	default ingress deny
	allow@example.com
	allow@140.82.121.4:tcp:7 log because "watched"
	deny@meta because "no cloud credentials"
	publish 127.0.0.1:8080:80
EOF
mkfifo "$WORK/orders"
start_sandbox agent --quiet --policy "$WORK/agent.msb" --events "$WORK/agent.events" --events - -- sh -c "
	while read -r order; do sh -c \"\$order\"; echo \"done \$order\"; done <'$WORK/orders'; exit 7"
agent=$sandbox_pid
exec 7<>"$WORK/orders" # open at once, whoever reads
do_inside() { # COMMAND
	echo "$*" >&7
	wait_for "$(patience 20)" grep -qxF "done $*" "$WORK/agent.out"
}
wait_for "$(patience 20)" has start
contains "start: the policy, its generation, msb-run" "$(of start '"\(.policy) \(.generation) \(.vmm) \(.pid)"')" "/agent.msb 1 none $agent\$"

do_inside "for i in 1 2 3 4 5; do $PROBE tcp 169.254.169.254 80 500; done"
meta=$(of deny 'select(.flow == "egress@169.254.169.254:tcp:80") | "\(.destination) \(.port) \(.protocol) \(.direction) \(.class) \(.rule) \(.text) \(.because) \(.verdict)"' | head -1)
same "deny: in parts, by the rule" "169.254.169.254 80 tcp egress meta 3 deny@meta no cloud credentials deny" "$meta"
folded() { [ "$(jq -s '[.[] | select(.flow == "egress@169.254.169.254:tcp:80") | .count // 1] | add' "$WORK/agent.events")" = 5 ]; }
wait_for "$(patience 5)" folded
check "five that say the same are five" $? "$(cat "$WORK/agent.events")"
same "in fewer lines" yes "$([ "$(of deny 'select(.flow == "egress@169.254.169.254:tcp:80") | .flow' | wc -l)" -lt 5 ] && echo yes)"

do_inside "$PROBE dns ads.tracking.com 172.16.0.1"
same "deny: a lookup, its question" "ads.tracking.com udp default" "$(of deny 'select(.question) | "\(.question) \(.protocol) \(.rule)"' | head -1)"
do_inside "$PROBE tcp 140.82.121.4 7 2000"
wait_for "$(patience 5)" has allow
same "allow: of a rule with log" "140.82.121.4 7 2 watched allow public" \
	"$(of allow '"\(.destination) \(.port) \(.rule) \(.because) \(.verdict) \(.class)"' | head -1)"
timeout 5 "$PROBE" tcp 127.0.0.1 8080 1000 >/dev/null
ingress() { [ -n "$(of deny 'select(.direction == "ingress") | .flow')" ]; }
wait_for "$(patience 10)" ingress
same "deny: a peer of a published port" "127.0.0.1 80 default null" \
	"$(of deny 'select(.direction == "ingress") | "\(.source) \(.port) \(.rule) \(.destination)"' | head -1)"

"$CTL" allow agent 'allow@198.51.100.9:tcp:80' --for 1s >/dev/null
wait_for "$(patience 20)" has grant-end
"$CTL" allow agent 'allow@198.51.100.9:tcp:80' --for 1h >/dev/null
"$CTL" revoke agent 2 >/dev/null
same "grant: its number, rule, time, generation" "1 grant:1 allow@198.51.100.9:tcp:80 1000 2" \
	"$(of grant '"\(.grant) \(.place) \(.text) \(.for_ms) \(.generation)"' | head -1)"
same "grant-end: by itself, and by hand" "1 its time is over 3|2 revoked 5|" "$(of grant-end '"\(.grant) \(.because) \(.generation)|"' | tr -d '\n')"
"$CTL" reload agent >/dev/null
same "reload: the generation" 6 "$(of reload .generation)"
echo "default egress @" >"$WORK/wrong.msb"
"$CTL" reload agent --policy "$WORK/wrong.msb" >/dev/null 2>&1
same "a reload that fails is none" 6 "$(of reload .generation)"
same "nor anything that the sandbox was asked" "" "$(of reload-failed .because)"
{ cat "$WORK/agent.msb"; echo "publish 192.0.2.77:8081:81"; } >"$WORK/ports.msb"
"$CTL" reload agent --policy "$WORK/ports.msb" >/dev/null 2>&1
same "reload-failed: the policy that stays, and why" "agent.msb 6 its published ports cannot be opened" \
	"$(of reload-failed '"\(.policy) \(.generation) \(.because)"' | sed 's|.*/||; s/: .*//')"
same "it is no reload" 6 "$(of reload .generation)"
"$CTL" allow agent 'allow@any:tcp:80' --for 1m >/dev/null 2>&1
"$CTL" reload agent --dry-run --policy "$WORK/ports.msb" >/dev/null 2>&1
same "what is only tried is no event; a grant that is refused is, with its rule" "null|allow@any:tcp:80|" \
	"$(of reload-failed '"\(.text)|"' | tr -d '\n')"

"$CTL" events agent --format json >"$WORK/history"
"$CTL" events agent >"$WORK/text"
same "msb-ctl has the same lines" "$(cat "$WORK/agent.events")" "$(cat "$WORK/history")"
contains "as text: the reload" "$(cat "$WORK/text")" '  reload  .*agent\.msb, generation 6$'
contains "as text: the reload that failed" "$(cat "$WORK/text")" '  reload-failed  .*agent\.msb, generation 6 stays: its published ports cannot be opened: '
contains "as text: the grant's end" "$(cat "$WORK/text")" '  grant-end  2 allow@198\.51\.100\.9:tcp:80: revoked, generation 5$'
contains "as text: what was counted" "$(cat "$WORK/text")" '  deny   egress@169\.254\.169\.254:tcp:80 +[1-5] more in [0-9.]+ s$'
same "each as a line" "$(wc -l <"$WORK/history")" "$(wc -l <"$WORK/text")"

exec 7>&-
wait "$agent"
same "stop: the last, with msb-run's status" "stop 7 true" "$(tail -1 "$WORK/agent.events" | jq -r '"\(.kind) \(.status) \(.denied >= 7)"')"
same "on standard output the same" "$(cat "$WORK/agent.events")" "$(grep '^{' "$WORK/agent.out")"
same "all of one run" 1 "$(jq -r '.sandbox + " " + .id' "$WORK/agent.events" | sort -u | grep -c '^agent [0-9a-f]\{16\}$')"

# kinds that want a run of their own
run_sandbox --name audited --quiet --net-default deny --audit --events "$WORK/audit.events" -- "$PROBE" tcp 93.184.216.34 80 2000
same "audit: it passed, and what would have denied it" "connected allow default" \
	"${out%% *} $(jq -r 'select(.kind == "audit") | "\(.verdict) \(.rule)"' "$WORK/audit.events" | head -1)"
same "audit: the start says that nothing is enforced" true "$(jq -r 'select(.kind == "start") | .audit' "$WORK/audit.events")"
run_sandbox --name rebound --quiet --events "$WORK/rebind.events" -- "$PROBE" dns rebind.example.com 172.16.0.1
same "rebind: the question, the answer, its class" "rebind.example.com 10.0.0.5 private deny" \
	"$(jq -r 'select(.kind == "rebind") | "\(.question) \(.answer) \(.class) \(.verdict)"' "$WORK/rebind.events" | head -1)"
run_sandbox --name many --quiet --net-default allow --max-connection-rate 5 --events "$WORK/limit.events" -- python3 -c '
import socket
for port in range(1000, 1060):
    socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b"x", ("93.184.216.36", port))'
run_sandbox --name used --quiet --net-default allow --net-egress-bytes 20K --events "$WORK/quota.events" -- python3 -c '
import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
for _ in range(40):
    try:
        s.sendto(bytes(1000), ("93.184.216.36", 1000))
    except OSError:
        pass'
same "limit and quota: the option and what it is" "limit --max-connection-rate 5|quota --net-egress-bytes 20480|" \
	"$(jq -r 'select(.option) | "\(.kind) \(.option) \(.value)|"' "$WORK/limit.events" "$WORK/quota.events" | sort -u | tr -d '\n')"
same "suggest reads them" 0 "$("$BUILD/msb-policyc" suggest "$WORK"/*.events >/dev/null 2>&1; echo $?)"
valid "$WORK"/*.events "$WORK/history" >"$WORK/valid" 2>&1
check "every line is as the schema says" $? "$(cat "$WORK/valid")"
same "each kind but one was there" "allow audit deny flow-end grant grant-end limit quota rebind reload reload-failed start stop" \
	"$(cat "$WORK"/*.events | jq -r .kind | sort -u | tr '\n' ' ' | sed 's/ $//')"
finish
