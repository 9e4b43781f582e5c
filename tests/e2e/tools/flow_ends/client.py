#!/usr/bin/env python3
"""client.py STATE: flows to the server, TCP first, then UDP to each port that a line of standard input names. To STATE, as they happen, lines
"PORT WHAT TIME"; at the end of its input what its own link has counted, lines "outPORT BYTES PACKETS" and "inPORT …"."""
import re
import socket
import struct
import subprocess
import sys
import time

FAR4, FAR6 = "93.184.216.34", "2606:2800:220:1::34"
PORTS = range(5001, 5012)
state = open(sys.argv[1], "a", encoding="ascii", buffering=1)


def say(port, what):
    print(port, what, "%.3f" % time.time(), file=state)


def nft(text):
    return subprocess.run(["nft", "-f", "-"], input=text, text=True, check=True, capture_output=True).stdout


def chain(name, hook, match):
    rules = "\n".join("meta l4proto { tcp, udp } th %s %d counter name %s%d" % (match, port, name, port) for port in PORTS)
    return "chain %s {\ntype filter hook %s priority 0\n%s\n}\n" % (name, hook, rules)


counters = "\n".join("counter in%d { }\ncounter out%d { }" % (port, port) for port in PORTS)
nft("table inet counts {\n%s\n%s%s}\n" % (counters, chain("out", "output", "dport"), chain("in", "input", "sport")))


def tcp(address, port, count, who):
    flow = socket.create_connection((address, port), 10)
    flow.sendall(b"%d %s\n" % (count, who))
    got = 0
    while got < count:
        got += len(flow.recv(65536))
    return flow


flow = tcp(FAR4, 5001, 100000, b"client")
flow.close()
say(5001, "closed")
flow = tcp(FAR6, 5002, 3000, b"server")
flow.sendall(b"y" * 200000)
while flow.recv(65536):
    pass
flow.close()
say(5002, "closed")
flow = tcp(FAR6, 5003, 10, b"client")
flow.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
flow.close()
say(5003, "reset")
flow = tcp(FAR4, 5004, 10, b"reset")
flow.sendall(b"z")
try:
    flow.recv(1)
except ConnectionResetError:
    pass
say(5004, "reset")
kept = [tcp(FAR4, 5005, 10, b"stays"), tcp(FAR6, 5006, 10, b"stays")]
flow = tcp(FAR4, 5009, 10, b"client")  # of a rule without `log`
flow.close()
say(5009, "closed")
for line in sys.stdin:
    flow = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    flow.connect((FAR4, int(line)))
    flow.settimeout(10)
    for size in (1, 1000):
        flow.send(b"u" * size)
        flow.recv(65536)
    kept.append(flow)
    say(int(line), "open")
for name, packets, size in re.findall(r"counter (\w+) {\s+packets (\d+) bytes (\d+)", nft("list counters")):
    print(name, size, packets, file=state)
say(0, "end")
