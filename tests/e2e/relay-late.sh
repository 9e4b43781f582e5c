#!/usr/bin/env bash
# Flows over the relay that are quiet for long: an answer that comes 65 s after the end of the question's direction, and
# datagrams after two minutes (RFC 4787, REQ-5), both to published ports and to the host's services. All wait at once.
# long
. "$(dirname "$0")/lib.sh"
world_up

# A server of both kinds: over TCP it answers "late" after 65 s; over UDP at once, after 65 s, and after 125 s of silence
cat >"$WORK/serve.py" <<-'END'
	import socket, sys, threading, time
	def tcp(port):
	    listener = socket.create_server((sys.argv[1], port))
	    while True:
	        connection = listener.accept()[0]
	        threading.Thread(target=answer, args=(connection,), daemon=True).start()
	def answer(connection):
	    while connection.recv(4096):
	        pass
	    time.sleep(65)
	    connection.sendall(b"late")
	    connection.close()
	def udp(port):
	    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
	    s.bind((sys.argv[1], port))
	    while True:
	        data, peer = s.recvfrom(100)
	        for delay in data.split():
	            threading.Timer(float(delay), s.sendto, (delay, peer)).start()
	threading.Thread(target=tcp, args=(9000,), daemon=True).start()
	threading.Thread(target=udp, args=(9001,), daemon=True).start()
	time.sleep(1)
	print("ready", flush=True)
	time.sleep(600)
END
# client.py ADDRESS PORT WHAT: half-close | the seconds after which datagrams shall come
cat >"$WORK/client.py" <<-'END'
	import socket, sys
	at = (sys.argv[1], int(sys.argv[2]))
	if sys.argv[3] == "half-close":
	    connection = socket.create_connection(at, 10)
	    connection.settimeout(90)
	    connection.sendall(b"question")
	    connection.shutdown(socket.SHUT_WR)
	    print(connection.recv(10).decode())
	else:
	    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
	    s.settimeout(140)
	    s.connect(at)
	    s.send(sys.argv[3].encode())
	    print(*[s.recv(100).decode() for _ in sys.argv[3].split()])
END
python3 "$WORK/serve.py" 127.0.0.1 >"$WORK/host-serve.out" &
wait_for 20 grep -q ready "$WORK/host-serve.out"
start_sandbox late -p 8000:9000 -p 8001:9001/udp --net-default-egress deny --net-rule 'allow@host:tcp:9000,allow@host:udp:9001' -- bash -c "
	python3 $WORK/client.py 172.16.0.1 9000 half-close >$WORK/to-host-tcp 2>&1 &
	python3 $WORK/client.py 172.16.0.1 9001 '0 65' >$WORK/to-host-udp 2>&1 &
	exec python3 $WORK/serve.py 0.0.0.0"
wait_for 20 grep -q ready "$WORK/late.out"
python3 "$WORK/client.py" 127.0.0.1 8000 half-close >"$WORK/published-tcp" 2>&1 &
python3 "$WORK/client.py" 127.0.0.1 8001 '65' >"$WORK/published-udp" 2>&1 &
python3 "$WORK/client.py" 127.0.0.1 8001 '0 125' >"$WORK/published-udp-idle" 2>&1 &
settled() { for file in to-host-tcp to-host-udp published-tcp published-udp published-udp-idle; do [ -s "$WORK/$file" ] || return 1; done; }
wait_for 170 settled
same "published TCP: an answer 65 s after the client has closed its direction" late "$(cat "$WORK/published-tcp")"
same "published UDP: an answer after 65 s" 65 "$(cat "$WORK/published-udp")"
same "published UDP: a datagram after two minutes without any" "0 125" "$(cat "$WORK/published-udp-idle")"
same "to the host's service, TCP: an answer 65 s after the guest has closed its direction" late "$(cat "$WORK/to-host-tcp")"
same "to the host's service, UDP: an answer after 65 s" "0 65" "$(cat "$WORK/to-host-udp")"
same "none of them is a flow that was refused" "" "$(grep denied "$WORK/late.err")"
finish
