#!/usr/bin/env bash
# What is silenced is said right: an unknown id of --disable is a usage error, whatever the form of output; a comment of an
# included file is not called useless by a policy that does not need it. usage: disable.sh BUILD
. "$(dirname "$0")/lib.sh"
export PATH="$BUILD:$PATH"

printf 'default egress deny\nallow@github.com:tcp:443\n' >plain.msb
for format in text json sarif github; do
	out=$(msb-policyc check --format $format --disable no-efect plain.msb 2>&1)
	[ $? = 2 ] && [[ $out == *'did you mean `no-effect`'* ]]
	check "unknown-id-$format" $? "$out"
done
out=$(msb-policyc check --disable whatever plain.msb 2>&1)
[ $? = 2 ] && [[ $out == *"--explain all"* ]]
check no-such-id $? "$out"
msb-policyc check --werror --disable no-effect --disable useless-ignore plain.msb >out 2>&1
check known-ids $? "$(<out)"

printf 'group nets = 10.1.2.0/24 # lint: ignore masked-cidr others have 10.1.2.3/24 here\n' >shared.msb
printf 'default egress deny\ninclude "shared.msb"\nallow@nets:tcp:22\n' >user.msb
out=$(msb-policyc check user.msb)
same comment-of-an-include "user.msb: no findings (1 rule, default egress deny, default ingress allow)" "$out"
printf 'group nets = 10.1.2.0/24 # lint: ignore masked-cdir a typing mistake\n' >shared.msb
out=$(msb-policyc check user.msb)
[[ $out == *'shared.msb:1'*'did you mean `masked-cidr`'* ]]
check unknown-id-of-an-include $? "$out"
: >empty.msb
out=$(msb-policyc check plain.msb empty.msb --format json)
[[ $out == *'"file": "empty.msb"'* ]]
check place-of-the-second-file $? "$out"
finish
