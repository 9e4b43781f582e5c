#!/usr/bin/env bash
# A denial says what rule would let it pass, and --suggest lists these at the end; never more than was asked for, and
# nothing for what should not be allowed so.
. "$(dirname "$0")/lib.sh"
world_up
ipv6_up

# hints DENIAL: the line behind it
hint() { grep -A1 -F "denied $1 " <<<"$err" | sed -n '2s/^  to allow: //p'; }

run_sandbox --net-default deny --net-rule 'allow@dns,deny@198.51.100.0/24' --suggest --events "$WORK/events" -- sh -c "
	$PROBE dns pypi.org 172.16.0.1 >/dev/null; $PROBE tcp 151.101.0.223 443 500
	$PROBE tcp 93.184.216.99 22 500; $PROBE udp 2606:2800:220:1::99 123 500
	$PROBE tcp 169.254.169.254 80 500; $PROBE tcp 172.16.0.1 8080 500; $PROBE tcp 198.51.100.7 443 500
	$PROBE tcp 93.184.216.99 853 500; $PROBE tcp 10.0.0.5 443 500; $PROBE tcp fd00:ec2::254 80 500" >/dev/null
same "a name and its port" 'allow@pypi.org:tcp:443' "$(hint 'egress@151.101.0.223:tcp:443')"
same "an address that no name led to" 'allow@93.184.216.99:tcp:22' "$(hint 'egress@93.184.216.99:tcp:22')"
same "IPv6" 'allow@[2606:2800:220:1::99]:udp:123' "$(hint 'egress@[2606:2800:220:1::99]:udp:123')"
same "a private one" 'allow@10.0.0.5:tcp:443' "$(hint 'egress@10.0.0.5:tcp:443')"
for flow in 'egress@169.254.169.254:tcp:80' 'egress@172.16.0.1:tcp:8080' 'egress@198.51.100.7:tcp:443' \
	'egress@93.184.216.99:tcp:853' 'egress@[fd00:ec2::254]:tcp:80'; do
	contains "$flow is denied" "$err" "denied $(sed 's/[][]/\\&/g' <<<"$flow") "
	same "nothing is offered for $flow" "" "$(hint "$flow")"
done
list=$(sed -n '/^msb-run: rules that would/,$p' <<<"$err" | grep '^  ')
same "the list, the most careful first" "allow@pypi.org:tcp:443 allow@10.0.0.5:tcp:443 allow@93.184.216.99:tcp:22 allow@[2606:2800:220:1::99]:udp:123" \
	"$(awk '$2 == "opens" { printf "%s%s", sep, $1; sep = " " }' <<<"$list")"
contains "says what each would open" "$list" '^  allow@pypi.org:tcp:443 +opens lookups of pypi.org, and TCP port 443 of whatever address'
contains "and how many are without" "$list" '5 different denials: none is offered'
option=$(sed -n "s/^  --net-rule '\(.*\)'$/\1/p" <<<"$list")
same "an event has the rule as well" 'allow@pypi.org:tcp:443' \
	"$(jq -r 'select(.flow == "egress@151.101.0.223:tcp:443") | .suggest' "$WORK/events" | head -1)"
same "or has none" null "$(jq -r 'select(.flow == "egress@169.254.169.254:tcp:80") | .suggest' "$WORK/events" | head -1)"
same "standard output is the guest's" "" "$(grep -c 'opens' <<<"$out" | grep -v '^0$')"

# What it says is pasted: then that much passes, and no more
run_sandbox --quiet --net-default deny --net-rule 'allow@dns,deny@198.51.100.0/24' --net-rule "$option" -- sh -c "
	$PROBE dns pypi.org 172.16.0.1 >/dev/null; $PROBE tcp 151.101.0.223 443 1000
	$PROBE tcp 93.184.216.99 22 1000; $PROBE tcp 151.101.0.223 80 1000; $PROBE tcp 93.184.216.98 22 1000"
same "the rules let that pass and no more" "connected connected refused refused" "$(cut -d' ' -f1 <<<"$out" | tr '\n' ' ' | sed 's/ $//')"

# So do the rules that msb-policyc makes of the events
{ printf 'default egress deny\nallow@dns\ndeny@198.51.100.0/24\n'; "$BUILD/msb-policyc" suggest "$WORK/events" 2>/dev/null; } >"$WORK/pasted.msb"
try "what was recorded, as a policy: its expectations hold" "$BUILD/msb-policyc" test "$WORK/pasted.msb"
run_sandbox --quiet --policy "$WORK/pasted.msb" -- sh -c "
	$PROBE dns pypi.org 172.16.0.1 >/dev/null; $PROBE tcp 151.101.0.223 443 1000
	$PROBE tcp 93.184.216.99 22 1000; $PROBE tcp 151.101.0.223 80 1000; $PROBE tcp 93.184.216.98 22 1000"
same "its rules let that pass and no more" "connected connected refused refused" "$(cut -d' ' -f1 <<<"$out" | tr '\n' ' ' | sed 's/ $//')"

# A lookup alone; a port of the same name brings it
run_sandbox --net-default deny --suggest -- "$PROBE" dns example.com 172.16.0.1
same "a lookup" 'allow@example.com:udp:53' "$(hint 'dns@example.com:udp')"
run_sandbox --net-default deny --net-rule 'allow@example.com:udp:53' --suggest -- sh -c "
	$PROBE dns example.com 172.16.0.1; $PROBE tcp 93.184.216.34 443 500; $PROBE dns host.microsandbox.internal 172.16.0.1
	$PROBE dns metadata.google.internal 172.16.0.1"
same "then its port" 'allow@example.com:tcp:443' "$(hint 'egress@93.184.216.34:tcp:443')"
same "not the host's alias" "" "$(hint 'dns@host.microsandbox.internal:udp')"
same "nor the metadata service's name" "" "$(hint 'dns@metadata.google.internal:udp')"
run_sandbox --deployment-profile multi-tenant --suggest -- "$PROBE" tcp 10.0.0.5 443 500
contains "what no rule can allow is not offered" "$err" 'no rule to suggest'
run_sandbox --quiet --net-default deny --suggest -- "$PROBE" dns example.com 172.16.0.1
lacks "--quiet: no hints" "$err" 'to allow'
contains "--quiet: yet the list, which was asked for" "$err" "allow@example.com:udp:53 +opens lookups of example.com"
finish
