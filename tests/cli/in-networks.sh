#!/usr/bin/env bash
# `in NETWORK` behind a rule on names by the command line: every way to write it and its mistakes, verdicts, explanations,
# differences, findings, and the formats that have no word for it. usage: in-networks.sh BUILD
. "$(dirname "$0")/lib.sh"
say() { check "$2" "$1" "$(head -c 600 out)"; } # STATUS NAME: a failure shows what was printed
flow='egress@db.internal:tcp:5432 resolve=db.internal=10.20.0.5'

# ---- ways to write it ----
printf 'default egress deny\nallow@db.internal:tcp:5432 in 10.20.0.0/16\n' >in.msb
printf 'default egress deny\nallow@db.internal:tcp:5432\n' >everywhere.msb
printf 'default egress deny\n' >nothing.msb
printf 'network:\n  policy: none\n  allow:\n    - db.internal:tcp:5432 in 10.20.0.0/16\n' >in.yaml
"$policyc" compile --emit json in.msb >in.json
for file in in.msb in.yaml in.json; do
	"$policyc" eval "$file" "$flow" >out
	[[ $(<out) == allow*"allow@db.internal:tcp:5432 in 10.20.0.0/16" ]]; say $? "$file"
	"$policyc" eval "$file" "${flow/10.20/10.21}" >out
	[[ $(<out) == deny*reserved* ]]; say $? "$file: elsewhere it is held back"
