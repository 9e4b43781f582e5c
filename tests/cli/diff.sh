#!/usr/bin/env bash
# diff by the command line: wording, order, statuses, formats; examples answer as they say. usage: diff.sh BUILD
set -u
. "$(dirname "$0")/lib.sh"
say() { check "$2" "$1" "$(head -c 300 out)"; } # STATUS NAME: a failure shows what was printed
cat >old.msb <<'P'
# A coding agent: clone, install Python packages, nothing else.
default egress deny
group vcs  = github.com, raw.githubusercontent.com
group pypi = pypi.org, *.pythonhosted.org

deny@meta               because "no cloud credentials"
allow@vcs:tcp:{22,443}  because "clone and release assets"  until 2027-06-30
allow@pypi:tcp:443
P
sed 's/{22,443}/443/; s/allow@pypi:tcp:443/allow@pypi:tcp:{80,443}/' old.msb >agent.msb
printf 'allow@10.20.0.0/16:tcp:5432   because "staging database"\npublish 127.0.0.1:8080:80/tcp\n' >>agent.msb
cat >expected <<'P'
+ allow egress@10.20.0.0/16:tcp:5432   e.g. egress@10.20.0.0:tcp:5432
    was  default egress deny         <stdin>:2
    now  allow@10.20.0.0/16:tcp:5432 agent.msb:9   because "staging database"
+ allow egress@{pypi.org,*.pythonhosted.org}:tcp:80   e.g. egress@pypi.org:tcp:80
    was  default egress deny         <stdin>:2
    now  allow@pypi:tcp:{80,443}     agent.msb:8
- deny  egress@{github.com,raw.githubusercontent.com}:tcp:22   e.g. egress@github.com:tcp:22
    was  allow@vcs:tcp:{22,443}      <stdin>:7
    now  default egress deny         agent.msb:2
+ publish 127.0.0.1:8080 to the guest's tcp:80, reachable from this host only   agent.msb:10

opens 2 regions and 1 port, closes 1 region
P
"$policyc" diff - agent.msb <old.msb >out; status=$?
cmp -s out expected; say $? "the model of a diff, word for word"
[ $status = 1 ]; say $? "a difference is status 1"
"$policyc" diff --fail-on none old.msb agent.msb >out; say $? "--fail-on none"
"$policyc" diff --fail-on opened agent.msb old.msb >out; [ $? = 1 ]; say $? "--fail-on opened where something opens"
printf 'default egress deny\nallow@dns\nallow@public\n' >wide.msb
printf 'default egress deny\nallow@dns\n' >narrow.msb
"$policyc" diff --fail-on opened wide.msb narrow.msb >out; say $? "--fail-on opened where things close only"
"$policyc" diff --fail-on sometimes wide.msb narrow.msb >out 2>&1; [ $? = 2 ]; say $? "--fail-on takes three words"
"$policyc" diff - - >out 2>&1 </dev/null; [ $? = 2 ]; say $? "standard input is one side at most"
"$policyc" diff wide.msb missing.msb >out 2>&1; [ $? = 3 ]; say $? "a file that is not there"

# equal policies in other words
alike() { # NAME OLD NEW
	printf '%b' "$2" >a.msb
	printf '%b' "$3" >b.msb
	"$policyc" diff a.msb b.msb >out; status=$?
	[ $status = 0 ] && [ "$(cat out)" = "no change: both decide every flow alike" ]; say $? "$1"
}
alike "two halves are the whole" 'default egress deny\nallow@10.0.0.0/8\n' 'default egress deny\nallow@10.0.0.0/9\nallow@10.128.0.0/9\n'
alike "ports in two rules or one" 'default egress deny\nallow@dns\nallow@public:tcp:{80,443}\n' 'default egress deny\nallow@dns\nallow@public:tcp:443\nallow@public:tcp:80\n'
alike "a profile and its rules" 'profile public\n' 'default egress deny\nallow@dns\nallow@public\n'
alike "comments, groups" 'default egress deny\nallow@{a.example,b.example}:tcp:443\n' '# x\ndefault egress deny\ngroup g = a.example, b.example\nallow@g:tcp:443\n'
alike "a default and a rule on any" 'default egress allow\n' 'default egress deny\nallow@any\n'

