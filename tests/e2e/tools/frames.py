#!/usr/bin/env python3
"""Hand-made frames for the threat tests, sent from eth0 of a sandbox (CAP_NET_RAW is all it takes).

  frames.py spoof     one frame of each kind that a guest must not get through, each to a destination of its own;
                      prints "KIND DESTINATION" for each. Kinds that start with "own" are the controls.
  frames.py icmp      ICMP errors, redirects and other types of no flow, likewise; "own" kinds are echo requests
  frames.py flood     30,000 flows and 30,000 DNS questions; prints "sent 30000 SECONDS"
  frames.py fragments packets to a port that is allowed and one that is not, whole, in pieces, behind headers, likewise
  frames.py disguised private and metadata addresses inside IPv6 ones, likewise
  frames.py claim     ARP and neighbour advertisements that claim addresses; prints "sent N"
  frames.py neighbours  10,000 neighbour solicitations, each from an address of its own; prints "sent N"
"""
import socket
import struct
import sys
import time

from inet_checksum import checksum


def read_mac():
    with open("/sys/class/net/eth0/address", encoding="ascii") as file:
        return bytes.fromhex(file.read().strip().replace(":", ""))


GUEST_MAC = read_mac()
GUEST4_NUMBER = struct.unpack("!I", GUEST_MAC[2:])[0]
GATEWAY_MAC = GUEST_MAC[:2] + struct.pack("!I", GUEST4_NUMBER - 1)
GUEST4 = socket.inet_ntoa(GUEST_MAC[2:])
GATEWAY4 = socket.inet_ntoa(GATEWAY_MAC[2:])
# the sandbox's own IPv6 address, as the kernel lists it
with open("/proc/net/if_inet6", encoding="ascii") as listing:
    GUEST6 = next(socket.inet_ntop(socket.AF_INET6, bytes.fromhex(line.split()[0]))
                  for line in listing if line.split()[5] == "eth0" and line.startswith("fd"))
GATEWAY6 = socket.inet_ntop(socket.AF_INET6, (int.from_bytes(socket.inet_pton(socket.AF_INET6, GUEST6), "big") - 1)
                            .to_bytes(16, "big"))


def ether(kind, payload, source=GUEST_MAC, to=GATEWAY_MAC, tags=()):
    head = to + source
    for protocol, tag in tags:
        head += struct.pack("!HH", protocol, tag)
    return head + struct.pack("!H", kind) + payload


def udp(payload=b"forged", sport=4000, dport=7):
    return struct.pack("!HHHH", sport, dport, 8 + len(payload), 0) + payload


def ip4(source, to, proto, payload, options=b""):
    head = struct.pack("!BBHHHBBH4s4s", 0x40 | 5 + len(options) // 4, 0, 20 + len(options) + len(payload), 1, 0, 64,
                       proto, 0, socket.inet_aton(source), socket.inet_aton(to)) + options
    return head[:10] + struct.pack("!H", checksum(head)) + head[12:] + payload


def ip6(source, to, proto, payload, upper=None, sum_at=6, final=None):
    """upper: where the transport header starts, whose checksum is put at sum_at; final: whom a routing header leads to"""
    packed = socket.inet_pton(socket.AF_INET6, source) + socket.inet_pton(socket.AF_INET6, to)
    if upper is not None:
        body = payload[upper[0]:]
        end = socket.inet_pton(socket.AF_INET6, final) if final else packed[16:]
        pseudo = packed[:16] + end + struct.pack("!II", len(body), upper[1])
        total = checksum(pseudo + body) or 0xFFFF
        payload = payload[:upper[0]] + body[:sum_at] + struct.pack("!H", total) + body[sum_at + 2:]
    return struct.pack("!IHBB", 6 << 28, len(payload), proto, 64) + packed + payload


def udp6(source, to, **how):
    return ip6(source, to, 17, udp(), upper=(0, 17), **how)


def icmp4(kind, code, rest, data=b""):
    head = struct.pack("!BBH4s", kind, code, 0, rest) + data
    return head[:2] + struct.pack("!H", checksum(head)) + head[4:]


def icmp6(source, to, kind, code, rest, data=b"", hops=64):
    packet = ip6(source, to, 58, struct.pack("!BBH4s", kind, code, 0, rest) + data, upper=(0, 58), sum_at=2)
    return packet[:7] + bytes([hops]) + packet[8:]


