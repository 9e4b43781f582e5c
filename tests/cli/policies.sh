#!/usr/bin/env bash
# The library of policies proves itself: nothing to find, every expectation holds, and every rule, target and
# port is decided by one. multi-tenant.msb means the same over the floor that it is written for.
# usage: policies.sh BUILD
. "$(dirname "$0")/lib.sh"
cd "$root" || exit 3

for policy in policies/*.msb; do
	name=$(basename "$policy" .msb)
	out=$("$policyc" check --werror "$policy" 2>&1)
	check "$name-check" $? "$out"
	[ "${out#*: no findings (}" != "$out" ]
	check "$name-silent" $? "$out"
	out=$("$policyc" test --min-coverage 100 "$policy" 2>&1)
	check "$name-test" $? "$out"
	out=$("$policyc" compile "$policy" 2>&1)
	check "$name-compile" $? "$out"
done
out=$("$policyc" test --deployment-profile multi-tenant policies/multi-tenant.msb 2>&1)
check multi-tenant-floor $? "$out"
finish
