#!/usr/bin/env bash
# Threat conntrack-flood: one guest fills the host's conntrack table or its NAT ports. Connections at once are bounded, new
# flows a second too, and DNS questions leave no entries at all.
. "$(dirname "$0")/lib.sh"
world_up

# Flows at once, of every protocol: those over the bound are refused at once, and ended ones make room
run_sandbox --quiet --net-default allow --max-connections 20 -- python3 -c '
import errno, socket, time
def connect(address, port):
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    s = socket.socket(family, socket.SOCK_STREAM)
    s.settimeout(30)
    started = time.monotonic()
    try:
        s.connect((address, port))
        return s
    except OSError as why:
        assert why.errno == errno.ECONNREFUSED, why
        assert time.monotonic() - started < 5, "not at once"
        return None
open_ones = [connect(["93.184.216.34", "2606:2800:220:1::34"][i % 2], 443) for i in range(50)]
held = [s for s in open_ones if s]
print("held", len(held))
for s in held:
    s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    s.close()
time.sleep(0.3)
print("again", len([s for s in (connect("93.184.216.35", 443) for _ in range(50)) if s]))'
same "20 of 50 connections at once, both families" "held 20" "$(sed -n 1p <<<"$out")"
same "as many again when those have ended" "again 20" "$(sed -n 2p <<<"$out")"
seen_reset
run_sandbox --quiet --net-default allow --max-connections 20 -- python3 -c '
import socket
for i in range(200):
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.sendto(b"x", ("93.184.216.36", 1000 + i))'
same "UDP flows count too" 20 "$(seen 93.184.216.36 udp)"

# A flood: 30,000 flows as fast as they go, then 30,000 questions to the DNS proxy, each from a port of its own
seen_reset
before=$(cat /proc/sys/net/netfilter/nf_conntrack_count)
start_sandbox flood --quiet --net-default allow --max-connections 4096 -- bash -c "python3 $TESTS/e2e/tools/frames.py flood; sleep 60"
wait_for 60 grep -q '^sent' "$WORK/flood.out"
read -r _ flows took <<<"$(grep '^sent' "$WORK/flood.out")"
arrived=$(seen 93.184.216.37 udp)
most=$((1000 + 250 * (took + 1)))
if [ "$arrived" -ge 900 ] && [ "$arrived" -le "$most" ]; then
	ok "of $flows flows in $took s no more than $most are let pass ($arrived)"
else
	not_ok "of $flows flows in $took s at most $most are let pass" "$arrived arrived"
fi
count=$(($(cat /proc/sys/net/netfilter/nf_conntrack_count) - before))
if [ "$count" -le $((most + 100)) ]; then ok "the host's conntrack holds $count entries of it"; else not_ok "the host's conntrack stays small" "$count entries"; fi
supervisor=$(pgrep -ox msb-supervisor)
count=$(nsenter --net="/proc/$(pgrep -ox msb-dns)/ns/net" -- cat /proc/sys/net/netfilter/nf_conntrack_count)
if [ "$count" -le $((most + 100)) ]; then ok "the sandbox's conntrack holds $count, none for DNS"; else not_ok "the sandbox's conntrack stays small" "$count entries"; fi
kill "$sandbox_pid"

# Packets a second: 100 at first, then 50 a second
seen_reset
run_sandbox --quiet --net-default allow --net-egress-ops 50/1s --net-egress-ops-burst 50 -- python3 -c '
import socket, time
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
started = time.monotonic()
while time.monotonic() < started + 2:
    s.sendto(b"x", ("93.184.216.38", 9))
    time.sleep(0.001)
print(int(time.monotonic() - started) + 1)'
arrived=$(seen 93.184.216.38 udp 9)
if [ "$arrived" -ge 100 ] && [ "$arrived" -le $((100 + 50 * out)) ]; then
	ok "a limit of 50 packets a second, 50 once on top: $arrived in less than $out s"
else
	not_ok "a limit of 50 packets a second, 50 once on top, in less than $out s" "$arrived arrived"
fi
finish