def spoofed():
    """(kind, frame builder of a destination), IPv4 then IPv6"""
    def from4(source):
        return lambda to: ether(0x0800, ip4(source, to, 17, udp()))

    def from6(source):
        return lambda to: ether(0x86DD, udp6(source, to))

    def own4(to):
        return ip4(GUEST4, to, 17, udp())

    def route(kind):  # through the destination to itself
        return lambda to: ether(0x0800, ip4(GUEST4, to, 17, udp(), bytes([kind, 7, 4]) + socket.inet_aton(to) + b"\0"))

    def routing6(to):
        header = struct.pack("!BBBBI", 17, 2, 0, 1, 0) + socket.inet_pton(socket.AF_INET6, to)
        return ether(0x86DD, ip6(GUEST6, to, 43, header + udp(), upper=(24, 17), final=to))

    four = [
        ("own", lambda to: ether(0x0800, own4(to))),
        ("a-neighbour's-address", from4("10.9.9.9")),
        ("the-gateway's-address", from4(GATEWAY4)),
        ("no-address", from4("0.0.0.0")),
        ("loopback-source", from4("127.0.0.1")),
        ("broadcast-source", from4("255.255.255.255")),
        ("a-public-source", from4("93.184.216.34")),
        ("another-mac", lambda to: ether(0x0800, own4(to), source=b"\x02\x6d\xff\xff\xff\xff")),
        ("the-gateway's-mac", lambda to: ether(0x0800, own4(to), source=GATEWAY_MAC)),
        ("group-mac", lambda to: ether(0x0800, own4(to), source=b"\x01" + GUEST_MAC[1:])),
        ("vlan-0", lambda to: ether(0x0800, own4(to), tags=[(0x8100, 0)])),
        ("vlan-0-priority", lambda to: ether(0x0800, own4(to), tags=[(0x8100, 0xE000)])),
        ("vlan-7", lambda to: ether(0x0800, own4(to), tags=[(0x8100, 7)])),
        ("double-tag", lambda to: ether(0x0800, own4(to), tags=[(0x8100, 0), (0x8100, 0)])),
        ("service-tag", lambda to: ether(0x0800, own4(to), tags=[(0x88A8, 0), (0x8100, 0)])),
        ("vlan-0-forged", lambda to: ether(0x0800, ip4("10.9.9.9", to, 17, udp()), tags=[(0x8100, 0)])),
        ("mpls", lambda to: ether(0x8847, struct.pack("!I", 0x00010140) + own4(to))),
        ("pppoe", lambda to: ether(0x8864, struct.pack("!BBHHH", 0x11, 0, 1, 2 + len(own4(to)), 0x21) + own4(to))),
        ("llc-snap", lambda to: ether(8 + len(own4(to)), b"\xaa\xaa\x03\0\0\0\x08\0" + own4(to))),
        ("ipv4-as-ipv6", lambda to: ether(0x86DD, own4(to))),
        ("loose-source-route", route(131)),
        ("strict-source-route", route(137)),
    ]
    six = [
        ("own", from6(GUEST6)),
        ("another-of-its-network", from6(GUEST6[:-1] + "3")),
        ("the-gateway's-address", from6(GATEWAY6)),
        ("link-local-source", from6("fe80::1234")),
        ("no-address", from6("::")),
        ("loopback-source", from6("::1")),
        ("a-public-source", from6("2606:2800:220:1::34")),
        ("another-mac", lambda to: ether(0x86DD, udp6(GUEST6, to), source=b"\x02\x6d\xff\xff\xff\xff")),
        ("vlan-0", lambda to: ether(0x86DD, udp6(GUEST6, to), tags=[(0x8100, 0)])),
        ("double-tag", lambda to: ether(0x86DD, udp6(GUEST6, to), tags=[(0x8100, 0), (0x8100, 0)])),
        ("ipv6-as-ipv4", lambda to: ether(0x0800, udp6(GUEST6, to))),
        ("routing-header", routing6),
    ]
    return four, six


def stray_icmp():
    """Types that belong to a flow or to nobody: the packet inside is of a flow that never was"""
    alien4 = ip4("93.184.216.34", "203.0.113.2", 6, struct.pack("!HHI", 443, 40000, 1))
    alien6 = ip6("2606:2800:220:1::34", "2001:db8:1::2", 6, struct.pack("!HHI", 443, 40000, 1) + b"\0" * 12)

    def four(kind, code=0, data=alien4, rest=b"\0\0\x05\0"):
        return lambda to: ether(0x0800, ip4(GUEST4, to, 1, icmp4(kind, code, rest, data)))

    def six(kind, code=0, data=alien6, rest=b"\0\0\x05\0", hops=64):
        return lambda to: ether(0x86DD, icmp6(GUEST6, to, kind, code, rest, data, hops))

    target = socket.inet_pton(socket.AF_INET6, "2606:2800:220:1::34")
    return [
        ("own-echo", four(8, data=b"x")),
        ("port-unreachable", four(3, 3)), ("fragmentation-needed", four(3, 4)), ("source-quench", four(4)),
        ("redirect", four(5, 1, rest=socket.inet_aton(GUEST4))), ("time-exceeded", four(11)),
        ("parameter-problem", four(12)), ("echo-reply", four(0, data=b"x")), ("router-advertisement", four(9)),
    ], [
        ("own-echo", six(128, data=b"x")),
        ("port-unreachable", six(1, 4)), ("packet-too-big", six(2)), ("time-exceeded", six(3)),
        ("parameter-problem", six(4)), ("redirect", six(137, data=target * 2)), ("redirect-255", six(137, data=target * 2, hops=255)),
        ("neighbour-solicitation", six(135, data=target, hops=255)), ("neighbour-advertisement", six(136, data=target, hops=255)),
        ("router-advertisement", six(134, data=b"\0" * 8, hops=255)), ("echo-reply", six(129, data=b"x")),
        ("listener-report", six(143, data=b"")), ("private-error", six(100, data=alien6)),
    ]


