#!/usr/bin/env bash
# Ten sandboxes at once, whatever of theirs is killed, and readers and callers that mean no good: `msb-ctl ps` stays true and the
# guests' traffic goes on. usage: control-many.sh BUILD
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
world_up
CTL=$BUILD/msb-ctl
COUNT=10
rows() { "$CTL" ps | tail -n +2 | awk '{ print $1 }' | sort | xargs; }
rows_are() { [ "$(rows)" = "$*" ]; }
names() { printf 's%d\n' "$@" | sort | xargs; }

# each tells its progress: a line for each connection and lookup that went well
# shellcheck disable=SC2016
work='while :; do wget -q -T 5 -O /dev/null http://93.184.216.34/ && getent hosts example.com >/dev/null && echo fine || echo failed; sleep 0.1; done'
for i in $(seq "$COUNT"); do
	# of one the server names are judged, too
	start_sandbox "s$i" --net-rule "$([ "$i" = 7 ] && echo 'allow@*.example.net:tcp:443,')allow@public,allow@dns" --quiet -- sh -c "$work"
	pids[i]=$sandbox_pid
done
all=$(names $(seq "$COUNT"))
wait_for "$(patience 30)" rows_are "$all"
same "ps shows ten" "$all" "$(rows)"
json=$("$CTL" ps --format json)
same "each with its msb-run" "$(printf '%s\n' "${pids[@]}" | sort -n | xargs)" "$(jq '.sandboxes[].pid' <<<"$json" | sort -n | xargs)"
same "each with an address of its own" "$COUNT" "$(jq -r '.sandboxes[].guest[0]' <<<"$json" | sort -u | wc -l)"

# fine N: how many of sandbox N's rounds went well
fine() { grep -c fine "$WORK/s$1.out"; }
failed() { grep -c failed "$WORK/s$1.out"; }
goes_on() { [ "$(fine "$1")" -gt "$2" ]; }
still_works() { # WHAT N…
	local what=$1 i wrong='' before
	shift
	for i; do
		before=$(fine "$i")
		wait_for "$(patience 20)" goes_on "$i" "$((before + 1))" || wrong+=" s$i"
	done
	same "traffic of the others goes on: $what" "" "$wrong"
}
descendant() { # N COMM: a process of that name below msb-run N
	local todo=${pids[$1]} next
	while [ -n "$todo" ]; do
		next=$(pgrep -P "$(tr ' ' ',' <<<"$todo")" | xargs)
		for pid in $todo; do [ "$(cat "/proc/$pid/comm")" = "$2" ] && echo "$pid" && return; done
		todo=$next
	done
}
for victim in "1 msb-run" "2 msb-supervisor" "3 msb-owner" "4 msb-dns" "5 msb-relay" "6 msb-init" "7 msb-names"; do
	read -r n comm <<<"$victim"
	kill -KILL "$(descendant "$n" "$comm")"
	wait_for "$(patience 20)" rows_are "$(names $(seq $((n + 1)) "$COUNT"))"
	same "SIGKILL of $comm: ps shows the others" "$(names $(seq $((n + 1)) "$COUNT"))" "$(rows)"
	wait "${pids[n]}" 2>/dev/null
	[ ! -e "/run/msb/s$n" ]
	check "nothing of it is left in /run/msb" $?
done
still_works "seven sandboxes were killed" 8 9 10
# both who would have cleaned up
start_sandbox s7 --quiet --net public -- sh -c 'sleep 100'
pids[7]=$sandbox_pid
wait_for "$(patience 20)" "$CTL" status s7
owner=$(descendant 7 msb-owner)
kill -KILL "${pids[7]}" "$owner"
wait_for "$(patience 20)" rows_are "$(names 8 9 10)"
same "msb-run and table owner killed at once: ps shows the others" "$(names 8 9 10)" "$(rows)"
start_sandbox s7 --quiet --net public -- sh -c 'sleep 100'
pids[7]=$sandbox_pid
wait_for "$(patience 20)" "$CTL" status s7
check "one of that name starts in spite of what was left" $?

# a reader that stops reading
"$CTL" events s8 --follow | { sleep 300; } &
reader=$!
socat -u UNIX-CONNECT:/run/msb/s8/control - </dev/null >/dev/null 2>&1 &
python3 - <<'EOF' &
import socket, time
peers = []
for i in range(4):
    peer = socket.socket(socket.AF_UNIX)
    peer.connect("/run/msb/s8/control")
    peer.setblocking(False)
    line = b'{"version":1,"command":"status"}\n'
    try:
        for _ in range(2000):
            peer.send(line)
    except OSError:
        pass
    peers.append(peer)
time.sleep(60)
EOF
deaf=$!
still_works "readers that do not read" 8 9 10
wait_for "$(patience 20)" "$CTL" status s8
check "the sandbox answers others all the same" $?
kill "$reader" "$deaf" 2>/dev/null

# 10,000 connections, a third of them left open as long as they may be
python3 - "$(effort 10000)" >"$WORK/flood" <<'EOF'
import resource, socket, sys
resource.setrlimit(resource.RLIMIT_NOFILE, (20000, 20000))
left = []
answered = 0
for i in range(int(sys.argv[1])):
    peer = socket.socket(socket.AF_UNIX)
    peer.settimeout(20)
    peer.connect("/run/msb/s9/control")
    if i % 3 == 0:
        left.append(peer)
        continue
    try:
        if i % 3 == 1:
            peer.send(b'{"version":1,"comm')
        else:
            peer.send(b'{"version":1,"command":"ps"}\n')
            answered += peer.recv(4096).startswith(b"{")
    except OSError: # turned away
        pass
    peer.close()
print("done", answered, flush=True)
EOF
contains "10,000 connections are taken" "$(cat "$WORK/flood")" '^done [1-9]'
still_works "10,000 control connections" 8 9 10
same "none of their rounds failed" "0 0 0" "$(failed 8) $(failed 9) $(failed 10)"
wait_for "$(patience 20)" "$CTL" status s9
check "and then the sandbox answers again" $?
supervisor=$(descendant 9 msb-supervisor)
few_fds() { [ "$(find "/proc/$supervisor/fd" -mindepth 1 | wc -l)" -lt 80 ]; }
wait_for "$(patience 20)" few_fds
check "no descriptor of theirs stays" $? "$(find "/proc/$supervisor/fd" -mindepth 1 | wc -l) are open"

for i in 7 8 9 10; do "$CTL" stop "s$i" --kill --wait 2 >/dev/null; done
same "stopped, all of them" "" "$(rows)"
same "and nothing is left" claims "$(ls /run/msb)"

# no room at all: no sandbox that nobody could see
umount /run/msb 2>/dev/null
mount -t tmpfs -o mode=700,nr_inodes=4 tmpfs /run/msb
start_sandbox first --quiet -- sleep 100
first=$sandbox_pid
wait_for 10 "$CTL" status first
run_sandbox --name second --quiet -- true
same "a full /run: the next sandbox is refused" 125 "$status"
contains "by the file's name" "$err" '/run/msb/second.*No space'
same "nothing of it is left, and ps is true" "first" "$(rows)"
"$CTL" reload first --net public >/dev/null
same "the first is given another policy all the same" 0 $?
"$CTL" allow first 10.0.0.5 --for 10m >/dev/null
same "and a grant" "0 3" "$? $("$CTL" status first --format json | jq .generation)"
"$CTL" stop first --kill --wait 2 >/dev/null
wait "$first" 2>/dev/null
same "the first ends as ever" "" "$(rows)"
finish
