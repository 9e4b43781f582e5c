#!/usr/bin/env bash
# suggest: rules and expectations from what msb-run --events recorded. usage: suggest.sh BUILD
set -u
. "$(dirname "$0")/lib.sh"

run() { "$policyc" suggest "$@" >.out 2>.err; status=$?; }
deny() { # FLOW [RULE [NAME]]: a line as msb-run writes it
	jq -cn --arg flow "$1" --argjson rule "${2:-\"default\"}" --arg name "${3-}" '{version: 1,
		time: "2026-11-28T09:00:00.000Z", kind: "deny", flow: $flow, rule: $rule, place: "agent.msb:1",
		text: "default egress deny"} + if $name == "" then {} else {name: $name} end'
}
rules() { sed 's/  #.*//' .out | grep '^allow' | tr '\n' ' ' | sed 's/ $//'; }

{
	deny dns@pypi.org:udp
	deny dns@pypi.org:udp
	deny dns@lookup.example:udp
	deny egress@151.101.0.223:tcp:443 '' pypi.org
	deny egress@140.82.121.4:tcp:443 '' github.com
	deny egress@140.82.121.4:tcp:22 '' github.com
	deny egress@10.0.0.5:tcp:5432
	deny 'egress@[2001:db8:1::5]:udp:123'
	deny egress@93.184.216.34:icmpv4
	deny ingress@192.168.1.7:tcp:80
} >events
run events
same rules-grouped-and-sorted "0 allow@lookup.example:udp:53 allow@github.com:tcp:{22,443} allow@pypi.org:tcp:443 allow@10.0.0.5:tcp:5432 allow@[2001:db8:1::5]:udp:123 allow@93.184.216.34:icmpv4 allow:ingress@192.168.1.7:tcp:80" "$status $(rules)"
contains counts-of-denials "$(cat .out)" '^allow@github.com:tcp:\{22,443\} +# denied 2 times$'
contains counts-on-standard-error "$(cat .err)" '10 denials'
{ echo 'default any deny'; cat .out; } >new.msb
"$policyc" test new.msb >.test 2>&1
same its-expectations-hold 0 $?
contains every-rule-is-decided "$(cat .test)" '8 of 8 rules|8 of 8 expect'
same no-wildcard "" "$(grep -F '*' .out)"
{ deny egress@1.1.1.1:tcp:443 '' a.example; deny egress@1.1.1.2:tcp:443 '' b.example; } >two
run two
same names-of-one-service-in-one-rule 'allow@{a.example,b.example}:tcp:443' "$(rules)"
cat two | "$policyc" suggest - >.again 2>/dev/null
same standard-input "$(cat .out)" "$(cat .again)"

# names that a bare target would take for an address that is none: a guest may look one up, and what else is offered stays
for name in 10.0.0.x 0x10.x 1.2.x 1-2.3-4; do
	{ deny "dns@$name:udp"; deny dns@pypi.org:udp; } >one
	run one
	same "named-as-such:$name" "0 allow@{domain=$name,pypi.org}:udp:53" "$status $(rules)"
done

# what is never offered
for flow in egress@169.254.169.254:tcp:80 dns@metadata.google.internal:udp egress@172.16.0.1:tcp:22 egress@127.0.0.1:tcp:80 \
	dns@host.microsandbox.internal:udp egress@1.1.1.1:tcp:853 egress@224.0.0.1:udp:5353 'egress@[fe80::1]:tcp:22'; do
	deny "$flow" >one
	run one
	same "none-for:$flow" "0 " "$status $(cat .out)"
	contains "none-for:$flow/counted" "$(cat .err)" '1 of which none is offered'
done
deny dns@pypi.org.svc.cluster.local:udp | sed 's/"flow"/"search":"svc.cluster.local","flow"/' >one
run one
same "none-below-a-search-domain" "0 " "$status $(cat .out)"
contains "none-below-a-search-domain/counted" "$(cat .err)" '1 of which none is offered'
for by in 3 '"floor"' '"refused"'; do
	deny egress@10.0.0.5:tcp:22 "$by" >one
	run one
	same "none-against:$by" "" "$(cat .out)"
