#!/usr/bin/env bash
# threats: dns-upstream. A guest asks the host's or another sandbox's addresses for names, and a DNS worker that was
# taken over connects where it likes: neither gets there. A nameserver on the host's own loopback is reached, and
# nothing else is by the sockets that reach it.
# long
. "$(dirname "$0")/lib.sh"
world_up

# what the host itself serves, on every address it has
mkdir -p "$WORK/host"
cat >"$WORK/host/unbound.conf" <<-END
	server:
		interface: 0.0.0.0
		interface: ::0
		access-control: 0.0.0.0/0 allow
		access-control: ::/0 allow
		username: ""
		chroot: ""
		directory: "$WORK/host"
		pidfile: ""
		logfile: "$WORK/host/log"
		log-queries: yes
		use-syslog: no
		module-config: "iterator"
		local-zone: "host.test." static
		local-data: "secret.host.test. 60 IN A 93.184.216.77"
		local-data: "public.host.test. 60 IN A 93.184.216.78"
	remote-control:
		control-enable: no
END
unbound -d -c "$WORK/host/unbound.conf" &
wait_for 20 dig +short +time=1 +tries=1 @127.0.0.1 public.host.test
on_host() { grep -c "$1" "$WORK/host/log"; }
echo secret >"$WORK/host/index.html"
busybox httpd -p 127.0.0.1:5432 -h "$WORK/host"
busybox httpd -p 203.0.113.2:5432 -h "$WORK/host"

# --- the guest ---
start_sandbox other --net-default allow -- sleep 600
other_pid=$sandbox_pid
wait_for 20 ip link show msb0
ASK='dig +tries=1 +time=2 +short @'
run_sandbox --net-default allow --dns-query-timeout-ms 500 -- sh -c "
	for address in $HOST4 $HOST6 172.16.0.1 172.16.0.2 fd42:6d73:62::1 fd42:6d73:62::2; do
		${ASK}\$address secret.host.test & ${ASK}\$address +tcp secret.host.test & done; wait"
lacks "the host's and a neighbour's addresses answer no guest" "$out" '93\.184\.216\.77'
same "and no query of its reached the host" 0 "$(on_host 'secret.host.test')"
for address in 127.0.0.1 255.255.255.255 224.0.0.251; do
	run_sandbox --net-default allow -- sh -c "$ASK$address public.host.test & $ASK$address +tcp public.host.test & wait"
	lacks "$address is nobody's resolver" "$out" '93\.184\.216'
done

# --- a nameserver on the host's loopback ---
LOOPBACK=(--dns-nameserver 127.0.0.1)
run_sandbox "${LOOPBACK[@]}" -- dig +short public.host.test
same "a nameserver on the host's loopback answers" 93.184.216.78 "$out"
run_sandbox "${LOOPBACK[@]}" -- dig +tcp +short @172.16.0.5 public.host.test
same "over TCP as well" 93.184.216.78 "$out"
run_sandbox --dns-nameserver ::1 -- dig +short public.host.test
same "and over IPv6" 93.184.216.78 "$out"

# --- the worker, taken over: its sockets in hand, in its namespace and in the host's ---
start_sandbox victim "${LOOPBACK[@]}" --dns-nameserver 9.9.9.9 --net-default allow --net-rule 'deny@any' -- sleep 600
wait_for 20 sh -c 'test "$(pgrep -cx msb-dns)" -eq 2'
worker=$(pgrep -nx msb-dns)
link=$(ip -br link | grep -oE '^msb[0-9]+' | sort -V | tail -n 1)
host_mark=$((0x6d000000 | $(cat "/sys/class/net/$link/ifindex")))
cat >"$WORK/connect.py" <<-'END'
	import socket, sys
	mark, address, port = int(sys.argv[1], 0), sys.argv[2], int(sys.argv[3])
	family = socket.AF_INET6 if ":" in address else socket.AF_INET
	for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM):
	    s = socket.socket(family, kind)
	    s.settimeout(0.4)
	    if mark:
	        s.setsockopt(socket.SOL_SOCKET, socket.SO_MARK, mark)
	    try:
	        s.connect((address, port))
	        s.send(b"out")
	        s.recv(10)
	        print("got out")
	    except socket.timeout:
	        print("silence")
	    except OSError as error:
	        print(error.strerror)
END
as_worker() { nsenter --net="/proc/$worker/ns/net" -- python3 "$WORK/connect.py" "$@"; }
seen_reset
targets=("93.184.216.34 443" "93.184.216.34 53" "10.0.0.5 53" "9.9.9.9 443" "169.254.169.254 80" "2606:2800:220:1::34 53")
tries=()
for target in "${targets[@]}"; do
	for mark in 0x6d736202 0; do
		# shellcheck disable=SC2086 # an address and a port
		as_worker $mark $target >/dev/null &
		tries+=($!)
	done
done
wait "${tries[@]}"
for target in "${targets[@]}"; do
	same "the worker's sockets do not reach $target" 0 "$(seen "${target% *}" tcp "${target#* }")$(seen "${target% *}" udp "${target#* }" | sed 's/^0$//')"
done
as_worker 0x6d736202 9.9.9.9 53 >/dev/null
same "they reach the nameserver" yes "$([ "$(seen 9.9.9.9 udp 53)" -gt 0 ] && echo yes)"
lacks "in the host's namespace they reach no other service" "$(python3 "$WORK/connect.py" $host_mark 127.0.0.1 5432)" 'got out'
lacks "nor another of the host's addresses" "$(python3 "$WORK/connect.py" $host_mark $HOST4 5432)" 'got out'
python3 "$WORK/connect.py" $host_mark 93.184.216.34 53 >/dev/null
same "nor anything beyond the host" 0 "$(seen 93.184.216.34)"
kill "$sandbox_pid" "$other_pid" 2>/dev/null
wait "$sandbox_pid" "$other_pid" 2>/dev/null # a worker of theirs would be taken for the next one's

# --- what the worker holds ---
start_sandbox jailed -- sleep 600
wait_for 20 pgrep -x msb-dns
worker=$(pgrep -nx msb-dns)
wait_for 20 grep -q '^Seccomp:.2' "/proc/$worker/status"
status_of() { awk -v key="$1:" '$1 == key { print $2 }' "/proc/$worker/status"; }
same "it runs under a uid of its own" yes "$([ "$(status_of Uid)" -ge 1000 ] && echo yes)"
same "without a capability" "0000000000000000 0000000000000000 0000000000000000" "$(status_of CapEff) $(status_of CapPrm) $(status_of CapBnd)"
same "without a way to new ones, under seccomp" "1 2" "$(status_of NoNewPrivs) $(status_of Seccomp)"
same "with nothing in its file system" "" "$(ls -A "/proc/$worker/root/")"
same "and no core dump" 0 "$(awk '/core file/ { print $5 }' "/proc/$worker/limits")"
same "it holds sockets, an epoll and nothing else" "" "$(find "/proc/$worker/fd" -lname '*' -printf '%l\n' | grep -Ev '^(socket:|anon_inode:\[eventpoll\]|/dev/null)')"
finish
