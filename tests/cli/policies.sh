#!/usr/bin/env bash
# The library of policies proves itself: nothing to find, every expectation holds, and every rule, target and
# port is decided by one. multi-tenant.msb means the same over the floor that it is written for.
build=${1:?usage: policies.sh BUILD}
cd "$(dirname "$0")/../.." || exit 3

report() { # NAME STATUS OUTPUT
	if [ "$2" -eq 0 ]; then echo "ok $1"; else printf 'not ok %s - %s\n%s\n' "$1" "$2" "$3"; fi
}
for policy in policies/*.msb; do
	name=$(basename "$policy" .msb)
	out=$("$build/msb-policyc" check --werror "$policy" 2>&1)
	report "$name-check" $? "$out"
	[ "${out#*: no findings (}" != "$out" ]
	report "$name-silent" $? "$out"
	out=$("$build/msb-policyc" test --min-coverage 100 "$policy" 2>&1)
	report "$name-test" $? "$out"
	out=$("$build/msb-policyc" compile "$policy" 2>&1)
	report "$name-compile" $? "$out"
done
out=$("$build/msb-policyc" test --deployment-profile multi-tenant policies/multi-tenant.msb 2>&1)
report multi-tenant-floor $? "$out"
