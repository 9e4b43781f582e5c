#!/usr/bin/env bash
# Every finding of the linter: the policies of tests/cli/lint/ID/badN.msb must raise it, the near misses goodN.msb must
# not; silencing works; the library of policies raises nothing. usage: lint.sh BUILD
set -u
. "$(dirname "$0")/lib.sh"
cd "$root" || exit 3
today=2026-11-24
ids() { # the findings of a policy, sorted, on one line
	"$policyc" check --today $today --format json "$@" | jq -r '.findings[].id' | sort -u | tr '\n' ' '
}
has() { [[ " $1 " == *" $2 "* ]]; }

kinds=0
for dir in tests/cli/lint/*/; do
	id=$(basename "$dir")
	kinds=$((kinds + 1))
	bad=0 good=0
	for file in "$dir"bad*.msb; do
		found=$(ids "$file")
		has "$found" "$id"
		check "raises $id: ${file##*/}" $? "found: $found"
		bad=$((bad + 1))
	done
	for file in "$dir"good*.msb; do
		found=$(ids "$file")
		! has "$found" "$id" && ! has "$found" bad-flow && [[ $("$policyc" check --today $today "$file") != *error* ]]
		check "passes over $id: ${file##*/}" $? "found: $found"
		good=$((good + 1))
	done
	[ $bad -ge 3 ] && [ $good -ge 3 ]
	check "$id has three policies of each kind" $? "$bad bad, $good good"

	file=${dir}bad1.msb
	found=$(ids --disable "$id" "$file")
	! has "$found" "$id"
	check "--disable $id" $? "found: $found"
done
[ $kinds -ge 22 ]
check "all findings have policies" $? "$kinds have"

for file in policies/*.msb; do
	found=$(ids "$file")
	[ -z "$found" ]
	check "silent: $file" $? "found: $found"
done

# a comment with a reason silences its line, one without does not
printf 'default egress deny\ndeny@meta # lint: ignore no-effect kept for readers\nallow@github.com:tcp:443\n' >"$work/reason.msb"
printf 'default egress deny\n# lint: ignore no-effect kept for readers\ndeny@meta\nallow@github.com:tcp:443\n' >"$work/above.msb"
printf 'default egress deny\ndeny@meta # lint: ignore no-effect\nallow@github.com:tcp:443\n' >"$work/none.msb"
! has "$(ids "$work/reason.msb")" no-effect; check "an ignore comment with a reason" $? "it was reported"
! has "$(ids "$work/above.msb")" no-effect; check "an ignore comment on the line above" $? "it was reported"
has "$(ids "$work/none.msb")" no-effect; check "an ignore comment without a reason" $? "it was silent"

# levels and exit statuses
"$policyc" check tests/cli/lint/no-dns/bad1.msb >/dev/null; check "warnings leave the status at 0" $? "status $?"
"$policyc" check --werror tests/cli/lint/no-dns/bad1.msb >/dev/null; [ $? = 1 ]; check "--werror makes warnings count" $? "it did not"
"$policyc" check --werror tests/cli/lint/no-effect/bad1.msb >/dev/null; check "--werror leaves notes alone" $? "status $?"

# every example fares as the finding says
while IFS=$'\t' read -r file example; do
	out=$("$policyc" eval "$file" --batch <<<"$example" | cut -f1)
	[ "$out" = allow ] || [ "$out" = deny ]
	check "an example is a flow: $example" $? "eval says: $out"
done < <(for file in tests/cli/lint/*/bad*.msb; do
	"$policyc" check --today $today --format json "$file" | jq -r --arg f "$file" '.findings[] | select(.example) | [$f, .example] | @tsv'
done)
finish