done

# what a guest may have put into a name
for name in $'a.example\nallow@any' $'a.example\rallow@any' 'a.example:tcp:1 log' 'a}.example' '*.example' 'a,b.example' '#x.example' \
	'a.example"' 'A.EXAMPLE ' $'\e[31m.example' '10.0.0.1' ' ' 'a\010allow@any.example' '@a.example' 'domain=x'; do
	{ deny "dns@$name:udp"; deny egress@1.1.1.1:tcp:443 '' "$name"; } >one
	run one
	same "hostile-name:$(printf %q "$name")" "0 " "$status $(cat .out)"
	! has_raw_control .err
	check "hostile-name:$(printf %q "$name")/standard-error" $?
done

for name in any public host dns meta log; do # a word of the language as a name
	{ deny "dns@$name:udp"; deny egress@1.1.1.1:tcp:443 '' "$name"; } >one
	run one
	same "word-as-a-name:$name" "0 allow@domain=$name:tcp:443" "$status $(rules)"
	deny "dns@$name:udp" >one
	run one
	same "word-as-a-name:$name/lookup" "0 allow@domain=$name:udp:53" "$status $(rules)"
done
deny dns@gіthub.com:udp >one
run one
same a-name-as-no-run-records-it "0 " "$status $(rules)"
deny dns@xn--gthub-n2e.com:udp >one
run one
same a-look-alike-shows-its-a-label allow@xn--gthub-n2e.com:udp:53 "$(rules)"

# a server name that was denied is offered itself, never its address, nor the name that the address was looked up by
hello() { # FLOW WHY SNI [RULE]: an event of a flow that was judged by its server name
	deny "$1" "${4-}" cdn.example | jq -c --arg hello "$2" --arg sni "$3" '. + {hello: $hello, sni: $sni}'
}
flow=egress@93.184.216.34:tcp:443
hello $flow name evil.example.net >one
run one
same server-name/itself "0 allow@evil.example.net:tcp:443" "$status $(rules)"
hello $flow name Evil.Example.NET. >one
run one
same server-name/as-a-rule-writes-it allow@evil.example.net:tcp:443 "$(rules)"
deny $flow | jq -c '. + {hello: "name"}' >one
run one
same server-name/none-was-sent "" "$(rules)"
for name in 93.184.216.34 '' '*.example' 'a\\x00b.example' $'a.example\nallow@any' gіthub.com host.microsandbox.internal; do
	hello $flow name "$name" >one
	run one
	same "server-name/hostile:$(printf %q "$name")" "0 " "$status $(cat .out)"
done
for why in 'malformed hello' 'too slow' 'second hello names another' ECH; do
	hello $flow "$why" evil.example.net >one
	run one
	same "server-name/no-rule-mends:$why" "" "$(cat .out)"
	contains "server-name/no-rule-mends:$why/counted" "$(cat .err)" '1 of which none is offered'
done
hello $flow name evil.example.net 3 >one
run one
same server-name/a-rule-denies-it "" "$(cat .out)"
hello $flow name evil.example.net >one
run one --net-default deny --net-rule 'allow@cdn.example:tcp:443'
same server-name/the-name-it-was-looked-up-by-does-not-count allow@evil.example.net:tcp:443 "$(rules)"
run one --net-default deny --net-rule allow@evil.example.net:tcp:443
contains server-name/a-policy-that-allows-it "$(cat .err)" '1 the policy allows already'
run one --net-rule 'deny@*.example.net,allow@public'
contains server-name/a-policy-that-denies-it "$(cat .err)" 'deny@\*\.example\.net denies 1'

