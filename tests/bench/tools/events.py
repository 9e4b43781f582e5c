#!/usr/bin/env python3
"""events.py ROUNDS NAME=NETNS… -- NETNS ADDRESS PORT: in each round and for each NAME, in turn first: how many bytes a second come from
that server to the last namespace while flood.py runs in NAME's. Prints "ROUND NAME VALUE" lines, tab-separated."""
import ctypes
import os
import socket
import subprocess
import sys
import time

FLOOD = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../e2e/tools/flood.py")
SECONDS, WARM = 0.6, 0.3

split = sys.argv.index("--")
rounds, ways = int(sys.argv[1]), [way.split("=") for way in sys.argv[2:split]]
netns, address, port = sys.argv[split + 1 :]
with open(netns, encoding="ascii") as file:
    if ctypes.CDLL(None, use_errno=True).setns(file.fileno(), 0):
        sys.exit("events.py: %s: %s" % (netns, os.strerror(ctypes.get_errno())))
flow = socket.create_connection((address, int(port)), 10)
room = bytearray(1 << 18)


def receive(seconds):
    got, start = 0, time.monotonic()
    while time.monotonic() < start + seconds:
        got += flow.recv_into(room)
    return got / (time.monotonic() - start)


for number in range(rounds):
    for name, where in ways if number % 2 else reversed(ways):
        flood = subprocess.Popen(["nsenter", "--net=" + where, "--", sys.executable, FLOOD, "1000", str(WARM + SECONDS + 0.2), "198.51.100.7",
                                  "198.51.100.8"], stdout=subprocess.DEVNULL)
        receive(WARM)
        print(number, name, receive(SECONDS), sep="\t", flush=True)
        flood.wait()
