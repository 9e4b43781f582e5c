#!/usr/bin/env bash
# Limits of bytes over reloads: what was used stays used, whatever the size becomes; one that is taken away and put back is not full
# again; one that a reload brings begins at nothing.
. "$(dirname "$0")/lib.sh"
world_up
. "$TESTS/e2e/bytes-lib.sh"
# limit BYTES: a reload to that limit; 0: none
limit() { reload 'default egress allow' "$([ "$1" = 0 ] || echo "limit egress bytes $1")"; }

echo 'default egress allow' >"$WORK/agent.msb"
start_asked
passes "without a limit" 30 30
limit "$(size 10)"
passes "one that a reload brings begins at nothing" 4 4
limit "$(size 10)"
passes "a reload of the same refills nothing" 20 6
limit "$(size 200)"
# 4 and 6 that passed, and the one that did not
passes "a larger one has what the smaller one had counted" 300 $((200 - 11))
limit "$(size 10)"
passes "a smaller one is used up at once" 5 0
limit 0
passes "without it again" 30 30
limit "$(size 200)"
passes "put back, it is not full again" 5 0
limit "$(size 600)"
passes "and goes on where it was" 50 50

# A sandbox's life has so many
generation() { "$CTL" status q --format json | jq .generation; }
for round in $(seq 1 17); do
	{
		echo 'default egress allow'
		seq -f "allow@10.$round.0.%g:udp bytes 1M" 1 64
	} >"$WORK/agent.msb"
	before=$(generation)
	"$CTL" reload q >"$WORK/ctl.out" 2>"$WORK/ctl.err" || break
done
same "limits that are always others" "16 $before" "$round $(generation)"
contains "are not kept without a bound" "$(cat "$WORK/ctl.err")" 'a sandbox has 1024 limits of bytes in its life at most'
limit "$(size 900)"
passes "and those that are there go on" 5 5
exec 7>&-
wait "$sandbox_pid"
same "ends well" 0 $?
finish
