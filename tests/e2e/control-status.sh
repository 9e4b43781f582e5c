#!/usr/bin/env bash
# What `msb-ctl status` says of rules, bindings, limits and ports is what the guest did; every output is as the schema has it.
# usage: control-status.sh BUILD
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
world_up
CTL=$BUILD/msb-ctl
mkfifo "$WORK/go" "$WORK/stay"

# of each rule the optimiser makes other copies: in a class, in a zone, in a map from ports, for names
cat >"$WORK/p.msb" <<-'EOF'
	deny@meta because "no cloud credentials"
	allow@example.com:udp:7 until 2099-06-30
	deny@10.3.0.0/16
	allow@10.0.0.0/8:tcp:7
	deny@public:tcp:11
	deny@public:tcp:12
	deny@public:tcp:13
	allow@public:tcp:80
	allow@public:tcp:14-20
	allow@dns
	allow@{example.com,www.example.com,a.example.com,deep.a.example.com,example.org}:tcp:99 bytes 1G
	default egress deny
EOF
# shellcheck disable=SC2016
start_sandbox one --policy "$WORK/p.msb" -p 18080:80 --quiet -- bash -c '
	probe=$1; read -r <"$2"
	for i in 1 2 3; do $probe tcp 169.254.169.254 80; done
	for i in 1 2; do $probe tcp 10.9.9.9 7; done
	for a in 10.3.1.1 10.3.1.2; do $probe tcp $a 7; done
	for i in 1 2 3 4; do $probe tcp 8.8.8.8 12; done
	for i in 1 2; do $probe tcp 8.8.8.8 80; $probe tcp 2001:4860::1 80; done
	for i in 15 16 17; do $probe tcp 8.8.4.4 $i; done
	$probe tcp 8.8.4.4 99
	getent ahostsv4 example.com; getent ahostsv4 evil.example.net; $probe udp 93.184.216.34 7
	$probe tcp 93.184.216.34 99
	exec 9<>/dev/tcp/10.9.9.9/7; echo done; read -r <"$3"' - "$PROBE" "$WORK/go" "$WORK/stay"
one=$sandbox_pid
wait_for "$(patience 20)" "$CTL" status one
ipv6_up
echo >"$WORK/go"
wait_for "$(patience 30)" grep -q done "$WORK/one.out"
settled() { [ "$("$CTL" status one --format json | jq '.denied')" -ge 11 ]; }
wait_for 10 settled
json=$("$CTL" status one --format json)
rule() { jq -r --arg t "$1" ".rules[] | select(.text == \$t) | .$2" <<<"$json"; }
count() { same "$1 decided $2 connections" "$2" "$(rule "$1" connections)"; }
count deny@meta 3
count deny@10.3.0.0/16 2
count allow@10.0.0.0/8:tcp:7 3
count deny@public:tcp:11 0
count deny@public:tcp:12 4
count allow@public:tcp:80 4
count allow@public:tcp:14-20 3
count allow@example.com:udp:7 1
count "allow@{example.com,www.example.com,a.example.com,deep.a.example.com,example.org}:tcp:99" 2 # of the guest, and of the name relay
same "the default decided one, not what waits for its server name" 1 "$(jq '.defaults[0].connections' <<<"$json")"
same "lookups that were let pass" 1 "$(rule allow@example.com:udp:7 lookups)"
same "until when a rule holds" 2099-06-30 "$(rule allow@example.com:udp:7 until)"
same "why" "no cloud credentials" "$(rule deny@meta because)"
same "where" p.msb:3 "$(rule deny@10.3.0.0/16 place)"
contains "when last" "$(rule deny@meta last)" '^20[0-9-]*T[0-9:.]*Z$'
same "what never happened" null "$(rule deny@public:tcp:11 last)"
same "bindings" "example.com 93.184.216.34" "$(jq -r '.bindings[] | select(.left_ms > 1000 and .left_ms <= 60000) | .name + " " + .address' <<<"$json")"
same "published" "127.0.0.1:18080->80/tcp" "$(jq -r '.published[] | "\(.bind):\(.host_port)->\(.guest_port)/\(.protocol)"' <<<"$json")"
same "an open connection is used of the limit" 1 "$(jq '[.limits[] | select(.option == "--max-tcp-connections") | .used][0] >= 1 | if . then 1 else 0 end' <<<"$json")"
same "a flow that is open, its rule and bytes" "forwarded 4 true" \
	"$(jq -r '.flows[] | select(.flow == "egress@10.9.9.9:tcp:7") | select(.open_ms < 60000) | "\(.kind) \(.rule) \(.bytes_out > 0)"' <<<"$json" | sort -u)"
