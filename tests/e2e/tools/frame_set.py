#!/usr/bin/env python3
"""Thousands of frames through a ruleset on the links of links.sh, and what becomes of each: what arrives at the sink, what
comes back to the guest, what sockets of the gateway's take (port 53, and any, behind TPROXY), and what conntrack knows
afterwards. One line a fact, sorted, so that two rulesets can be held against each other.
usage: frame_set.py GATEWAY_MAC GUEST_MAC   (in the namespace of links.sh)"""
import ctypes
import os
import select
import socket
import struct
import subprocess
import sys
import time

from inet_checksum import checksum

GATEWAY_MAC, GUEST_MAC = (bytes.fromhex(mac.replace(":", "")) for mac in sys.argv[1:3])
GUEST4, GATEWAY4, UPLINK4 = "172.16.0.2", "172.16.0.1", "198.51.100.1"
GUEST6, GATEWAY6 = "fd42:6d73:62::2", "fd42:6d73:62::1"
LIBC = ctypes.CDLL(None, use_errno=True)
CLONE_NEWNET = 0x40000000
IP_TRANSPARENT, IPV6_TRANSPARENT = 19, 75


def ip4(proto, payload, to, source=GUEST4, ttl=64, options=b"", fragment=0, ident=1):
    head = struct.pack("!BBHHHBBH4s4s", 0x40 | 5 + len(options) // 4, 0, 20 + len(options) + len(payload), ident, fragment,
                       ttl, proto, 0, socket.inet_aton(source), socket.inet_aton(to)) + options
    return head[:10] + struct.pack("!H", checksum(head)) + head[12:] + payload


def ip6(proto, payload, to, source=GUEST6, hops=64):
    packed = socket.inet_pton(socket.AF_INET6, source) + socket.inet_pton(socket.AF_INET6, to)
    return struct.pack("!IHBB", 6 << 28, len(payload), proto, hops) + packed + payload


def transport(proto, source, to, sport, dport, flags=2):
    """A datagram, segment or message with the right checksum for these ends"""
    family = socket.AF_INET6 if ":" in to else socket.AF_INET
    if proto == 17:
        body, at = struct.pack("!HHHH", sport, dport, 12, 0) + b"data", 6
    elif proto == 6:
        body, at = struct.pack("!HHIIBBHHH", sport, dport, 1, 0, 0x50, flags, 1024, 0, 0), 16
    else:  # of ICMP, the type is the port's place in the list of cases
        body, at = struct.pack("!BBHHH", dport & 0xFF, 0, 0, sport, 1) + b"data", 2
        if family == socket.AF_INET:
            return body[:2] + struct.pack("!H", checksum(body)) + body[4:]
    pseudo = socket.inet_pton(family, source) + socket.inet_pton(family, to)
    pseudo += struct.pack("!II", len(body), proto) if family == socket.AF_INET6 else struct.pack("!BBH", 0, proto, len(body))
    total = checksum(pseudo + body) or 0xFFFF
    return body[:at] + struct.pack("!H", total) + body[at + 2:]


TO4 = ["93.184.216.34", "10.1.2.3", GATEWAY4, UPLINK4, "172.16.0.3", "127.0.0.1", "126.255.255.255", "128.0.0.1", "0.0.0.1",
       "223.255.255.255", "224.0.0.251", "239.1.1.1", "240.0.0.1", "255.255.255.255", "169.254.169.254", "198.51.100.3"]
TO6 = ["2606:2800:220:1::34", "2000::1", "3fff:ffff::1", "1fff::1", "4000::1", GATEWAY6, "fd00::5", "fe80::5", "ff02::1", "ff0e::1",
       "::1", "::", "::ffff:8.8.8.8", "::127.0.0.1", "64:ff9b::7f00:1", "64:ff9b::808:808", "64:ff9b::e000:1", "2002:7f00:1::1",
       "2002:808:808::1", "2002:e000:1::1", "2002:ffff:ffff::1", "2001:db8:64::7f00:1", "2001:db8:64::808:808", "2001:db8:ff::1"]
PORTS = [53, 7, 443, 67, 137, 853, 5353, 5355, 1, 547]


