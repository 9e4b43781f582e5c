#!/usr/bin/env bash
# --ask: what no rule decides waits for an answer, a name and a flow each in its way; nothing goes out meanwhile, and nothing else waits.
. "$(dirname "$0")/lib.sh"
world_up
CTL=$BUILD/msb-ctl
mkfifo "$WORK/orders"
cat >"$WORK/guest.sh" <<'END'
exec <"$1/orders"
echo ready
while read -r id command; do
	{ began=$(date +%s%N); eval "$command" >"$1/out.$id" 2>&1; echo "$(($(date +%s%N) - began))" >"$1/took.$id"; } &
done
END
begin() { # NAME ARG…
	start_sandbox "$@" -- sh "$WORK/guest.sh" "$WORK"
	exec 7<>"$WORK/orders"
	wait_for "$(patience 20)" grep -q ready "$WORK/$1.out"
	name=$1
}
end() { exec 7>&-; wait "$sandbox_pid"; }
guest() { echo "$*" >&7; } # ID COMMAND: begun, in the background
has_ended() { [ -s "$WORK/took.$1" ]; }
result() { wait_for "$(patience "${2-10}")" has_ended "$1"; cut -d' ' -f1 "$WORK/out.$1" | head -1; } # ID [SECONDS]
took_ms() { echo $(($(cat "$WORK/took.$1") / 1000000)); }
between() { [ "$1" -ge "$2" ] && [ "$1" -le "$3" ] && echo yes || echo "no: $1"; }
pending() { "$CTL" pending "$name" --format json | jq -r "[.pending[] | select($1)] | $2"; } # CONDITION WHAT
waits() { [ "$(pending ".flow == \"$1\"" length)" = 1 ]; }
id_of() { wait_for "$(patience 10)" waits "$1"; pending ".flow == \"$1\"" '.[0].id'; } # FLOW: its number, once it waits
answer() { "$CTL" answer "$name" "$@"; }

# --- what makes no sense ---
run_sandbox --ask --net-default allow -- true
contains "default allow: nothing would be asked" "$status $err" '^125 .*nothing would be asked'
run_sandbox --ask --audit -- true
contains "with --audit" "$status $err" '^125 .*one at a time'

begin plain --net-default deny --net-rule 'allow@8.8.8.8'
contains "without --ask nothing waits" "$("$CTL" pending plain 2>&1)" 'nothing is asked here'
same "and its ruleset has nothing of it" 0 "$(in_dns_netns nft list table inet msb | grep -cE 'ask|hold')"
end

begin agent --ask --net-default deny --net-rule 'allow@8.8.8.8,deny@8.8.4.4,deny@*.tracking.com' --events "$WORK/events"
guest late "$PROBE" tcp 93.184.216.99 80 60000 # nobody answers
late_began=$SECONDS

# --- a flow ---
guest first "$PROBE" tcp 93.184.216.41 80 30000
id=$(id_of egress@93.184.216.41:tcp:80)
same "what allow would put is offered" allow@93.184.216.41:tcp:80 "$(pending ".id == $id" '.[0].rule')"
guest other "$PROBE" tcp 8.8.8.8 7 5000
same "what the policy allows does not wait" connected "$(result other)"
guest denied "$PROBE" tcp 8.8.4.4 80 5000
same "nor what a rule denies" refused "$(result denied)"
guest meta "$PROBE" tcp 169.254.169.254 80 5000
lacks "nor the metadata service" "$(result meta)" '^(connected|timeout)'
guest host "$PROBE" tcp 172.16.0.1 8080 5000
lacks "nor the host" "$(result host)" '^(connected|timeout)'
same "nothing of those is asked" 2 "$(pending true length)"
same "it waits in silence" no "$(has_ended first && echo yes || echo no)"
same "nothing of it gets out" 0 "$(seen 93.184.216.41)"
contains "it is listed" "$("$CTL" pending agent)" "^ *$id +egress@93\.184\.216\.41:tcp:80 +[0-9]+s ago +[0-9]+ +waits +allow@93\.184\.216\.41:tcp:80$"
contains "it is said how to answer" "$(cat "$WORK/agent.err")" "asks egress@93\.184\.216\.41:tcp:80"
contains "and it is an event" "$(jq -r 'select(.kind == "ask") | .flow + " " + .suggest' "$WORK/events")" '^egress@93\.184\.216\.41:tcp:80 allow@93\.184\.216\.41:tcp:80$'
contains "allowed for a time" "$(answer "$id" allow --for 10m)" 'allow@93\.184\.216\.41:tcp:80 for 10m$'
same "its next try passes" connected "$(result first 25)"
same "it is pending no more" 0 "$(pending ".id == $id" length)"
err=$(answer "$id" allow 2>&1)
contains "an answer counts once" "$? $err" '^1 .*no such question'

# --- a name ---
before=$(seen "$RESOLVER")
guest lookup getent hosts example.com
id=$(id_of dns@example.com:udp)
same "a name is asked about at its lookup" allow@example.com:tcp:443 "$(pending ".id == $id" '.[0].rule')"
guest known "$PROBE" tcp 8.8.8.8 7 5000
same "other work goes on" connected "$(result known)"
same "nothing goes upstream meanwhile" "$before" "$(seen "$RESOLVER")"
answer "$id" allow >/dev/null
contains "the query that was held is answered" "$(result lookup; cat "$WORK/out.lookup")" '93\.184\.216\.34|2606:'
guest page curl -sS -4 --max-time 10 -o /dev/null -w '%{http_code}' http://example.com:443/
same "and its port is open" 200 "$(result page 15)"

# --- nobody answers in time: SERVFAIL after 4 s, and the next try has the answer ---
guest slow "$PROBE" dns pypi.org 172.16.0.1 9000
id=$(id_of dns@pypi.org:udp)
contains "not NXDOMAIN, which would be kept" "$(result slow; cat "$WORK/out.slow")" "rcode 2\b|SERVFAIL"
same "after 4 s" yes "$(between "$(took_ms slow)" 3900 $(($(patience 7) * 1000)))"
same "it still waits" 1 "$(pending ".id == $id" length)"
guest again "$PROBE" dns pypi.org 172.16.0.1 9000
joined() { [ "$(pending ".id == $id" '.[0].tries')" -ge 2 ]; }
wait_for "$(patience 5)" joined
same "a retry joins it" yes "$(joined && echo yes)"
answer "$id" allow --rule allow@pypi.org:tcp:22 >/dev/null
contains "and has the answer" "$(result again)" "^151\."

guest dig dig +tries=4 +time=2 +short files.pythonhosted.org @172.16.0.1
id=$(id_of dns@files.pythonhosted.org:udp)
twice() { [ "$(pending ".id == $id" '.[0].tries')" -ge 2 ]; }
wait_for "$(patience 8)" twice
answer "$id" allow --for 10m >/dev/null
contains "dig, that asks again every two seconds, has it too" "$(result dig; cat "$WORK/out.dig")" '146\.75\.116\.223'

# --- denied ---
guest no "$PROBE" dns good.example.com 172.16.0.1 9000
answer "$(id_of dns@good.example.com:udp)" deny >/dev/null
same "a denied name" NXDOMAIN "$(result no)"
guest word "$PROBE" dns any 172.16.0.1 9000 # the name of a group as well, which is not what was asked
contains "a denied name that is a group's, too: that name alone" "$(answer "$(id_of dns@domain=any:udp)" deny)" 'deny@domain=any '
result word >/dev/null
guest all "$PROBE" tcp 8.8.8.8 7 5000
same "and nothing else" connected "$(result all)"
guest tampered "$PROBE" dns tampered.example.com 172.16.0.1 9000
id=$(id_of dns@tampered.example.com:udp)
raw() { printf '%s\n' "$1" | timeout 5 socat -t 3 - UNIX-CONNECT:/run/msb/agent/control; }
contains "a denial by a rule that allows is none" "$(raw '{"version":1,"command":"answer","id":'"$id"',"verdict":"deny","rule":"allow@public"}')" '"error": *"the rule says otherwise'
answer "$id" deny >/dev/null
guest no2 "$PROBE" tcp 93.184.216.42 80 30000
answer "$(id_of egress@93.184.216.42:tcp:80)" deny --for 1h >/dev/null
lacks "a denied flow" "$(result no2 25)" '^(connected|timeout)'
guest no3 "$PROBE" tcp 93.184.216.42 80 5000
same "at once, the next time" refused "$(result no3)"
guest tracker "$PROBE" dns ads.tracking.com 172.16.0.1 9000
same "a name that a rule denies is not asked about" "NXDOMAIN yes" "$(result tracker) $(between "$(took_ms tracker)" 0 3000)"

# --- UDP ---
guest udp "$PROBE" udp 93.184.216.43 77 2000
id=$(id_of egress@93.184.216.43:udp:77)
same "a datagram waits, too" timeout "$(result udp)"
answer "$id" allow >/dev/null
guest udp2 "$PROBE" udp 93.184.216.43 77 5000
same "and the next one passes" answered "$(result udp2)"

# --- once ---
cat >"$WORK/once.py" <<-'END'
	import socket, sys
	flow = socket.create_connection((sys.argv[1], 7), 40)
	flow.sendall(b"first")
	flow.recv(100)
	print("connected", flush=True)
	open(sys.argv[2]).read()
	flow.sendall(b"still here")
	print(flow.recv(100).decode(), flush=True)
END
mkfifo "$WORK/hold"
guest once python3 "$WORK/once.py" 93.184.216.44 "$WORK/hold"
answer "$(id_of egress@93.184.216.44:tcp:7)" once >/dev/null
is_over() { [ "$("$CTL" status agent --format json | jq '[.grants[] | select(.once)] | length')" = 0 ]; }
is_open() { grep -q connected "$WORK/out.once"; }
wait_for "$(patience 25)" is_open
wait_for "$(patience 10)" is_over
same "once: it is over with the first connection" yes "$(is_over && echo yes)"
guest twice "$PROBE" tcp 93.184.216.44 7 30000
answer "$(id_of egress@93.184.216.44:tcp:7)" deny --for 1s >/dev/null # one that is by the address and the port: the first goes, too
lacks "a second one is another question" "$(result twice 25)" '^connected'
echo >"$WORK/hold"
result once >/dev/null
lacks "what a rule denies it is no longer" "$(cat "$WORK/out.once")" '^still here'
guest once2 python3 "$WORK/once.py" 93.184.216.47 "$WORK/hold"
answer "$(id_of egress@93.184.216.47:tcp:7)" once >/dev/null
wait_for "$(patience 25)" grep -q connected "$WORK/out.once2"
wait_for "$(patience 10)" is_over
"$CTL" allow agent allow@192.0.2.1 --for 1h >/dev/null # another policy, by which no rule decides it
echo >"$WORK/hold"
contains "the connection outlives the rule and reloads" "$(result once2; cat "$WORK/out.once2")" '^still here'
guest once3 python3 "$WORK/once.py" a.example.com "$WORK/hold"
answer "$(id_of dns@a.example.com:udp)" once --rule allow@a.example.com:tcp:7 >/dev/null
wait_for "$(patience 25)" grep -q connected "$WORK/out.once3"
wait_for "$(patience 10)" is_over
same "by name: it is over, too" yes "$(is_over && echo yes)"
"$CTL" allow agent allow@192.0.2.2 --for 1h >/dev/null
echo >"$WORK/hold"
contains "and the relay of server names keeps the connection" "$(result once3; cat "$WORK/out.once3")" '^still here'
guest gone "$PROBE" dns a.example.com 172.16.0.1 9000
same "the name is asked about again" 1 "$(wait_for "$(patience 5)" waits dns@a.example.com:udp && pending '.flow == "dns@a.example.com:udp"' length)"

# --- a reload ---
guest kept "$PROBE" tcp 93.184.216.45 80 30000
id=$(id_of egress@93.184.216.45:tcp:80)
"$CTL" reload agent --net-default deny --net-rule 'allow@8.8.8.8,allow@93.184.216.46' >/dev/null
same "what a reload does not decide goes on waiting" 1 "$(pending ".id == $id" length)"
"$CTL" reload agent --net-default deny --net-rule 'allow@8.8.8.8,allow@93.184.216.45' >/dev/null
same "what it decides does not" 0 "$(pending ".id == $id" length)"
same "and passes" connected "$(result kept 25)"

# --- nobody answers: a reset after 30 s ---
contains "a flow that nobody answers is refused" "$(result late 50)" '^(refused|reset)'
same "after 30 s" yes "$(between "$(took_ms late)" 30000 $(($(patience 40) * 1000)))"
guest late2 "$PROBE" tcp 93.184.216.99 80 5000
same "the next try at once" "refused yes" "$(result late2) $(between "$(took_ms late2)" 0 900)"
"$CTL" reload agent --net-default deny --net-rule 'allow@8.8.8.8' >/dev/null
guest late4 "$PROBE" tcp 93.184.216.99 80 5000
same "and after a reload" "refused yes" "$(result late4) $(between "$(took_ms late4)" 0 900)"
contains "and may still be answered" "$("$CTL" pending agent)" 'egress@93\.184\.216\.99:tcp:80 .*refused'
answer "$(id_of egress@93.184.216.99:tcp:80)" allow >/dev/null
guest late3 "$PROBE" tcp 93.184.216.99 80 5000
same "by which the next one passes" connected "$(result late3)"
end

contains "events are as their schema says" "$(grep '"kind":"ask"' "$WORK/events" | tee "$WORK/asks" | wc -l) $(python3 -c '
import json, jsonschema, sys
schema = json.load(open(sys.argv[1]))
for line in open(sys.argv[2]):
    jsonschema.validate(json.loads(line), schema)
print("valid")' "$TESTS/../docs/events.schema.json" "$WORK/asks" 2>&1 | tail -1)" '^[0-9]{2} valid$'

# --- a floor holds ---
echo 'deny@93.184.216.0/24
default egress allow' >"$WORK/floor.msb"
begin floored --ask --floor "$WORK/floor.msb" --net-default deny
guest below "$PROBE" tcp 93.184.216.50 80 5000
same "what a floor denies is not asked" refused "$(result below)"
guest above "$PROBE" tcp 198.51.100.7 80 30000
id=$(id_of egress@198.51.100.7:tcp:80)
valid() { python3 -c 'import json, jsonschema, sys; jsonschema.validate(json.load(sys.stdin), json.load(open(sys.argv[1])))' "$TESTS/../docs/control.schema.json"; }
try "pending is as its schema says" valid < <("$CTL" pending floored --format json)
try "so is an answer" valid < <(answer "$id" allow --rule allow@93.184.216.51 --format json)
contains "a rule that does not take it in says so" "$(answer "$id" allow --rule allow@93.184.216.50)" 'denied all the same, by .*default'
same "and the question stays" 1 "$(pending ".id == $id" length)"
end
finish
