#!/usr/bin/env python3
"""Names for a stand. usage: dns.py serve ADDRESS NAMES | ask ADDRESS NAMES   NAMES: RULE NAME ADDRESS a line
serve: a nameserver that knows these for a day, in the background; prints its process. ask: looks each up, as a guest, until it is answered so; prints how many are."""
import os
import socket
import struct
import sys

OUTSTANDING = 64


def read(path):
    with open(path, encoding="utf-8") as file:
        return {name: address for _, name, address in map(str.split, file)}


def question(name):
    return b"".join(bytes([len(label)]) + label.encode() for label in name.split(".")) + b"\0\0\1\0\1"


def name_of(message):
    labels, at = [], 12
    while message[at]:
        labels.append(message[at + 1:at + 1 + message[at]].decode("ascii", "replace").lower())
        at += 1 + message[at]
    return ".".join(labels), at + 5, struct.unpack("!H", message[at + 1:at + 3])[0]


def serve(address, names):
    server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    server.bind((address, 53))
    child = os.fork()
    if child:
        print(child)
        return
    os.dup2(os.open(os.devnull, os.O_RDWR), 1)
    while True:
        message, peer = server.recvfrom(4096)
        name, end, kind = name_of(message)
        known = kind == 1 and name in names
        head = message[:2] + struct.pack("!HHHHH", 0x8580 | (0 if name in names else 3), 1, known, 0, 0) + message[12:end]
        record = b"\xc0\x0c\0\1\0\1" + struct.pack("!IH", 86400, 4) + socket.inet_aton(names[name]) if known else b""
        server.sendto(head + record, peer)


def ask(address, names):
    client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    client.settimeout(2)
    client.connect((address, 53))
    left, answered = list(names.items()), 0
    for _ in range(5):
        again = []
        for start in range(0, len(left), OUTSTANDING):
            again += ask_some(client, left[start:start + OUTSTANDING])
        answered += len(left) - len(again)
        left = again
    print(answered)


def ask_some(client, some):
    waiting = dict(some)
    for number, (name, _) in enumerate(some):
        client.send(struct.pack("!HHHHHH", number, 0x100, 1, 0, 0, 0) + question(name))
    try:
        while waiting:
            message = client.recv(4096)
            name = name_of(message)[0]
            if message[-4:] == socket.inet_aton(waiting.get(name, "0.0.0.0")):
                del waiting[name]
            elif message[3] & 15:
                break
    except TimeoutError:
        pass
    return list(waiting.items())


{"serve": serve, "ask": ask}[sys.argv[1]](sys.argv[2], read(sys.argv[3]))
