#!/usr/bin/env bash
# The relay's room is shared: a client that opens as many connections as it can keeps nobody out, not even another user
# of the same host; published ports and the host's services do not take each other's; an event of a connection that has
# ended is not taken for its successor's; UDP answers that come when the relay has let the flow go are nobody's denial.
. "$(dirname "$0")/lib.sh"
world_up
ulimit -n 16384

# Keeps what connects, and echoes
cat >"$WORK/echo.py" <<-'END'
	import asyncio, sys
	async def echo(reader, writer):
	    try:
	        while data := await reader.read(65536):
	            writer.write(data)
	            await writer.drain()
	    except OSError:
	        pass
	    writer.close()
	async def main():
	    server = await asyncio.start_server(echo, sys.argv[1], int(sys.argv[2]), backlog=1024)
	    print("ready", flush=True)
	    await server.serve_forever()
	asyncio.run(main())
END
# hold.py ADDRESS PORT COUNT WORD: as many connections at once, or as many as there may be; says "held" and keeps them open
cat >"$WORK/hold.py" <<-'END'
	import socket, sys, time
	held = []
	for _ in range(2 * int(sys.argv[3])):
	    if len(held) == int(sys.argv[3]):
	        break
	    try:
	        connection = socket.create_connection((sys.argv[1], int(sys.argv[2])), 10)
	    except OSError:  # over a bound: of what there may be, or of what may begin in a second
	        time.sleep(0.01)
	        continue
	    try:
	        connection.sendall(sys.argv[4].encode())
	        connection.recv(100)
	    except OSError:
	        pass
	    held.append(connection)
	print("held", flush=True)
	time.sleep(600)
END
# poor.py PORT: one connection of another user's, used, then idle; after a line on standard input it is used again
cat >"$WORK/poor.py" <<-'END'
	import os, socket, sys
	"x".encode("idna")  # what connecting loads, while the file can be read
	os.setresuid(65534, 65534, 65534)
	def use():
	    connection.sendall(b"hello")
	    return connection.recv(100).decode()
	connection = socket.create_connection(("127.0.0.1", int(sys.argv[1])), 10)
	print(use(), flush=True)
	sys.stdin.readline()
	print(use(), flush=True)
END
# once.py ADDRESS PORT: one connection, used
cat >"$WORK/once.py" <<-'END'
	import socket, sys
	connection = socket.create_connection((sys.argv[1], int(sys.argv[2])), 10)
	connection.settimeout(10)
	connection.sendall(b"hello")
	print(connection.recv(100).decode())
END
python3 "$WORK/echo.py" 127.0.0.1 9100 >"$WORK/host-echo.out" &
wait_for 20 grep -q ready "$WORK/host-echo.out"
start_sandbox fair -p 9000:9000 --max-connections 2000 --net-default-egress deny --net-rule allow@host:tcp:9100 -- bash -c "
	python3 $WORK/echo.py 0.0.0.0 9000 &
	read -r _ <$WORK/go; exec python3 $WORK/hold.py 172.16.0.1 9100 1100 x"
mkfifo "$WORK/go" "$WORK/again"
wait_for 20 grep -q ready "$WORK/fair.out"

python3 "$WORK/poor.py" 9000 <"$WORK/again" >"$WORK/poor.out" 2>&1 &
exec 9>"$WORK/again"
wait_for 20 grep -q hello "$WORK/poor.out"
contains "an end that is gone is found out within minutes: TCP keepalive" "$(ss -tnoH state established '( sport = :9000 )')" \
	'timer:\(keepalive,([0-9]+sec|[1-4]min)'
python3 "$WORK/hold.py" 127.0.0.1 9000 1100 x >"$WORK/rich.out" 2>&1 &
wait_for 60 grep -q held "$WORK/rich.out"
sleep 1.1 # what was used within the last second does not give way to the same client's
same "a client that holds 1100 connections: there is room for another of the same user's" hello "$(python3 "$WORK/once.py" 127.0.0.1 9000 2>&1)"
echo >&9
wait_for 10 sh -c "[ \$(wc -l <$WORK/poor.out) -ge 2 ]"
same "and another user's idle one stays" "hello hello" "$(tr '\n' ' ' <"$WORK/poor.out" | sed 's/ $//')"
echo >"$WORK/go"
wait_for 60 grep -q held "$WORK/fair.out"
same "a guest that holds 1100 connections to the host's services leaves the published ports theirs" hello \
	"$(python3 "$WORK/once.py" 127.0.0.1 9000 2>&1)"
