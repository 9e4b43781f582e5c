#!/usr/bin/env bash
# Published ports: a client of the host's reaches the guest, judged by who it really is; whole streams, ends of one
# direction, many at once; a client that never reads stops nobody else; UDP peers are told apart.
. "$(dirname "$0")/lib.sh"
world_up
leftovers_mark
mkdir -p "$WORK/guest" && echo "hello from the guest" >"$WORK/guest/index.html"

# serve NAME COMMAND POLICY-ARG…: a sandbox that runs the shell command, once it is up
serve() {
	local name=$1 command=$2
	shift 2
	start_sandbox "$name" "$@" -- bash -c "$command"
	wait_for 20 grep -q ready "$WORK/$name.out"
}
stop() { kill "$sandbox_pid" 2>/dev/null; wait "$sandbox_pid" 2>/dev/null; }
WEB='busybox httpd -p 0.0.0.0:80 -h '"$WORK/guest"' && busybox httpd -p [::]:8081 -h '"$WORK/guest"'; echo ready; sleep 600'

serve web "$WEB" -p 8080:80 -p "$HOST4:8090:80" -p '[::1]:8080:8081' -p 127.0.0.1:0:80
same "TCP, on the host's loopback" "hello from the guest" "$(curl -s --max-time 5 http://127.0.0.1:8080/)"
same "over IPv6" "hello from the guest" "$(curl -s --max-time 5 'http://[::1]:8080/')"
same "on an address that was named" "hello from the guest" "$(on_internet curl -s --max-time 5 http://$HOST4:8090/)"
same "and on no other" "7" "$(on_internet curl -s --max-time 5 http://$HOST4:8080/; echo $?)"
chosen=$(grep -oE '127\.0\.0\.1:[0-9]+->80/tcp' "$WORK/web.err" | grep -oE ':[0-9]+-' | tr -d ':-')
same "a port that the system chooses is said" "hello from the guest" "$(curl -s --max-time 5 "http://127.0.0.1:${chosen:-1}/")"
seq 200 | xargs -P 200 -I{} curl -s --max-time 20 http://127.0.0.1:8080/ >"$WORK/two-hundred"
same "200 connections at once" 200 "$(grep -c 'hello from the guest' "$WORK/two-hundred")"
run_sandbox -p 8080:80 -- true
same "a port that is taken: status 125" 125 "$status"
contains "and what to do" "$err" '^msb-run: error: 127\.0\.0\.1:8080 is taken; choose another, or -p 0:80 to let the system choose$'
run_sandbox -p 20000-20255:80-335 -- true
same "as many ports as a sandbox can have" "0 " "$status $err"
run_sandbox -p 20000-20255:80-335 -p 20256:336 -- true
contains "more ports than a sandbox can have: as check says" "$status $err" '^125 -p: error: more than 256 published ports'
stop

# --- who may ---
serve judged "$WEB" -p 8080:80 -p "$HOST4:8090:80" --net-default allow --net-rule 'deny:ingress@public:tcp:80'
same "the host's own loopback may" "hello from the guest" "$(curl -s --max-time 5 http://127.0.0.1:8080/)"
# curl's 7 and 56: a reset while it connects, or just after
contains "a peer that a rule denies gets a reset" "$(on_internet curl -s --max-time 5 http://$HOST4:8090/; echo $?)" '^(7|55|56)$'
wait_for 20 grep -q 'denied ingress' "$WORK/judged.err"
contains "and is reported" "$(cat "$WORK/judged.err")" 'denied ingress@203.0.113.1:tcp:80 +deny:ingress@public:tcp:80'
stop
serve loopback "$WEB" -p 8080:80 --net-default-ingress deny --net-rule 'allow:ingress@host'
contains "a client on the host is loopback, not host" "$(curl -s --max-time 5 http://127.0.0.1:8080/; echo $?)" '^(7|55|56)$'
stop

