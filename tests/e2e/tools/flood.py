#!/usr/bin/env python3
"""flood.py RATE SECONDS ADDRESS…: opens so many TCP connections a second, to each address in turn, to ports that go through 1000 to 1999,
and gives each up at once. Prints how many were begun: "ADDRESS COUNT" a line."""
import socket
import sys
import time

rate, seconds, addresses = int(sys.argv[1]), float(sys.argv[2]), sys.argv[3:]
begun = dict.fromkeys(addresses, 0)
start = time.monotonic()
for i in range(int(rate * seconds)):
    ahead = i / rate - (time.monotonic() - start)
    if ahead > 0.005:
        time.sleep(ahead)
    address = addresses[i % len(addresses)]
    flow = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_STREAM)
    flow.setblocking(False)
    flow.connect_ex((address, 1000 + i // len(addresses) % 1000))
    flow.close()
    begun[address] += 1
for address, count in begun.items():
    print(address, count, flush=True)
