#!/usr/bin/env bash
# Policies from strangers: whatever they hold, check and diff end soon, in little memory, with a clear message, and
# print no control character of theirs. usage: hostile.sh BUILD
# long
set -u
. "$(dirname "$0")/lib.sh"
memory_kb=3000000

tame() { # NAME COMMAND…: ends in time, by itself, with status 0 to 3, and prints neither controls nor nothing
	local name=$1
	shift
	bounded "${HOSTILE_SECONDS:-120}" "$@"
	if [ "$status" -gt 3 ]; then
		not_ok "$name" "status $status: $(tail -c 200 .out | tr -c '[:print:]' '?')"
	elif has_raw_control .out; then
		not_ok "$name" "raw control characters"
	elif [ ! -s .out ]; then
		not_ok "$name" "it printed nothing"
	else
		ok "$name"
	fi
}
refused() { # NAME FILE: an error, in words
	tame "$1" "$policyc" check "$2"
	grep -q 'error' .out; check "$1: an error" $? "$(head -c 200 .out)"
}
python3 - $((sanitized ? 10 : 1)) <<'P' # a sanitizer takes ten times as long, and its shadow memory grows with these
import sys
share = int(sys.argv[1])
def put(name, text, mode="w"):
    with open(name, mode) as out:
        out.write(text)
put("nested.msb", "allow@" + "{" * 100000 + "a.example" + "}" * 100000 + "\n")
put("nested.json", "[" * 100000 + "]" * 100000)
put("nested.yaml", "[" * 20000 + "]" * 20000)
put("line.msb", "allow@{" + ",".join(f"h{i}.example.com" for i in range(500000)) + "}:tcp:443\n")
put("token.msb", "allow@" + "a" * 10_000_000 + "\n")
put("ports.msb", "allow@public:tcp:{" + ",".join(str(i * 7919 % 65536) for i in range(1000000)) + "}\n")
put("million.msb", "deny@any\nallow@any\n" * (500000 // share))
put("overlap.msb", "".join(f"deny@10.{i >> 12 & 255}.0.0/{8 + i % 9}:tcp:{i % 60000}-{i % 60000 + 5000}\n" for i in range(20000 // share)))
put("crossing.msb", "".join(f"{'allow' if i % 3 else 'deny'}@{'any' if i % 2 else 'public'}:tcp:{i % 30000}-{65535 - i % 30000}\n" for i in range(8000 // share)))
put("suffixes.msb", "allow@*.com.example\n" + "".join(f"deny@*.x{i}.com.example:tcp:{i % 60000}\n" for i in range(8000 // share)))
put("chain.msb", "".join("allow@*." + ".".join("a" * 1 for _ in range(n)) + ".example\n" for n in range(1, 118)) * 20)
put("groups.msb", "group g0 = a.example, b.example\n" + "".join(f"group g{i} = g{i-1}, g{i-1}\n" for i in range(1, 60)) + "allow@g59\n")
put("cycle.msb", 'include "cycle2.msb"\n')
put("cycle2.msb", 'include "cycle.msb"\n')
put("self.msb", 'include "self.msb"\n')
put("passwd.msb", 'include "/etc/passwd"\n')
put("up.msb", 'include "../../etc/passwd"\n')
put("alias.yaml", "a: &a [x, x]\nb: &b [*a, *a]\nc: &c [*b, *b]\npolicy: *c\n")
evil = "\x1b]0;owned\x07\x1b[2J\x9b31m\u202e\u2066"
put("controls.msb", f'allow@{evil}.example\n# {evil}\nallow@a.example because "{evil}"\ngroup {evil} = a\n', "w")
put("comment.msb", f'# {evil}\ndefault egress deny\nallow@dns\nallow@public:tcp:443 because "{evil}::error::x `code` <b> | [x](y)"\ndeny@198.51.100.0/24:tcp:443 because "{evil}"\n')
put("changes.msb", "default egress deny\n" + "".join(f"allow@10.{i >> 8}.{i & 255}.0/24:tcp:{i}\n" for i in range(1, 3000)))
put("plain.msb", "default egress deny\nallow@dns\n")
put("bytes.msb", bytes(range(256)) * 40, "wb")
P
ln -s /etc/passwd link.msb
mkfifo pipe.msb
printf 'include "link.msb"\n' >bylink.msb
printf 'include "pipe.msb"\n' >bypipe.msb
cp comment.msb $'name\e[31m\n::error::.msb'

refused "deep nesting" nested.msb
refused "deep nesting in JSON" nested.json
refused "deep nesting in YAML" nested.yaml
refused "a name of ten megabytes" token.msb
refused "an include of itself" self.msb
refused "includes in a circle" cycle.msb
refused "an absolute include" passwd.msb
refused "an include above the tree" up.msb
refused "an include through a link" bylink.msb
refused "an include of a pipe" bypipe.msb
refused "YAML aliases" alias.yaml
refused "all bytes" bytes.msb
refused "control characters in names" controls.msb
for file in line ports million overlap crossing suffixes chain groups comment; do
	tame "check of $file" "$policyc" check "$file.msb"
	tame "diff of $file" "$policyc" diff plain.msb "$file.msb"
done
for format in json sarif github; do
	tame "controls in $format" "$policyc" check --format $format comment.msb $'name\e[31m\n::error::.msb'
done
tame "controls in Markdown" "$policyc" diff --format markdown plain.msb $'name\e[31m\n::error::.msb'
lacks "no workflow command by a name" "$(cat .out)" '^::error'
"$policyc" diff --format markdown plain.msb changes.msb >markdown 2>/dev/null </dev/null
length=$(wc -m <markdown)
[ "$length" -le 60000 ]; check "a comment fits a pull request" $? "$length characters"
finish
