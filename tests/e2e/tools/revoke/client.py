"""Opens flows and keeps them, some idle and some busy with bytes whose order is checked, and tells how each ended.
usage: client.py STATE COUNT ADDRESS,PORT…: COUNT connections to each; every other one is busy.
STATE gets a line for each target, whenever something changes: ADDRESS,PORT open reset eof wrong-bytes bytes last-reset"""
import os
import selectors
import socket
import sys
import time

BLOCK = bytes(range(256)) * 4
state, count = sys.argv[1], int(sys.argv[2])
targets = sys.argv[3:]
loop = selectors.DefaultSelector()
seen = {target: {"open": 0, "reset": 0, "eof": 0, "wrong": 0, "bytes": 0, "last": 0.0} for target in targets}


def save():
    with open(state + ".new", "w") as out:
        for target, of in seen.items():
            print(target, of["open"], of["reset"], of["eof"], of["wrong"], of["bytes"], "%.3f" % of["last"], file=out)
    os.rename(state + ".new", state)


class Flow:
    def __init__(self, target, busy):
        address, port = target.rsplit(",", 1)
        self.target, self.busy, self.waits = target, busy, b""
        self.socket = socket.create_connection((address, int(port)), 20)
        self.socket.settimeout(20)
        assert self.socket.recv(6, socket.MSG_WAITALL) == b"hello\n"
        loop.register(self.socket, selectors.EVENT_READ, self)
        seen[target]["open"] += 1

    def begin(self):
        self.waits = BLOCK
        self.socket.sendall(BLOCK)

    def over(self, how):
        loop.unregister(self.socket)
        self.socket.close()
        seen[self.target]["open"] -= 1
        seen[self.target][how] += 1
        seen[self.target]["last"] = time.time()

    def readable(self):
        try:
            data = self.socket.recv(len(self.waits) or 1)
            if not data:
                self.over("eof")
                return
            seen[self.target]["wrong"] += not self.waits.startswith(data)
            seen[self.target]["bytes"] += len(data)
            self.waits = self.waits[len(data):]
            if self.busy and not self.waits:
                time.sleep(0.0005)
                self.begin()
        except OSError:
            self.over("reset")


flows = [Flow(target, index % 2 == 1) for index in range(count) for target in targets]
for flow in flows:
    if flow.busy:
        flow.begin()
save()
print("ready", flush=True)
saved = time.time()
while True:
    for key, _ in loop.select(0.05):
        key.data.readable()
    if time.time() - saved > 0.05:
        save()
        saved = time.time()
