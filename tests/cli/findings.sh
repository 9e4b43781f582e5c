#!/usr/bin/env bash
# Every id explains itself truly: the file that `check --explain ID` shows as bad raises the id; the mended one has
# no error, and where the id is a warning or a note it raises nothing at all. The manual holds the same texts.
# usage: findings.sh BUILD
. "$(dirname "$0")/lib.sh"
export PATH="$BUILD:$PATH"

section() { # ID "raises it"|mended: the lines under that heading
	awk -v id="$1 (" -v head="    $2:" 'index($0, id) == 1 { mine = 1; next } /^[a-z]/ { mine = 0 }
		/^    [^ ]/ || /^$/ { on = mine && $0 == head; next } on { sub(/^        /, ""); print }' all
}
findings() { # of what a section holds: a command, or a file
	if [ "${1#\$ }" != "$1" ]; then
		bash -c "${1#\$ }" 2>&1 </dev/null
	else
		printf '%s\n' "$1" >policy.msb
		msb-policyc check policy.msb 2>&1
	fi
}

msb-policyc check --explain all >all
out=$(msb-policyc check --explain no-dns)
[[ $(<all) == *"$out"* ]]; check one-id $? "$out"
out=$(sed -n 's/^\([a-z][a-z0-9-]*\) (\(error\|warning\|note\))$/\1/p' all | sort | uniq -d)
[ -z "$out" ]; check once-each $? "$out"
for id in $(sed -n 's/^\([a-z][a-z0-9-]*\) (\(error\|warning\|note\))$/\1/p' all); do
	bad=$(section "$id" "raises it")
	[ -n "$bad" ]; check "$id-example" $? "there is none"
	out=$(findings "$bad")
	[[ $out == *"[$id]"* ]]; check "$id" $? "not raised"$'\n'"$out"
	out=$(findings "$(section "$id" mended)")
	[[ $out == *": no findings ("* ]] || { [[ $out != *" error: "* ]] && grep -q "^$id (error)" all; }
	check "$id-mended" $? "not silent"$'\n'"$out"
done

out=$("$root/docs/findings.sh" --check "$BUILD")
check manual $? "$out"
finish
