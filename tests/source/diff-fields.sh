#!/usr/bin/env bash
# Every field of a policy has a row in compiler/diff/fields.def, so that no diff forgets one; and what is told as a setting
# has a row in the test that changes it. usage: diff-fields.sh BUILD
set -u
. "$(dirname "$0")/../tap.sh"
TAP_PREFIX="diff-fields: "
cd "$(dirname "$0")/../.." || exit 3

# STRUCT FIELD of every struct of policy.h that is part of a policy: comments away, a statement a line
fields() {
	python3 - compiler/policy/policy.h <<'P'
import re, sys
text = re.sub(r"/\*.*?\*/", "", open(sys.argv[1]).read(), flags=re.S)
bodies = {m[1]: m[2] for m in re.finditer(r"^struct (\w+) \{\n(.*?)^\};?", text, re.S | re.M)}
seen, todo = set(), ["policy"]
while todo:
    name = todo.pop()
    if name in seen or name not in bodies or name in ("flow", "flow_binding"):
        continue
    seen.add(name)
    body = re.sub(r"(?:struct|union|enum) \{.*?\}", "int", bodies[name], flags=re.S)
    for statement in body.split(";"):
        statement = " ".join(statement.split())
        if not statement:
            continue
        todo += re.findall(r"struct (\w+)", statement)
        first, *more = re.sub(r"\[[^]]*\]", "", statement).split(",")
        if first.startswith("LIST_OF("):
            first = first.split(")", 1)[1]
        for declarator in [first, *more]:
            print(name, re.findall(r"\w+", declarator)[-1])
# lists of a kind are their items
P
}
rows() { sed -nE 's/^DIFF_FIELD\((\w+), (\w+), (\w+)\)$/\1 \2 \3/p' compiler/diff/fields.def; }

listed=$(rows | cut -d' ' -f1,2 | sort)
lists="policy_targets policy_port_list"
all=$(fields | grep -vE "^(${lists// /|}) |^(sources|arena|source|source_tree|place|span|diags|diag) " | sort -u)
[ "$(wc -l <<<"$all")" -gt 60 ]; check "the header is understood" $? "$(wc -l <<<"$all") fields"
missing=$(comm -23 <(echo "$all") <(echo "$listed"))
check "every field of a policy has a row in fields.def" "$([ -z "$missing" ]; echo $?)" "without a row"$'\n'"$missing"
unknown=$(rows | grep -vE ' (VERDICTS|SETTINGS|PUBLISHES|NETWORKS|NOTHING)$')
check "each says where it is told" "$([ -z "$unknown" ]; echo $?)" "which is none of the five"$'\n'"$unknown"
tested=$(sed -nE 's/^(setting|shape) .((policy\w*\.\w+ ?)+). .*/\2/p' tests/cli/diff-settings.sh | tr ' ' '\n' | sort -u)
untested=$(comm -13 <(echo "$tested") <(rows | sed -nE 's/^(\w+) (\w+) SETTINGS$/\1.\2/p' | sort))
check "each setting is changed by tests/cli/diff-settings.sh" "$([ -z "$untested" ]; echo $?)" "not there"$'\n'"$untested"
finish
