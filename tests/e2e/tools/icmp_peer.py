#!/usr/bin/env python3
"""Answers datagrams to port 9999 with ICMP errors and redirects about them, one of each type, from the address they were
sent to; and, as `listen ADDRESS`, sends such a datagram and prints the ICMP types that come back, sorted.

  icmp_peer.py answer LINK        on the Internet, until killed
  icmp_peer.py listen ADDRESS     in a sandbox
"""
import socket
import struct
import sys
import time

from inet_checksum import checksum

PORT = 9999
TYPES4 = [3, 4, 5, 11, 12, 9, 10]
TYPES6 = [1, 2, 3, 4, 100, 134, 137]


def summed(message, pseudo=b""):
    return message[:2] + struct.pack("!H", checksum(pseudo + message)) + message[4:]


def answers4(packet):
    source, to = packet[12:16], packet[16:20]
    for kind in TYPES4:
        rest = to if kind == 5 else b"\0\0\x05\0"
        message = summed(struct.pack("!BBH4s", kind, 1 if kind == 5 else 0, 0, rest) + packet[:28])
        head = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(message), 1, 0, 64, 1, 0) + to + source
        yield head[:10] + struct.pack("!H", checksum(head)) + head[12:] + message


def answers6(packet):
    source, to = packet[8:24], packet[24:40]
    for kind in TYPES6:
        body = (to + to if kind == 137 else b"") + packet[:64]
        message = struct.pack("!BBH4s", kind, 0, 0, b"\0\0\x05\0") + body
        message = summed(message, to + source + struct.pack("!II", len(message), 58))
        yield struct.pack("!IHBB", 6 << 28, len(message), 58, 255) + to + source + message


def answer(link):
    sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
    sock.bind((link, 0))
    print("ready", flush=True)
    while True:
        frame = sock.recv(2048)
        back, packet = frame[6:12] + frame[:6] + frame[12:14], frame[14:]
        v4 = frame[12:14] == b"\x08\0" and packet[9] == 17 and packet[22:24] == struct.pack("!H", PORT)
        v6 = frame[12:14] == b"\x86\xdd" and packet[6] == 17 and packet[42:44] == struct.pack("!H", PORT)
        for reply in answers4(packet) if v4 else answers6(packet) if v6 else ():
            sock.send(back + reply)


def listen(address):
    v6 = ":" in address
    raw = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
    raw.bind(("eth0", 0))
    raw.settimeout(0.1)
    sender = socket.socket(socket.AF_INET6 if v6 else socket.AF_INET, socket.SOCK_DGRAM)
    sender.sendto(b"who is there", (address, PORT))
    until, types = time.monotonic() + 3, set()
    own = socket.inet_pton(socket.AF_INET6 if v6 else socket.AF_INET, address)
    while time.monotonic() < until:
        try:
            frame = raw.recv(2048)
        except socket.timeout:
            continue
        packet = frame[14:]
        if not v6 and frame[12:14] == b"\x08\0" and packet[9] == 1 and packet[12:16] == own:
            types.add(packet[20])
        if v6 and frame[12:14] == b"\x86\xdd" and packet[6] == 58 and packet[8:24] == own:
            types.add(packet[40])
    print(*sorted(types))


if sys.argv[1] == "answer":
    answer(sys.argv[2])
else:
    listen(sys.argv[2])
