#!/usr/bin/env bash
# System calls of a reload that fail, for want of memory, buffers or descriptors, each in its turn: no packet passes that neither policy
# allows; then a whole policy is in force, the one that is told, or the sandbox has ended and said so.
. "$(dirname "$0")/lib.sh"
world_up
ipv6_up
CTL=$BUILD/msb-ctl TOOLS=$TESTS/e2e/tools/reload_faults
NEVER=198.51.100.7
printf 'default egress deny\nallow@8.8.8.8\nallow@a.example.com:tcp:80\nallow@1.1.1.1\n' >"$WORK/a.msb"
printf 'default egress deny\ndeny@1.1.1.1\nallow@a.example.com:tcp:80\nallow@8.8.4.4\nallow@8.8.8.8\n' >"$WORK/b.msb"
leftovers_mark
STEP=$(effort_step 7)
timeout "$(patience 300)" python3 "$TOOLS/fail.py" "$BUILD" "$WORK" "$STEP" $((RANDOM % STEP)) >"$WORK/rounds" 2>&1
contains "each is as it should be: $(tail -n 1 "$WORK/rounds")" "$(tail -n 1 "$WORK/rounds")" "^[1-9][0-9]* of [0-9]+ failed"
same "none is anything else" "" "$(head -n -1 "$WORK/rounds")"
same "packets to where no policy lets them go" 0 "$(seen $NEVER)"
same "no sandbox runs any more" '[]' "$("$CTL" ps --format json | jq -c .sandboxes)"

# --- a supervisor that gets no more memory ---
seq 1 4000 | awk '{ print "allow@n" $1 ".example.com" }' >"$WORK/large.msb"
start_sandbox poor --net-default deny --net-rule 'allow@8.8.8.8' -- sleep 600
wait_for "$(patience 20)" test -S /run/msb/poor/control
contains "a client without memory says so" "$(prlimit --as=16000000 "$CTL" reload poor --policy "$WORK/large.msb" 2>&1)" '^msb-ctl: error: out of memory$'
supervisor=$(pgrep -x msb-supervisor)
prlimit --pid "$supervisor" --as=$(($(cut -d' ' -f1 "/proc/$supervisor/statm") * 4096 + 500000))
out=$("$CTL" reload poor --policy "$WORK/large.msb" 2>&1)
lacks "without memory: a reload fails" "$out" 'has the new policy'
wait "$sandbox_pid"
contains "and the sandbox closes, and says so" "$? $(cat "$WORK/poor.err")" '^125 msb-.*: .*memory'
left() { # but for a web server of the Internet's, which has not heard of its client's end
	leftovers >"$WORK/left"
	grep -v busybox "$WORK/left"
}
none_left() { [ -z "$(left)" ]; }
wait_for "$(patience 20)" none_left
same "nothing is left on the host" "" "$(left)"
finish
