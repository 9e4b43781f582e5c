#!/usr/bin/env bash
# A suggested edit never breaks what it mends: each, applied, leaves a policy that compiles, without that finding and without a
# new one. All findings' own examples, the linter's policies, the library, and random policies. usage: suggested-edits.sh BUILD
set -u
. "$(dirname "$0")/lib.sh"
export PATH="$BUILD:$PATH"
edits() { python3 "$root/tests/cli/suggested-edits.py" "$policyc" "$@"; }

mkdir "$work/examples"
msb-policyc check --explain all | awk -v dir="$work/examples/" '
	/^[a-z][a-z0-9-]* \(/ { id = $1; n[id]++ } /^    raises it:/ { on = 1; next } /^    [^ ]/ || /^$/ { on = 0; next }
	on && !/^        \$ / { sub(/^        /, ""); print > (dir id n[id] ".msb") }'
out=$(edits "$work"/examples/*.msb); check "every finding's example" $? "$out"
out=$(edits "$root"/tests/cli/lint/*/*.msb "$root"/policies/*.msb); check "the linter's policies and the library" $? "$out"
cat >"$work/errors.msb" <<'END'
defualt egress deny
alow@public
alow@pubic:tcp
allow@dsn:tcp:443
allow@github.com:443
allow@[10.0.0.1]:tcp
allow:egres@x.com
allow@x.com:tpc
allow@2606:4700::1111:tcp:443
allow@10.0.0.0/255.0.0.0
allow@x.com:tcp:90-80
allow@a.*.example.com:udp
allow@suffix=*.example.com
expect allow egrss@github.com:tcp:443
expect allow egress@github.com:443
END
out=$(edits "$work/errors.msb" "$root"/tests/golden/*/*.msb); check "errors" $? "$out"
[ "$(msb-policyc check --format json "$work/errors.msb" | jq '[.findings[] | select(.edits)] | length')" = 13 ]
check "errors have edits" $? "$(msb-policyc check --format json "$work/errors.msb" | jq -c '.findings[] | [.line, .edits]')"
out=$(edits --random $((300 * ${MSB_TEST_EFFORT:-100} / 100 + 1)) "${MSB_SEED:-7}"); check "random policies" $? "$out"

# a check offers its edits, and never gives one that was not tried
out=$(grep -n diag_edit "$root"/compiler/lint/check_*.c); [ -z "$out" ]; check "none untried" $? "$out"

# of a rule with a comment that silences nothing the comment alone goes, whatever ends the lines
for end in '\n' '\r\n'; do
	printf "default egress deny${end}allow@github.com:tcp:443\t # lint: ignore no-dns why$end" >"$work/comment.msb"
	out=$(msb-policyc check --format json "$work/comment.msb" | jq -c '[.findings[].edits[] | [.line, .column, .endLine, .endColumn, .text]]')
	[ "$out" = '[[2,25,2,52,""]]' ]; check "the comment alone, $end" $? "$out"
done

# the default of an empty file stands at its end where the file begins with a mark
printf '\xef\xbb\xbf# nothing yet\n' >"$work/mark.msb"
out=$(msb-policyc check --format json "$work/mark.msb" | jq -c '[.findings[] | select(.id == "implicit-default").edits[] | [.line, .text]]')
[ "$out" = '[[2,"default egress deny\n"]]' ]; check "behind a mark" $? "$out"

# where `deny@host` would end DNS, the help says what does not
printf 'default egress deny\nallow@any\n' >"$work/any.msb"
out=$(msb-policyc check "$work/any.msb")
[[ $out == *'`allow@dns`, then `deny@{private,link-local,host}`'* ]]; check "lookups stay allowed" $? "$out"

# what is in an argument is tried as well
out=$(msb-policyc check --net-default deny --net-rule 'allow@any')
[[ $out == *"'allow@dns,deny@{private,link-local,host}'"* ]]; check "arguments" $? "$out"

# one finding where lookups end, which says why and how to have them
printf 'default egress deny\ndeny@{private,host} because "nothing inside"\n' >"$work/nodns.msb"
printf 'allow@%s.example.com:tcp:443\n' a b c d e f >>"$work/nodns.msb"
out=$(msb-policyc check "$work/nodns.msb")
[ "$(grep -c 'warning:' <<<"$out")" = 1 ] && [[ $out == *"group host judges lookups"* && $out == *'drop `host`'* ]]
check "DNS ended once" $? "$out"

out=$(msb-policyc explain "$work/nodns.msb" dns@a.example.com)
[[ $out == *"because group host judges lookups"* ]]; check "explain says why" $? "$out"

# SARIF has the same edits
out=$(msb-policyc check --format sarif "$work/any.msb")
jq -e '.runs[0].results[] | select(.ruleId == "metadata-reachable") | .fixes[0].artifactChanges[0].replacements[0].insertedContent.text == "deny@meta\n"' <<<"$out" >/dev/null
check "fixes in SARIF" $? "$out"
finish
