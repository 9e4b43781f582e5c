#!/usr/bin/env bash
# 1,000 connections to serve-metrics that say nothing, half of a request, a byte now and then, or read no answer: a scrape is answered
# all the same, at once, and nothing of them stays.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
host_up
CTL=$BUILD/msb-ctl
for i in 1 2; do start_sandbox "s$i" --quiet -- sleep 100; done
for i in 1 2; do wait_for 20 "$CTL" status "s$i"; done
"$CTL" serve-metrics --listen '[::1]:9471' 2>"$WORK/err" &
server=$!
try "it listens at an address of IPv6" wait_for 10 curl -sf 'http://[::1]:9471/metrics'
wait_for 5 sh -c "[ \$(ls /proc/$server/fd | wc -l) -lt 20 ]"
open_fds() { find "/proc/$server/fd" -mindepth 1 | wc -l; }
before=$(open_fds)
python3 - >"$WORK/clients" <<'EOF2' &
import resource, socket, time
resource.setrlimit(resource.RLIMIT_NOFILE, (4000, 4000))
sent = [b"", b"GET /met", b"GET /metrics HTTP/1.1\r\nHost: x\r\n", b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n" * 100]
peers = []
for i in range(1000):
    peer = socket.socket(socket.AF_INET6)
    peer.settimeout(20)
    peer.connect(("::1", 9471))
    peer.setblocking(False)
    peers.append(peer)
    try:
        peer.send(sent[i % 4])
    except OSError: # closed since
        pass
print("open", flush=True)
until = time.time() + 60
while time.time() < until: # trickle
    for peer in peers:
        try:
            peer.send(b"x")
        except OSError:
            pass
    time.sleep(0.5)
EOF2
clients=$!
wait_for "$(patience 30)" grep -q open "$WORK/clients"
answered=0
for _ in 1 2 3 4 5 6 7 8; do
	began=${EPOCHREALTIME/./}
	curl -sS --max-time 10 'http://[::1]:9471/metrics' >"$WORK/text" 2>>"$WORK/curl"
	took=$(((${EPOCHREALTIME/./} - began) / 1000))
	[ "$(grep -c '^msb_up{.*} 1$' "$WORK/text")" = 2 ] && [ "$took" -lt $(($(patience 1) * 1000)) ] && answered=$((answered + 1))
	sleep 0.1
done
same "with 1,000 connections that mean no good each scrape is answered in time" 8 "$answered"
check "few of them are open at once" "$(($(open_fds) > before + 270))" "$(open_fds) descriptors"
kill "$clients"
wait "$clients" 2>/dev/null
gone() { [ "$(open_fds)" -le $((before + 1)) ]; }
try "and none is left when they have gone" wait_for "$(patience 20)" gone
kill "$server"
wait "$server"
same "the server ends as ever" 0 $?
for i in 1 2; do "$CTL" stop "s$i" --kill >/dev/null; done
finish
