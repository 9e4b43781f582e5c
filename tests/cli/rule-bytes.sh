#!/usr/bin/env bash
# `bytes` behind a rule: where it may stand, what reads it and what brings it back.
# usage: rule-bytes.sh BUILD
set -u
. "$(dirname "$0")/lib.sh"
TAP_PREFIX="rule-bytes: "

refused() { # NAME WORDS RULE…
	local name=$1 words=$2
	shift 2
	printf '%s\n' 'default egress deny' "$@" >bad.msb
	"$policyc" check bad.msb >out 2>&1
	same "$name: status" 1 $?
	contains "$name" "$(<out)" "$words"
}
refused "a denial" '`bytes` is for rules that allow.*\[bad-bytes\]' 'deny@8.8.8.8 bytes 1G'
refused "a rule for peers" '`bytes` is for egress rules.*\[bad-bytes\]' 'allow:ingress@8.8.8.8:tcp:80 bytes 1G'
contains "what bounds those" "$(<out)" 'help: .*limit ingress bytes 1G'
refused "a rule for both" '`bytes` is for egress rules' 'allow:any@8.8.8.8:tcp:80 bytes 1G'
contains "what to write then" "$(<out)" 'help: two rules'
refused "none" 'no size: `0`' 'allow@8.8.8.8 bytes 0'
refused "a rate" 'no size: `1M/1s`' 'allow@8.8.8.8 bytes 1M/1s'
refused "more than the kernel counts" 'no size' 'allow@8.8.8.8 bytes 9223372036854775808'
refused "twice behind a rule" '`bytes` is given twice' 'allow@8.8.8.8 bytes 1G bytes 2G'
refused "a rule that is there twice" 'the same rule has a limit of bytes already' 'allow@8.8.8.8 bytes 1G' 'allow@8.8.8.8 bytes 2G'
mapfile -t many < <(seq -f 'allow@10.0.0.%g bytes 1M' 1 65)
refused "too many" 'more than 64 rules with a limit of bytes' "${many[@]}"
printf 'default egress allow\nallow@8.8.8.8 bytes 1G\n' >floor.msb
contains "in a floor" "$("$policyc" compile --emit policy --floor floor.msb --net-default deny 2>&1)" 'a floor counts nothing'

printf 'default egress deny\nallow@{8.8.8.8,a.example}:tcp:443 log bytes 1024M in 10.0.0.0/8\n' >good.msb
sed -i 's/8.8.8.8,//; s/[{}]//g' good.msb
"$policyc" compile --emit json good.msb >again.json 2>/dev/null
same "in JSON" 1073741824 "$(jq '.policy.rules[0].bytes // .rules[0].bytes' again.json)"
same "and back" "no change: both decide every flow alike" "$("$policyc" diff good.msb again.json 2>&1 | head -1)"
same "laid out" 'allow@a.example:tcp:443  in 10.0.0.0/8  bytes 1024M  log' "$("$policyc" fmt - <good.msb | tail -1)"
contains "printed" "$("$policyc" compile --emit policy good.msb)" $'\tbytes 1G\tlog'
printf 'default egress deny\nallow@8.8.8.8:tcp bytes 1G\n' >plain.msb
same "says nothing to check" 0 "$("$policyc" check plain.msb >out 2>&1; echo $?)"
contains "explain says how long" "$("$policyc" explain plain.msb egress@8.8.8.8:tcp:1)" 'until 1G of its flows have passed'
same "and its JSON" 1073741824 "$("$policyc" explain --format json plain.msb egress@8.8.8.8:tcp:1 | jq '[.. | .bytes? // empty] | first')"
contains "a rule's explanation, too" "$("$policyc" explain plain.msb --rule 1)" 'until 1G of its flows have passed'
same "eval takes it to be fresh" 0 "$("$policyc" eval plain.msb egress@8.8.8.8:tcp:1 >out 2>&1; echo $?)"

# The meter is the rule's text: neither its place, nor what else stands behind it, nor the size
meter() { "$policyc" compile --emit nft --gateway 172.16.0.1 "$@" | grep -oE 'quota rule_[0-9a-f]{8}' | head -1; }
printf 'default egress deny\n\n\nallow@9.9.9.9\nallow@8.8.8.8:tcp  bytes 7M because "x" log\n' >moved.msb
same "the same rule elsewhere" "$(meter plain.msb)" "$(meter moved.msb)"
printf 'default egress deny\nallow@8.8.8.8:tcp:80 bytes 1G\n' >other.msb
if [ "$(meter plain.msb)" != "$(meter other.msb)" ]; then ok "another rule has another"; else not_ok "another rule has another" "$(meter other.msb)"; fi
contains "its flows go past no chain, others do" "$("$policyc" compile --emit nft --gateway 172.16.0.1 plain.msb)" 'ct mark != 0x80000000-0xffffffff .*flow add'
finish
