#!/usr/bin/env bash
# As many hellos at once as flows may wait: each is judged, and the sandbox goes on.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/hello-lib.sh"
hello_world
BURST=$TESTS/e2e/tools/hello_burst.py
# fewer than there is room for, which descriptors bound
COUNT=$((($(ulimit -Hn) - 200) / 6))
[ "$COUNT" -lt 3000 ] || COUNT=3000

on_internet nft insert rule inet answers prerouting iifname wan0 tcp dport 8999 redirect
on_internet python3 -c 'import selectors, socket
selector, listener = selectors.DefaultSelector(), socket.create_server(("", 8999), backlog=4096)
selector.register(listener, selectors.EVENT_READ)
while True:
	for key, _ in selector.select():
		if key.fileobj is listener:
			selector.register(listener.accept()[0], selectors.EVENT_READ)
			continue
		try:
			key.fileobj.recv(65536) and key.fileobj.sendall(b"read")
		except OSError:
			pass
		selector.unregister(key.fileobj)
		key.fileobj.close()
' &

# burst WHAT NAME: the worker stands still while they are sent, as if the processors were another's
burst() {
	local worker
	rm -f "$WORK/go"
	start_sandbox "$1" --quiet --max-connection-rate 5000 "${RULES[@]}" -- bash -c "$bind_names python3 $BURST $2 $GOOD4 8999 $COUNT $WORK/go
		$PROBE dns $GOOD 172.16.0.1 1000"
	wait_for 40 grep -q made "$WORK/$1.out"
	wait_for 20 pgrep -nx msb-names
	worker=$(pgrep -nx msb-names)
	kill -STOP "$worker"
	touch "$WORK/go"
	wait_for 20 grep -q sent "$WORK/$1.out"
	kill -CONT "$worker"
	wait "$sandbox_pid"
	same "$1: the sandbox goes on" "0 1" "$? $(grep -c "^$GOOD4" "$WORK/$1.out")"
}
burst evil $EVIL
same "a name that is denied: all are reset" "reset $COUNT" "$(grep reset "$WORK/evil.out")"
burst good "${GOOD^^}"
same "a name that is asked about and allowed: all are answered" "answered $COUNT" "$(grep -E 'answered|reset' "$WORK/good.out")"
finish
