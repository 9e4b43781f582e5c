#!/usr/bin/env bash
# The gateway and its name reach what the host serves on its loopback, whenever the policy allows the flow to the gateway,
# and nothing else of the host is ever reached.
. "$(dirname "$0")/lib.sh"
world_up
mkdir -p "$WORK/v4" "$WORK/v6" "$WORK/lan"
echo "loopback v4" >"$WORK/v4/index.html"; echo "loopback v6" >"$WORK/v6/index.html"; echo "lan" >"$WORK/lan/index.html"
busybox httpd -p 127.0.0.1:5432 -h "$WORK/v4"
busybox httpd -p '[::1]:5433' -h "$WORK/v6"
busybox httpd -p "$HOST4:5434" -h "$WORK/lan"
cat >"$WORK/echo.py" <<-'END'
	import socket, sys
	s = socket.socket(socket.AF_INET6 if ":" in sys.argv[1] else socket.AF_INET, socket.SOCK_DGRAM)
	s.bind((sys.argv[1], int(sys.argv[2])))
	while True:
	    data, peer = s.recvfrom(65535)
	    s.sendto(data, peer)
END
python3 "$WORK/echo.py" 127.0.0.1 6000 &
python3 "$WORK/echo.py" ::1 6000 &
python3 "$WORK/echo.py" 127.0.0.1 123 &
wait_for 20 "$PROBE" udp 127.0.0.1 6000

GET='get() { curl -gs --max-time 5 "$1"; }; '
inside() { # NAME EXPECTED RULES SCRIPT
	run_sandbox --net-default deny --net-rule "$3" -- sh -c "$GET$4"
	same "$1" "$2" "$(tr '\n' ' ' <<<"$out" | sed 's/ *$//')"
}
NAME=host.microsandbox.internal
inside "a service on 127.0.0.1, by name" "loopback v4" 'allow@host:tcp:5432,allow@dns' "get http://$NAME:5432/"
inside "by the gateway's address" "loopback v4" 'allow@host:tcp:5432' 'get http://172.16.0.1:5432/'
inside "over IPv6, though it listens on 127.0.0.1 only" "loopback v4" 'allow@host:tcp:5432' 'get http://[fd42:6d73:62::1]:5432/'
inside "a service on ::1 only" "loopback v6" 'allow@host:tcp:5433' 'get http://172.16.0.1:5433/'
inside "by a rule on the name" "loopback v4" "allow@$NAME:tcp:5432" "get http://$NAME:5432/"
inside "the name's rule needs the name's lookup" "refused" "allow@$NAME:tcp:5432" "$PROBE tcp 172.16.0.1 5432 | cut -d' ' -f1"
inside "not without a rule" "refused" 'allow@public,allow@private,allow@loopback,allow@dns' "$PROBE tcp 172.16.0.1 5432 | cut -d' ' -f1"
inside "not by another port's rule" "refused" 'allow@host:tcp:5433' "$PROBE tcp 172.16.0.1 5432 | cut -d' ' -f1"
inside "UDP" "answered answered" 'allow@host:udp:6000' "
	$PROBE udp 172.16.0.1 6000 | cut -d' ' -f1; $PROBE udp fd42:6d73:62::1 6000 | cut -d' ' -f1"
inside "UDP to a port below 1024" "answered" 'allow@host:udp:123' "$PROBE udp 172.16.0.1 123 | cut -d' ' -f1"
inside "UDP not without a rule" "prohibited" 'allow@host:tcp' "$PROBE udp 172.16.0.1 6000 | cut -d' ' -f1"
inside "many datagrams of many sockets" "answered 200" 'allow@host:udp:6000' "$PROBE burst-udp 172.16.0.1 6000 200 3000"
run_sandbox --net-default allow -- sh -c "$GET get http://$HOST4:5434/; $PROBE tcp $HOST4 5434 1000; $PROBE tcp 127.0.0.1 5432 500; $PROBE tcp $HOST6 5434 1000"
lacks "no other address of the host's, by whatever rule" "$out" 'lan|connected'
inside "a service that is not there: the connection ends" "closed" 'allow@host:tcp:5999' \
	"exec 3>&1; python3 -c '
import socket
try:
    s = socket.create_connection((\"172.16.0.1\", 5999), 3); s.settimeout(3); print(\"open\" if s.recv(1) else \"closed\")
except OSError: print(\"closed\")'"
start_sandbox other -p 8080:80 -- bash -c "busybox httpd -p 0.0.0.0:80 -h $WORK/lan; echo ready; sleep 600"
wait_for 20 grep -q ready "$WORK/other.out"
run_sandbox --net-default deny --net-rule allow@host:tcp:8080 -- sh -c "$GET get http://172.16.0.5:8080/"
same "another sandbox's published port is a service of the host's" lan "$out"
run_sandbox --net-default deny --net-rule allow@private -- "$PROBE" tcp 172.16.0.2 80 1000
lacks "unpublished it is not" "$out" connected
finish
