#!/usr/bin/env bash
# The library of policies: `init` writes one, `include <name>` puts one into another. usage: templates.sh BUILD
set -u
. "$(dirname "$0")/lib.sh"

run() { "$policyc" "$@" >.out 2>.err; status=$?; }
run init
same init/lists-every-policy "0 $(cd "$root/policies" && ls *.msb | sed 's/\.msb$//' | tr '\n' ' ')" \
	"$status $(sed -n 's/^  \([a-z0-9-]*\)  *[A-Z].*/\1/p' .out | tr '\n' ' ')"
for file in "$root"/policies/*.msb; do
	name=$(basename "$file" .msb)
	run init "$name"
	check "init/prints-$name" "$(cmp -s .out "$file" && [ $status -eq 0 ]; echo $?)" "$(head -2 .err)"
	lacks "init/$name-includes-no-file" "$(<"$file")" '^ *include *"'
done
run init python-agent -o agent.msb
check init/writes-a-file "$(cmp -s agent.msb "$root/policies/python-agent.msb" && [ $status -eq 0 ]; echo $?)" "$(cat .err)"
run test --min-coverage 100 agent.msb
same init/its-expectations-hold 0 "$status"
run init -o mine.msb
check init/writes-the-default "$(cmp -s mine.msb "$root/policies/default.msb"; echo $?)" "$(cat .err)"
echo mine >mine.msb
run init python-agent -o mine.msb
same init/overwrites-nothing "3 mine" "$status $(cat mine.msb)"
contains init/says-that-it-is-there "$(cat .err)" 'mine\.msb is there already'
ln -s elsewhere.msb link.msb
run init -o link.msb
same init/writes-through-no-link "3 no" "$status $([ -e elsewhere.msb ] && echo yes || echo no)"
run init -o none/agent.msb
same init/no-such-directory 3 "$status"
run init -o agent.yaml
same init/a-name-that-is-read-otherwise "2 no" "$status $([ -e agent.yaml ] && echo yes || echo no)"
run init pyton-agent
same init/no-such-template 2 "$status"
contains init/the-nearest-template "$(cat .err)" 'did you mean `python-agent`'
run init ../../etc/passwd
same init/a-path-is-no-template 2 "$status"
run init --net-rule allow@any
same init/takes-no-policy-options 2 "$status"
"$policyc" init python-agent >/dev/full 2>.err
same init/a-full-disk 3 $?
cp "$policyc" alone # without anything beside it
(cd / && "$work/alone" init offline) >.out
check init/needs-nothing-installed "$(cmp -s .out "$root/policies/offline.msb"; echo $?)"

printf 'include    <python-agent>\nallow@nodejs.org:tcp:443\nexpect allow egress@nodejs.org:tcp:443\n' >own.msb
run check --werror own.msb
same include/a-policy-of-the-library 0 "$status"
run test --min-coverage 100 own.msb
same include/brings-its-expectations "0 15 of 15" "$status $(grep -o '15 of 15' .out)"
run eval own.msb egress@pypi.org:tcp:443
contains include/places-name-it "$(cat .out)" '<python-agent>:8:1'
run fmt --check own.msb
same include/fmt-keeps-it 1 "$status"
run fmt own.msb
contains include/as-fmt-writes-it "$(cat own.msb)" '^include <python-agent>$'
run compile --emit ast own.msb
contains include/ast "$(cat .out)" 'include <"python-agent">'
run compile own.msb
contains include/ruleset-names-it "$(cat .out)" '<python-agent>:8'
mkdir decoy && printf 'allow@any\n' | tee python-agent 'decoy/<python-agent>' python-agent.msb >/dev/null
run compile own.msb
mv .out before
(cd decoy && cp ../own.msb . && "$policyc" compile own.msb) >.out
same include/no-file-takes-its-place "" "$(diff before .out)"
for word in ../python-agent ./python-agent python-agent.msb /etc/passwd Python-Agent '' 'a	b'; do
	printf 'include <%s>\n' "$word" >bad.msb
	run check bad.msb
	same "include/not-in-the-library:$word" 1 "$status"
done
printf 'include <pyton-agent>\n' >bad.msb
run check --format json bad.msb
same include/the-nearest-as-an-edit '<python-agent>' "$(jq -r '.findings[0].edits[0].text' .out)"
for i in $(seq 300); do echo 'include <offline>'; done >many.msb
run check many.msb
contains include/many-are-bounded "$(cat .out)" 'more than 256 files'
finish
