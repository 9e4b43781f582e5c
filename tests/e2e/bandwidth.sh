#!/usr/bin/env bash
# Bandwidth limits: a bucket of SIZE bytes that fills again in its time, in each direction, with a burst that comes once.
. "$(dirname "$0")/lib.sh"
world_up

cat >"$WORK/transfer.py" <<'END'
"""transfer.py up|down BYTES: moves that much to discard, or from chargen, and prints the milliseconds."""
import socket
import sys
import time

size = int(sys.argv[2])
with socket.create_connection(("93.184.216.34", 9 if sys.argv[1] == "up" else 19)) as peer:
    began = time.monotonic()
    if sys.argv[1] == "up":
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 65536)
        left = size
        while left > 0:
            left -= peer.send(bytes(min(left, 65536)))
    else:
        left = size
        while left > 0:
            left -= len(peer.recv(65536)) or left
    print(int((time.monotonic() - began) * 1000))
END

# took NAME LOW HIGH POLICY-LINES DIRECTION BYTES: a transfer takes between LOW and HIGH milliseconds
took() {
	printf 'default egress allow\n%s\n' "$4" >"$WORK/limit.msb"
	run_sandbox --quiet --policy "$WORK/limit.msb" -- python3 "$WORK/transfer.py" "$5" "$6"
	if [ "${out:-0}" -ge "$2" ] && [ "${out:-0}" -le "$3" ]; then ok "$1 (${out} ms)"; else not_ok "$1" "'$out' ms, not $2 to $3; $err"; fi
}

# 1 MiB a second, 4 MiB to move: the first is in the bucket
took "4 MiB up at 1M/1s" 2400 15000 'limit egress bandwidth 1M/1s' up 4194304
took "4 MiB down at 1M/1s" 2400 15000 'limit ingress bandwidth 1M/1s' down 4194304
took "the other direction is not limited" 0 2900 'limit egress bandwidth 1M/1s' down 4194304
took "4 MiB up with a burst of 3M" 0 2900 'limit egress bandwidth 1M/1s burst 3M' up 4194304
took "8 MiB up with a burst of 3M" 3000 20000 'limit egress bandwidth 1M/1s burst 3M' up 8388608
took "no limit, 4 MiB" 0 2900 '' up 4194304
took "a bucket smaller than a packet lets packets through" 0 20000 'limit egress bandwidth 1K/10ms' up 65536
finish
