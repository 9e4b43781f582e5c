#!/usr/bin/env bash
# Nothing keeps a sandbox from starting, serving or ending: not a FIFO that nobody reads, not a full standard error, not a
# supervisor that hangs.
. "$(dirname "$0")/lib.sh"
world_up
leftovers_mark

# --- an events file that is a FIFO ---
mkfifo "$WORK/fifo"
timeout -s KILL 20 "$BUILD/msb-run" --vmm none --events "$WORK/fifo" -- true 2>"$WORK/err" </dev/null
contains "events into a FIFO that nobody reads: it is said" "$? $(<"$WORK/err")" \
	'^125 msb-run: error: --events /run/test/fifo: a FIFO that nobody reads; start its reader first$'
same "and nothing else" 1 "$(grep -c . "$WORK/err")"
exec 8<>"$WORK/fifo" # a reader that reads nothing, until the end
head -c 65000 /dev/zero | tr '\0' '\n' >&8
run_sandbox --net-default deny --events "$WORK/fifo" -- sh -c "for port in \$(seq 2000 2100); do $PROBE udp 203.0.113.1 \$port 1; done >/dev/null; echo done"
same "events into a FIFO that is full: the guest goes on" "0 done" "$status $out"
lines=$(timeout 1 cat <&8)
same "whole lines arrive until then" "" "$(grep -vE '^({.*})?$' <<<"$lines")"
exec 8>&-

# --- standard error, a pipe that nobody reads ---
mkfifo "$WORK/stderr"
exec 8<>"$WORK/stderr"
head -c 65536 /dev/zero | tr '\0' x >&8
"$BUILD/msb-run" --vmm none --name full --net-default-egress deny --net-rule 'allow@example.com,deny@8.8.8.8' -- sh -c "
	$PROBE tcp 8.8.8.8 443 300 >$WORK/denied; $PROBE tcp 8.8.4.4 443 300 >>$WORK/denied
	sleep 0.3; dig +short +time=5 +tries=1 example.com A >$WORK/answer; $PROBE tcp 93.184.216.34 80 2000 >>$WORK/answer; exec sleep 600" \
	>/dev/null 2>&8 </dev/null &
full_pid=$!
wait_for 20 grep -q connected "$WORK/answer"
contains "standard error is full: names are bound all the same" "$(tr '\n' ' ' <"$WORK/answer")" '^93\.184\.216\.34 connected'
timeout 1 cat <&8 >/dev/null # there is room again
kill "$full_pid"
wait "$full_pid"
same "and SIGTERM ends it" 143 $?
contains "what was lost is counted once there is room" "$(timeout 1 cat <&8)" 'msb-run: [0-9]+ lines were lost: nobody read standard error'
exec 8>&-

# --- a supervisor that hangs ---
# hang NAME: a sandbox whose supervisor is stopped
hang() {
	start_sandbox "$1" -- sh -c 'echo ready; exec sleep 600'
	wait_for 20 grep -q ready "$WORK/$1.out"
	supervisor=$(pgrep -P "$sandbox_pid" -x msb-supervisor)
	kill -STOP "$supervisor"
}
hang twice
kill "$sandbox_pid"; sleep 0.2; kill "$sandbox_pid"
begun=${EPOCHREALTIME/./}
wait "$sandbox_pid"
same "a supervisor that hangs: a second signal ends the sandbox" "125 1" "$? $(((${EPOCHREALTIME/./} - begun) < 4000000))"
hang once
kill -INT "$sandbox_pid"
begun=${EPOCHREALTIME/./}
wait "$sandbox_pid"
same "and five seconds after the first" "125 1" "$? $(((${EPOCHREALTIME/./} - begun) < 15000000))"
contains "which is said" "$(<"$WORK/once.err")" '^msb-run: error: the sandbox did not take SIGINT: it is killed'

# --- whoever starts msb-run ignores SIGCHLD ---
timeout -s KILL 20 python3 -c 'import os, signal, sys; signal.signal(signal.SIGCHLD, signal.SIG_IGN); os.execv(sys.argv[1], sys.argv[1:])' \
	"$BUILD/msb-run" --vmm none -- sh -c 'echo ran; exit 3' >"$WORK/out" 2>"$WORK/err" </dev/null
same "SIGCHLD ignored by whoever starts it: the command's status arrives" "3 ran" "$? $(<"$WORK/out")"

# --- a guest whose output nobody reads ---
mkfifo "$WORK/stdout"
exec 8<>"$WORK/stdout"
"$BUILD/msb-run" --vmm qemu --name unread -- sh -c 'head -c 300000 /dev/zero; sleep 600' >&8 2>"$WORK/unread.err" 8>&- </dev/null &
unread=$!
wait_for 60 sh -c "[ \$(grep -c . /proc/$unread/stat) = 1 ] && python3 -c '
import fcntl, struct, sys
sys.exit(struct.unpack(\"i\", fcntl.ioctl(8, 0x541b, b\"0000\"))[0] < 65536)'"
kill "$unread"
ended() { ! kill -0 "$unread" 2>/dev/null; }
same "a guest whose output nobody reads ends with SIGTERM" 0 "$(wait_for "$(patience 20)" ended; echo $?)"
ended || kill -KILL "$unread"
wait "$unread"
exec 8>&-

# --- a command that takes its time is left in peace ---
start_sandbox patient -- bash -c 'trap "echo term" TERM; echo ready; for i in 1 2 3; do sleep 600 & wait; done; exit 7'
wait_for 20 grep -q ready "$WORK/patient.out"
for count in 1 2 3; do
	kill "$sandbox_pid"
	wait_for 10 sh -c "[ \$(grep -c term $WORK/patient.out) = $count ]"
done
wait "$sandbox_pid"
same "a command that handles signals gets each, and ends as it likes" 7 $?
wait_for 20 sh -c '! ip -br link | grep -q ^msb'
left=$(leftovers)
same "nothing is left" "" "$left"
finish
