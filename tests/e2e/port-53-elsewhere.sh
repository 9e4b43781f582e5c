#!/usr/bin/env bash
# threats: port-53-elsewhere. The DNS proxy is stopped, dead or overloaded, and egress is allowed by default: no packet
# of the guest's to port 53 gets past it.
. "$(dirname "$0")/lib.sh"
world_up
TARGETS=(198.51.100.53 2606:4700::53)

# asks_all: what the guest tries, in every way it has
cat >"$WORK/asks.sh" <<-END
	for address in ${TARGETS[*]}; do
		$PROBE udp \$address 53 300
		$PROBE tcp \$address 53 300
		$PROBE burst-udp \$address 53 200 500
		$PROBE burst-tcp \$address 53 20 500
	done
END
# arrived: packets to port 53 of the targets, out there
arrived() {
	local address proto sum=0
	for address in "${TARGETS[@]}"; do
		for proto in udp tcp; do sum=$((sum + $(seen "$address" "$proto" 53))); done
	done
	echo "$sum"
}
# worker: the DNS worker's pid, once it stands
worker() { wait_for 20 pgrep -x msb-dns && sleep 0.3 && pgrep -nx msb-dns; }

mkfifo "$WORK/go"
seen_reset
start_sandbox stopped --net-default allow -- bash -c "
	read -r <$WORK/go; . $WORK/asks.sh; echo done; read -r <$WORK/go; dig +short +time=5 example.com"
pid=$(worker)
kill -STOP "$pid"
timeout 2 bash -c "echo go >$WORK/go"
wait_for 30 grep -q done "$WORK/stopped.out"
same "with the worker stopped nothing leaves" 0 "$(arrived)"
contains "though all was tried" "$(cat "$WORK/stopped.out")" done
kill -CONT "$pid"
timeout 2 bash -c "echo go >$WORK/go"
wait "$sandbox_pid"
same "and when the worker goes on, names resolve" 93.184.216.34 "$(tail -n 1 "$WORK/stopped.out")"

seen_reset
start_sandbox killed --net-default allow -- bash -c "while :; do . $WORK/asks.sh; done"
pid=$(worker)
sleep 0.5
kill -KILL "$pid"
if wait_for 20 grep -q closed "$WORK/killed.err"; then ok "with the worker killed the sandbox ends"; else not_ok "with the worker killed the sandbox ends" "it runs"; fi
wait "$sandbox_pid"
same "as a failure of msb-run's" 125 $?
contains "which says why" "$(cat "$WORK/killed.err")" 'msb-run: error: the DNS worker is gone: the sandbox is closed'

# a proxy that answers nobody, because nobody answers it: sockets fill, nothing falls through
on_internet nft 'add table inet dead; add chain inet dead p { type filter hook prerouting priority -290; }
	add rule inet dead p ip daddr 9.9.9.9 drop'
seen_reset
run_sandbox --net-default allow --net-rule 'deny@198.51.100.0/24,deny@[2606:4700::/32]' -- bash -c "
	$PROBE burst-udp 172.16.0.1 53 3000 500; . $WORK/asks.sh"
same "overloaded, it lets nothing by" 0 "$(arrived)"

# The wire beneath: with no listener at all, TPROXY matches nothing and the packet goes on, to a refusal
start_sandbox bare --net-default allow -- bash -c "read -r <$WORK/go; . $WORK/asks.sh; echo done"
pid=$(worker)
supervisor=$(pgrep -ox msb-supervisor)
kill -STOP "$supervisor"
seen_reset
kill -KILL "$pid"
sleep 0.2
timeout 2 bash -c "echo go >$WORK/go"
wait_for 30 grep -q done "$WORK/bare.out"
same "without any listener nothing leaves either" 0 "$(arrived)"
contains "it is refused" "$(cat "$WORK/bare.out")" '^(refused|prohibited)'
kill -CONT "$supervisor"
wait "$sandbox_pid"
finish
