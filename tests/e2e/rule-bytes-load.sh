#!/usr/bin/env bash
# Limits of bytes at full speed: streams and datagrams of both families at once use up one rule's limit, and never more than it says leaves
# the sandbox; the way to the host's own services is counted, too.
. "$(dirname "$0")/lib.sh"
world_up
LIMIT=$((20 * 1024 * 1024)) SLACK=65536 # the resets by which the sandbox ends flows, which are not the guest's

cat >"$WORK/flood.py" <<'PY'
"""As fast as it goes, from several processes, until nothing passes: streams and datagrams of both families."""
import os
import socket
import time

ADDRESSES = ("93.184.216.34", "2606:2800:220:1::34")


def stream(address):
    try:
        with socket.create_connection((address, 9), 10) as peer:
            while True:
                peer.send(bytes(65536))
    except OSError:
        return


def datagrams(address):
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as sock:
        sock.connect((address, 4000))
        failures, until = 0, time.monotonic() + 6
        while failures < 10 and time.monotonic() < until:
            try:
                sock.send(bytes(1200))
            except OSError:
                failures += 1


children = []
for to in ADDRESSES:
    for work in (stream, stream, datagrams):
        if not (child := os.fork()):
            work(to)
            os._exit(0)
        children.append(child)
for child in children:
    os.waitpid(child, 0)
print("over")
PY
tally() {
	on_internet nft -f - <<-NFT
		table inet tally {}
		delete table inet tally
		table inet tally {
			counter got {}
			chain in {
				type filter hook prerouting priority -300
				ip daddr 93.184.216.34 meta l4proto { tcp, udp } counter name got
				ip6 daddr 2606:2800:220:1::34 meta l4proto { tcp, udp } counter name got
				udp dport 4000 drop
			}
		}
	NFT
}
got() { on_internet nft -j list counter inet tally got | jq '[.nftables[].counter.bytes // empty] | add'; }
within() { # DESCRIPTION
	if [ "$(got)" -ge $((LIMIT / 2)) ] && [ "$(got)" -le $((LIMIT + SLACK)) ]; then ok "$1: $(got) of $LIMIT"; else not_ok "$1" "$(got) of $LIMIT; $out; $err"; fi
}
ipv6_up
printf 'default egress deny\nallow@{93.184.216.34,[2606:2800:220:1::34]} bytes %s\nallow@public\n' "$LIMIT" >"$WORK/agent.msb"
tally
run_sandbox --quiet --policy "$WORK/agent.msb" -- python3 "$WORK/flood.py"
same "all streams end" over "$out"
within "a rule's"

tally
run_sandbox --quiet --net-default allow --net-egress-bytes "$LIMIT" -- python3 "$WORK/flood.py"
same "all streams end again" over "$out"
within "the sandbox's own"

# The host's services
cat >"$WORK/discard.py" <<'PY'
import socket
import threading


def take(peer):
    try:
        while peer.recv(65536):
            pass
    except OSError:
        pass


with socket.create_server(("127.0.0.1", 6000)) as server:
    print("ready", flush=True)
    while True:
        threading.Thread(target=take, args=(server.accept()[0],), daemon=True).start()
PY
python3 "$WORK/discard.py" >"$WORK/ready" &
wait_for 20 grep -q ready "$WORK/ready"
cat >"$WORK/host.py" <<'PY'
import socket

sent = 0
try:
    with socket.create_connection(("172.16.0.1", 6000), 10) as peer:
        peer.settimeout(10)
        while sent < 20_000_000:
            sent += peer.send(bytes(16384))
    how = "sent"
except OSError as error:
    how = type(error).__name__
try:
    socket.create_connection(("172.16.0.1", 6000), 10).close()
    again = "connected"
except OSError:
    again = "refused"
print(how, sent < 10_000_000, again)
PY
printf 'default egress deny\nallow@host:tcp:6000 bytes 1M\n' >"$WORK/agent.msb"
run_sandbox --policy "$WORK/agent.msb" --events "$WORK/events" -- python3 "$WORK/host.py"
same "to the host: ended, and no other begins" "ConnectionResetError True refused" "${out/BrokenPipeError/ConnectionResetError}"
same "events say so" true "$(jq -s '[.[] | select(.kind == "quota" and (.place | test("agent.msb:2$")))] | length > 0' "$WORK/events")"
finish
