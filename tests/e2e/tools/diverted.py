#!/usr/bin/env python3
"""Flows whose server name decides, before the packet filter alone: in the place of the name relay a listener that accepts, in the
place of the guest frames that are made here, and behind the uplink whoever counts what TCP arrives.

  diverted.py FORGET BR0_MAC UPLINK_MAC PORT    in the namespace of links.sh, with the policy installed; FORGET: the program that deletes entries of
                        conntrack; PORT: the guest's take those behind it. Prints "ok WHAT" and "not ok WHAT - WHY" lines.
"""
import ctypes
import socket
import struct
import subprocess
import sys
import time

from inet_checksum import checksum

NAMES_PORT = 2
SOL_PACKET, PACKET_IGNORE_OUTGOING = 263, 23
IP_TRANSPARENT, IPV6_TRANSPARENT = 19, 75
SYN, RST, PSH, ACK, FIN = 2, 4, 8, 16, 1
GUEST_MAC = bytes.fromhex("026dac100002")
SECRET = b"what must not get out"
FAMILIES = {
    4: {"guest": "172.16.0.2", "server": "8.8.8.8", "family": socket.AF_INET},
    6: {"guest": "fd42:6d73:62::2", "server": "2600::8", "family": socket.AF_INET6},
}


def link_socket(netns, link):
    """A packet socket on a link of another network namespace"""
    setns = ctypes.CDLL(None, use_errno=True).setns
    with open("/proc/self/ns/net", "rb") as home, open(f"/run/netns/{netns}", "rb") as there:
        assert setns(there.fileno(), 0) == 0
        made = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
        made.bind((link, 3))
        made.setsockopt(SOL_PACKET, PACKET_IGNORE_OUTGOING, 1)
        assert setns(home.fileno(), 0) == 0
    made.settimeout(0.05)
    return made


def listener(family):
    made = socket.socket(family, socket.SOCK_STREAM)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if family == socket.AF_INET6:
        made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        made.setsockopt(socket.IPPROTO_IPV6, IPV6_TRANSPARENT, 1)
    else:
        made.setsockopt(socket.SOL_IP, IP_TRANSPARENT, 1)
    made.bind(("", NAMES_PORT))
    made.listen(16)
    made.settimeout(5)
    return made


def packet(version, source, to, proto, payload, ttl=64):
    family = FAMILIES[version]["family"]
    source, to = socket.inet_pton(family, source), socket.inet_pton(family, to)
    at = {6: 16, 17: 6}[proto]
    pseudo = source + to + struct.pack("!LL", len(payload), proto)
    payload = payload[:at] + struct.pack("!H", checksum(pseudo + payload)) + payload[at + 2:]
    if version == 6:
        return struct.pack("!LHBB", 6 << 28, len(payload), proto, ttl) + source + to + payload
    head = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(payload), 1, 0, ttl, proto, 0) + source + to
    return head[:10] + struct.pack("!H", checksum(head)) + head[12:] + payload


def tcp(sport, dport, seq, ack, flags, payload=b""):
    return struct.pack("!HHLLBBHHH", sport, dport, seq % 2**32, ack % 2**32, 5 << 4, flags, 65000, 0, 0) + payload


class World:
    def __init__(self, forget, *macs):
        self.forget = forget
        self.guest, self.sink = link_socket("guest", "eth0"), link_socket("sink", "sink0")
        self.gateway_mac, self.uplink_mac = (bytes.fromhex(mac.replace(":", "")) for mac in macs)
        self.failed = False
        self.fences = 0

    def told(self, what, wrong):
        print(f"not ok {what} - {str(wrong)[:200]}" if wrong else f"ok {what}", flush=True)
        self.failed |= bool(wrong)

    def ether(self, version, mac=None):
        return (mac or self.gateway_mac) + GUEST_MAC + (b"\x86\xdd" if version == 6 else b"\x08\0")

    def escaped(self, version):
        """TCP that got behind the uplink by now; a datagram that is let pass comes after all that was sent before"""
        self.fences += 1
        mark, seen, until = b"fence %d" % self.fences, [], time.monotonic() + 10
        datagram = struct.pack("!HHHH", 9, 9, 8 + len(mark), 0) + mark
        one = FAMILIES[version]
        while time.monotonic() < until:
            self.guest.send(self.ether(version) + packet(version, one["guest"], one["server"], 17, datagram))
            try:
                while True:
                    frame = self.sink.recv(2048)
                    if frame.endswith(mark):
                        return seen
                    if self.proto(frame) == 6:
                        seen.append(frame)
            except socket.timeout:
                continue
        return ["the fence did not come"]

    @staticmethod
    def proto(frame):
        return frame[23] if frame[12:14] == b"\x08\0" else frame[20] if frame[12:14] == b"\x86\xdd" else 0


