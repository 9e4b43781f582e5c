#!/usr/bin/env bash
# Any process killed, or stopped for a while, at any moment of a reload under traffic: no packet passes that neither policy allows; then
# a whole policy is in force, the one that is told, or the sandbox has ended and said so; `ps` and `gc` are true, and nothing is left.
. "$(dirname "$0")/lib.sh"
world_up
ipv6_up
CTL=$BUILD/msb-ctl
NEVER=198.51.100.7
printf 'default egress deny\nallow@8.8.8.8\nallow@a.example.com:tcp:80\nallow@1.1.1.1\n' >"$WORK/a.msb"
printf 'default egress deny\ndeny@1.1.1.1\nallow@a.example.com:tcp:80\nallow@8.8.4.4\nallow@8.8.8.8\n' >"$WORK/b.msb"
leftovers_mark
ROUNDS=$(effort 28)
timeout "$(patience 300)" python3 "$TESTS/e2e/tools/reload_faults/kill.py" "$BUILD" "$WORK" "$ROUNDS" 4 >"$WORK/rounds" 2>&1
contains "each is as it should be: $(tail -n 1 "$WORK/rounds")" "$(tail -n 1 "$WORK/rounds")" "^$ROUNDS tried"
same "none is anything else" "" "$(head -n -1 "$WORK/rounds")"
same "packets to where no policy lets them go" 0 "$(seen $NEVER)"
same "no sandbox runs any more" '[]' "$("$CTL" ps --format json | jq -c .sandboxes)"
left() { # but for a web server of the Internet's, which has not heard of its client's end
	leftovers >"$WORK/left"
	grep -v busybox "$WORK/left"
}
none_left() { [ -z "$(left)" ]; }
wait_for "$(patience 20)" none_left
same "nothing is left on the host" "" "$(left)"
"$CTL" gc >/dev/null
same "nor for gc to do" "nothing is left of killed sandboxes" "$("$CTL" gc)"
finish
