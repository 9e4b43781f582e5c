#!/usr/bin/env bash
# docs/events.md: its examples are as docs/events.schema.json says, one of each kind at least, as msb-policyc reads them too; and the schema
# is not for everything. usage: events-schema.sh BUILD
set -u
. "$(dirname "$0")/lib.sh"
schema=$root/docs/events.schema.json

sed -n '/^```json$/,/^```$/{/^```/!p}' "$root/docs/events.md" >examples
python3 "$root/tests/e2e/tools/events-valid.py" "$schema" examples >.out 2>&1
check examples $? "$(cat .out)"
same each-kind-has-one "$(jq -r '.properties.kind.enum[]' "$schema" | sort)" "$(jq -r .kind examples | sort -u)"
"$policyc" suggest examples >.out 2>.err
same read-by-suggest 0 $?
contains read-by-suggest/counted "$(cat .err)" '^msb-policyc: 43 denials'

# valid FILTER: whether the first example is, so changed
valid() {
	head -1 examples | jq -c "$1" >changed
	python3 "$root/tests/e2e/tools/events-valid.py" "$schema" changed >/dev/null 2>&1 && echo valid || echo not
}
same as-it-is valid "$(valid .)"
for change in 'del(.id)' 'del(.flow)' 'del(.rule)' '.kind = "other"' '.rule = 0' '.rule = "10"' '.time = "09:26:44"' '.unheard_of = 1' \
	'.count = 0' '.since = .time' '.bytes_sent = 1' '.sandbox = "../x"' '.version = 2' '.kind = "stop"' '.verdict = "maybe"'; do
	same "changed:$change" not "$(valid "$change")"
done
finish
