#!/usr/bin/env bash
# Sockets towards nameservers are made when they are first needed, not at start: how many the worker has, before and after, and
# what happens where no more can be made.
. "$(dirname "$0")/lib.sh"
world_up
kill "$NSD_PID" && wait "$NSD_PID" 2>/dev/null
on_internet python3 "$TESTS/e2e/tools/dns_peer.py" "$WORK/peer.log" &
wait_for 20 dig +short +tries=1 +time=1 "@$RESOLVER" example.com
CLIENT=$TESTS/e2e/tools/dns_client.py
RULES=(--net-default deny --net-rule 'allow@*.example.com' --dns-query-timeout-ms 2000)
sockets() { find "/proc/$(pgrep -nx msb-dns)/fd" -lname 'socket:*' | wc -l; }

# the guest does a step each time a line comes
mkfifo "$WORK/go" "$WORK/done"
exec 3<>"$WORK/go" 4<>"$WORK/done"
start_sandbox one "${RULES[@]}" -- bash -c "exec 3<>$WORK/go 4<>$WORK/done; step() { read -r <&3; }
	step; dig +short +tries=1 +time=5 one.example.com >$WORK/first; echo >&4
	step; python3 $CLIENT 172.16.0.1 flood 150 many.example.com >$WORK/flood; echo >&4
	step"
step() { echo go >&3 && timeout 30 head -n 1 <&4 >"$WORK/ignored"; }
wait_for 20 pgrep -x msb-dns
wait_for 5 test "$(sockets)" -le 5
same "before any query the worker holds its channel and the listeners" 5 "$(sockets)"
step
same "the first query is answered" 93.184.216.34 "$(cat "$WORK/first")"
same "and has few sockets made" yes "$([ "$(sockets)" -gt 5 ] && [ "$(sockets)" -le 16 ] && echo yes || sockets)"
: >"$WORK/peer.log"
step
same "a burst is answered" "0:150" "$(cat "$WORK/flood")"
same "each query of it from a port of its own" yes \
	"$(awk '$1 == "udp" { print $2 }' "$WORK/peer.log" | sort -u | wc -l | awk '{ print ($1 > 140 ? "yes" : $1) }')"
same "by no more sockets than may be" yes "$([ "$(sockets)" -le 229 ] && echo yes || sockets)"
echo bye >&3
wait "$sandbox_pid"

# the supervisor has no descriptor left: what waits is told so at once, and it is said once
start_sandbox two "${RULES[@]}" -- bash -c "exec 3<>$WORK/go 4<>$WORK/done; step() { read -r <&3; }
	step; dig +tries=1 +time=5 two.example.com >$WORK/short; echo >&4
	step; for i in {1..20}; do dig +short +tries=1 +time=5 three.example.com >$WORK/after
		[ -s $WORK/after ] && break; sleep 0.2; done; echo >&4"
wait_for 20 pgrep -x msb-dns
supervisor=$(pgrep -ox msb-supervisor)
wait_for 20 pgrep -x bash -P "$(pgrep -ox msb-init)"
soft=$(awk '/open files/ { print $4 }' "/proc/$supervisor/limits")
prlimit --pid "$supervisor" --nofile=3:
step
contains "no socket can be made: the guest is told" "$(cat "$WORK/short")" 'status: SERVFAIL'
prlimit --pid "$supervisor" --nofile="$soft:"
wait_for 10 grep -q 'cannot open as many sockets' "$WORK/two.err"
contains "and the user" "$(cat "$WORK/two.err")" 'cannot open as many sockets towards nameservers'
step
same "once there are descriptors again, so are names" 93.184.216.34 "$(cat "$WORK/after")"
wait "$sandbox_pid"
finish
