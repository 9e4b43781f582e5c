#!/usr/bin/env bash
# Streams over the relay, to published ports and to the host's services: byte-exact both ways at once while either end stalls
# as it likes; the end of one direction arrives behind all its bytes; who does not read stops nobody else and keeps no more than a
# bounded number of pipes; what is written in pieces is passed on at once; an answer and its end arrive together; an urgent byte is
# passed on as one, in its place.
. "$(dirname "$0")/lib.sh"
world_up

# serve.py ADDRESS PORT DIRECTORY: PORT sends and receives streams with stalls, the next answers when it has two bytes, the
# next never reads, the next answers and closes, the next says where in the stream urgent bytes were
cat >"$WORK/serve.py" <<-'END_OF_FILE'
	import fcntl, select, socket, sys, threading
	sys.path.insert(0, sys.argv[3])
	from stream import exchange
	def each(port, serve):
	    listener = socket.create_server((sys.argv[1], int(sys.argv[2]) + port), backlog=256)
	    def loop():
	        while True:
	            threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()
	    threading.Thread(target=loop, daemon=True).start()
	def pairs(connection):
	    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
	    while connection.recv(2, socket.MSG_WAITALL):
	        connection.sendall(b"y")
	kept = []
	def answer(connection):
	    connection.sendall(b"answer to " + connection.recv(100))
	    connection.close()
	def urgent(connection):
	    bytes_now = b""
	    poll = select.poll()
	    poll.register(connection, select.POLLIN | select.POLLPRI | select.POLLRDHUP)
	    while b"." not in bytes_now:
	        poll.poll()
	        at_mark = fcntl.ioctl(connection, 0x8905, bytes(4)) != bytes(4)
	        if at_mark:
	            connection.sendall(b"[" + connection.recv(1, socket.MSG_OOB) + b"]")
	        bytes_now = connection.recv(100)  # stops in front of a mark
	        connection.sendall(bytes_now)
	    connection.close()
	each(0, lambda connection: exchange(connection, 2))
	each(1, pairs)
	each(2, kept.append)
	each(3, answer)
	each(4, urgent)
	print("ready", flush=True)
	threading.Event().wait()
END_OF_FILE
cat >"$WORK/stream.py" <<-'END_OF_FILE'
	import hashlib, random, threading, time
	TOTAL = 20 << 20
	def stall(draw):
	    if draw.random() < 0.05:
	        time.sleep(draw.random() * 0.01)
	def send(connection, seed):
	    """TOTAL bytes that the seed gives, in pieces of any size, then the end, and the hash in front of it"""
	    draw, digest, left = random.Random(seed), hashlib.sha256(), TOTAL
	    while left:
	        piece = draw.randbytes(min(left, draw.choice([1, 100, 1448, 65536, 500000])))
	        connection.sendall(piece)
	        digest.update(piece)
	        left -= len(piece)
	        stall(draw)
	    connection.sendall(digest.digest())
	    connection.shutdown(1)
	def exchange(connection, seed):
	    """Sends while it receives; what came, and whether its hash is right"""
	    sender = threading.Thread(target=send, args=(connection, seed), daemon=True)
	    sender.start()
	    draw, digest, tail, total = random.Random(-seed), hashlib.sha256(), b"", 0
	    while data := connection.recv(draw.choice([100, 4096, 65536, 1 << 20])):
	        data = tail + data
	        digest.update(data[:-32])
	        tail = data[-32:]
	        total += len(data) - len(tail)
	        stall(draw)
	    sender.join()
	    return total == TOTAL and tail == digest.digest()