done
rules='allow@db.internal:tcp:5432 in 10.20.0.0/16,  allow@{a.org,b.org} in {10.1.0.0/16, [fd00::/8]} ,deny@c.org'
"$policyc" compile --emit policy --net-rule "$rules" | cut -f4 | head -5 | grep @ >out
[ "$(<out)" = 'allow@db.internal:tcp:5432 in 10.20.0.0/16
allow@{a.org,b.org} in {10.1.0.0/16,[fd00::/8]}
deny@c.org' ]; say $? "in a list of rules"
"$policyc" check --net-default deny --net-rule 'allow@inn.in:tcp:80,allow@in.example in 10.0.0.0/8,allow@pin.in in 10.0.0.0/8' >out
[[ $(<out) == *'no findings'* ]]; say $? "names with these letters"

# ---- mistakes: the rule, what the error says ----
mistake() { # PART-OF-THE-ERROR RULE
	"$policyc" check --net-rule "$2" >out 2>&1
	[ $? -eq 1 ] && [[ $(<out) == *"$1"* ]]; say $? "option: $2"
	echo "$2" | "$policyc" check - >out 2>&1
	[ $? -eq 1 ] && [[ $(<out) == *"$1"* ]]; say $? "file: $2"
}
mistake 'is for rules that allow' 'deny@x.org in 10.0.0.0/8'
mistake 'is for names' 'allow@10.0.0.1 in 10.0.0.0/8'
mistake 'is for names' 'allow@{x.org,10.0.0.1} in 10.0.0.0/8'
mistake 'is for names' 'allow@any in 10.0.0.0/8'
mistake 'is for names' 'allow@dns in 10.0.0.0/8'
mistake 'is for egress' 'allow:ingress@x.org in 10.0.0.0/8'
mistake 'is for egress' 'allow:any@x.org in 10.0.0.0/8'
mistake 'anybody can have a name under' 'allow@*.github.io:tcp:443 in 10.0.0.0/8'
mistake 'anybody can have a name under' 'allow@{x.org,*.co.uk} in 10.0.0.0/8'
mistake 'nowhere else' 'allow@host.microsandbox.internal in 10.0.0.0/8'
mistake 'group loopback' 'allow@x.org in 127.0.0.0/8'
mistake 'group loopback' 'allow@x.org in [::1]'
mistake 'group meta' 'allow@x.org in 169.254.169.254'
mistake 'group meta' 'allow@x.org in {10.0.0.0/8,[fd00:ec2::254]}'
mistake 'an empty list' 'allow@x.org in {}'
mistake 'no network: `private`' 'allow@x.org in private'
mistake 'no network: `y.org`' 'allow@x.org in y.org'
mistake 'IPv6 stands in brackets' 'allow@x.org in fd00::/8'
mistake 'prefix length out of range' 'allow@x.org in 10.0.0.0/33'
mistake 'expected a word' 'allow@x.org in'
mistake 'it is IPv4' 'allow@x.org in [::ffff:10.0.0.0/104]'
echo 'allow@x.org in 10.0.0.0/8 log in 10.1.0.0/16' | "$policyc" check - >out
[[ $(<out) == *'`in` is given twice'* ]]; say $? "twice"
for mistake in '"in": "10.20.0.0/16"|no array' '"in": []|empty' '"in": [7]|list of networks' '"in": ["127.0.0.1"]|loopback' \
	'"in": ["x"]|no address' '"inn": ["10.0.0.0/8"]|no such key'; do
	jq ".rules[0] += {${mistake%|*}} | if .rules[0].inn then del(.rules[0].in) else . end" in.json >bad.json
	"$policyc" check bad.json >out 2>&1
	[ $? -eq 1 ] && [[ $(<out) == *"${mistake#*|}"* ]]; say $? "JSON: ${mistake%|*}"
done
jq '.rules[0].action = "deny"' in.json >bad.json
"$policyc" check bad.json >out 2>&1
[ $? -eq 1 ] && [[ $(<out) == *'rules that allow'* ]]; say $? "JSON: a deny"

# ---- what is said of it ----
"$policyc" explain in.msb "$flow" >out
grep -q 'a rule says that the name may be there' out; say $? "explain: the answer passes"
"$policyc" explain everywhere.msb "$flow" >out
grep -q 'no rule on the name says `in`' out; say $? "explain: what would let it pass"
"$policyc" explain in.msb 'egress@10.21.0.5:tcp:5432' --resolve db.internal=10.21.0.5 >out
grep -q '10.21.0.5 is not in 10.20.0.0/16' out; say $? "explain: why it does not match"
"$policyc" check in.msb >out
[[ $(<out) == *'no findings'* ]]; say $? "no findings"
printf 'default egress deny\nallow@db.internal:tcp:5432 in 10.20.0.0/16\nallow@db.internal:tcp:5432 in 10.20.1.0/24\n' >twice.msb
"$policyc" check twice.msb >out
[[ $(<out) == *':3:'*'[unreachable-rule]'* || $(<out) == *':3:'*'[redundant-rule]'* ]]; say $? "a second rule inside the first is found"

# ---- differences: old, new, what they say ----
differs() { # NAME OLD NEW LINE…
	local name=$1 old=$2 new=$3 line all=0
	shift 3
	"$policyc" diff "$old" "$new" >out
	for line; do grep -qF -- "$line" out || all=1; done
	say $all "$name"
}
differs "a new rule opens its network, not what is public" nothing.msb in.msb '+ allow dns@db.internal' \
	'+ allow egress@db.internal:tcp:5432 in 10.20.0.0/16' 'opens 2 regions'
differs "to say in opens and closes" everywhere.msb in.msb '+ allow egress@db.internal:tcp:5432 in 10.20.0.0/16' \
	'- deny  egress@db.internal:tcp:5432 '
differs "and back" in.msb everywhere.msb '- deny  egress@db.internal:tcp:5432 in 10.20.0.0/16' '+ allow egress@db.internal:tcp:5432 '
sed 's/16/8/' in.msb >wide.msb
differs "a wider network opens" in.msb wide.msb '+ allow egress@db.internal:tcp:5432 in ' 'opens 1 region'
printf 'default egress deny\nallow@db.internal:tcp:5432\nallow@db.internal:udp:53 in 10.20.0.0/16\n' >other.msb
differs "an exception opens other rules on the name, too" everywhere.msb other.msb \
	'+ allow egress@db.internal:tcp:5432 in 10.20.0.0/16'
differs "nothing changes" in.msb in.msb 'no change'

# ---- formats without a word for it ----
for format in rpz dnsmasq; do
	"$policyc" compile --emit $format in.msb >out 2>&1
	[ $? -eq 1 ] && [[ $(<out) == *':2:'*'`in`'*'[cannot-say]'* ]]; say $? "--emit $format refuses"
done
"$policyc" compile --emit dns in.msb >out
grep -q 'but for what this rule allows: in.msb:2 .*in 10.20.0.0/16' out; say $? "--emit dns says it"
finish
