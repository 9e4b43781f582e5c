#!/usr/bin/env python3
"""A journald to test against: journal.py OUT CONTROL. It binds the journal's socket and writes each datagram's fields to OUT, a JSON object a
line. A line in CONTROL, a FIFO, is obeyed and repeated: `pause` (nothing is read until the next one), `go`, `restart` (the socket is another),
`compare` (is what libsystemd's sd_journal_sendv() makes of the last one's fields the same? the answer is `same` or `differs`), `end`."""

import ctypes
import json
import os
import select
import socket
import sys

PATH = "/run/systemd/journal/socket"
out, control = open(sys.argv[1], "a", encoding="utf-8", buffering=1), os.open(sys.argv[2], os.O_RDWR)
libsystemd = ctypes.CDLL("libsystemd.so.0")


class Iovec(ctypes.Structure):
    _fields_ = [("base", ctypes.c_char_p), ("len", ctypes.c_size_t)]


def bound():
    os.makedirs(os.path.dirname(PATH), exist_ok=True)
    if os.path.exists(PATH):
        os.unlink(PATH)
    receiver = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    receiver.bind(PATH)
    return receiver


def fields(datagram):
    """systemd.io/JOURNAL_NATIVE_PROTOCOL"""
    found, at = [], 0
    while at < len(datagram):
        end = datagram.index(b"\n", at)
        name, equals, value = datagram[at:end].partition(b"=")
        at = end + 1
        if not equals:
            size = int.from_bytes(datagram[at : at + 8], "little")
            value = datagram[at + 8 : at + 8 + size]
            assert datagram[at + 8 + size : at + 9 + size] == b"\n"
            at += 9 + size
        found.append((name, value))
    return found


def by_libsystemd(receiver, found):
    texts = [name + b"=" + value for name, value in found]
    vector = (Iovec * len(texts))(*((text, len(text)) for text in texts))
    assert libsystemd.sd_journal_sendv(vector, len(texts)) == 0
    return receiver.recv(1 << 16)


def take(receiver):
    """Of one datagram"""
    datagram = receiver.recv(1 << 16)
    found = fields(datagram)
    line = {name.decode(): value.decode() for name, value in found}
    assert len(line) == len(found), "a field twice"
    out.write(json.dumps(line) + "\n")
    return datagram


receiver, paused, pending, last = bound(), False, b"", b""
print("ready", flush=True)
while True:
    for ready in select.select([control] + ([] if paused else [receiver]), [], [])[0]:
        if ready is receiver:
            last = take(receiver)
            continue
        pending += os.read(control, 4096)
        while b"\n" in pending:
            word, pending = pending.split(b"\n", 1)
            if word == b"end":
                sys.exit()
            paused = word == b"pause"
            if word == b"restart":
                receiver.close()
                receiver = bound()
            if word == b"compare":
                word = b"same" if by_libsystemd(receiver, fields(last)) == last else b"differs"
            print(word.decode(), flush=True)
