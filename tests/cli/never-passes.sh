#!/usr/bin/env bash
# What nothing passes to counts for nothing: in coverage, in what a rule decides, in a diff. usage: never-passes.sh BUILD
. "$(dirname "$0")/lib.sh"
say() { check "$2" "$1" "$(head -c 600 out)"; } # STATUS NAME: a failure shows what was printed

printf 'default egress deny\nallow@dns\nallow@{github.com,127.0.0.1}:tcp:{443,853}\nallow@public:udp:853\n' >dead.msb
printf 'expect allow egress@github.com:tcp:443\nexpect allow dns@a.org\nexpect deny egress@10.0.0.1:tcp:9\n' >>dead.msb
"$policyc" test dead.msb >out
grep -q '3 of 3 rules .*, 4 of 4 items' out; say $? "coverage asks for no flow that there is none of"

printf 'default egress deny\nallow@dns\nallow@public:tcp:443\nallow@github.com:tcp:443\n' >behind.msb
"$policyc" check behind.msb >out
grep -q ':4:1: .*redundant-rule' out; say $? "a rule that decides DNS over TLS alone is redundant"
printf 'default egress deny\nallow@github.com:tcp:443\nallow@any:tcp:853\nallow@private:tcp:443 because "inside"\n' >dot.msb
"$policyc" check dot.msb >out
grep -q ':3:1: .*never-passes' out; say $? "a rule on its port alone lets nothing pass"

printf 'default egress deny\nallow@github.com:tcp:443\n' >plain.msb
for rule in 'allow@127.0.0.1:tcp:80' 'allow@public:udp:853' 'allow@multicast:udp:5000' 'allow@[fe80::1]:tcp:22'; do
	printf 'default egress deny\nallow@github.com:tcp:443\n%s\n' "$rule" >more.msb
	"$policyc" diff plain.msb more.msb >out
	grep -q 'no change' out; say $? "diff: $rule changes nothing"
done
for flow in egress@127.0.0.1:tcp:80 egress@[::1]:icmpv6 egress@224.0.0.1:udp:80 egress@255.255.255.255:udp:67 \
	egress@[fe80::1]:tcp:22 egress@[ff02::1]:icmpv6 dns@github.com:dot egress@8.8.8.8:tcp:853; do
	"$policyc" eval --net-default allow "$flow" >out
	[[ $(<out) == deny$'\t'refused$'\t'* ]]; say $? "eval: $flow"
	"$policyc" explain --net-default allow "$flow" >out
	grep -q 'DENY *refused' out; say $? "explain: $flow"
	"$policyc" eval --net-default allow --net-rule deny@any "$flow" >out
	[[ $(<out) == deny* ]]; say $? "eval, denied by a rule: $flow"
done
finish
