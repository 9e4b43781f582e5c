#!/usr/bin/env bash
# A file of shared groups says `library`: checked, tested and laid out it is silent, and no command that judges flows takes it
# for a policy. usage: library.sh BUILD
. "$(dirname "$0")/lib.sh"
export PATH="$BUILD:$PATH"

printf 'library\ngroup nets = 10.0.0.0/8\ngroup vcs  = github.com\ngroup web  = vcs, example.com\n' >lib.msb
printf 'default egress deny\ninclude "lib.msb"\nallow@vcs:tcp:443\nexpect allow egress@github.com:tcp:443\n' >user.msb
same check "lib.msb: no findings (library, 3 groups)" "$(msb-policyc check --werror lib.msb)"
same test "lib.msb: library, 3 groups" "$(msb-policyc test lib.msb)"
msb-policyc test lib.msb >/dev/null; check test-status $? "not 0"
out=$(msb-policyc fmt --check lib.msb); check fmt $? "$out"
out=$(msb-policyc test --format json lib.msb); [[ $out == *'"library": true'* ]]; check test-json $? "$out"
out=$(msb-policyc test --format tap lib.msb user.msb); [[ $out == *$'ok 1 - user.msb'*$'\n1..1' ]]; check test-tap $? "$out"
out=$(msb-policyc test --format junit lib.msb); check test-junit $? "$out"

# whoever includes it is told nothing of groups that others use
same includer "user.msb: no findings (1 rule, default egress deny, default ingress allow)" "$(msb-policyc check --werror user.msb)"
{ cat user.msb; echo 'group mine = example.org'; } >own.msb
out=$(msb-policyc check own.msb)
[[ $out == *'own.msb:5:'*'`mine`'*'own.msb: 1 warning'* ]]; check own-group $? "$out"

# as a policy it is refused by whatever judges
refused() { # NAME COMMAND…
	out=$("${@:2}" 2>&1)
	[ $? = 1 ] && [[ $out == *"lib.msb:1:1: error: a library is no policy"* ]]
	check "refused-by-$1" $? "$out"
}
refused eval msb-policyc eval lib.msb dns@example.com
refused explain msb-policyc explain lib.msb dns@example.com
refused compile msb-policyc compile lib.msb
refused json msb-policyc compile --emit json lib.msb
refused diff-before msb-policyc diff lib.msb user.msb
refused diff-after msb-policyc diff user.msb lib.msb
out=$(msb-run --policy lib.msb --vmm none -- true 2>&1)
[ $? != 0 ] && [[ $out == *"a library is no policy"* ]]; check refused-by-msb-run $? "$out"

# its own errors and findings are found
printf 'library\ngroup vcs = github.com, nosuch\n' >bad.msb
out=$(msb-policyc check bad.msb); [[ $out == *'no such target: `nosuch`'* ]]; check errors $? "$out"
printf 'library\ngroup nets = 10.1.2.3/8\nallow@*.co.uk\n' >bad.msb
out=$(msb-policyc check bad.msb); [[ $out == *masked-cidr* && $out == *wildcard-public-suffix* ]]; check findings $? "$out"
printf 'group vcs = github.com\nlibrary\n' >bad.msb
out=$(msb-policyc check bad.msb 2>&1); [[ $out == *'bad.msb:2:1: error: `library` is the first statement'* ]]; check misplaced $? "$out"
printf 'library of groups\n' >bad.msb
out=$(msb-policyc check bad.msb 2>&1); [[ $out == *'bad.msb:1:9: error:'* ]]; check words-behind $? "$out"
printf '# shared\n\n   library   # by all\ngroup vcs = github.com\n' >late.msb
out=$(msb-policyc check late.msb); [[ $out == *"(library, 1 group)" ]]; check behind-comments $? "$out"
msb-policyc fmt late.msb >/dev/null
same layout $'# shared\n\nlibrary  # by all\ngroup vcs = github.com' "$(<late.msb)"
finish
