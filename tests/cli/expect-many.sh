#!/usr/bin/env bash
# An expectation of many flows: a network is not taken for a name, a flow that fares otherwise is shown, every printer has it,
# and what a single flow does not take is an error with what to write. usage: expect-many.sh BUILD
. "$(dirname "$0")/lib.sh"
export PATH="$BUILD:$PATH"

expect() { # holds|SHOWN NAME EXPECTATION: of the policy in rules.msb
	{ cat rules.msb; echo "$3"; } >policy.msb
	out=$(msb-policyc test policy.msb 2>&1)
	status=$?
	if [ "$1" = holds ]; then
		[[ $out == *"1 of 1 expectation holds"* ]]
	else
		[ "$status" = 1 ] && [[ $out == *"$1"* ]]
	fi
	check "$2" $? "$3"$'\n'"$out"
}

cat >rules.msb <<-'END'
	default any deny
	group vcs = github.com, *.githubusercontent.com
	deny@*.ads.com
	allow@vcs:tcp:{22,443}
	allow@10.1.0.0/16:tcp:443
	allow@mail.example.com:tcp:25
END
expect "e.g. egress@10.1.0.0:tcp:443 is allowed" network-is-no-name "expect deny egress@10.0.0.0/8:tcp:443"
expect holds network "expect deny egress@10.2.0.0/16:tcp:443"
expect holds group-without-ports "expect deny egress@meta"
expect holds list-of-names "expect allow egress@{github.com,*.githubusercontent.com}:tcp:{22,443}"
expect "is denied" list-of-names-fails "expect allow egress@{github.com,gitlab.com}:tcp:22"
expect holds group-of-the-file "expect deny egress@vcs:udp"
expect "resolve=mail.example.com=" address-bound-to-a-name "expect deny egress@any:tcp:25"
expect holds any-port "expect deny egress@any:tcp:26"
expect holds lookups "expect deny dns@*.ads.com"
expect "dns@gitlab.com is denied" lookups-fail "expect allow dns@{github.com,gitlab.com}"
expect holds answers "expect deny answer@10.0.0.0/8"
expect holds peers "expect deny ingress@public:tcp"
expect holds icmp "expect deny egress@public:icmpv4"
expect "and there is none" nothing-tested "expect allow egress@10.0.0.0/8:icmpv6"
expect "[bad-cidr]" no-network "expect deny egress@10.0.0.0/33"
expect "did you mean \`private\`" no-group "expect deny egress@privat:tcp:22"
expect "nobody looks it up" lookup-of-a-group "expect deny dns@public"
expect "go with one flow" resolve-of-many "expect deny egress@private:tcp:22 resolve=a.b=10.0.0.1"
expect "none of these addresses" resolve-of-another "expect deny egress@10.0.0.1:tcp:22 resolve=a.b=10.0.0.2"
expect "no server name is looked at" sni-of-udp "expect deny egress@10.0.0.1:udp:22 sni=a.b"

{ cat rules.msb; printf 'expect deny egress@{\n\t10.0.0.0/8, # all\n\tvcs\n}:tcp\nexpect deny egress@{10.2.0.0/16,vcs}:udp\n'; } >policy.msb
msb-policyc fmt policy.msb >/dev/null
out=$(<policy.msb)
[[ $out == *$'expect deny egress@{\n\t10.0.0.0/8,'*'# all'*$'\tvcs\n}:tcp\n'*"expect deny  egress@{10.2.0.0/16,vcs}:udp"* ]]
check fmt $? "$out"
out=$(msb-policyc test --format json policy.msb)
[[ $out == *'"flow": "egress@{10.0.0.0/8,vcs}:tcp"'*'"holds": false'*'"example": "egress@'*'"flows": "every one"'* ]]
check json $? "$out"
out=$(msb-policyc test --format tap policy.msb)
[[ $out == *"not ok 1 "*"of every flow, of which egress@"*"ok 2 "* ]]
check tap $? "$out"
msb-policyc compile --emit json policy.msb >policy.json
one=$(msb-policyc test policy.msb | grep -c 'is allowed') two=$(msb-policyc test policy.json | grep -c 'is allowed')
same round-trip-json "1 1" "$one $two"

flow() { # FLOW TEXT: eval, explain and a batch refuse it alike
	out=$(msb-policyc eval rules.msb "$1" 2>&1)
	[ $? = 2 ] && [[ $out == *"$2"* ]]
	check "eval $1" $? "$out"
	out=$(msb-policyc explain rules.msb "$1" 2>&1)
	[ $? = 2 ] && [[ $out == *"$2"* ]]
	check "explain $1" $? "$out"
	out=$(msb-policyc eval rules.msb --batch <<<"$1" 2>&1)
	[[ $out == error$'\t'* ]]
	check "batch $1" $? "$out"
}
flow egress@private:tcp:22 "help: egress@10.0.0.1:tcp:22"
flow egress@10.0.0.0/8:tcp:22 "is many addresses"
flow "egress@{a.org,b.org}:tcp:22" "a list is many flows"
flow "dns@*.a.org" "is many names"
flow dns@public "is many names"
flow egress@vcs:tcp:22 "help: egress@github.com:tcp:22"
flow egress@vcs "help: egress@github.com:tcp:443"
flow dns@vcs "help: dns@github.com"
flow egress@web:tcp:80 "help: egress@domain=web:tcp:80"
flow "egress@a.org:tcp:443 sni=*.x" "no server name"
flow "egress@a.org:tcp:443 sni=10.0.0.0/8" "no server name"
flow "egress@a.org:tcp:443 resolve=b.org=1.2.3.4" 'does not concern `b.org`'
finish
