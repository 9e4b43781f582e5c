#!/usr/bin/env python3
"""Sends hand-made frames from inside a sandbox, where only CAP_NET_RAW is at hand.

  forge.py udp  SRC DST PORT [N]              a datagram with that source address, from eth0
  forge.py dns  SRC DST NAME                  a query for NAME; prints "answered" where anything comes back within 1 s
"""
import socket
import struct
import sys
import time


def checksum(data):
    if len(data) % 2:
        data += b"\0"
    total = sum(struct.unpack("!%dH" % (len(data) // 2), data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def mac(path):
    with open(path, encoding="ascii") as file:
        return bytes.fromhex(file.read().strip().replace(":", ""))


def gateway_mac():
    """The gateway's MAC derives from its address, which is one below ours."""
    own = mac("/sys/class/net/eth0/address")
    return own[:2] + struct.pack("!I", struct.unpack("!I", own[2:])[0] - 1)


def udp4(src, dst, sport, dport, payload):
    udp = struct.pack("!HHHH", sport, dport, 8 + len(payload), 0) + payload
    header = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(udp), 1, 0, 64, 17, 0,
                         socket.inet_aton(src), socket.inet_aton(dst))
    header = header[:10] + struct.pack("!H", checksum(header)) + header[12:]
    return gateway_mac() + mac("/sys/class/net/eth0/address") + b"\x08\x00" + header + udp


def query(name):
    labels = b"".join(bytes([len(part)]) + part.encode() for part in name.split("."))
    return struct.pack("!HHHHHH", 0x1234, 0x0100, 1, 0, 0, 0) + labels + b"\0" + struct.pack("!HH", 1, 1)


def main():
    link = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(0x0800))
    link.bind(("eth0", 0))
    kind, src, dst = sys.argv[1:4]
    if kind == "udp":
        for _ in range(int(sys.argv[5]) if len(sys.argv) > 5 else 1):
            link.send(udp4(src, dst, 4000, int(sys.argv[4]), b"forged"))
    else:
        link.send(udp4(src, dst, 4001, 53, query(sys.argv[4])))
        link.settimeout(0.1)
        until = time.monotonic() + 1
        while time.monotonic() < until:
            try:
                frame = link.recv(2048)
            except socket.timeout:
                continue
            if frame[:6] == mac("/sys/class/net/eth0/address") and frame[23] == 17 and frame[34:36] == b"\0\x35":
                print("answered")
                return
        print("silence")


main()
