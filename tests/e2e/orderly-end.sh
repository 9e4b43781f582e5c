#!/usr/bin/env bash
# The end of a sandbox whose command has ended: what may be seen of it is gone when msb-run is back, whoever takes it away.
. "$(dirname "$0")/lib.sh"
world_up
leftovers_mark

# the table is deleted by name, by a process that may delete others' too
nft add table inet msb0
nft add chain inet msb0 mine
run_sandbox -- true
same "a table that has the link's name: refused" 125 "$status"
contains "and said" "$err" 'cannot install the host.s table msb0'
contains "it is as it was" "$(nft list table inet msb0)" 'chain mine'
nft delete table inet msb0
same "and nothing else is left" "" "$(leftovers)"

for i in 1 2 3; do
	run_sandbox --quiet -- true
	left=$(leftovers)
	same "run $i: nothing is left" "0 " "$status $left"
done

# the link is the table owner's to take away, and where that is dead, the supervisor's
start_sandbox stays --quiet -- sleep 60
wait_for 40 sh -c 'pgrep -x sleep'
kill -KILL "$(pgrep -x msb-owner)"
wait "$sandbox_pid"
wait_for "$(patience 5)" sh -c '! ip -br link | grep -q ^msb'
check "without the table owner the supervisor takes the link away" $?
contains "and says why" "$(cat "$WORK/stays.err")" 'the table owner is gone: the sandbox is closed'
finish
