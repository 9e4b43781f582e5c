#!/usr/bin/env bash
# Events, `msb-ctl explain` and `msb-policyc eval` name the same rule for the same flow, whoever let it pass or refused it: 1,000 random
# flows by TCP and UDP, IPv4 and IPv6, with server names and without, under random policies with names; and flows to the host's services
# and to published ports. Each is sent for real. MSB_SEED, MSB_POLICIES, MSB_FLOWS: what is tried
. "$(dirname "$0")/lib.sh"
tool=$TESTS/e2e/tools/name_flows.py agree=$TESTS/e2e/tools/agree.py
world_up "$(python3 "$tool" zone)"
ipv6_up
first=${MSB_SEED:-1} policies=${MSB_POLICIES:-8} flows=${MSB_FLOWS:-125}
mkfifo "$WORK/hold"
total=0 allowed=0 wrong=0
CTL=$BUILD/msb-ctl

# begin NAME ARGUMENT… -- COMMAND: a sandbox
begin() {
	local name=$1
	shift
	rm -f "$WORK/events"
	start_sandbox "$name" --max-connection-rate 1000000 --max-connections 0 --events "$WORK/events" --events-all "$@"
}
# until_done NAME: until its command has said so
until_done() { wait_for 60 grep -q '^done$' "$WORK/$1.out" || { echo "# not done:"; head -5 "$WORK/$1.err"; }; }
# judge NAME ARGUMENT…: the flows of batch, by both; then the sandbox ends, and what events say is compared
judge() {
	local name=$1 line
	shift
	local -a asked
	# what the first packet decides has no server name, for nobody waits to read one
	"$BUILD/msb-policyc" eval "$@" --format json --batch <"$WORK/batch" | jq -r '.[] | if .syn == "defer" then .flow else (.flow | sub(" sni=.*"; "")) end' >"$WORK/batch.seen"
	mv "$WORK/batch.seen" "$WORK/batch"
	"$BUILD/msb-policyc" eval "$@" --format json --batch <"$WORK/batch" >"$WORK/judged"
	mapfile -t asked <"$WORK/batch"
	"$CTL" explain "$name" --format json "${asked[@]}" >"$WORK/explained"
	: >"$WORK/hold"
	wait "$sandbox_pid"
	python3 "$TESTS/e2e/tools/events-valid.py" "$TESTS/../docs/events.schema.json" "$WORK/events" >"$WORK/invalid" || { wrong=$((wrong + 1)); head -3 "$WORK/invalid"; }
	python3 "$agree" "$WORK/judged" "$WORK/explained" "$WORK/events" >"$WORK/compared"
	line=$(tail -1 "$WORK/compared")
	[[ $line == *" 0 mismatches" ]] || { wrong=$((wrong + 1)); echo "# $name: $*"; grep -v '^mismatch' "$WORK/compared" | sed 's/^/# /'; grep -m5 ^mismatch "$WORK/compared" | sed 's/^/# /'; }
	read -r count _ allow _ <<<"$line"
	total=$((total + count)) allowed=$((allowed + allow))
}

for ((seed = first; seed < first + policies; seed++)); do
	mapfile -t arguments < <(python3 "$tool" policy "$seed")
	python3 "$tool" flows "$seed" "$flows" >"$WORK/flows"
	begin "random$seed" "${arguments[@]}" -- sh -c "python3 $tool try 172.16.0.1 $WORK/flows; echo done; cat $WORK/hold"
	until_done "random$seed"
	grep -v '^done' "$WORK/random$seed.out" >"$WORK/tried"
	python3 "$tool" batch "$WORK/flows" "$WORK/tried" >"$WORK/batch"
	judge "random$seed" "${arguments[@]}"
done
same "events, explain and eval say the same of $total flows" "0 $((policies * flows))" "$wrong $total"
same "of which many are let pass and many are not" yes "$([ "$allowed" -gt $((total / 10)) ] && [ "$allowed" -lt $((total * 9 / 10)) ] && echo yes)"

# --- the host's services, published ports -----------------------------------------------------------------------------

cat >"$WORK/serve.py" <<-'END'
	import socket, sys, threading
	def echo(s, kind):
	    if kind == socket.SOCK_DGRAM:
	        while True:
	            s.sendto(*s.recvfrom(65535))
	    while True:
	        c = s.accept()[0]
	        c.sendall(c.recv(100))
	        c.close()
	for port in map(int, sys.argv[1:]):
	    for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
	        s = socket.socket(socket.AF_INET6, kind)
	        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
	        s.bind(("::", port))
	        s.listen(64) if kind == socket.SOCK_STREAM else None
	        threading.Thread(target=echo, args=(s, kind), daemon=True).start()
	print("up", flush=True)
	threading.Event().wait()
END
cat >"$WORK/peers.py" <<-'END'
	import socket, sys
	for i in range(10, 30):
	    for kind, port in ((socket.SOCK_STREAM, 8080), (socket.SOCK_DGRAM, 9090)):
	        s = socket.socket(socket.AF_INET, kind)
	        s.settimeout(2)
	        try:
	            s.bind(("203.0.113.%d" % i, 0))
	            s.connect((sys.argv[1], port))
	            s.send(b"x")
	            s.recv(100)
	        except OSError:
	            pass
	        s.close()
END
python3 "$WORK/serve.py" 5432 6000 7000 >"$WORK/host.out" &
for i in $(seq 10 29); do on_internet ip address add "203.0.113.$i/24" dev wan0; done
wait_for 20 grep -q up "$WORK/host.out"
cat >"$WORK/ends.msb" <<-'EOF'
	default egress deny
	default ingress deny
	allow@host:tcp:{5432,6000}
	deny@172.16.0.1:udp:7000
	allow@host:udp
	allow:ingress@203.0.113.10:tcp
	deny:ingress@203.0.113.0/28
	allow:ingress@public:tcp:80
	allow:ingress@203.0.113.20/30:udp:90
EOF
commands=""
: >"$WORK/batch"
for gateway in 172.16.0.1 fd42:6d73:62::1; do
	[[ $gateway == *:* ]] && text="[$gateway]" || text=$gateway
	for proto in tcp udp; do
		for port in 5432 6000 7000 8000; do
			commands+="$PROBE $proto $gateway $port 500;"
			[ "$proto$port" = udp8000 ] || echo "egress@$text:$proto:$port" >>"$WORK/batch" # where nothing listens a flow of UDP is not seen to begin
		done
	done
done
for i in $(seq 10 29); do printf 'ingress@203.0.113.%d:tcp:80\ningress@203.0.113.%d:udp:90\n' "$i" "$i"; done >>"$WORK/batch"
begin ends --policy "$WORK/ends.msb" -p "$HOST4:8080:80" -p "$HOST4:9090:90/udp" -- sh -c "
	python3 $WORK/serve.py 80 90 & $commands echo done; cat $WORK/hold; kill %1"
until_done ends
wait_for 20 grep -q up "$WORK/ends.out"
on_internet python3 "$WORK/peers.py" "$HOST4"
before=$wrong
judge ends --policy "$WORK/ends.msb" -p "$HOST4:8080:80" -p "$HOST4:9090:90/udp"
same "the host's services and published ports, too" 0 $((wrong - before))
finish