# with a policy
cat >agent.msb <<-'END'
	default any deny
	deny@10.0.0.0/8  because "the office"
	allow@pypi.org:tcp:443
END
run events --policy agent.msb
same policy/what-is-left "0 allow@lookup.example:udp:53 allow@github.com:tcp:{22,443} allow@[2001:db8:1::5]:udp:123 allow@93.184.216.34:icmpv4 allow:ingress@192.168.1.7:tcp:80" "$status $(rules)"
contains policy/what-it-allows "$(cat .err)" '3 the policy allows already'
contains policy/which-line-denies "$(cat .err)" 'agent\.msb:2:1: deny@10\.0\.0\.0/8 denies 1, the first egress@10\.0\.0\.5:tcp:5432'
run events --net-rule 'allow@{github.com,pypi.org,lookup.example}' --net-rule allow:any@any
same policy/options-are-one 0 "$(grep -c '^allow@' .out)"
printf 'allow@nowhere@\n' >bad.msb
run events --policy bad.msb
same policy/with-errors "1 " "$status $(cat .out)"

# other lines
{ echo '{"version":1,"kind":"lost","count":7}'; echo '{"version":1,"kind":"limit","flow":"x"}'; echo '{"version":1,"kind":"allow","flow":"x"}'; } >others
run others
same other-kinds "0 " "$status $(cat .out)"
contains lost-events-are-said "$(cat .err)" '7 events were lost: the list is incomplete'
# a line that tells several counts for as many
{
	echo '{"version":1,"kind":"start","policy":"agent.msb","generation":1}'
	echo '{"version":1,"kind":"deny","flow":"dns@often.example:udp","rule":"default"}'
	echo '{"version":1,"kind":"deny","flow":"dns@often.example:udp","rule":"default","count":41,"since":"2026-11-28T09:00:00.000Z"}'
	echo '{"version":1,"kind":"limit","flow":"x","count":5}'
} >folded
run folded
contains counted-lines/as-many-denials "$(cat .err)" '^msb-policyc: 42 denials$'
contains counted-lines/in-the-comment "$(cat .out)" '^allow@often\.example:udp:53 +# denied 42 times'
contains counted-lines/limits "$(cat .err)" '^ +5 .*limit'
: >nothing
run nothing
same no-events 0 "$status"
for line in 'no json' '[]' '{}' '{"version":2,"kind":"deny"}' '{"version":1,"kind":"deny","flow":"x"}' '{"version":1,"kind":"deny","rule":1}' \
	'{"version":1,"kind":"lost"}' '{"version":1,"kind":"deny","flow":"dns@a.example:udp","rule":"default","count":-1}' \
	'{"version":1,"kind":"deny","flow":"dns@a.example:udp","rule":"default","count":1e99}' '{"version":1,"version":1,"kind":"allow"}' '' '{"version":1,"kind":"deny","flow":"dns@a\u0000b.example:udp","rule":"default"}'; do
	{ cat two; echo "$line"; } >bad
	run bad
	same "malformed:$line" "1 " "$status $(cat .out)"
	contains "malformed:$line/its-line" "$(cat .err)" '^bad:3: error: '
done
head -c 70000 /dev/zero | tr '\0' ' ' >long
run long
same a-line-without-end "1 long:1: error: a line of more than 64 KiB" "$status $(cat .err)"
run gone
same no-file 3 "$status"
run
same no-argument 2 "$status"
run events agent.msb
same a-policy-among-the-events 2 "$status"
contains a-policy-among-the-events/what-to-write "$(cat .err)" '--policy agent\.msb'
for i in $(seq 6000); do echo "{\"version\":1,\"kind\":\"deny\",\"flow\":\"dns@n$i.example:udp\",\"rule\":\"default\"}"; done >flood
bounded 60 "$policyc" suggest flood
same a-flood-is-bounded "0 1904" "$status $(sed -n 's/ *\([0-9]*\) more than 4096.*/\1/p' .out)"
finish
