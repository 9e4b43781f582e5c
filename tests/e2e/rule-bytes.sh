#!/usr/bin/env bash
# A rule's own limit of bytes: every packet of its flows counts, both ways; used up, the rule denies what it allowed, no later rule
# takes over, its flows end at both ends, idle ones too, and it is told once; other rules' flows are not touched.
. "$(dirname "$0")/lib.sh"
world_up
CTL=$BUILD/msb-ctl

cat >"$WORK/transfer.py" <<'PY'
"""transfer.py up|down BYTES ADDRESS: moves up to that much to discard, or from chargen, with another connection idle beside it; prints
how it ended, how much it was, what became of the idle one, of another connection, and of one to 8.8.8.8."""
import socket
import sys

way, size, address, moved, how = sys.argv[1], int(sys.argv[2]), sys.argv[3], 0, "done"
idle = socket.create_connection((address, 7), 10)
idle.settimeout(10)
try:
    with socket.create_connection((address, 9 if way == "up" else 19), 10) as peer:
        peer.settimeout(10)
        while moved < size:
            if way == "up":
                moved += peer.send(bytes(min(size - moved, 16384)))
            else:
                got = len(peer.recv(16384))
                if not got:
                    how = "closed"
                    break
                moved += got
except (ConnectionResetError, BrokenPipeError):
    how = "reset"
except TimeoutError:
    how = "timeout"


def ends(sock):
    try:
        return "closed" if not sock.recv(1) else "data"
    except ConnectionResetError:
        return "reset"
    except TimeoutError:
        return "stays"


def connects(to):
    try:
        socket.create_connection((to, 9), 10).close()
        return "connected"
    except ConnectionRefusedError:
        return "refused"
    except OSError:
        return "failed"


idle.settimeout(0.3 if how == "done" else 10)
print(how, moved, ends(idle), connects(address), connects("8.8.8.8"))
PY
# rules LIMIT: both families, and a later rule that would take over
rules() { printf 'default egress deny\nallow@{93.184.216.34,[2606:2800:220:1::34]}:tcp bytes %s\nallow@public:tcp\n' "$1" >"$WORK/agent.msb"; }
transfer() { run_sandbox "$@" --policy "$WORK/agent.msb" --events "$WORK/events" -- python3 "$WORK/transfer.py" "$way" 8388608 "$to"; read -r how moved idle again other <<<"$out"; }

rules 1M
for to in 93.184.216.34 2606:2800:220:1::34; do
	for way in up down; do
		rm -f "$WORK/events"
		transfer
		name="$way, $to"
		same "$name: the flow that uses it up is reset" reset "$how"
		if [ "${moved:-0}" -ge 700000 ] && [ "$moved" -le 2000000 ]; then ok "$name: $moved bytes"; else not_ok "$name: how much" "$out; $err"; fi
		same "$name: the idle one too, no other begins, not by the later rule either; that rule's own do" \
			"reset refused connected" "$idle $again $other"
		same "$name: one line says what to raise" 1 "$(grep -c 'all of `bytes 1M` of allow@.* is used up (.*agent.msb:2): egress@' <<<"$err")"
		told=$(jq -s '[.[] | select(.kind == "quota" and .value == 1048576 and (.place | test("agent.msb:2$")))] | length' "$WORK/events")
		if [ "$told" -ge 1 ]; then ok "$name: events say so ($told)"; else not_ok "$name: events say so" "$(cat "$WORK/events")"; fi
	done
done

rules 1G
way=up to=93.184.216.34 transfer
same "below it nothing is in the way" "done 8388608 stays connected connected" "$how $moved $idle $again $other"
finish