same "the generation" 1 "$(jq .generation <<<"$json")"
same "nameservers" "$RESOLVER" "$(jq -r '.nameservers[].address' <<<"$json")"

text=$("$CTL" status one)
contains "as text: counters" "$text" '^ *1 +3 +- +[0-9]+s  deny@meta +p.msb:1$'
contains "as text: until" "$text" 'allow@example.com:udp:7 +p.msb:2  until 2099-06-30'
contains "as text: bindings" "$text" '^example.com +93.184.216.34 +[0-9]+s$'
contains "as text: flows" "$text" '^egress@10.9.9.9:tcp:7 +[0-9]+s +[0-9.]+K? +[0-9.]+K? +4  -$'
contains "as text: ports" "$text" '^published 127.0.0.1:18080->80/tcp$'
narrow() { script -qec "stty cols $1 rows 40; $CTL $2" /dev/null </dev/null | tr -d '\r' | awk 'below { print length } NF == 0 { below = 1 }' | sort -n | tail -1; }
widest=$(narrow 60 "status one")
check "tables fit a terminal of 60 columns ($widest)" $((widest > 60))
widest=$(script -qec "stty cols 80 rows 40; $CTL stats one" /dev/null </dev/null | tr -d '\r' | awk '{ print length }' | sort -n | tail -1)
check "and stats one of 80 ($widest)" $((widest > 80))
timeout 2 "$CTL" status one --watch=0.1 --format json >"$WORK/watch"
check "--watch goes on" $(($(wc -l <"$WORK/watch") < 3)) "$(wc -l <"$WORK/watch") times"

# explain: by what the sandbox is, and has been given
explained=$("$CTL" explain one egress@example.com:udp:7)
contains "explain goes by the sandbox's bindings" "$explained" '^egress@example.com:udp:7   ALLOW   rule 2   '
contains "and shows the address" "$explained" '93.184.216.34 udp 7, bound to example.com'
contains "an address that a name is bound to" "$("$CTL" explain one egress@93.184.216.34:udp:7)" '   ALLOW   rule 2 '
contains "one that none is" "$("$CTL" explain one egress@93.184.216.35:udp:7)" '   DENY   default '
flows=(egress@169.254.169.254:tcp:80 egress@10.3.1.1:tcp:7 egress@8.8.8.8:tcp:12 dns@evil.example ingress@1.2.3.4:tcp:80)
same "else it says what msb-policyc does" "$("$BUILD/msb-policyc" explain "$WORK/p.msb" --gateway 172.16.0.1,fd42:6d73:62::1 "${flows[@]}")" \
	"$("$CTL" explain one "${flows[@]}")"
same "as JSON, too" "$("$BUILD/msb-policyc" explain "$WORK/p.msb" --gateway 172.16.0.1,fd42:6d73:62::1 --format json "${flows[@]}")" \
	"$("$CTL" explain one "${flows[@]}" --format json)"
"$CTL" explain one nonsense 2>/dev/null; same "no flow" 2 $?

# events, and the schema
"$CTL" ps --format json >"$WORK/ps.json"
"$CTL" status one --format json >"$WORK/status.json"
for command in ps status events; do
	echo "{\"version\":1,\"command\":\"$command\"}" | timeout 10 socat -t 5 - UNIX-CONNECT:/run/msb/one/control >"$WORK/raw-$command.json"
