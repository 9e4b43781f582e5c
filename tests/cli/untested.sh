#!/usr/bin/env bash
# `test` of a policy without expectations prints lines that, pasted, hold and decide every rule that decides anything: for the
# library's policies and those of the transcripts. usage: untested.sh BUILD
. "$(dirname "$0")/lib.sh"
export PATH="$BUILD:$PATH"

for file in "$root"/policies/*.msb "$root"/tests/vectors/transcripts/files/{agent,untested,reordered}.msb; do
	name=$(basename "$file")
	grep -v '^expect' "$file" >"$name"
	out=$(msb-policyc test "$name")
	[ $? = 1 ] && [[ $out == "$name: no expectations, nothing was tested"* && $out == *$'\nexpect '* ]]
	check "$name-lines" $? "$out"
	grep '^expect ' <<<"$out" >>"$name"
	out=$(msb-policyc test --min-coverage 100 "$name")
	check "$name-pasted" $? "$out"
	out=$(msb-policyc fmt --diff "$name" | grep '^[-+]expect')
	same "$name-canonical" "" "$out"
done
finish