END_OF_FILE
# client.py ADDRESS PORT DIRECTORY WHAT [COUNT]
cat >"$WORK/client.py" <<-'END_OF_FILE'
	import socket, struct, sys, time
	sys.path.insert(0, sys.argv[3])
	from stream import exchange
	def dial(port):
	    connection = socket.create_connection((sys.argv[1], int(sys.argv[2]) + port), 10)
	    connection.settimeout(60)
	    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
	    return connection
	def pieces():
	    connection, late = dial(1), 0
	    for _ in range(40):
	        start = time.monotonic()
	        connection.sendall(b"a")
	        time.sleep(0.001)
	        connection.sendall(b"b")
	        connection.recv(1)
	        late += time.monotonic() - start > 0.035
	    return late
	def stalled(count):
	    held = [dial(2) for _ in range(count)]
	    for connection in held:
	        connection.setblocking(False)
	    idle = time.monotonic()
	    while time.monotonic() < idle + 0.3:  # until nobody has taken a byte for a while
	        for connection in held:
	            try:
	                while connection.send(bytes(1 << 20)):
	                    idle = time.monotonic()
	            except BlockingIOError:
	                pass
	        time.sleep(0.01)
	    print("stalled", flush=True)
	    sys.stdin.readline()
	    for connection in held:  # no bytes wait for a server that reads, one day
	        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
	def answers(count):
	    right = 0
	    for number in range(count):
	        connection, said = dial(3), b""
	        connection.sendall(b"%d" % number)
	        while data := connection.recv(100):
	            said += data
	        right += said == b"answer to %d" % number
	        connection.close()
	    return right
	def urgent():
	    connection, said = dial(4), b""
	    for number in range(3):
	        connection.sendall(b"before")
	        connection.send(b"%d" % number, socket.MSG_OOB)
	        while said.count(b"]") <= number:  # until then a second one would take its place
	            said += connection.recv(100)
	        connection.sendall(b"behind")
	    connection.sendall(b".")
	    while data := connection.recv(100):
	        said += data
	    return said.decode()
	what = sys.argv[4]
	if what == "exchange":
	    print("same" if exchange(dial(0), 1) else "not the same")
	elif what == "pieces":
	    print(pieces())
	elif what == "urgent":
	    print(urgent())
	elif what == "stalled":
	    stalled(int(sys.argv[5]))
	else:
	    print(answers(int(sys.argv[5])))
END_OF_FILE
mkfifo "$WORK/ask" "$WORK/hold"
python3 "$WORK/serve.py" 127.0.0.1 9100 "$WORK" >"$WORK/host-serve.out" &
wait_for 20 grep -q ready "$WORK/host-serve.out"
start_sandbox streams -p 9000-9004:9000-9004 --net-rule allow@host -- bash -c "python3 $WORK/serve.py 0.0.0.0 9000 $WORK &
	while read -r what <$WORK/ask; do
		python3 $WORK/client.py 172.16.0.1 9100 $WORK \$what >$WORK/said.part 2>&1; mv $WORK/said.part $WORK/said
	done"
wait_for 20 grep -q ready "$WORK/streams.out"
relay=$(pgrep -nx msb-relay)
pipes() { find "/proc/$relay/fd" -lname 'pipe:*' | wc -l; }
published() { timeout 100 python3 "$WORK/client.py" 127.0.0.1 9000 "$WORK" "$@" 2>&1; }
to_host() { # WHAT…: asked from the guest
	rm -f "$WORK/said"
	echo "$*" >"$WORK/ask"
	wait_for 100 test -e "$WORK/said" && cat "$WORK/said"
}

to_host exchange >"$WORK/to-host-exchange" &
asked=$!
same "published: 20 MiB each way at once, each end stalls, byte-exact to its end" same "$(published exchange)"
wait $asked
same "and to a service of the host's" same "$(cat "$WORK/to-host-exchange")"
# of 40 rounds; the kernel's delayed acknowledgement is 40 ms
less() { if [ "${3:-99}" -lt "$2" ]; then ok "$1"; else not_ok "$1" "$3"; fi; }
less "published: what is written in two pieces waits for no acknowledgement" 20 "$(published pieces)"
less "nor to a service of the host's" 20 "$(to_host pieces)"
same "an answer with the end right behind it, 300 times" 300 "$(published answers 300)"
same "and from a service of the host's" 300 "$(to_host answers 300)"
in_place="before[0]behindbefore[1]behindbefore[2]behind."
same "published: urgent bytes arrive as such, in their places, and what follows them, too" "$in_place" "$(published urgent)"
same "and at a service of the host's" "$in_place" "$(to_host urgent)"

published stalled 40 <"$WORK/hold" >"$WORK/stalled" &
stalled=$!
exec 9>"$WORK/hold"
wait_for 60 grep -q stalled "$WORK/stalled"
held=$(pipes)
less "40 clients whose server never reads: a pipe for each of these directions, none for the others" 145 "$held"
same "the others go on" 50 "$(published answers 50)"
same "in bulk, too" same "$(published exchange)"
echo >&9
wait $stalled
wait_for 20 sh -c "[ \$(find /proc/$relay/fd -lname 'pipe:*' | wc -l) -le 64 ]"
less "and when they are gone, those few that are kept" 65 "$(pipes)"
finish
