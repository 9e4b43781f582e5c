#!/usr/bin/env bash
# Readers of events: one that is slow, one that leaves and another that comes, one stuck beside one that is not; and what a guest
# chooses to be read there.
. "$(dirname "$0")/lib.sh"
world_up
ipv6_up
CTL=$BUILD/msb-ctl
mkfifo "$WORK/orders" "$WORK/stuck" "$WORK/changing"
exec 7<>"$WORK/orders" 8<>"$WORK/stuck"
cat "$WORK/changing" >"$WORK/first" 7>&- 8>&- &
reader=$!
start_sandbox agent --quiet --net-default deny --net-rule 'allow@203.0.113.78' --events "$WORK/stuck" --events "$WORK/file" --events "$WORK/changing" -- \
	sh -c "while read -r order; do sh -c \"\$order\"; echo \"done \$order\"; done <'$WORK/orders'; exit 4" 7>&- 8>&-
agent=$sandbox_pid
do_inside() { # COMMAND
	echo "$*" >&7
	wait_for "$(patience 30)" grep -qxF "done $*" "$WORK/agent.out"
}
do_inside "python3 '$TESTS/e2e/tools/deny_names.py' 0 300"
in_file() { [ "$(grep -c '"kind":"deny"' "$WORK/file")" = "$1" ]; }
wait_for "$(patience 5)" in_file 300
check "one that is stuck: the file beside it has all" $? "$(wc -l <"$WORK/file")"
has_all() { cmp -s "$WORK/file" "$WORK/first"; }
wait_for "$(patience 5)" has_all
check "and so has the one that reads" $? "$(wc -l "$WORK/file" "$WORK/first")"

# the one that reads leaves, and after a while there is another
kill "$reader"
wait "$reader" 2>/dev/null
do_inside "python3 '$TESTS/e2e/tools/deny_names.py' 300 310; $PROBE udp 203.0.113.78 9 2000"
contains "nobody reads: traffic goes on" "$(cat "$WORK/agent.out")" '^answered'
contains "it is said" "$(cat "$WORK/agent.err")" "msb-run: --events $WORK/changing is incomplete: Broken pipe"
cat "$WORK/changing" >"$WORK/second" 7>&- 8>&- &
told() { grep -q '"kind":"lost"' "$WORK/second"; }
wait_for "$(patience 10)" told
check "another reader hears what was lost, though nothing else happens" $? "$(cat "$WORK/second")"
same "10 events, and why" '10 Broken pipe' "$(head -1 "$WORK/second" | jq -r '"\(.count) \(.because)"')"

# the one that was stuck reads what there is, and is told the rest
timeout 30 cat "$WORK/stuck" >"$WORK/caught-up" 7>&- 8>&- &
exec 8>&-
lost() { grep -q '"kind":"lost"' "$WORK/caught-up"; }
wait_for "$(patience 10)" lost
check "one that was stuck is told, though nothing else happens" $? "$(tail -1 "$WORK/caught-up")"

# --- what a guest chooses ---
for label in 1b5b324a41 0a7b226b696e64223a22616c6c6f77227d 22 5c6e e280ae78 00 ff; do
	do_inside "python3 '$TESTS/e2e/tools/deny_names.py' $label"
done
wait_for "$(patience 5)" in_file 317
check "names of any bytes: each is an event" $? "$(tail -8 "$WORK/file")"
same "printable ASCII alone" 0 "$(LC_ALL=C grep -c '[^ -~]' "$WORK/file")"
same "a JSON object a line, none made up" "deny lost start" "$(jq -r .kind "$WORK/file" "$WORK/second" | sort -u | tr '\n' ' ' | sed 's/ $//')"
"$CTL" events agent >"$WORK/text"
same "as text: a line each" 64 "$(wc -l <"$WORK/text")"
same "as text: nothing that steers a terminal" 0 "$(LC_ALL=C grep -c '[^ -~]' "$WORK/text")"
exec 7>&-
wait "$agent"
same "it ends as its command does" 4 $?
total() { echo "$(($(grep -vc '"kind":"lost"' "$1") + $(jq -s '[.[] | select(.kind == "lost") | .count] | add // 0' "$1")))"; }
wait_for "$(patience 10)" grep -q stop "$WORK/second"
wait_for "$(patience 10)" grep -q stop "$WORK/caught-up"
same "stuck: what it has and what it lost is all there was" "$(wc -l <"$WORK/file")" "$(total "$WORK/caught-up")"
same "two after another, too" "$(wc -l <"$WORK/file")" "$(cat "$WORK/first" "$WORK/second" >"$WORK/both"; total "$WORK/both")"
python3 "$TESTS/e2e/tools/events-valid.py" "$TESTS/../docs/events.schema.json" "$WORK/file" "$WORK/both" "$WORK/caught-up" >"$WORK/valid" 2>&1
check "every line is as the schema says" $? "$(cat "$WORK/valid")"
finish
