#!/usr/bin/env bash
# Ranges of published ports, -p 8000-8002:80-82, and how many connections wait for one.
. "$(dirname "$0")/lib.sh"
world_up

answers() { # each port of the guest's says which it is
	cat <<-'END'
		import socket, sys, threading
		def serve(port):
		    s = socket.create_server(("", port))
		    while True:
		        c, _ = s.accept()
		        c.sendall(b"port %d" % port)
		        c.close()
		for port in map(int, sys.argv[1:]):
		    threading.Thread(target=serve, args=(port,)).start()
	END
}
start_sandbox ranges -p 8000-8002:80-82 --tcp-accept-queue-size 7 -- python3 -c "$(answers)" 80 81 82 83
reads() { python3 -c 'import socket, sys
s = socket.create_connection(("127.0.0.1", int(sys.argv[1])), 5); print(s.makefile().read())' "$1" 2>&1 | tail -1; }
told() { [ "$(reads "$1")" = "port $2" ]; }
for i in 0 1 2; do
	try "port 800$i leads to 8$i" wait_for 20 told "800$i" "8$i"
done
contains "and no further one" "$(reads 8003)" 'refused'
same "the queues are as long as was said" "7 7 7" "$(ss -Hltn 'sport >= :8000 and sport <= :8002' | awk '{ printf "%s%s", sep, $3; sep = " " }')"
kill "$sandbox_pid"
wait "$sandbox_pid" 2>/dev/null

start_sandbox usual -p 8010:80 -- python3 -c "$(answers)" 80
try "a single port" wait_for 20 told 8010 80
same "the usual queue" "$(($(sysctl -n net.core.somaxconn) < 1024 ? $(sysctl -n net.core.somaxconn) : 1024))" \
	"$(ss -Hltn 'sport = :8010' | awk '{ print $3 }')"
kill "$sandbox_pid"
wait "$sandbox_pid" 2>/dev/null

# One of them is taken: none is published, and it is said which
python3 -c 'import socket, time; s = socket.create_server(("127.0.0.1", 8001)); print("ready", flush=True); time.sleep(60)' >"$WORK/taken" &
taken=$!
wait_for 20 grep -q ready "$WORK/taken"
run_sandbox -p 8000-8002:80-82 -- true
same "a port of the range is taken: status" 125 "$status"
contains "it is said which" "$err" '8001'
same "nothing is left listening" "" "$(ss -Hltn 'sport = :8000 or sport = :8002')"
kill "$taken"
for spec in 8000-8002:80-81 8002-8000:80-82 0-2:80-82; do
	run_sandbox -p "$spec" -- true
	same "$spec: status" 125 "$status"
	contains "$spec: what is wanted" "$err" '8000-8002:80-82'
done
run_sandbox --tcp-accept-queue-size 0 -- true
contains "a queue of nothing" "$err" 'from 1 to 2147483647'
finish
