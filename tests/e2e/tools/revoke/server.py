"""What the flows of tests/e2e/revoke.sh end at: greets, echoes, and counts by port how its connections ended.
usage: server.py STATE PORT…; STATE gets "PORT open reset eof" a line, whenever that changes, and the reset times"""
import os
import selectors
import socket
import sys
import time

state, ports = sys.argv[1], [int(port) for port in sys.argv[2:]]
loop = selectors.DefaultSelector()
counts = {port: {"open": 0, "reset": 0, "eof": 0, "last": 0.0} for port in ports}


def save():
    with open(state + ".new", "w") as out:
        for port, count in counts.items():
            print(port, count["open"], count["reset"], count["eof"], "%.3f" % count["last"], file=out)
    os.rename(state + ".new", state)


def over(connection, port, how):
    loop.unregister(connection)
    connection.close()
    counts[port]["open"] -= 1
    counts[port][how] += 1
    counts[port]["last"] = time.time()


def readable(connection, port):
    try:
        data = connection.recv(65536)
    except BlockingIOError:
        return
    except OSError:
        over(connection, port, "reset")
        return
    if not data:
        over(connection, port, "eof")
        return
    try:
        connection.sendall(data)
    except OSError:
        over(connection, port, "reset")


for port in ports:
    server = socket.socket(socket.AF_INET6)
    server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    server.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
    server.bind(("::", port))
    server.listen(1024)
    loop.register(server, selectors.EVENT_READ, None)
save()
while True:
    changed = False
    for key, _ in loop.select(1):
        changed = True
        if key.data is None:
            connection, _ = key.fileobj.accept()
            port = connection.getsockname()[1]
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, b"\x05" + b"\0" * 15)
            counts[port]["open"] += 1
            connection.sendall(b"hello\n")
            connection.setblocking(True)
            loop.register(connection, selectors.EVENT_READ, port)
        else:
            readable(key.fileobj, key.data)
    if changed:
        save()
