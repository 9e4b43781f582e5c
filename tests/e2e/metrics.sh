#!/usr/bin/env bash
# What sandboxes count, as text, JSON and Prometheus' format: promtool and a Prometheus take it, the numbers are those of what the guest
# did, a sandbox that hangs keeps no scrape waiting, and the server that answers strangers has given up what it can.
. "$(dirname "$0")/lib.sh"
world_up
CTL=$BUILD/msb-ctl
metric() { grep -E "^$1 [0-9.e+-]+$" <<<"$text" | sed 's/.* //'; } # metric SERIES: its value
cat >"$WORK/web.msb" <<-END
	default egress deny
	allow@example.com:tcp:80
	deny@meta
	allow@10.0.0.0/8
END

text=$("$CTL" stats --format prometheus)
contains "no sandbox: no series but the bound's" "$text" '^msb_sandboxes_left_out 0$'
lacks "none at all" "$text" '^msb_[a-z_]*\{'

start_sandbox web --quiet --policy "$WORK/web.msb" --events "$WORK/web.events" -- sh -c "
	for i in 1 2 3; do dig +short +tries=1 example.com >/dev/null; done
	$PROBE tcp 93.184.216.34 80 5000
	dig +tries=1 blocked.example.org >/dev/null
	$PROBE tcp 169.254.169.254 80 500
	$PROBE tcp 169.254.169.254 80 500
	echo done; exec sleep 100"
web=$sandbox_pid
wait_for 30 grep -q done "$WORK/web.out"
start_sandbox idle --quiet -- sleep 100
idle=$sandbox_pid
wait_for 20 "$CTL" stats idle

# --- what it says is what happened ---
counted() {
	text=$("$CTL" stats --format prometheus)
	[ "$(metric 'msb_rule_connections_total\{sandbox="web",rule="2",place="web.msb:3",action="deny"\}')" = 2 ]
}
wait_for 10 counted
counted
check "the refused connections are counted by their rule" $? "$(grep msb_rule <<<"$text")"
passed=$(metric 'msb_rule_connections_total\{sandbox="web",rule="1",place="web.msb:2",action="allow"\}')
contains "so is the one that passed, and the name relay's for it" "$passed" '^[12]$'
same "and the lookup that was denied" 1 "$(metric 'msb_rule_lookups_total\{sandbox="web",rule="default egress",[^}]*\}')"
same "both sandboxes are up" "1 1" "$(metric 'msb_up\{sandbox="web"\}') $(metric 'msb_up\{sandbox="idle"\}')"
same "questions that were answered" 3 "$(metric 'msb_dns_questions_total\{sandbox="web",outcome="answered"\}')"
same "questions that were denied" 1 "$(metric 'msb_dns_questions_total\{sandbox="web",outcome="denied"\}')"
same "two of them from the cache" 2 "$(metric 'msb_dns_cached_total\{sandbox="web"\}')"
same "one waited for a server" 1 "$(metric 'msb_dns_wait_seconds_count\{sandbox="web"\}')"
same "and is in the last bucket at least" 1 "$(metric 'msb_dns_wait_seconds_bucket\{sandbox="web",le="\+Inf"\}')"
same "denials" 3 "$(metric 'msb_denials_total\{sandbox="web"\}')"
all_told() {
	text=$("$CTL" stats --format prometheus)
	[ "$(wc -l <"$WORK/web.events") 0" = "$(metric 'msb_events_total\{sandbox="web"\}') $(metric 'msb_events_lost_total\{sandbox="web"\}')" ]
}
wait_for 10 all_told
check "events: as many as the file has lines" $? "$(grep msb_events <<<"$text") $(cat "$WORK/web.events")"
same "what is bound" "1 1" "$(metric 'msb_bindings\{sandbox="web",what="names"\}') $(metric 'msb_bindings\{sandbox="web",what="addresses"\}')"
bytes=$(metric 'msb_traffic_bytes_total\{sandbox="web",direction="egress"\}')
check "bytes were sent" "$((bytes < 200))" "$bytes bytes"
started=$(metric 'msb_start_time_seconds\{sandbox="web"\}')
check "when it started" "$(awk -v a="$started" -v b="$EPOCHREALTIME" 'BEGIN { print !(a > b - 600 && a < b) }')" "$started"
same "which policy is in force" "1 1" "$(metric 'msb_generation\{sandbox="web"\}') $(metric 'msb_generation\{sandbox="idle"\}')"
contains "limits" "$text" '^msb_limit\{sandbox="web",option="--max-tcp-connections"\} [0-9]+$'
in_dns_netns true # the one that was started last, idle
lacks "no label has what the guest chose" "$text" 'blocked|169\.254|93\.184'
contains "for people" "$("$CTL" stats web)" '^DNS +3 answered, 0 nxdomain, 1 denied, 0 failed, 0 refused; 2 from the cache'
valid() {
	"$CTL" stats web --format json | python3 -c 'import json, jsonschema, sys
schema = json.load(open(sys.argv[1]))
schema = dict(schema, anyOf=[{"$ref": "#/definitions/stats"}])
jsonschema.validate(json.load(sys.stdin), schema)' "$TESTS/../docs/control.schema.json"
}
try "JSON is as the schema says" valid
same "as JSON" "web 1" "$("$CTL" stats web --format json | jq -r '.name + " " + (.version | tostring)')"
same "one of them" "" "$("$CTL" stats idle --format prometheus | grep -c 'sandbox="web"' | grep -v '^0$')"