def frames4(number):
    for to in TO4:
        for proto in (17, 6):
            for dport in PORTS:
                for how in ({}, {"ttl": 1}, {"ttl": 0}, {"ttl": 2}, {"options": b"\x01" * 4}, {"options": b"\x83\x07\x04\x08\x08\x08\x08\0"},
                            {"source": "172.16.0.3"}, {"source": GATEWAY4}, {"source": "0.0.0.0"}):
                    sport = 68 if dport == 67 else next(number)
                    yield ip4(proto, transport(proto, how.get("source", GUEST4), to, sport, dport), to, **how)
        for ttl in (64, 2, 1, 0):  # a reset that ends a flow here and nowhere else
            sport = next(number)
            yield ip4(6, transport(6, GUEST4, to, sport, 7), to)
            yield ip4(6, transport(6, GUEST4, to, sport, 7, 4), to, ttl=ttl)
        for kind in (0, 3, 5, 8, 11, 17, 53):
            yield ip4(1, transport(1, GUEST4, to, next(number), kind), to)
        for proto in (47, 50, 132, 136, 2):
            for dport in (53, 7):
                yield ip4(proto, struct.pack("!HH", next(number), dport) + b"\0" * 12, to)
            yield ip4(proto, b"\0\0", to)
        for proto in (17, 6):  # short, and in pieces
            yield ip4(proto, b"\0\x35", to)
            yield ip4(proto, b"", to)
            for dport in (53, 7):
                whole = transport(proto, GUEST4, to, next(number), dport)
                ident = next(number)
                yield ip4(proto, whole[:8], to, fragment=0x2000, ident=ident)
                yield ip4(proto, whole[8:], to, fragment=1, ident=ident)
                yield ip4(proto, whole[8:], to, fragment=1, ident=next(number))
                for flags in (0x10, 0x04, 0x12):
                    yield ip4(6, transport(6, GUEST4, to, next(number), dport, flags), to)


def frames6(number):
    options, routing = b"\x01\x04\0\0\0\0", b"\x02\0\0\0\0\0"
    for to in TO6:
        for proto in (17, 6):
            for dport in PORTS:
                for how in ({}, {"hops": 1}, {"hops": 0}, {"hops": 2}, {"source": "fd42:6d73:62::3"}, {"source": "fe80::1234"},
                            {"source": GATEWAY6}, {"source": "::"}):
                    sport = 546 if dport == 547 else next(number)
                    yield ip6(proto, transport(proto, how.get("source", GUEST6), to, sport, dport), to, **how)
            for dport in (53, 7):
                body = transport(proto, GUEST6, to, next(number), dport)
                for first, middle in ((0, options), (60, options), (43, routing), (51, options)):
                    yield ip6(first, bytes([proto, 0]) + middle + body, to)
                    yield ip6(0, bytes([first, 0]) + options + bytes([proto, 0]) + middle + body, to)
                ident = next(number)
                yield ip6(44, struct.pack("!BBHI", proto, 0, 0, ident) + body, to)
                ident = next(number)
                yield ip6(44, struct.pack("!BBHI", proto, 0, 1, ident) + body[:8], to)
                yield ip6(44, struct.pack("!BBHI", proto, 0, 8, ident) + body[8:], to)
                yield ip6(44, struct.pack("!BBHI", proto, 0, 8, next(number)) + body[8:], to)
            yield ip6(proto, b"\0\x35", to)
        for hops in (64, 2, 1, 0):
            sport = next(number)
            yield ip6(6, transport(6, GUEST6, to, sport, 7), to)
            yield ip6(6, transport(6, GUEST6, to, sport, 7, 4), to, hops=hops)
        for kind in (1, 2, 128, 129, 133, 137, 143, 53):
            yield ip6(58, transport(58, GUEST6, to, next(number), kind), to)
        for proto in (47, 50, 132, 59, 135):
            yield ip6(proto, struct.pack("!HH", next(number), 53) + b"\0" * 12, to)
            yield ip6(proto, struct.pack("!HH", next(number), 7) + b"\0" * 12, to)


def numbers():
    number = 20000
    while True:
        yield number
        number = number + 1 if number < 60000 else 20000


