#!/usr/bin/env bash
# Policies as long as anybody has them: a million rules load, are checked and compiled in 3 GB (compiled at -O 2, a
# chain for each network, in 5); a batch of flows is judged
# alike with all rules and by itself. usage: large.sh BUILD
set -u
. "$(dirname "$0")/lib.sh"
memory_kb=3145728

rules=$((sanitized ? 100000 : 1000000)) # a sanitizer takes ten times as long
python3 - "$work" $rules <<'P'
import sys
work, rules = sys.argv[1], int(sys.argv[2])
with open(f"{work}/million.msb", "w") as out:
    out.write("default egress deny\n")
    for i in range(rules):
        out.write(f"allow@{11 + (i >> 16)}.{i >> 8 & 255}.{i & 255}.0/24:tcp:443\n")
with open(f"{work}/batch.msb", "w") as policy, open(f"{work}/flows", "w") as flows:
    policy.write("default egress deny\n")
    for i in range(10000):
        policy.write(f"{'deny' if i % 3 else 'allow'}@{'n%d.example.org' % i if i % 2 else '10.%d.%d.0/24' % (i >> 8, i & 255)}\n")
        flows.write(f"egress@{'n%d.example.org' % i if i % 2 else '10.%d.%d.7' % (i >> 8, i & 255)}:tcp:443\n")
P
bounded 120 "$policyc" check "$work/million.msb"
same large/check "0 $work/million.msb: 1 warning" \
	"$status $(tail -1 "$work/.out")"
bounded 120 "$policyc" compile -O 0 "$work/million.msb"
same large/compile 0 "$status"
if [ -z "$sanitized" ]; then # whose shadow memory would be too much
	memory_kb=5242880
	bounded 120 "$policyc" compile "$work/million.msb"
	same large/compile-O2 0 "$status"
	memory_kb=3145728
fi
bounded 120 "$policyc" eval "$work/million.msb" egress@11.100.7.9:tcp:443
same large/eval "allow	25608	" "$(cut -c1-12 "$work/.out")"
"$policyc" eval --batch "$work/batch.msb" <"$work/flows" >"$work/answers"
# each flow is decided by the rule of its own line
same large/batch 10000 "$(awk -F'\t' '$2 == NR && $1 == (NR % 3 == 1 ? "allow" : "deny")' "$work/answers" | wc -l)"
finish