# --- streams ---
cat >"$WORK/guest.py" <<-'END'
	import socket, sys, threading, hashlib
	listener = socket.create_server(("0.0.0.0", 9000), backlog=64)
	print("ready", flush=True)
	def serve(connection):
	    first = connection.recv(1)
	    if first == b"h":      # hash what comes until its end, then say it
	        digest, total = hashlib.sha256(), 0
	        while data := connection.recv(1 << 20):
	            digest.update(data)
	            total += len(data)
	        connection.sendall(f"{total} {digest.hexdigest()}".encode())
	    elif first == b"g":    # a stream without end
	        try:
	            while True:
	                connection.sendall(b"x" * 65536)
	        except OSError:
	            print("gone\n", end="", flush=True)  # one write: threads share the line
	    elif first == b"e":    # echo
	        while data := connection.recv(65536):
	            connection.sendall(data)
	    connection.close()
	while True:
	    threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()
END
cat >"$WORK/client.py" <<-'END'
	import hashlib, os, socket, sys
	def upload(size):
	    connection = socket.create_connection(("127.0.0.1", 9000), 60)
	    block, digest = os.urandom(1 << 20), hashlib.sha256()
	    connection.sendall(b"h")
	    for _ in range(size >> 20):
	        connection.sendall(block)
	        digest.update(block)
	    connection.shutdown(socket.SHUT_WR)  # half a close: the answer is still to come
	    said = b""
	    while data := connection.recv(4096):
	        said += data
	    print("same" if said.decode() == f"{size} {digest.hexdigest()}" else said.decode())
	def echo():
	    connection = socket.create_connection(("127.0.0.1", 9000), 10)
	    connection.sendall(b"ehello")
	    print(connection.recv(10).decode())
	if sys.argv[1] == "upload":
	    upload(int(sys.argv[2]) << 20)
	else:
	    stalled = [socket.create_connection(("127.0.0.1", 9000), 10) for _ in range(20)]
	    for connection in stalled:
	        connection.sendall(b"g")     # and never read
	    import time; time.sleep(1)
	    echo()
	    for connection in stalled:
	        connection.close()
END
serve streams "exec python3 $WORK/guest.py" -p 9000:9000
same "1 GiB, byte-exact, the end of one direction passed on" same "$(timeout 120 python3 "$WORK/client.py" upload 1024)"
same "clients that never read stop only themselves" hello "$(timeout 30 python3 "$WORK/client.py" stalled)"
wait_for 20 sh -c "[ \$(grep -c gone $WORK/streams.out) = 20 ]"
same "and are gone when they leave" 20 "$(grep -c gone "$WORK/streams.out")"
stop

# --- UDP ---
cat >"$WORK/udp.py" <<-'END'
	import socket
	s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
	s.bind(("0.0.0.0", 5353 + 1))
	print("ready", flush=True)
	while True:
	    data, peer = s.recvfrom(65535)
	    s.sendto(b"from %d: " % peer[1] + data, peer)
END
cat >"$WORK/peers.py" <<-'END'
	import socket, sys
	peers = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(50)]
	for number, peer in enumerate(peers):
	    peer.settimeout(3)
	    peer.connect((sys.argv[1], int(sys.argv[2])))
	    peer.send(b"%d" % number)
	said = [peer.recv(100).decode() for peer in peers]
	right = sum(text.split(": ")[1] == str(number) for number, text in enumerate(said))
	ports = len({text.split(":")[0] for text in said})
	peers[0].send(b"x" * 9000)
	print(right, ports, len(peers[0].recv(65535)) > 9000)
END
serve udp "exec python3 $WORK/udp.py" -p 7000:5354/udp -p "$HOST4:7001:5354/udp" -p 0.0.0.0:7002:5354/udp --net-rule 'deny:ingress@203.0.113.1:udp'
same "UDP: each of 50 peers has its own answers" "50 50 True" "$(timeout 20 python3 "$WORK/peers.py" 127.0.0.1 7000)"
same "UDP: published on all addresses, the one asked answers" "50 50 True" "$(timeout 20 python3 "$WORK/peers.py" 127.9.8.7 7002)"
same "UDP: a peer that is denied hears nothing" "timeout" "$(on_internet "$PROBE" udp $HOST4 7001 500 | cut -d' ' -f1)"
wait_for 20 grep -q 'denied ingress' "$WORK/udp.err"
contains "and is reported" "$(cat "$WORK/udp.err")" 'denied ingress@203.0.113.1:udp:5354 +deny:ingress@203.0.113.1:udp'
stop
if wait_for 20 sh -c '! ip -br link | grep -q ^msb'; then ok "nothing is left"; else not_ok "nothing is left" "$(leftovers)"; fi
finish