class Flow:
    """One of the guest's, in the frames that it would send"""
    port = 0

    def __init__(self, world, version):
        Flow.port += 1
        self.world, self.version, self.one, self.sport = world, version, FAMILIES[version], Flow.port
        self.seq, self.ack = 1000, 0

    def send(self, flags, payload=b"", ttl=64, seq=None):
        segment = tcp(self.sport, 443, self.seq if seq is None else seq, self.ack if flags & ACK else 0, flags, payload)
        self.world.guest.send(self.world.ether(self.version) +
                              packet(self.version, self.one["guest"], self.one["server"], 6, segment, ttl))

    def answered(self, flags):
        """The next segment to it with these flags: its sequence number; None: none came"""
        until = time.monotonic() + 5
        while time.monotonic() < until:
            try:
                frame = self.world.guest.recv(2048)
            except socket.timeout:
                continue
            at = 14 + (40 if self.version == 6 else 20)
            if World.proto(frame) == 6 and len(frame) >= at + 20:
                sport, dport, seq, _, _, got = struct.unpack("!HHLLBB", frame[at:at + 14])
                if (sport, dport) == (443, self.sport) and got & (SYN | RST) == flags:
                    return seq
        return None

    def came_before_reset(self):
        """Frames with what must not get out, of those that came before the flow's reset"""
        came, until = [], time.monotonic() + 5
        while time.monotonic() < until:
            try:
                frame = self.world.guest.recv(2048)
            except socket.timeout:
                continue
            came += [frame] if SECRET in frame else []
            if World.proto(frame) == 6 and frame[14 + (40 if self.version == 6 else 20) + 13] & RST:
                return came
        return ["no reset came"]

    def open(self, accepts):
        self.send(SYN)
        seq = self.answered(SYN)
        assert seq is not None, "no SYN-ACK"
        self.seq, self.ack = self.seq + 1, seq + 1
        self.send(ACK)
        accepted, _ = accepts.accept()
        accepted.settimeout(5)
        return accepted

    def forge(self):
        """Whatever may be taken for one of the flow, and what opens it anew"""
        for flags in (ACK | PSH, ACK, FIN | ACK, RST | ACK, RST, SYN | ACK, SYN):
            self.send(flags, SECRET)
            self.send(flags, SECRET, seq=self.seq + 1000)


def reset(accepted):
    accepted.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    accepted.close()


def loose(value):
    with open("/proc/sys/net/netfilter/nf_conntrack_tcp_loose", "w", encoding="ascii") as file:
        file.write(value)


def try_family(world, version):
    one = FAMILIES[version]
    accepts = listener(one["family"])
    flow = Flow(world, version)

    accepted = flow.open(accepts)
    flow.send(ACK | PSH, b"hello")
    got = accepted.recv(100), accepted.getsockname()[:2]
    world.told(f"IPv{version}: the listener has the flow, and the address that was dialled",
               got != (b"hello", (one["server"], 443)) and repr(got) or world.escaped(version))

    flow.seq += 5
    flow.send(ACK | PSH, SECRET, ttl=1)
    escaped = world.escaped(version)
    accepted.settimeout(0.2)
    try:
        read = accepted.recv(100)
    except socket.timeout:
        read = b""
    world.told(f"IPv{version}: what ends at this hop reaches neither", escaped or read)

    answer = packet(version, one["server"], one["guest"], 6, tcp(443, flow.sport, flow.ack, flow.seq, ACK | PSH, SECRET))
    world.sink.send(world.uplink_mac + GUEST_MAC + world.ether(version)[12:] + answer)
    world.escaped(version)
    reset(accepted)
    world.told(f"IPv{version}: what is said to be the server's does not reach the guest", flow.came_before_reset())

    flow.forge()
    world.told(f"IPv{version}: after the reset nothing of it gets out", world.escaped(version))
    for value in "0", "1":
        loose(value)
        flow = Flow(world, version)
        accepted = flow.open(accepts)
        subprocess.run([world.forget, FAMILIES[4]["guest"], FAMILIES[6]["guest"]], check=True, stdout=subprocess.DEVNULL)
        accepted.send(b"the other way first")
        flow.forge()
        world.told(f"IPv{version}: nor where conntrack has forgotten it, tcp_loose {value}", world.escaped(version))
        reset(accepted)
        flow.forge()
        world.told(f"IPv{version}: nor after the reset then", world.escaped(version))
    loose("0")

    flow = Flow(world, version)
    accepted = flow.open(accepts)
    accepts.close()
    reset(accepted)
    flow.forge()
    other = Flow(world, version)
    other.send(SYN)
    other.forge()
    world.told(f"IPv{version}: without a listener nothing gets out, of old flows or new", world.escaped(version))


def main():
    world = World(*sys.argv[1:4])
    Flow.port = int(sys.argv[4])
    loose("0")
    for version in FAMILIES:
        try_family(world, version)
    sys.exit(world.failed)


main()