def claims():
    """Claims of addresses that are not the guest's, by ARP and neighbour discovery"""
    def arp(operation, mac, ip, target, source=GUEST_MAC):
        body = struct.pack("!HHBBH", 1, 0x0800, 6, 4, operation) + mac + socket.inet_aton(ip) + b"\0" * 6
        return ether(0x0806, body + socket.inet_aton(target), source=source, to=b"\xff" * 6)

    def advert(source, target, mac=GUEST_MAC):
        data = socket.inet_pton(socket.AF_INET6, target) + b"\x02\x01" + mac
        return ether(0x86DD, icmp6(source, "ff02::1", 136, 0, b"\x20\0\0\0", data, 255), to=b"\x33\x33\0\0\0\x01")

    def solicit(source, target, mac=GUEST_MAC):
        data = socket.inet_pton(socket.AF_INET6, target) + b"\x01\x01" + mac
        return ether(0x86DD, icmp6(source, target, 135, 0, b"\0" * 4, data, 255))

    frames = []
    other = b"\x02\x6d\xff\xff\xff\xff"
    for ip in (GATEWAY4, "10.9.9.9", "172.16.0.3"):
        for operation in (1, 2):
            frames += [arp(operation, GUEST_MAC, ip, GATEWAY4), arp(operation, other, ip, GATEWAY4)]
    frames += [arp(1, other, GUEST4, GATEWAY4), arp(2, other, GUEST4, GATEWAY4, source=other)]
    for address in (GATEWAY6, GUEST6[:-1] + "3", "fe80::99"):
        frames += [advert(GUEST6, address), advert(address, address), advert(GUEST6, address, other), solicit(address, GATEWAY6)]
    return frames + [advert(GUEST6, GUEST6, other)]


def neighbours():
    """As many neighbours as an IPv6 network has room for: global ones, and link-local ones that look like a start"""
    def solicit(source):
        data = socket.inet_pton(socket.AF_INET6, GATEWAY6) + b"\x01\x01" + GUEST_MAC
        return ether(0x86DD, icmp6(source, GATEWAY6, 135, 0, b"\0" * 4, data, 255))

    frames = []
    prefix = int.from_bytes(socket.inet_pton(socket.AF_INET6, GUEST6), "big") & ~0xFFFF
    for number in range(5000):  # neighbour-flood: as many neighbours as the network has room for
        source = socket.inet_ntop(socket.AF_INET6, (prefix + 0x100 + number).to_bytes(16, "big"))
        frames += [solicit(source), solicit("fe80::%x" % (0x1000 + number))]
    return frames


def send(link, frames):
    for frame in frames if isinstance(frames, list) else [frames]:
        link.send(frame)


def flood(link):
    """30,000 datagrams, each a flow of its own, then as many DNS questions, each from another port"""
    question = struct.pack("!HHHHHH", 7, 0x0100, 1, 0, 0, 0) + b"\7example\3com\0" + struct.pack("!HH", 1, 1)
    started = time.monotonic()
    for number in range(30000):
        link.send(ether(0x0800, ip4(GUEST4, "93.184.216.37", 17, udp(sport=1024 + number))))
    took = time.monotonic() - started
    for number in range(30000):
        link.send(ether(0x0800, ip4(GUEST4, GATEWAY4, 17, udp(question, 1024 + number, 53))))
    print("sent", 30000, int(took) + 1)


