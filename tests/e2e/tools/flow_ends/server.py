#!/usr/bin/env python3
"""server.py READY: TCP on 5001 to 5009 and UDP on 5010, 5011. What a TCP client sends first is "BYTES WHO\\n": it is sent so many bytes,
and then WHO ("client", "server", "reset", "stays") ends the connection. UDP is echoed."""
import socket
import struct
import sys
import threading


def serve(connection):
    line = b""
    while not line.endswith(b"\n"):
        line += connection.recv(1)
    count, who = line.split()
    connection.sendall(b"x" * int(count))
    if who == b"server":
        connection.shutdown(socket.SHUT_WR)
    if who == b"reset":
        connection.recv(1)  # until the client has all
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.close()
        return
    try:
        while connection.recv(65536):
            pass
    except OSError:
        pass
    connection.close()


def accept(listener):
    while True:
        threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()


def echo(listener):
    while True:
        data, peer = listener.recvfrom(65536)
        listener.sendto(data, peer)


for port in range(5001, 5010):
    listener = socket.create_server(("::", port), family=socket.AF_INET6, dualstack_ipv6=True)
    threading.Thread(target=accept, args=(listener,), daemon=True).start()
for port in (5010, 5011):
    listener = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
    listener.bind(("::", port))
    threading.Thread(target=echo, args=(listener,), daemon=True).start()
open(sys.argv[1], "w", encoding="ascii").write("ready")
threading.Event().wait()
