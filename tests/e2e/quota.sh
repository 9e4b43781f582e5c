#!/usr/bin/env bash
# Limits of bytes: what passes in all stays below, in each direction; then flows end, none begins, and it is told once.
. "$(dirname "$0")/lib.sh"
world_up

cat >"$WORK/transfer.py" <<'PY'
"""transfer.py up|down BYTES: moves up to that much to discard, or from chargen, and prints how it ended, and then what
becomes of another connection."""
import socket
import sys
import time

size, moved, how = int(sys.argv[2]), 0, "done"
try:
    with socket.create_connection(("93.184.216.34", 9 if sys.argv[1] == "up" else 19), 5) as peer:
        peer.settimeout(5)
        while moved < size:
            if sys.argv[1] == "up":
                moved += peer.send(bytes(min(size - moved, 16384)))
            else:
                got = len(peer.recv(16384))
                if not got:
                    how = "closed"
                    break
                moved += got
except ConnectionResetError:
    how = "reset"
except BrokenPipeError:
    how = "reset"
except TimeoutError:
    how = "timeout"
again = "connected"
try:
    socket.create_connection(("93.184.216.34", 9), 10).close()
except OSError as error:
    again = "refused" if isinstance(error, ConnectionRefusedError) else "failed"
print(how, moved, again)
PY

# events PATH FILTER: how many of its lines on flows fit
events() { jq -s "[.[] | select(.verdict and ($2))] | length" "$1"; }

run_sandbox --net-default allow --net-egress-bytes 1M --events "$WORK/up.events" -- python3 "$WORK/transfer.py" up 8388608
read -r how moved again <<<"$out"
same "the flow that uses it up is reset" reset "$how"
same "no other begins" refused "$again"
told=$(events "$WORK/up.events" '.kind == "quota" and .option == "--net-egress-bytes" and .value == 1048576')
if [ "$told" -ge 1 ]; then ok "events say so ($told)"; else not_ok "events say so" "$(cat "$WORK/up.events")"; fi
same "no event of another kind" "$told" "$(events "$WORK/up.events" true)"
same "one line says what to raise" 1 "$(grep -c 'all of --net-egress-bytes 1048576 is used up: .*raises it' <<<"$err")"

run_sandbox --quiet --net-default allow --net-ingress-bytes 1M -- python3 "$WORK/transfer.py" down 8388608
read -r how moved again <<<"$out"
if [ "${moved:-0}" -ge 700000 ] && [ "$moved" -le 1048576 ]; then ok "down: $moved bytes of 1 MiB"; else not_ok "down: no more than 1 MiB" "$out; $err"; fi
same "nothing comes in any more" refused "$again"

# Through the name relay, whose upstream leg is not the guest's
run_sandbox --quiet --net-default deny --net-rule 'deny@evil.example,allow@public' --net-egress-bytes 1M -- python3 "$WORK/transfer.py" up 8388608
same "a relayed flow that uses it up is reset, and no other begins" "reset refused" "$(awk '{ print $1, $3 }' <<<"$out")"
run_sandbox --quiet --net-default deny --net-rule 'deny@evil.example,allow@public' --net-ingress-bytes 1M -- python3 "$WORK/transfer.py" down 8388608
read -r how moved again <<<"$out"
if [ "${moved:-0}" -ge 700000 ] && [ "$moved" -le 1048576 ]; then ok "relayed down: $moved bytes of 1 MiB"; else not_ok "relayed down: no more than 1 MiB" "$out; $err"; fi

# Exactly: 20 datagrams of 1,000 bytes, each a packet of 1,028, or 1,048 of IPv6; the tenth is over
cat >"$WORK/udp.py" <<'PY'
import socket
import sys

sock = socket.socket(socket.AF_INET6 if ":" in sys.argv[1] else socket.AF_INET, socket.SOCK_DGRAM)
for _ in range(20):
    try:
        sock.sendto(bytes(1000), (sys.argv[1], 4000))
    except OSError:
        pass
print("sent")
PY
# udp NAME ADDRESS SIZE: nine packets of SIZE bytes pass a limit of nine and a half
udp() {
	local family=ip
	[[ $2 != *:* ]] || family=ip6
	on_internet nft -f - <<-NFT
		table inet tally {}
		delete table inet tally
		table inet tally {
			counter got {}
			chain in { type filter hook prerouting priority -300; $family daddr $2 udp dport 4000 counter name got; }
		}
	NFT
	run_sandbox --quiet --net-default allow --net-egress-bytes $(($3 * 19 / 2)) -- python3 "$WORK/udp.py" "$2"
	same "$1: sent" sent "$out"
	same "$1: what passes" 9 "$(on_internet nft -j list counter inet tally got | jq '[.nftables[].counter.packets // empty] | add')"
}
udp "UDP over IPv4" 93.184.216.34 1028
udp "UDP over IPv6" 2606:2800:220:1::1 1048

run_sandbox --quiet --net-default allow --net-egress-bytes 1G --net-ingress-bytes 1G -- python3 "$WORK/transfer.py" up 2097152
same "below it nothing is in the way" "done 2097152 connected" "$out"
finish
