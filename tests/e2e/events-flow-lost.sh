#!/usr/bin/env bash
# The supervisor does not get to read what the kernel tells of flows, while thousands begin and end: what found no room is counted and
# said, flows that have ended meanwhile are told late, and then it goes on as before.
. "$(dirname "$0")/lib.sh"
world_up
cd "$WORK" || exit 1
mkfifo in
"$BUILD/msb-run" --vmm none --name agent --net-default allow --max-connections 0 --max-connection-rate 0 --events events --events-all -- sh <in >out 2>err &
run=$!
exec 5>in
echo "$PROBE tcp 93.184.216.34 7 5000; echo up" >&5
wait_for 20 grep -q up out
supervisor=$(pgrep -nx msb-supervisor)
ends() { jq -r 'select(.kind == "flow-end") | .port' events | wc -l; }
wait_for 10 grep -q flow-end events
kill -STOP "$supervisor"
echo "for i in \$(seq 10); do $PROBE burst-tcp 93.184.216.34 7 1000 10000; done; echo burst" >&5
wait_for 60 grep -q burst out
opened=$(awk '$1 == "connected" { n += $2 } END { print n + 0 }' out)
kill -CONT "$supervisor"
lost() { jq -r --arg why "$1" 'select(.kind == "lost" and (.because | test($why))) | .count' events | awk '{ n += $1 } END { print n + 0 }'; }
wait_for 20 grep -q 'queue of flows was full' events
check "what found no room is counted: $(lost 'queue of flows')" "$([ "$(lost 'queue of flows')" -gt 100 ]; echo $?)"
told_and_lost() { [ $(($(ends) + $(lost .))) -ge "$opened" ]; }
wait_for 20 told_and_lost
check "of $opened connections $(ends) ends are told, $(lost .) beginnings and ends said to be lost" "$(told_and_lost; echo $?)"
sleep 5 # the bound on lines has room again
echo "$PROBE tcp 93.184.216.34 8 5000" >&5
wait_for 20 grep -q '"flow-end".*"port":8,' events
check "then it goes on as before" $?
exec 5>&-
wait $run
finish