def enter(name):
    fd = os.open("/run/netns/" + name, os.O_RDONLY) if name else HOME
    if LIBC.setns(fd, CLONE_NEWNET):
        raise OSError(ctypes.get_errno(), "setns")


def packets(netns, link):
    enter(netns)
    made = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
    made.bind((link, 3))
    made.setsockopt(socket.SOL_SOCKET, 33, 64 << 20)  # SO_RCVBUFFORCE
    made.setsockopt(263, 23, 1)  # PACKET_IGNORE_OUTGOING
    enter(None)
    return made


def listener(family, port, kind=socket.SOCK_DGRAM):
    made = socket.socket(family, kind)
    level, option = (41, IPV6_TRANSPARENT) if family == socket.AF_INET6 else (0, IP_TRANSPARENT)
    made.setsockopt(level, option, 1)
    if family == socket.AF_INET6:
        made.setsockopt(41, 26, 1)  # IPV6_V6ONLY
    made.setsockopt(socket.SOL_SOCKET, 33, 64 << 20)
    made.bind(("::" if family == socket.AF_INET6 else "0.0.0.0", port))
    if kind == socket.SOCK_STREAM:
        made.listen(4096)
    return made


def drain(sources, facts):
    for name, made in sources.items():
        while select.select([made], [], [], 0)[0]:
            data, peer = made.recvfrom(65536)
            if name in ("sink", "guest"):
                kind = data[12:14].hex()
                if kind not in ("0800", "86dd") or (kind == "86dd" and data[22:24] == b"\xfe\x80"):
                    continue  # link-local: the kernel's own reports and solicitations
                packet = bytearray(data[14:])
                if kind == "0800":
                    packet[4:6] = packet[10:12] = b"\0\0"  # the identification, and the sum over it
                else:
                    packet[1:4] = b"\0\0\0"  # the flow label
                facts.append("%s %s" % (name, settle(packet).hex()))
            else:
                facts.append("%s %s %d %s" % (name, peer[0], peer[1], data.hex()))


def settle(packet):
    """Of a segment that a socket here answers with: all but its sequence number, window and sum, which are never the same"""
    proto, at = (packet[9], 4 * (packet[0] & 15)) if packet[0] >> 4 == 4 else (packet[6], 40)
    if proto == 6 and len(packet) >= at + 20 and packet[at + 13] == 0x12:
        return packet[:at + 4] + packet[at + 8:at + 14]
    return packet


def known():
    """Conntrack's entries, without what only the clock decides"""
    facts = []
    with open("/proc/net/nf_conntrack", encoding="ascii") as table:
        for line in table:
            words = [w for w in line.split() if "=" in w and not w.startswith(("mark", "use", "zone"))]
            # line.split()[5]: the state of a flow of TCP
            facts.append("conntrack %s %s %s%s" % (line.split()[2], line.split()[5], " ".join(words), " [UNREPLIED]" if "UNREPLIED" in line else ""))
    return facts


def main():
    facts = []
    head = GATEWAY_MAC + GUEST_MAC
    sources = {"sink": packets("sink", "sink0"), "guest": packets("guest", "eth0")}
    for family, name in ((socket.AF_INET, "4"), (socket.AF_INET6, "6")):
        sources["dns" + name] = listener(family, 53)
        sources["relay" + name] = listener(family, 1)
    streams = [listener(family, port, socket.SOCK_STREAM) for family in (socket.AF_INET, socket.AF_INET6) for port in (53, 1)]
    number, sent = numbers(), 0
    for kind, make in ((0x0800, frames4), (0x86DD, frames6)):
        for packet in make(number):
            sources["guest"].send(head + struct.pack("!H", kind) + packet)
            sent += 1
            if sent % 50 == 0:
                drain(sources, facts)
    quiet = time.monotonic() + 30
    count = -1
    while time.monotonic() < quiet and count != len(facts):  # until nothing comes any more
        count = len(facts)
        time.sleep(0.3)
        drain(sources, facts)
    facts += known()  # once each: a socket here may answer again and again
    del streams
    print("\n".join(sorted(set(facts))))
    print("sent", sent, file=sys.stderr)


HOME = os.open("/proc/self/ns/net", os.O_RDONLY)
main()