kill "$sandbox_pid" 2>/dev/null; wait "$sandbox_pid" 2>/dev/null

# --- connections that end while others begin ---
cat >"$WORK/churn.py" <<-'END'
	import socket, struct, threading
	failed = []
	def used(said):
	    try:
	        connection = socket.create_connection(("127.0.0.1", 9000), 10)
	        connection.settimeout(10)
	        connection.sendall(said)
	        if connection.recv(100) != said:
	            failed.append("another's")
	        connection.close()
	    except OSError as error:
	        failed.append(str(error))
	def resets(stop):
	    while not stop.is_set():
	        for connection in [socket.create_connection(("127.0.0.1", 9000), 10) for _ in range(8)]:
	            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
	            try:
	                connection.sendall(b"x" * 1000)
	            except OSError as error:
	                failed.append(f"reset by the relay: {error}")
	            connection.close()
	        used(b"after them")  # those wait to be accepted no more: the listener's queue never overflows
	def uses():
	    for number in range(500):
	        used(b"%d" % number)
	stop = threading.Event()
	resetting = [threading.Thread(target=resets, args=(stop,)) for _ in range(2)]
	using = [threading.Thread(target=uses) for _ in range(4)]
	for thread in resetting + using: thread.start()
	for thread in using: thread.join()
	stop.set()
	for thread in resetting: thread.join()
	print(len(failed), *failed[:3])
END
start_sandbox churn -p 9000:9000 -- python3 "$WORK/echo.py" 0.0.0.0 9000
wait_for 20 grep -q ready "$WORK/churn.out"
same "2000 connections while others are reset: none fails" 0 "$(timeout 60 python3 "$WORK/churn.py")"
kill "$sandbox_pid" 2>/dev/null; wait "$sandbox_pid" 2>/dev/null

# --- UDP ---
# Answers the first peer only when the last has been heard, whose datagram says so
cat >"$WORK/late.py" <<-'END'
	import socket
	s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
	s.bind(("0.0.0.0", 9001))
	print("ready", flush=True)
	first = None
	while True:
	    data, peer = s.recvfrom(100)
	    first = first or peer
	    s.sendto(data, peer)
	    if data == b"last":
	        s.sendto(b"late", first)
	        print("sent", flush=True)
END
cat >"$WORK/peers.py" <<-'END'
	import socket
	peers = []
	for number in range(1100):
	    peer = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
	    peer.settimeout(5)
	    peer.connect(("127.0.0.1", 9001))
	    peer.send(b"%d" % number)
	    peer.recv(100)
	    peers.append(peer)
	peers[-1].send(b"last")
	print(peers[-1].recv(100).decode())
	peers[0].send(b"again")
	print(peers[0].recv(100).decode())
END
start_sandbox udp -p 9001:9001/udp --net-default-egress deny -- sh -c "python3 $WORK/late.py & read -r _ <$WORK/go; $PROBE udp 172.16.0.1 20000 500; exec sleep 600"
wait_for 20 grep -q ready "$WORK/udp.out"
same "1100 UDP peers, the first of them anew" "last again" "$(python3 "$WORK/peers.py" 2>&1 | tr '\n' ' ' | sed 's/ $//')"
wait_for 20 grep -q sent "$WORK/udp.out"
echo >"$WORK/go" # a flow of the guest's own, whose denial is said after all that came before
wait_for 20 grep -q 'udp:20000' "$WORK/udp.err"
same "an answer to a peer that was let go is no denial of the guest's" "" "$(grep denied "$WORK/udp.err" | grep -v udp:20000)"
kill "$sandbox_pid" 2>/dev/null; wait "$sandbox_pid" 2>/dev/null
finish
