#!/usr/bin/env bash
# Bounds on lookups: what is none is an error, option, file, JSON and YAML say the same, and eval, explain, test and check judge by
# the one that needs no clock.
# usage: dns-limits.sh BUILD
set -u
. "$(dirname "$0")/lib.sh"
TAP_PREFIX="dns-limits: "

# refused NAME WORDS STATEMENT...: an error with these words
refused() {
	local name=$1 words=$2
	shift 2
	printf '%s\n' "$@" >bad.msb
	"$policyc" check bad.msb >out 2>&1
	same "$name: status" 1 $?
	contains "$name" "$(<out)" "$words"
}
refused "no octet" 'no length of a label: `0`' 'limit dns label 0'
refused "more octets than DNS has" 'no length of a label: `64`' 'limit dns label 64'
refused "a label in kilobytes" 'no length of a label: `1K`' 'limit dns label 1K'
refused "no name" 'no rate: `0/1m`' 'limit dns names 0/1m'
refused "more names than are remembered" 'too high to be a bound' 'limit dns names 10001/1m'
refused "an instant" 'too short or too long a time' 'limit dns rate 5/1ms'
refused "two days" 'too short or too long a time' 'limit dns names 5/2880m'
refused "a burst of names" 'limit dns names 50/1m' 'limit dns names 50/1m burst 5'
refused "no burst" 'no burst: `x`' 'limit dns rate 5/1s burst x'
refused "nothing" 'takes a kind and how much' 'limit dns'
refused "another kind" 'no such limit: `size`' 'limit dns size 4'
refused "two values" 'given twice with two values' 'limit dns label 4' 'limit dns label 5'

cat >good.msb <<'END'
default egress deny
allow@*.example.com:tcp:443
limit dns label 8
limit dns names 50/1m
limit dns rate 20/1s burst 40
END
"$policyc" compile --emit json good.msb >again.json 2>/dev/null
same "in JSON" '{"max_label":8,"max_names":{"refill_time_ms":60000,"size":50},"max_rate":{"one_time_burst":40,"refill_time_ms":1000,"size":20}}' \
	"$(jq -cS '.dns|{max_label,max_names,max_rate}' again.json)"
same "and back" "no change: both decide every flow alike" "$("$policyc" diff good.msb again.json 2>&1 | head -1)"
"$policyc" compile --emit json --dns-max-label 8 --dns-max-names 50/1m --dns-max-rate 20/1s --dns-max-rate-burst 40 \
	--net-default-egress deny --net-rule 'allow@*.example.com:tcp:443' >options 2>/dev/null
same "as options" "$(jq -S .dns again.json)" "$(jq -S .dns options)"
cat >sandbox.yaml <<'END'
network:
  policy: none
  allow: ["*.example.com:tcp:443"]
  dns: { max_label: 8, max_names: 50/1m, max_rate: 20/1s, max_rate_burst: 40 }
END
same "in YAML" "$(jq -S .dns again.json)" "$("$policyc" compile --emit json sandbox.yaml 2>out | jq -S .dns)"
same "their layout" "$(<good.msb)" "$("$policyc" fmt - <good.msb)"

eval_of() { "$policyc" eval good.msb "$1" | tr '\t' ' '; }
same "a label of eight octets" "allow 1 good.msb:2:1 allow@*.example.com:tcp:443" "$(eval_of dns@aaaaaaaa.example.com)"
same "one of nine" "deny limit good.msb:3:1 limit dns label 8" "$(eval_of dns@aaaaaaaaa.example.com)"
same "octets are counted, not their escapes" "allow" "$("$policyc" eval good.msb 'dns@\001\002\003\004.example.com' | cut -f1)"
same "over TCP as well" "deny limit good.msb:3:1 limit dns label 8" "$(eval_of dns@aaaaaaaaa.example.com:tcp)"
same "no connection to what is not looked up" "deny limit good.msb:3:1 limit dns label 8" "$(eval_of egress@aaaaaaaaa.example.com:tcp:443)"
same "the host's alias goes nowhere" "allow" "$("$policyc" eval --net-rule allow@dns good.msb dns@host.microsandbox.internal | cut -f1)"
same "what a rule denies is the rule's" "deny" "$("$policyc" eval good.msb dns@other.test | cut -f1)"
contains "explain names the setting" "$("$policyc" explain good.msb dns@aaaaaaaaa.example.com)" 'a label of 9 octets: good.msb:3 limit dns label 8'
same "explain: JSON" "deny limit" "$("$policyc" explain --format json good.msb dns@aaaaaaaaa.example.com | jq -r '"\(.verdict) \(.rule)"')"

{ cat good.msb; echo 'expect allow dns@aaaaaaaaa.example.com'; } >contrary.msb
"$policyc" test contrary.msb >out 2>&1
same "an expectation that it contradicts: status" 1 $?
contains "an expectation that it contradicts" "$(<out)" 'contrary.msb:3:1: note: denied, since a label'
{ cat good.msb; echo 'allow@aaaaaaaaa.example.org:tcp:443'; } >never.msb
"$policyc" check never.msb >out 2>&1
contains "a name that is never looked up" "$(<out)" 'never.msb:6:1: warning: never decides: no lookup of its name is allowed'
contains "and why" "$(<out)" 'never.msb:3:1: note: a label of it is longer than this'
grep -v '^limit' never.msb >free.msb
"$policyc" diff free.msb never.msb >out
contains "diff: what closes by it" "$(<out)" '^- deny +dns@aaaaaaaaa.example.org'
finish