def cut(packet, first, last):
    """The bytes first to last of an IPv4 or IPv6 packet's payload as a fragment; last 0: to the end, and the final one"""
    more = 1 if last else 0
    if packet[0] >> 4 == 4:
        body = packet[20 + first:20 + last] if last else packet[20 + first:]
        head = packet[:2] + struct.pack("!HHH", 20 + len(body), 77, first // 8 | more << 13) + packet[8:10] + b"\0\0" + packet[12:20]
        return ether(0x0800, head[:10] + struct.pack("!H", checksum(head)) + head[12:] + body)
    body = packet[40 + first:40 + last] if last else packet[40 + first:]
    header = struct.pack("!BBHI", packet[6], 0, first | more, 77)
    return ether(0x86DD, packet[:4] + struct.pack("!HB", 8 + len(body), 44) + packet[7:40] + header + body)


def fragments():
    """Packets to port 7777, which is allowed ("own…"), and to port 7, in every disguise: lists of frames"""
    text = b"a payload of some length"

    def packet(to, port):
        if ":" not in to:
            return ip4(GUEST4, to, 17, udp(text, dport=port))
        return ip6(GUEST6, to, 17, udp(text, dport=port), upper=(0, 17))

    def headers(to, port, *chain):  # extension headers of 8 bytes before the datagram
        body, kinds = b"", list(chain) + [17]
        for following in kinds[1:]:
            body += bytes([following, 0, 1, 4, 0, 0, 0, 0])
        return ip6(GUEST6, to, chain[0], body + udp(text, dport=port), upper=(8 * len(chain), 17))

    def whole(data):
        return ether(0x86DD if data[0] >> 4 == 6 else 0x0800, data)

    both = [
        ("own", lambda to: [whole(packet(to, 7777))]),
        ("own-fragments", lambda to: [cut(packet(to, 7777), 0, 8), cut(packet(to, 7777), 8, 0)]),
        ("own-fragments-reversed", lambda to: [cut(packet(to, 7777), 8, 0), cut(packet(to, 7777), 0, 8)]),
        ("whole", lambda to: [whole(packet(to, 7))]),
        ("fragments", lambda to: [cut(packet(to, 7), 0, 8), cut(packet(to, 7), 8, 0)]),
        ("fragments-reversed", lambda to: [cut(packet(to, 7), 8, 0), cut(packet(to, 7), 0, 8)]),
        ("overlap-first-allowed", lambda to: [cut(packet(to, 7777), 0, 16), cut(packet(to, 7), 0, 8), cut(packet(to, 7), 8, 0)]),
        ("overlap-last-allowed", lambda to: [cut(packet(to, 7), 0, 16), cut(packet(to, 7777), 0, 8), cut(packet(to, 7), 8, 0)]),
        ("only-the-last", lambda to: [cut(packet(to, 7777), 8, 0)]),
    ]
    six = [
        ("own-destination-options", lambda to: [whole(headers(to, 7777, 60))]),
        ("destination-options", lambda to: [whole(headers(to, 7, 60))]),
        ("hop-by-hop", lambda to: [whole(headers(to, 7, 0))]),
        ("chain", lambda to: [whole(headers(to, 7, 0, 60, 60))]),
        ("atomic-fragment", lambda to: [cut(packet(to, 7), 0, 0)]),
        ("header-in-the-second", lambda to: [cut(headers(to, 7777, 60), 0, 8), cut(headers(to, 7777, 60), 8, 0)]),
        ("options-then-fragments", lambda to: [cut(headers(to, 7, 60), 0, 16), cut(headers(to, 7, 60), 16, 0)]),
    ]
    return both, both + six


def disguised():
    """Private and metadata addresses inside IPv6 ones, (kind, frame, destination); "own": a public address inside"""
    inside = [("own-nat64", "64:ff9b::808:808"), ("own-6to4", "2002:808:808::1"), ("nat64", "64:ff9b::a00:5"),
              ("6to4", "2002:a00:5::1"), ("siit", "::ffff:0:a00:5"), ("compatible", "::a00:5"),
              ("nat64-metadata", "64:ff9b::a9fe:a9fe"), ("mapped", "::ffff:10.0.0.5"), ("mapped-public", "::ffff:8.8.8.8")]
    return [(kind, ether(0x86DD, udp6(GUEST6, to)), to) for kind, to in inside]


def main():
    link = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
    link.bind(("eth0", 0))
    if sys.argv[1] == "flood":
        return flood(link)
    if sys.argv[1] == "disguised":
        for kind, frame, to in disguised():
            link.send(frame)
            print(kind, to)
        return
    if sys.argv[1] in ("claim", "neighbours"):
        frames = claims() if sys.argv[1] == "claim" else neighbours()
        for frame in frames:
            link.send(frame)
        print("sent", len(frames))
        return
    four, six = {"spoof": spoofed, "icmp": stray_icmp, "fragments": fragments}[sys.argv[1]]()
    for number, (kind, build) in enumerate(four):
        to = "198.18.%d.1" % number
        send(link, build(to))
        print(kind, to)
    for number, (kind, build) in enumerate(six):
        to = "2001:db8:5:%x::1" % (number + 1)
        send(link, build(to))
        print(kind, to)


main()