done
echo nonsense | timeout 10 socat -t 5 - UNIX-CONNECT:/run/msb/one/control >"$WORK/raw-failure.json"
echo '{"version":1,"command":"policy"}' | timeout 10 socat -t 5 - UNIX-CONNECT:/run/msb/one/control >"$WORK/raw-policy.json"
"$CTL" allow one allow@8.8.8.8 --for 1h --format json >"$WORK/grant.json"
"$CTL" status one --format json >"$WORK/status-granted.json"
contains "as text: grants" "$("$CTL" status one)" '^ *1  allow@8\.8\.8\.8  +(1h|59m)$'
"$CTL" reload one --format json >"$WORK/reload.json"
"$CTL" reload one --dry-run --format json >"$WORK/reload-dry.json"
"$CTL" reload one --policy "$WORK/p.msb" --dry-run --format json >"$WORK/reload-other.json"
"$CTL" revoke one 1 --format json >"$WORK/revoke.json"
"$CTL" deny one deny@8.8.8.8 --for 1h --format json >"$WORK/deny.json"
"$CTL" stats one --format json >"$WORK/stats.json"
"$CTL" gc --dry-run --format json >"$WORK/gc.json"
"$CTL" doctor --format json >"$WORK/doctor.json"
"$CTL" explain one egress@8.8.8.8:tcp:12 --format json >"$WORK/explain.json"
"$CTL" explain one egress@example.com:udp:7 dns@x.org answer@10.0.0.5 ingress@1.2.3.4:tcp:80 egress@169.254.169.254:tcp:80 \
	--format json >"$WORK/explain-five.json"
"$CTL" stop one --format json >"$WORK/stop.json"
same "stop" "one false" "$(jq -r '.name + " \(.killed)"' "$WORK/stop.json")"
"$CTL" ps --format json >"$WORK/ps-none.json"
for file in "$WORK"/*.json; do
	try "$(basename "$file") is as the schema says" python3 -c '
import json, jsonschema, sys
jsonschema.validate(json.load(open(sys.argv[1])), json.load(open(sys.argv[2])))' "$file" "$TESTS/../docs/control.schema.json"
done
contains "the schema is not for everything" \
	"$(python3 -c 'import json, jsonschema, sys; jsonschema.validate({"version": 1, "ok": True, "rules": 1}, json.load(open(sys.argv[1])))' \
		"$TESTS/../docs/control.schema.json" 2>&1)" ValidationError
wait "$one"

# statuses
"$CTL" status one 2>/dev/null; same "no such sandbox" 3 $?
"$CTL" stop one 2>/dev/null; same "nor to stop" 3 $?
"$CTL" 2>/dev/null; same "no command" 2 $?
"$CTL" statuz one 2>"$WORK/err"; same "no such command" 2 $?
contains "the nearest" "$(cat "$WORK/err")" 'did you mean `status`'
"$CTL" status 2>/dev/null; same "no name" 2 $?
"$CTL" status one --color 2>/dev/null; same "no such option" 2 $?
"$CTL" ps >/dev/full 2>/dev/null; same "a full disk" 3 $?
# a command that does not take SIGTERM
start_sandbox deaf --quiet -- bash -c 'trap "" TERM; echo up; while :; do sleep 1; done'
deaf=$sandbox_pid
wait_for 20 grep -q up "$WORK/deaf.out"
wait_for 20 "$CTL" status deaf
"$CTL" stop deaf --wait 0 2>"$WORK/err"; same "it does not end: the answer is no" 1 $?
contains "and what to do" "$(cat "$WORK/err")" 'stop --kill'
"$CTL" stop deaf --wait 0 --kill >/dev/null; same "killed" 0 $?
wait "$deaf"; same "by its signal" 137 $?
finish
