#!/usr/bin/env python3
"""Run in a sandbox: hello_burst.py NAME ADDRESS PORT COUNT FILE. As many connections, "made" when they are there; once FILE exists,
hellos over all of them at once. Prints how each fared: "reset COUNT", "answered COUNT"…"""
import collections
import os
import resource
import socket
import sys
import time

import hellos

name, address, port, count, go = sys.argv[1:6]
hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
connections = [socket.create_connection((address, int(port)), timeout=20) for _ in range(int(count))]
print("made", flush=True)
while not os.path.exists(go):
    time.sleep(0.02)
said, hello = collections.Counter(), hellos.hello(name)
waiting = []
for connection in connections:
    try:
        connection.sendall(hello)
        waiting.append(connection)
    except OSError:
        said["reset"] += 1
print("sent", flush=True)
for connection in waiting:
    connection.settimeout(10)
    try:
        said["answered" if connection.recv(100) else "closed"] += 1
    except socket.timeout:
        said["silence"] += 1
    except OSError:
        said["reset"] += 1
for word in sorted(said):
    print(word, said[word], flush=True)
