#!/usr/bin/env bash
# Limits on connections: each protocol's for itself, and said to be what refused a flow, with the option that raises it. No
# rule is blamed.
. "$(dirname "$0")/lib.sh"
world_up

# said: how many lines name that limit
said() { grep -cF "refused by $1:" <<<"$err"; }
# events PATH FILTER: how many of its events fit
events() { jq -s "[.[] | select(.verdict and ($2)) | .count // 1] | add // 0" "$1"; }

cat >"$WORK/udp.py" <<'END'
import errno, socket, subprocess, sys
probe, count = sys.argv[1], int(sys.argv[2])
held, refused = [], 0
for i in range(count):
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.settimeout(0.3 if i < 50 else 0.02)
    s.connect(("93.184.216.34", 7))
    try:
        s.send(b"x")
        s.recv(1)
    except OSError as why:
        refused += why.errno in (errno.ECONNREFUSED, errno.EHOSTUNREACH, errno.EACCES)
    held.append(s)
print("refused at once", refused > 0)
print(subprocess.run([probe, "tcp", "93.184.216.34", "443"], capture_output=True, text=True).stdout.split()[0])
END

run_sandbox --net-default allow --max-udp-connections 50 --events "$WORK/udp.events" -- python3 "$WORK/udp.py" "$PROBE" 60
same "over the limit for UDP: refused at once, and TCP goes on" $'refused at once True\nconnected' "$out"
same "said once, with the option" 1 "$(said '--max-udp-connections 50')"
contains "and what raises it" "$err" 'max-udp-connections N raises it'
lacks "no rule is blamed" "$err" 'denied '
ten=$(events "$WORK/udp.events" '.kind == "limit" and .option == "--max-udp-connections" and .value == 50 and .rule == null and (.flow | startswith("egress@93.184.216.34:udp"))')
same "10 events, of that limit" "10 10" "$ten $(events "$WORK/udp.events" true)"

run_sandbox --net-default allow -- python3 "$WORK/udp.py" "$PROBE" 400
same "400 finished exchanges by default: nothing is refused" $'refused at once False\nconnected' "$out"
same "and nothing is said" "" "$err"

cat >"$WORK/tcp.py" <<'END'
import socket, subprocess, sys
probe, count = sys.argv[1], int(sys.argv[2])
held = []
for i in range(count):
    s = socket.socket()
    s.settimeout(10)
    try:
        s.connect(("93.184.216.34", 443))
        held.append(s)
    except ConnectionRefusedError:
        pass
print("held", len(held))
print(subprocess.run([probe, "udp", "93.184.216.34", "7"], capture_output=True, text=True).stdout.split()[0])
END
run_sandbox --net-default allow --max-tcp-connections 10 -- python3 "$WORK/tcp.py" "$PROBE" 20
same "over the limit for TCP, UDP goes on" $'held 10\nanswered' "$out"
same "which is said once" 1 "$(said '--max-tcp-connections 10')"
run_sandbox --net-default allow --max-connections 10 --max-tcp-connections 0 -- python3 "$WORK/tcp.py" "$PROBE" 300
same "0: no limit" $'held 300\nanswered' "$out"
run_sandbox --net-default allow --max-connections 10 --deny-mode drop -- "$PROBE" tcp 93.184.216.34 443
same "within the limit when refusals are silent" connected "${out%% *}"

# New flows a second
run_sandbox --net-default allow --max-connection-rate 10 --events "$WORK/rate.events" -- python3 -c '
import socket
for port in range(1000, 1100):
    socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b"x", ("93.184.216.36", port))'
same "over the rate: said once" 1 "$(said '--max-connection-rate 10')"
arrived=$(seen 93.184.216.36 udp)
if [ "$arrived" -ge 40 ] && [ "$arrived" -le 60 ]; then ok "40 at once, 10 a second: $arrived of 100"; else not_ok "40 at once, 10 a second" "$arrived of 100"; fi
dropped=$(events "$WORK/rate.events" '.kind == "limit" and .option == "--max-connection-rate" and .value == 10')
if [ "$dropped" -ge 40 ]; then ok "as many events: $dropped"; else not_ok "as many events" "$dropped"; fi

# To the gateway itself, whose flows the host's table does not know: the bound is the same
busybox httpd -p 127.0.0.1:8000 -h "$WORK/www"
run_sandbox --net-default allow --max-tcp-connections 10 -- python3 -c '
import socket, subprocess
gateway = subprocess.run(["ip", "route"], capture_output=True, text=True).stdout.split()[2]
held = []
for i in range(20):
    try:
        held.append(socket.create_connection((gateway, 8000), 10))
    except ConnectionRefusedError:
        pass
print("held", len(held))'
same "to the host's services, too" "held 10" "$out"
same "and said" 1 "$(said '--max-tcp-connections 10')"

# The DNS proxy's own questions: none is refused, their entries are soon gone
run_sandbox --net-default allow -- python3 -c '
import socket, struct
gateway = open("/etc/resolv.conf").read().split()[1]
s = socket.socket(socket.AF_INET6 if ":" in gateway else socket.AF_INET, socket.SOCK_DGRAM)
s.settimeout(5)
failed = 0
for i in range(300):
    label = b"n%d" % i
    s.sendto(struct.pack("!HHHHHH", i, 0x100, 1, 0, 0, 0) + bytes([len(label)]) + label + b"\7example\3com\0\0\1\0\1", (gateway, 53))
    failed += s.recv(512)[3] & 15 == 2
print("failed", failed)'
same "300 lookups" "failed 0" "$out"
start_sandbox dns --quiet --net-default allow -- sh -c "getent hosts github.com; echo ready; sleep 60"
wait_for "$(patience 20)" grep -q ready "$WORK/dns.out"
ages=$(grep -E ' src=172\.16\..* dport=53 ' /proc/net/nf_conntrack | awk '{ print $5 }' | sort -n | tail -n 1)
if [ -n "$ages" ] && [ "$ages" -le 7 ]; then ok "their entries in the host's table end within 7 s"; else not_ok "their entries in the host's table end within 7 s" "$ages s"; fi
kill "$sandbox_pid"

run_sandbox --deployment-profile multi-tenant --max-udp-connections 0 -- true
same "no limit is an error under multi-tenant" "125 1" "$status $(grep -c 'keeps a bound on its connections' <<<"$err")"
finish
