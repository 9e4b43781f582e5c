#!/usr/bin/env bash
# --audit: what the policy would deny passes and is reported, by the rule that eval names; what never passes does not.
. "$(dirname "$0")/lib.sh"
. "$TESTS/e2e/real_servers.sh"
world_up "$SHARED_RECORDS"
certificates
pages
shared_address
https_up
ipv6_up

cat >"$WORK/audited.msb" <<-'EOF'
	default egress deny
	allow@good.shared.test:tcp:443
	allow@example.com:tcp:{22,443}
	deny@198.51.100.0/24        because "not ours"
	deny@*.tracking.com
	allow@public:udp:123
	allow@192.168.0.0/16:tcp:{22,80}
	allow@140.82.112.0/20
EOF
audit() { run_sandbox --name agent --policy "$WORK/audited.msb" --audit --events "$WORK/events" "$@"; }
# events KIND: flows of that kind, each once
events() { jq -r --arg kind "$1" 'select(.kind == $kind) | .flow' "$WORK/events" | sort -u | tr '\n' ' ' | sed 's/ $//'; }

# --- what passes, and is said ------------------------------------------------------------------------------------------

: >"$WORK/events"
audit -- sh -c "
	$PROBE tcp 93.184.216.99 80 2000; $PROBE udp 198.51.100.7 5000 2000; $PROBE dns ads.tracking.com 172.16.0.1
	$PROBE tcp 2606:2800:220:1::99 22 2000; $PROBE tcp 10.0.0.5 443 2000; $PROBE dns rebind.example.com 172.16.0.1
	$PROBE udp 93.184.216.99 123 2000; exit 7"
contains "it is said loudly before anything runs" "$(head -1 <<<"$err")" 'AUDIT: .*audited.msb IS NOT ENFORCED'
same "the status is the command's" 7 "$status"
same "TCP, UDP, IPv6, private: all passed" "connected answered connected connected answered" \
	"$(grep -E '^(connected|answered)' <<<"$out" | grep -v '^answered NOERROR' | cut -d' ' -f1 | tr '\n' ' ' | sed 's/ $//')"
contains "a denied name has its answer" "$out" '93\.184\.216\.41'
contains "so has one that rebind protection holds back" "$out" '10\.0\.0\.5'
same "each is an event of kind audit" \
	'answer@10.0.0.5 dns@ads.tracking.com:udp dns@rebind.example.com:udp egress@10.0.0.5:tcp:443 egress@198.51.100.7:udp:5000 egress@93.184.216.99:tcp:80 egress@[2606:2800:220:1::99]:tcp:22' \
	"$(events audit)"
same "and none of another" "" "$(events deny)$(events rebind)"
contains "lines say so" "$err" 'would deny egress@198.51.100.7:udp:5000 +deny@198.51.100.0/24 \(.*audited.msb:4\) "not ours"'
contains "and the end" "$err" 'agent: audit: the policy was not enforced, and would have denied 7, 7 different'
contains "suggest reads such events" "$("$BUILD/msb-policyc" suggest "$WORK/events" --policy "$WORK/audited.msb" 2>/dev/null)" \
	'^allow@93.184.216.99:tcp:80 '

# --- what never passes -------------------------------------------------------------------------------------------------

cat >"$WORK/floor.msb" <<-'EOF'
	default egress allow
	deny@203.0.114.0/24
	deny@*.example.org
	allow@10.0.0.0/8
EOF
: >"$WORK/events"
seen_reset
audit --floor "$WORK/floor.msb" -- sh -c "
	$PROBE tcp 169.254.169.254 80 1000; $PROBE tcp fd00:ec2::254 80 1000; $PROBE tcp 172.16.0.1 8080 1000
	$PROBE tcp 93.184.216.99 853 1000; $PROBE tcp 203.0.114.9 443 1000; $PROBE dns example.org 172.16.0.1; $PROBE dns meta.example.com 172.16.0.1"
lacks "metadata, the host, refused ports, below a floor" "$out" '^connected|^answered NOERROR'
same "they are denials" 'dns@example.org:udp egress@169.254.169.254:tcp:80 egress@172.16.0.1:tcp:8080 egress@203.0.114.9:tcp:443 egress@93.184.216.99:tcp:853 egress@[fd00:ec2::254]:tcp:80' \
	"$(events deny)"
same "an answer that leads to metadata is held back" answer@169.254.169.254 "$(events rebind)"
same "nothing of it got out" 0 "$(($(seen 169.254.169.254) + $(seen 203.0.114.9) + $(seen 93.184.216.99 tcp 853)))"

# --- by server name ----------------------------------------------------------------------------------------------------

: >"$WORK/events"
audit -- sh -c "for name in good bad; do curl -sS -4 --max-time 20 --cacert '$CA' https://\$name.shared.test/page | head -c 12; done"
same "both names of one address answer" "this is goodthis is bad" "$(tr -d '\n' <<<"$out" | head -c 23)"
same "the one that is not allowed is reported, by its name" "egress@$SHARED4:tcp:443 bad.shared.test" \
	"$(jq -r 'select(.kind == "audit" and .sni) | .flow + " " + .sni' "$WORK/events" | sort -u)"
same "no connection is a denial" "" "$(events deny)"

# --- 200 random flows: what is reported is what eval says ---------------------------------------------------------------

awk 'BEGIN {
	srand(20261128)
	split("93.184.216.34 93.184.216.35 93.184.216.99 198.51.100.7 198.51.100.99 140.82.121.4 192.168.1.20 192.168.7.9 10.0.0.5 169.254.169.254 172.16.0.1 2606:2800:220:1::34 2606:2800:220:1::99 fd00::5", addr)
	split("22 80 443 123 853 5000 5432", port)
	while (count < 200) {
		a = addr[1 + int(rand() * 14)]; p = port[1 + int(rand() * 7)]; proto = rand() < 0.6 ? "tcp" : "udp"
		if (proto == "udp" && (p == 443 || p == 853)) continue # one waits, the other is dropped in silence
		count++; print proto, a, p
	} }' >"$WORK/flows"
: >"$WORK/events"
audit --max-connection-rate 0 -- sh -c "$PROBE dns example.com 172.16.0.1; while read -r flow; do $PROBE \$flow 1000; done <$WORK/flows"
sort -u "$WORK/flows" | awk '{ print "egress@" ($2 ~ /:/ ? "[" $2 "]" : $2) ":" $1 ":" $3, ($2 ~ /^172/ || $2 ~ /^169/ || $3 == 853) }' >"$WORK/asked"
cut -d' ' -f1 "$WORK/asked" | sed 's/$/ resolve=example.com=93.184.216.34/' |
	"$BUILD/msb-policyc" eval --policy "$WORK/audited.msb" --batch | cut -f1,2 >"$WORK/verdicts"
paste -d' ' "$WORK/asked" "$WORK/verdicts" | awk '$3 == "deny" { print ($2 ? "deny" : "audit"), $1, $4 }' | sort >"$WORK/expected"
jq -r 'select(.kind == "audit" or .kind == "deny") | .kind + " " + .flow + " " + (.rule | tostring)' "$WORK/events" | grep -v ' dns@' | sort -u >"$WORK/reported"
same "200 random flows, as eval says" "" "$(diff "$WORK/expected" "$WORK/reported")"
same "of which there are many" yes "$([ "$(grep -c '^audit' "$WORK/expected")" -gt 30 ] && echo yes)"
run_sandbox --audit --learn "$WORK/x.msb" -- true
same "--audit and --learn: one at a time" 125 "$status"
finish
