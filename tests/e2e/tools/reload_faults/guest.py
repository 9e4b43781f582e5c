"""A guest that tries over and over what a policy may let pass; STATE gets "SECONDS ADDRESS…": when a round of attempts began, and what was
open in it. Meanwhile it tries NEVER, by TCP and UDP, and a name. usage: guest.py STATE NEVER ADDRESS…"""
import os
import socket
import sys
import threading
import time

state, never, *only = sys.argv[1:]
def passes(address):
    try:
        with socket.create_connection((address, 7), 5) as flow:
            flow.sendall(b"x")
            return flow.recv(1) == b"x"
    except OSError:
        return False
def forbidden():
    datagram = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    while True:
        try:
            datagram.sendto(b"x", (never, 7))
        except OSError:
            pass
        try:
            socket.create_connection((never, 7), 0.2).close()
        except OSError:
            pass
        time.sleep(0.003)
def named():
    while True:
        try:
            socket.create_connection(("a.example.com", 80), 2).close()
        except OSError:
            pass
        time.sleep(0.02)
for work in (forbidden, named):
    threading.Thread(target=work, daemon=True).start()
while True:
    begun = time.time()
    open_ = [address for address in (*only, "8.8.8.8") if passes(address)]
    with open(state + ".new", "w") as out:
        print(begun, *open_, file=out)
    os.rename(state + ".new", state)
    time.sleep(0.02)
