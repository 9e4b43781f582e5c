#!/usr/bin/env bash
# Reloads in a row, under TCP, UDP and DNS traffic: no packet passes that no policy of them allows, no flow that all of them allow
# is hurt, no name that all allow fails to resolve; and as many that fail leave the process as it was, descriptors and memory.
. "$(dirname "$0")/lib.sh"
world_up
CTL=$BUILD/msb-ctl
COUNT=$(((1000 * ${MSB_TEST_EFFORT:-100} + 99) / 100)) FAILING=$(((1000 * ${MSB_TEST_EFFORT:-100} + 99) / 100))
NEVER=198.51.100.7 # which no policy allows
printf 'default egress deny\nallow@8.8.8.8\nallow@8.8.4.4:udp:7\nallow@a.example.com:tcp:80\nallow@1.1.1.1\n' >"$WORK/a.msb"
printf 'default egress deny\ndeny@1.1.1.1\ndeny@10.0.0.0/8\nallow@a.example.com:tcp:80\nallow@8.8.4.4:udp:7\nallow@8.8.8.8\n' >"$WORK/b.msb"
on_internet nft -f - <<-END
	table ip storm {
		counter never { }
		chain in { type filter hook prerouting priority -400; ip daddr $NEVER counter name never; }
	}
END
never() { on_internet nft -j list counter ip storm never | jq '[.nftables[].counter.packets // empty] | add'; }

cat >"$WORK/guest.py" <<-'END'
	import random, select, socket, sys, threading, time
	stop, never, orders = threading.Event(), sys.argv[1], sys.argv[2]
	count = dict(stream=0, broken=0, udp=0, lost=0, lookups=0, failed=0, named=0, unnamed=0, tried=0, passed=0)
	def stream():  # one connection for all of it: every byte comes back
	    flow = socket.create_connection(("8.8.8.8", 7), 10)
	    flow.settimeout(20)
	    while not stop.is_set():
	        data = random.randbytes(4000)
	        try:
	            flow.sendall(data)
	            back = b""
	            while len(back) < len(data):
	                part = flow.recv(len(data) - len(back))
	                if not part:
	                    raise OSError
	                back += part
	        except OSError:
	            count["broken"] += 1
	            return
	        count["broken"] += back != data
	        count["stream"] += 1
	        time.sleep(0.002)
	def udp():
	    flow = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
	    flow.connect(("8.8.4.4", 7))
	    flow.settimeout(2)
	    while not stop.is_set():
	        for attempt in range(3):  # the kernel loses some by itself
	            try:
	                flow.send(b"x")
	                flow.recv(10)
	                count["udp"] += 1
	                break
	            except OSError:
	                pass
	        else:
	            count["lost"] += 1
	        time.sleep(0.005)
	def names():
	    while not stop.is_set():
	        try:
	            address = socket.getaddrinfo("a.example.com", 80, socket.AF_INET, socket.SOCK_STREAM)[0][4]
	            count["lookups"] += 1
	        except OSError:
	            count["failed"] += 1
	            continue
	        try:
	            socket.create_connection(address, 10).close()
	            count["named"] += 1
	        except OSError:
	            count["unnamed"] += 1
	        time.sleep(0.02)
	def forbidden():
	    while not stop.is_set():
	        count["tried"] += 1
	        try:
	            socket.create_connection((never, 7), 0.5).close()
	            count["passed"] += 1
	        except OSError:
	            pass
	        time.sleep(0.005)
	workers = [threading.Thread(target=work) for work in (stream, udp, names, forbidden)]
	for worker in workers: worker.start()
	print("ready", flush=True)
	open(orders).read()
	stop.set()
	for worker in workers: worker.join()
	print(*(f"{key}={value}" for key, value in count.items()), flush=True)
END
mkfifo "$WORK/orders"
start_sandbox storm --max-connection-rate 0 --policy "$WORK/a.msb" -- python3 "$WORK/guest.py" "$NEVER" "$WORK/orders"
wait_for "$(patience 20)" grep -q ready "$WORK/storm.out"
exec 7>"$WORK/orders"
done=0
for i in $(seq "$COUNT"); do
	[ $((i % 2)) = 0 ] && policy=a || policy=b
	"$CTL" reload storm --max-connection-rate 0 --policy "$WORK/$policy.msb" --format json >>"$WORK/answers" 2>>"$WORK/failures" && done=$((done + 1))
done
same "$COUNT reloads in a row" "$COUNT " "$done $(head -1 "$WORK/failures")"
same "each a generation" $((COUNT + 1)) "$("$CTL" status storm --format json | jq .generation)"

# --- that fail ---
supervisor=$(pgrep -ox msb-supervisor)
held() { ls "/proc/$supervisor/fd" | wc -l; }
memory() { awk '/^(RssAnon)/ { print $2 }' "/proc/$supervisor/status"; }
echo 'allow@no such rule' >"$WORK/wrong.msb"
fail() { # one of the ways
	case $(($1 % 3)) in
	0) "$CTL" reload storm --max-connection-rate 0 --policy "$WORK/a.msb" --net-mtu 1300 ;;
	1) "$CTL" reload storm --max-connection-rate 0 --policy "$WORK/a.msb" -p 203.0.113.99:8080:80 ;;
	2) "$CTL" allow storm allow@meta --for 1m ;;
	esac >/dev/null 2>&1
}
for i in $(seq 30); do fail "$i"; done
fds=$(held) kib=$(memory) failed=0
for i in $(seq "$FAILING"); do fail "$i" || failed=$((failed + 1)); done
same "$FAILING that fail" "$FAILING" "$failed"
same "hold no descriptor" "$fds" "$(held)"
check "and no memory" "$([ $(($(memory) - kib)) -lt 1024 ]; echo $?)" "$kib kB before, $(memory) kB after"
same "the policy is the old one" $((COUNT + 1)) "$("$CTL" status storm --format json | jq .generation)"

exec 7>&-
wait_for "$(patience 30)" grep -q stream= "$WORK/storm.out"
counts=$(grep stream= "$WORK/storm.out")
for name in broken lost failed unnamed passed; do same "$name: $counts" 0 "$(grep -oP "\b$name=\K\d+" <<<"$counts")"; done
for name in stream udp lookups named tried; do check "$name: there was traffic" "$([ "$(grep -oP "\b$name=\K\d+" <<<"$counts")" -gt 20 ]; echo $?)" "$counts"; done
same "packets to where no policy lets them go" 0 "$(never)"
wait "$sandbox_pid"
same "the sandbox ends as its command does" "0" "$?"
finish
