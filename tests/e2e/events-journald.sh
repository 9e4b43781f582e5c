#!/usr/bin/env bash
# --events journald: structured fields as libsystemd sends them, and a journald that does not read, is gone or is started anew holds up
# nothing. usage: events-journald.sh BUILD
. "$(dirname "$0")/lib.sh"
world_up
ipv6_up
run_sandbox --name none --events journald -- true
contains "without a journal: it is said, and nothing runs" "$status $err" \
	'^125 msb-run: error: --events journald: there is no journal here \(no /run/systemd/journal/socket\); name a file, or - for standard output$'

mkfifo "$WORK/control" "$WORK/orders"
python3 "$TESTS/e2e/tools/journal.py" "$WORK/journal" "$WORK/control" >>"$WORK/journald" 2>&1 &
journal_pid=$!
exec 8<>"$WORK/control" 7<>"$WORK/orders"
wait_for "$(patience 10)" grep -q ready "$WORK/journald"
journald() { # WORD [ANSWER]
	: >"$WORK/journald"
	echo "$1" >&8
	wait_for "$(patience 10)" grep -qx "${2-$1}" "$WORK/journald"
}

# --- what it gets ---
run_sandbox --name agent --quiet --net-default deny --net-rule 'deny@meta' --events journald --events "$WORK/events" -- \
	sh -c "python3 '$TESTS/e2e/tools/deny_names.py' 0 3; $PROBE tcp 169.254.169.254 80 500; exit 5"
all_there() { [ "$(wc -l <"$WORK/journal")" = "$(wc -l <"$WORK/events")" ]; }
wait_for "$(patience 5)" all_there
check "each event is there" $? "$(cat "$WORK/journal")"
same "each member is a field" "$(jq -c 'with_entries(.value |= tostring)' "$WORK/events")" \
	"$(jq -c 'with_entries(select(.key | startswith("MSB_")) | .key |= (ltrimstr("MSB_") | ascii_downcase))' "$WORK/journal")"
same "its text, and how much it matters" "start  command line, generation 1 6|deny   dns@n0.example:udp             default egress deny (--net-default) 5|" \
	"$(head -2 "$WORK/journal" | jq -r '"\(.MESSAGE) \(.PRIORITY)|"' | tr -d '\n')"
same "who says it" msb-run "$(jq -r .SYSLOG_IDENTIFIER "$WORK/journal" | sort -u)"
journald compare same
check "the bytes are libsystemd's own" $? "$(cat "$WORK/journald")"

# --- one that does not read ---
journald pause
: >"$WORK/journal"
: >"$WORK/events"
start_sandbox agent --net-default deny --net-rule 'allow@203.0.113.78' --quiet --events journald --events "$WORK/events" -- sh -c "
	python3 '$TESTS/e2e/tools/deny_names.py' 0 900; $PROBE udp 203.0.113.78 9 2000; read -r go <'$WORK/orders'; exit 6"
wait_for "$(patience 30)" grep -q answered "$WORK/agent.out"
check "a journald that does not read: lookups and traffic go on" $? "$(cat "$WORK/agent.out" "$WORK/agent.err")"
journald go
wait_for "$(patience 10)" grep -q '"MSB_KIND": "lost"' "$WORK/journal"
check "it reads again: it is told, though nothing else happens" $? "$(tail -3 "$WORK/journal")"
echo go >&7
wait "$sandbox_pid"
same "the sandbox ends as its command does" 6 $?
counted() {
	[ "$(jq -s '[.[] | if .MSB_KIND == "lost" then .MSB_COUNT | tonumber else 1 end] | add' "$WORK/journal")" = "$(wc -l <"$WORK/events")" ]
}
wait_for "$(patience 5)" counted
check "what it has and what was lost is all that there was" $? "$(grep -c . "$WORK/journal") of $(wc -l <"$WORK/events") $(grep lost "$WORK/journal")"

# --- one that is gone, and started anew ---
: >"$WORK/journal"
: >"$WORK/events"
start_sandbox agent --net-default deny --quiet --events journald --events "$WORK/events" -- sh -c "
	read -r go <'$WORK/orders'; python3 '$TESTS/e2e/tools/deny_names.py' 0 2; read -r go <'$WORK/orders'"
wait_for "$(patience 20)" grep -q start "$WORK/journal"
journald restart
echo go >&7
wait_for "$(patience 10)" grep -q n1.example "$WORK/journal"
check "started anew: events go on" $? "$(cat "$WORK/journal" "$WORK/agent.err")"
echo go >&7
wait "$sandbox_pid"
echo end >&8
wait "$journal_pid"
start_sandbox agent --net-default deny --quiet --events journald --events "$WORK/events" -- sh -c "
	for i in 1 2 3; do python3 '$TESTS/e2e/tools/deny_names.py' 0 9; done; echo done"
wait "$sandbox_pid"
same "gone: the command goes on" "done 0" "$(cat "$WORK/agent.out") $?"
same "it is said once" 1 "$(grep -c 'msb-run: --events journald is incomplete: Connection refused' "$WORK/agent.err")"
finish
