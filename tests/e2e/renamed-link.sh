#!/usr/bin/env bash
# Whatever renames a sandbox's link on the host, a rule of udev's or a person, takes nothing from what bounds the sandbox there.
. "$(dirname "$0")/lib.sh"
world_up
leftovers_mark
busybox httpd -f -p 8099 -h "$WORK/www" &
server=$!
wait_for 5 "$PROBE" tcp "$HOST4" 8099

start_sandbox renamed --net-default allow -- sh -c "echo up; until [ -e $WORK/go ]; do sleep 0.02; done
	$PROBE tcp $HOST4 8099 500; $PROBE tcp 93.184.216.34 80 2000"
wait_for 20 grep -q up "$WORK/renamed.out"
if ip link set msb0 name other0 2>/dev/null; then
	: >"$WORK/go"
	wait "$sandbox_pid"
	same "a link of another name: the host is as unreachable, the Internet as reachable" \
		'up timeout connected ' "$(sed 's/ .*//' "$WORK/renamed.out" | tr '\n' ' ')"
else
	skip "a link of another name" "this kernel renames no link that is up"
	kill "$sandbox_pid"
	wait "$sandbox_pid"
fi
kill "$server"
wait "$server" 2>/dev/null
left=$(leftovers)
same "nothing is left" "" "$left"
finish
