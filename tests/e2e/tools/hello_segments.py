#!/usr/bin/env python3
"""Run in a sandbox: a connection of the kernel's, and segments beside it that the kernel did not send.

  hello_segments.py WAY NAME ADDRESS PORT [WAY NAME ADDRESS PORT]…

Prints "WAY NAME PORT OUTCOME" as hello_client.py does. Ways are the functions below, "_" written "-". GO in the environment: a file
that after_denial and after_end wait for before they forge anything."""
import os
import random
import socket
import struct
import subprocess
import sys
import time

import hellos
from hello_client import main, outcome
from inet_checksum import checksum

HERE = sys.modules[__name__]
FIN, SYN, RST, PSH, ACK, URG = 1, 2, 4, 8, 16, 32


class Link:
    """What goes over eth0, from before a connection is made"""

    def __init__(self):
        self.socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        self.socket.bind(("eth0", 3))

    def segment(self, port, flags, to_us=False):
        """(frame's header, source, destination, sequence, acknowledgement) of the first with exactly these flags, ours by its port"""
        until = time.monotonic() + 10
        self.socket.settimeout(10)
        while time.monotonic() < until:
            frame = self.socket.recv(4096)
            v4 = frame[12:14] == b"\x08\0"
            at = 14 + ((frame[14] & 15) * 4 if v4 else 40)
            if frame[12:14] not in (b"\x08\0", b"\x86\xdd") or frame[23 if v4 else 20] != 6 or len(frame) < at + 20:
                continue
            ends = struct.unpack("!HH", frame[at:at + 4])
            if ends[to_us] == port and frame[at + 13] & 0x3F == flags:
                source, to = (frame[26:30], frame[30:34]) if v4 else (frame[22:38], frame[38:54])
                return (frame[:14], source, to) + struct.unpack("!II", frame[at + 4:at + 12])
        raise OSError("no such segment seen")


class Beside:
    """A connection, and what is sent beside it: segments from its first byte on"""

    def __init__(self, address, port):
        link = Link()
        self.link, self.to_port = link.socket, port
        self.connection = socket.create_connection((address, port), timeout=10)
        self.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.port = self.connection.getsockname()[1]
        self.head, self.source, self.to, self.sequence, self.answer = link.segment(self.port, ACK)

    def send(self, payload, at=0, flags=PSH | ACK, hops=64, wrong=False, port=None, sequence=None):
        segment = struct.pack("!HHIIBBHHH", port or self.port, self.to_port, (sequence or self.sequence) + at & 0xFFFFFFFF,
                              self.answer if flags & ACK else 0, 5 << 4, flags, 1024, 0, 0) + payload
        v4 = len(self.source) == 4
        pseudo = self.source + self.to + (struct.pack("!BBH", 0, 6, len(segment)) if v4 else struct.pack("!II", len(segment), 6))
        total = checksum(pseudo + segment) ^ (0x5555 if wrong else 0)
        segment = segment[:16] + struct.pack("!H", total) + segment[18:]
        if v4:
            ip = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(segment), random.randrange(65536), 0x4000, hops, 6, 0, self.source, self.to)
            packet = ip[:10] + struct.pack("!H", checksum(ip)) + ip[12:] + segment
        else:
            packet = struct.pack("!IHBB", 6 << 28, len(segment), 6, hops) + self.source + self.to + segment
        self.link.send(self.head + packet)


def then(beside, data):
    """Sent by the kernel, from the connection's first byte on"""
    time.sleep(0.05)
    try:
        beside.connection.sendall(data)
    except OSError:
        return "reset"
    return outcome(beside.connection, 2)


def settled(beside):
    """Nothing was sent by the kernel, which answers to what it does not know"""
    return outcome(beside.connection, 1)


def ttl_decoy(beside, name):
    """Seen by whatever looks on, gone before the server"""
    beside.send(hellos.hello(hellos.GOOD), hops=1)
    return then(beside, hellos.hello(name))


def checksum_decoy(beside, name):
    beside.send(hellos.hello(hellos.GOOD), wrong=True)
    return then(beside, hellos.hello(name))