# --- the format ---
if command -v promtool >/dev/null; then
	try "promtool finds nothing" sh -c "'$CTL' stats --format prometheus | promtool check metrics"
else
	skip "promtool" "it is not installed: make deps"
fi
queried=$(grep -oE 'msb_[a-z_]+' "$TESTS/../docs/grafana.json" | sort -u)
exists() { grep -qE "^$1[{ ]" <<<"$text"; }
missing=
for name in $queried; do exists "$name" || missing="$missing $name"; done
same "every metric that the dashboard asks for is there" "" "$missing"
same "and every metric is in the manual" "" "$(for name in $(grep -oE '^# TYPE [a-z_]+' <<<"$text" | cut -d' ' -f3); do grep -q "\`$name\`" "$TESTS/../docs/metrics.md" || echo "$name"; done)"

# --- into a file ---
"$CTL" stats --format prometheus --output "$WORK/msb.prom"
same "into a file" "0 644" "$? $(stat -c %a "$WORK/msb.prom")"
contains "with the same" "$(<"$WORK/msb.prom")" '^msb_up\{sandbox="web"\} 1$'
ln "$WORK/msb.prom" "$WORK/before.prom"
"$CTL" stats --format prometheus --output "$WORK/msb.prom"
same "which is replaced, never rewritten" 1 "$(stat -c %h "$WORK/before.prom")"
mkdir "$WORK/small"
mount -t tmpfs -o size=4k,nr_inodes=4 tmpfs "$WORK/small"
echo before >"$WORK/small/msb.prom"
"$CTL" stats --format prometheus --output "$WORK/small/msb.prom" 2>"$WORK/err"
contains "disk full: status 3, and said" "$? $(cat "$WORK/err")" '^3 msb-ctl: error: --output .*: No space left'
same "the file is as before, and nothing is beside it" "before msb.prom" "$(cat "$WORK/small/msb.prom") $(ls "$WORK/small")"
"$CTL" stats gone --format prometheus >/dev/null 2>"$WORK/err"
same "no such sandbox: status 3" 3 $?
"$CTL" stats web --output "$WORK/x" 2>/dev/null
same "--output without that format: status 2" 2 $?

# --- the server ---
scrape() { text=$(curl -sS --max-time 20 "http://127.0.0.1:9471/metrics"); }
"$CTL" serve-metrics 2>"$WORK/serve.err" &
server=$!
try "the server answers, on loopback" wait_for 10 curl -sf http://127.0.0.1:9471/metrics
scrape
same "with the same series" 1 "$(metric 'msb_up\{sandbox="web"\}')"
contains "as Prometheus' text" "$(curl -sI http://127.0.0.1:9471/metrics)" 'Content-Type: text/plain; version=0.0.4; charset=utf-8'
same "only on loopback" "" "$(ss -ltnH "sport = :9471" | awk '{ print $4 }' | grep -v '127.0.0.1')"
same "another page" 404 "$(curl -s -o /dev/null -w '%{http_code}' http://127.0.0.1:9471/)"
same "another method" 405 "$(curl -s -o /dev/null -w '%{http_code}' -X POST -d x http://127.0.0.1:9471/metrics)"
same "it has no capability" "0000000000000000 0000000000000000 1" \
	"$(awk '/^CapEff|^CapBnd|^NoNewPrivs/ { print $2 }' "/proc/$server/status" | sort | tr '\n' ' ' | sed 's/ $//')"
# with garbage, and clients that send nothing
printf '\xff\xfe\x00GET' | timeout 5 socat -t1 - TCP:127.0.0.1:9471 >/dev/null
head -c 200000 /dev/zero | tr '\0' A | timeout 5 socat -t1 - TCP:127.0.0.1:9471 >/dev/null
for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14; do sleep 100 | socat - TCP:127.0.0.1:9471 & done
sleep 0.2
scrape
same "garbage, and others that send nothing: it answers" 1 "$(metric 'msb_up\{sandbox="web"\}')"
# shellcheck disable=SC2046
kill $(jobs -p | grep -vE "^($web|$idle|$server)\$") 2>/dev/null

# a sandbox that hangs
supervisor=$(pgrep -P "$idle" -x msb-supervisor)
kill -STOP "$supervisor"
sleep 0.6 # what the last scrape gave is stale
began=${EPOCHREALTIME/./}
scrape
took=$(((${EPOCHREALTIME/./} - began) / 1000))
same "one that hangs is down" 0 "$(metric 'msb_up\{sandbox="idle"\}')"
same "the other is up" 1 "$(metric 'msb_up\{sandbox="web"\}')"
check "and the scrape does not take longer than 2 s" "$((took > $(patience 2) * 1000))" "$took ms"
kill -CONT "$supervisor"

if command -v prometheus >/dev/null; then
	printf 'scrape_configs:\n  - job_name: msb\n    scrape_interval: 1s\n    static_configs: [{ targets: ["127.0.0.1:9471"] }]\n' >"$WORK/prometheus.yml"
	prometheus --config.file="$WORK/prometheus.yml" --storage.tsdb.path="$WORK/tsdb" --web.listen-address=127.0.0.1:9090 >"$WORK/prometheus.log" 2>&1 &
	prometheus=$!
	query() { curl -s --data-urlencode "query=$1" http://127.0.0.1:9090/api/v1/query | jq -r '.data.result[0].value[1]'; }
	has() { [ "$(query "$1")" = "$2" ]; }
	try "a Prometheus scrapes it" wait_for 30 has 'sum(msb_up)' 2
	same "and knows what was denied" 2 "$(query 'msb_rule_connections_total{sandbox="web",rule="2"}')"
	kill $prometheus
	wait $prometheus 2>/dev/null
else
	skip "a Prometheus" "it is not installed: make deps"
fi
"$CTL" serve-metrics 2>"$WORK/err"
contains "a port that is taken: status 3, and said" "$? $(cat "$WORK/err")" '^3 msb-ctl: error: cannot listen at 127.0.0.1:9471: Address already in use'
kill $server
wait $server
same "SIGTERM ends it" 0 $?
contains "an address that others reach is said" "$(timeout 2 "$CTL" serve-metrics --listen 0.0.0.0:9472 2>&1)" 'no password and no TLS'
"$CTL" serve-metrics --listen localhost 2>"$WORK/err"
contains "a name is no address: status 2" "$? $(cat "$WORK/err")" '^2 .*of numbers'

# --- another policy, which counts anew ---
"$CTL" allow web 'allow@198.51.100.9:tcp:9' --for 10m >/dev/null 2>&1
second_policy() { text=$("$CTL" stats --format prometheus); [ "$(metric 'msb_generation\{sandbox="web"\}')" = 2 ]; }
wait_for 10 second_policy
check "a grant is another one" $? "$(grep generation <<<"$text")"

# --- a sandbox that ends ---
kill "$idle" "$web"
wait "$idle" "$web"
text=$("$CTL" stats --format prometheus)
lacks "with its end its series end" "$text" 'sandbox='
finish