# each example answers `was` for the old policy and `now` for the new one
i=0
while IFS=$'\t' read -r was now example; do
	[ "$("$policyc" eval old.msb --batch <<<"$example" | cut -f1)" = "$was" ] &&
		[ "$("$policyc" eval agent.msb --batch <<<"$example" | cut -f1)" = "$now" ]
	say $? "an example changes: $example"
	i=$((i + 1))
done < <("$policyc" diff --format json old.msb agent.msb | jq -r '.changes[] | [.was, .now, .example] | @tsv')
[ $i = 3 ]; say $? "three changes in JSON"
"$policyc" diff --format json old.msb agent.msb >out; cp out json
[ "$(jq -r '.published[0] | "\(.change) \(.bind) \(.hostPort) \(.guestPort) \(.protocol)"' out)" = "added 127.0.0.1 8080 80 tcp" ]
say $? "publishing in JSON"
"$policyc" diff --format markdown old.msb agent.msb >out
[ "$(head -1 out)" = "<!-- msb-policyc diff agent.msb -->" ]; say $? "Markdown begins with its mark"
[ "$(sed -n 2p out)" = '### Network policy `agent.msb`: opens 3, closes 1' ]; say $? "Markdown counts"
grep -qF '| **opens** | `publish 127.0.0.1:8080` to guest `tcp:80` | | | line 10 |' out; say $? "Markdown has the published port"
printf 'allow@b.org:tcp:443\n' >inc.msb
printf 'default egress deny\ninclude "inc.msb"\nallow@a.org\n' >including.msb
printf 'default egress deny\n' >closed.msb
"$policyc" diff --format markdown closed.msb including.msb >out
grep -qF '| `dns@b.org` | `default egress deny` | `inc.msb` line 1 `allow@b.org:tcp:443` |' out; say $? "Markdown names the include that a rule is in"
grep -qF '| `default egress deny` | line 3 `allow@a.org` |' out; say $? "Markdown has the line of the compared file's own"
printf 'default egress deny\ndns rebind-protection off\n' >unprotected.msb
"$policyc" diff --format markdown closed.msb unprotected.msb --net-rule deny@10.0.0.0/8 >out
grep -qF '| `arg:1` `deny@10.0.0.0/8` |' out; say $? "Markdown names the option that a rule is in"
grep -qF '| `answer@any reserved address` except `10.0.0.0/8` |' out; say $? "rebind protection switched off opens any reserved address, but for"
[ "$("$policyc" diff closed.msb unprotected.msb | head -1)" = "+ allow answer@any reserved address   e.g. answer@0.0.0.1" ]
say $? "rebind protection switched off opens any reserved address"
for i in $(seq 0 2 80); do echo "allow@10.$i.0.0/16"; done >many.msb
echo "allow@{meta,link-local}" >>many.msb
{ echo "default egress deny"; echo "allow@{$(sed -n 's/allow@\(10.*\)/\1/p' many.msb | paste -sd,),meta}"; } >many2.msb
"$policyc" diff closed.msb many2.msb >out
grep -q '^+ allow egress@{meta,10\.0\.0\.0/16,.*… 18 more}' out; say $? "of more than are shown, groups come first"
python3 -c 'import json, sys, jsonschema
jsonschema.validate(json.load(open(sys.argv[1])), json.load(open(sys.argv[2])))' json "$root/docs/diff.schema.json" >out 2>&1
say $? "the JSON fits its schema"
# what two bound names show for all ports does not hold where a rule on addresses comes first
printf 'default egress deny\nallow:any@any:tcp:443\nallow@*.corp.example in 10.0.0.0/8\nallow:any@a.example\n' >old.msb
printf 'default egress deny\nallow:any@any:tcp:443\ndeny@*.corp.example\nallow:any@a.example\n' >new.msb
contains "two names, one port left out" "$("$policyc" diff old.msb new.msb)" \
	'egress@a\.example:\{tcp,udp\}:\{0-442,444-65535\}, bound to corp\.example too'
"$policyc" diff --format json old.msb new.msb | jq -r '.changes[] | .example' >flows
same "each example closes" "" "$("$policyc" eval new.msb --batch <flows | grep -v ^deny)"
finish
