#!/usr/bin/env bash
# Threat parent-race: the launcher dies between making the supervisor and the supervisor's asking to die with it. The launcher
# is killed before each of the first system calls of set-up, and the supervisor is slowed down so that it asks late.
. "$(dirname "$0")/lib.sh"
world_up
leftovers_mark

# alive: which processes of msb-run there are
alive() { ps -e -o pid=,comm= | grep -E ' (msb-|sleep)'; }
all_dead() { [ -z "$(alive)" ]; }

INJECT=$BUILD/e2e/inject
survivors=0
for ((n = 1; n <= 60; n++)); do
	result=$("$INJECT" kill "$n" "$BUILD/msb-run" --vmm none -- sleep 30 2>/dev/null </dev/null)
	read -r _ _ _ ms <<<"$result"
	if [ "${ms:-9999}" -gt "$(patience 2)000" ] || ! all_dead; then
		survivors=$((survivors + 1))
		echo "# system call $n: $result $(alive)"
	fi
done
same "the launcher killed before each of its first 60 system calls: no supervisor survives" 0 "$survivors"

# strace holds each process's first three prctl()s back for 300 ms, of which the supervisor's asking to die with the launcher is
# one; the launcher is dead by then. The table owner has forty more, to drop capabilities: held back, too, they would take twelve seconds.
strace -f -qq -o /dev/null -e trace=prctl -e inject=prctl:delay_enter=300000:when=1..3 \
	"$BUILD/msb-run" --vmm none -- sleep 30 </dev/null 2>/dev/null &
tracer=$!
wait_for 20 sh -c 'test "$(pgrep -cx msb-run)" -ge 2'
kill -KILL "$(pgrep -P "$tracer" -x msb-run)"
if wait_for "$(patience 2)" all_dead; then
	ok "the launcher killed before the supervisor's prctl: it ends by itself"
else
	not_ok "the launcher killed before the supervisor's prctl: it ends by itself" "$(alive)"
fi
kill "$tracer" 2>/dev/null
wait "$tracer" 2>/dev/null
same "nothing is left" "" "$(leftovers)"
finish
