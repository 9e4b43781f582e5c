#!/usr/bin/env bash
# NAT64 prefixes by option, in a file and in microsandbox's shapes; and what two policies of two networks differ in.
# usage: tests/cli/nat64.sh BUILD
set -u
. "$(dirname "$0")/lib.sh"

verdict() { "$policyc" eval "$@" 2>&1 | cut -f1; }
prefix='2001:db8:64::/96' inside='egress@[2001:db8:64::a00:1]:tcp:443'
printf 'default egress deny\nallow@public\n' >plain.msb
printf 'default egress deny\ndns nat64-prefix %s\nallow@public\n' "$prefix" >told.msb
printf 'policy: public\nnat64_prefixes: ["%s"]\n' "$prefix" >told.yaml
"$policyc" compile --emit json told.msb >told.json
same "nat64: not told" allow "$(verdict plain.msb "$inside")"
same "nat64: by option" deny "$(verdict --net-nat64-prefix "$prefix" plain.msb "$inside")"
for file in told.msb told.yaml told.json; do
	same "nat64: by $file" deny "$(verdict "$file" "$inside")"
done
printf 'policy: public\ndns: { nat64_prefixes: ["%s"] }\n' "$prefix" >astray.yaml
contains "nat64: a key that would mean nothing is refused" "$("$policyc" check astray.yaml 2>&1)" 'no such key: .nat64_prefixes.'
printf '{"version":1,"dns":{"nat64_prefixes":["%s"]}}' "$prefix" >astray.json
contains "nat64: in JSON as well" "$("$policyc" check astray.json 2>&1)" 'no such key: .nat64_prefixes.'
same "nat64: a private network may be translated" allow \
	"$(verdict --net-nat64-prefix fd00:64::/96 plain.msb 'egress@[fd00:64::808:808]:tcp:443')"
contains "nat64: not under multi-tenant" \
	"$("$policyc" check --deployment-profile multi-tenant --net-nat64-prefix fd00:64::/96 2>&1)" '[multi-tenant]'
same "nat64: a public one may, for it closes" deny \
	"$(verdict --deployment-profile multi-tenant --net-nat64-prefix "$prefix" --net-rule allow@any "$inside")"
contains "nat64: a wrong length" "$("$policyc" check --net-nat64-prefix 2001:db8::/33 2>&1)" 'RFC 6052'
same "nat64: two that overlap" 2 \
	"$("$policyc" check --net-nat64-prefix 2001:db8::/32 --net-nat64-prefix "$prefix" >out 2>&1; echo $?)"
contains "nat64: explain says what the address carries" "$("$policyc" explain told.msb "$inside")" \
	'class private \(carries 10\.0\.0\.1\)'
contains "nat64: explain refuses what is malformed" \
	"$("$policyc" explain --net-nat64-prefix 2001:db8:65::/64 plain.msb 'egress@[2001:db8:65:0:100::]:tcp:443')" 'RFC 6052'
out=$("$policyc" diff plain.msb told.msb) status=$?
same "nat64: diff exits 1" 1 "$status"
contains "nat64: diff says that the networks differ" "$out" "! dns nat64-prefix $prefix only afterwards"
same "nat64: diff of alike" 0 "$("$policyc" diff told.msb told.json >/dev/null; echo $?)"
same "nat64: diff in JSON" "removed $prefix" \
	"$("$policyc" diff --format json told.msb plain.msb | jq -r '.nat64[] | "\(.change) \(.prefix)"')"
finish
