#!/usr/bin/env bash
# Plausible mistakes, other tools' words among them, and what check answers to each: mistakes/lines.txt has a mistake a
# line, mistakes/answers the transcript. Every edit that is offered, applied, ends the error it is for.
# usage: mistakes.sh [--update] BUILD
set -u
update=
[ "${1-}" = --update ] && { update=1; shift; }
. "$(dirname "$0")/lib.sh"
lines=$root/tests/cli/mistakes/lines.txt
answers=$root/tests/cli/mistakes/answers

while IFS= read -r line; do
	printf '$ %s\n' "$line"
	printf '%s\n' "$line" | "$policyc" check --color never --today 2026-11-24 --stdin-name x.msb -
	echo
done <"$lines" >transcript 2>&1
[ -z "$update" ] || cp transcript "$answers"
diff -u "$answers" transcript >why
check mistakes/answers $? "$(head -40 why)"

python3 - "$policyc" "$lines" <<-'END' >edits 2>&1
	import json, subprocess, sys
	policyc, lines = sys.argv[1:]

	def check(text):
	    run = subprocess.run([policyc, "check", "--format", "json", "--today", "2026-11-24", "--stdin-name", "x.msb", "-"],
	                         input=text, capture_output=True, text=True)
	    return [f for f in json.loads(run.stdout)["findings"] if f["level"] == "error"]

	def apply(text, edits):
	    rows = text.split("\n")
	    for e in sorted(edits, key=lambda e: (e["line"], e["column"]), reverse=True):
	        assert e["line"] == e["endLine"], e
	        row = rows[e["line"] - 1]
	        rows[e["line"] - 1] = row[:e["column"] - 1] + e["text"] + row[e["endColumn"] - 1:]
	    return "\n".join(rows)

	offered = 0
	for line in open(lines, encoding="utf-8"):
	    for finding in check(line):
	        if finding.get("edits"):
	            offered += 1
	            mended = apply(line, finding["edits"])
	            left = [f["message"] for f in check(mended)]
	            if finding["message"] in left:
	                print(f"{line!r}: {mended!r} has it still: {finding['message']}")
	assert offered >= 130, f"only {offered} edits offered"
END
check mistakes/edits-end-the-error $? "$(cat edits)"
same mistakes/edits-leave-none "" "$(cat edits)"

# one wrong group line is one error, whatever uses the group
printf 'group web: a.example\nallow@web:tcp:443\nallow@{web, b.example}:tcp:80\ndefault egress deny\n' >group.msb
same mistakes/a-wrong-group-is-one-error "group.msb: 1 error" "$("$policyc" check --color never group.msb | tail -1)"
printf 'group 443 = a.example\nallow@other:tcp:443\ndefault egress deny\n' >group.msb
same mistakes/another-group-is-an-error "group.msb: 2 errors" "$("$policyc" check --color never group.msb | tail -1)"
# what is not seen may stand where nothing is read: in strings and comments
printf 'default egress deny\n# a\u00a0b\nallow@github.com because "a\u00a0b\u200b" # \u00ad\n' >unseen.msb
same mistakes/unseen-in-strings-and-comments "unseen.msb: no findings" "$("$policyc" check --color never unseen.msb | sed 's/ (.*//')"
# all of them are mended at once
printf 'default\u00a0egress deny\nallow@git\u200bhub.com\u3000log\n' >unseen.msb
same mistakes/unseen-has-all-edits 3 "$("$policyc" check --format json unseen.msb | jq '.findings[0].edits | length')"
finish