def sequence_decoy(beside, name):
    """Far outside its window"""
    beside.send(hellos.hello(hellos.GOOD), at=-100000)
    return then(beside, hellos.hello(name))


def reset_decoy(beside, name):
    """A reset that is dropped on the way, and the hello behind it"""
    beside.send(b"", flags=RST, hops=1)
    return then(beside, hellos.hello(name))


def overlap(beside, first, second):
    """The end of one before the whole of the other"""
    one, other = hellos.hello(first), hellos.hello(second)
    beside.send(one[60:], at=60)
    time.sleep(0.02)
    beside.send(other[:80])
    time.sleep(0.02)
    beside.send(other[60:], at=60)
    return settled(beside)


def overlap_name_first(beside, name):
    return overlap(beside, name, hellos.GOOD)


def overlap_name_last(beside, name):
    return overlap(beside, hellos.GOOD, name)


def overlap_middle(beside, name):
    """The name alone, then all around it with the other name"""
    one, other = hellos.hello(name), hellos.hello(hellos.GOOD)
    at = other.index(hellos.GOOD.encode())
    beside.send(one[at:at + len(name)], at=at)
    time.sleep(0.02)
    beside.send(other)
    return settled(beside)


def again(beside, name):
    """Once the first hello is read, the same bytes are sent with another name, and behind them another hello"""
    beside.send(hellos.hello(hellos.GOOD))
    time.sleep(0.2)
    beside.send(hellos.hello(name))
    return settled(beside)


def reordered(beside, name):
    """Last piece first"""
    data = hellos.hello(name)
    for at in reversed(range(0, len(data), 50)):
        beside.send(data[at:at + 50], at=at)
        time.sleep(0.005)
    return settled(beside)


def syn_data(beside, name):
    """A hello in the SYN, which no server takes that was not asked before, and another behind it"""
    link, port, start = Link(), random.randrange(20000, 30000), random.randrange(1 << 31)
    drop = "add table inet own; add chain inet own out { type filter hook output priority 0; }; add rule inet own out tcp sport %d tcp flags rst drop"
    subprocess.run(["nft", drop % port], check=True)
    beside.send(hellos.hello(hellos.GOOD), flags=SYN, port=port, sequence=start)
    _, _, _, sequence, _ = link.segment(port, SYN | ACK, to_us=True)
    beside.answer = sequence + 1
    beside.send(hellos.hello(name), flags=PSH | ACK, port=port, sequence=start + 1)
    time.sleep(0.5)
    beside.connection.close()
    return "sent"


def forge(beside, start):
    """As if the connection went on, ended or began anew, from that byte on"""
    for payload in (b"FORGED", b"FORGED" * 50):
        for at in (start, start + 1, 0, 1):
            for flags in (PSH | ACK, ACK, FIN | PSH | ACK, URG | ACK, 0):
                beside.send(payload, at=at, flags=flags)
    for flags in (RST | ACK, SYN | ACK, SYN | FIN, RST):
        beside.send(b"FORGED", at=start, flags=flags)
        beside.send(b"FORGED", at=start, flags=PSH | ACK)
    time.sleep(0.2)


def wait_for_go():
    go = os.environ.get("GO")
    if go:
        print("waiting", flush=True)
        while not os.path.exists(go):
            time.sleep(0.01)


def after_denial(beside, name):
    """The hello is refused; then segments of the same connection are forged"""
    data = hellos.hello(name)
    beside.connection.sendall(data)
    said = outcome(beside.connection)
    wait_for_go()
    forge(beside, len(data))
    return said + " forged"


def after_end(beside, name):
    """The same of a connection that was allowed, and that something ends"""
    data = hellos.hello(name)
    beside.connection.sendall(data)
    said = outcome(beside.connection)
    wait_for_go()
    said += " " + outcome(beside.connection)
    forge(beside, len(data))
    return said + " forged"


def do(way, name, address, port):
    try:
        beside = Beside(address, int(port))
        said = getattr(HERE, way.replace("-", "_"))(beside, name)
        beside.connection.close()
    except OSError as why:
        said = f"failed: {why}"
    print(f"{way} {name} {port} {said}\n", end="", flush=True)


main(do)
