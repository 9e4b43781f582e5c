#!/usr/bin/env bash
# The process that holds flows until their names are judged is killed: the sandbox ends. Where the supervisor cannot see to that yet, what
# is forged for connections that were refused, or that the worker had open, arrives nowhere; nor does a connection that nobody accepts.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/hello-lib.sh"
hello_world
SEGMENTS=$TESTS/e2e/tools/hello_segments.py
forged() { cat "$READ/all.forged" 2>/dev/null | wc -l; }
gone() { ! kill -0 "$1" 2>/dev/null; }

# worker-killed
start_sandbox killed "${RULES[@]}" -- bash -c "$bind_names AT_ONCE=1 python3 $CLIENT $(tasks late:$GOOD:9000) & echo up; sleep 60"
sandbox=$sandbox_pid
wait_for 20 grep -q up "$WORK/killed.out"
wait_for 20 pgrep -x msb-names
kill -KILL "$(pgrep -nx msb-names)"
wait_for 20 gone "$sandbox"
wait "$sandbox"
same "worker-killed: the sandbox ends" 125 $?
contains "worker-killed: and says so" "$(cat "$WORK/killed.err")" 'is gone: the sandbox is closed'
same "worker-killed: none of its processes is left" "" "$(pgrep -x 'msb-.*')"

# after-denial, after the worker's death: the supervisor stands still
rm -f "$READ"/*
start_sandbox dead --quiet "${RULES[@]}" -- bash -c "$bind_names export GO=$WORK/go
	for address in $GOOD4 $GOOD6; do
		python3 $SEGMENTS after-denial $EVIL \$address 9000 &
		python3 $SEGMENTS after-end $GOOD \$address 9001 &
	done
	wait; echo done; sleep 60"
sandbox=$sandbox_pid
wait_for 30 sh -c "[ \$(grep -c waiting '$WORK/dead.out') = 4 ]"
supervisor=$(pgrep -nx msb-supervisor) worker=$(pgrep -nx msb-names)
kill -STOP "$supervisor"
kill -KILL "$worker"
touch "$WORK/go"
wait_for 30 grep -q done "$WORK/dead.out"
same "after-denial, the worker dead: refused, then forged" 2 "$(grep -c "^after-denial $EVIL 9000 reset forged" "$WORK/dead.out")"
same "after-denial, the worker dead: the other is ended, then forged" 2 "$(grep -c "^after-end $GOOD 9001 answered reset forged" "$WORK/dead.out")"
same "after-denial, the worker dead: no forged segment arrives" 0 "$(forged)"
same "after-denial, the worker dead: the server has read what was allowed" "0 384" "$(bytes_read 9000) $(bytes_read 9001)"
kill -CONT "$supervisor"
wait_for 20 gone "$sandbox"
wait "$sandbox"
same "after-denial, the worker dead: the sandbox ends when it is seen" 125 $?

# no-listener
rm -f "$READ"/*
seen_reset
start_sandbox unheard --quiet "${RULES[@]}" -- bash -c "$bind_names echo up; while [ ! -e $WORK/go2 ]; do sleep 0.05; done
	for address in $GOOD4 $GOOD6; do $PROBE tcp \$address 9002 1500; done; $PROBE dns $GOOD 172.16.0.1 1000; echo done; sleep 60"
sandbox=$sandbox_pid
wait_for 30 grep -q up "$WORK/unheard.out"
same "no-listener: they are there" 2 "$(in_dns_netns ss -Htln 'sport = :2' | wc -l)"
in_dns_netns ss -K -tl 'sport = :2' >/dev/null 2>&1
same "no-listener: and gone" 0 "$(in_dns_netns ss -Htln 'sport = :2' | wc -l)"
touch "$WORK/go2"
wait_for 30 grep -q done "$WORK/unheard.out"
lacks "no-listener: no connection is made" "$(cat "$WORK/unheard.out")" connected
same "no-listener: no packet arrives" "0 0" "$(seen $GOOD4 tcp 9002) $(seen $GOOD6 tcp 9002)"
kill "$sandbox"
wait "$sandbox" 2>/dev/null
finish
