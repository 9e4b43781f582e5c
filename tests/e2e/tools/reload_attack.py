"""Two that do not obey when a policy ends their flows: a guest with packet sockets, and its peer outside.

  reload_attack.py guest DENIED4 DENIED6   flows of all kinds to these, then whatever might keep one alive: segments with the right
                     numbers, a SYN with the same ports, datagrams, fragments whose rest comes late, echo requests, ICMP errors that
                     quote a flow, half-open connections by the hundred, a window that is shut. Prints "ready", then goes on for ever.
  reload_attack.py peer LINK DENIED4 DENIED6   answers each flow that came from there with segments and datagrams as its end would send"""
import random
import socket
import struct
import sys
import threading
import time

from inet_checksum import checksum

role, link_name = sys.argv[1], sys.argv[2] if sys.argv[1] == "peer" else "eth0"
denied4, denied6 = sys.argv[-2:]
link = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
link.bind((link_name, 3))
watch = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
watch.bind((link_name, 3))
TCP, UDP, ICMP = 6, 17, 1
PAYLOAD = b"FORGED" * 10
flows = {}  # (own port, far port, protocol, family) → the last of its frames towards the denied


class Frame:
    """One with a TCP or UDP header, taken apart"""
    def __init__(self, data):
        self.v4 = data[12:14] == b"\x08\0"
        self.at = 14 + ((data[14] & 15) * 4 if self.v4 else 40)
        self.proto = data[23] if self.v4 else data[20]
        self.source, self.to = (data[26:30], data[30:34]) if self.v4 else (data[22:38], data[38:54])
        self.macs, self.sport, self.dport = data[:12], *struct.unpack("!HH", data[self.at:self.at + 4])
        self.end = 14 + (struct.unpack("!H", data[16:18])[0] if self.v4 else 40 + struct.unpack("!H", data[18:20])[0])
        if self.proto == TCP:
            self.sequence, self.answer, head, self.flags = struct.unpack("!IIBB", data[self.at + 4:self.at + 14])
            self.next = self.sequence + max(0, self.end - self.at - (head >> 4) * 4) + bool(self.flags & 3) & 0xFFFFFFFF

    def turned(self):
        self.macs = self.macs[6:] + self.macs[:6]
        self.source, self.to, self.sport, self.dport = self.to, self.source, self.dport, self.sport
        if self.proto == TCP:
            self.next, self.answer = self.answer, self.next
        return self

    def l4(self, proto, segment, place):
        pseudo = self.source + self.to + (struct.pack("!BBH", 0, proto, len(segment)) if self.v4 else struct.pack("!II", len(segment), proto))
        return segment[:place] + struct.pack("!H", checksum(pseudo + segment)) + segment[place + 2:]

    def ip(self, proto, payload, fragment=0, number=None):
        if not self.v4:
            return self.macs + b"\x86\xdd" + struct.pack("!IHBB", 6 << 28, len(payload), proto, 64) + self.source + self.to + payload
        head = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(payload), number or random.getrandbits(16), fragment, 64, proto, 0,
                           self.source, self.to)
        return self.macs + b"\x08\0" + head[:10] + struct.pack("!H", checksum(head)) + head[12:] + payload

    def tcp(self, flags, sequence, payload=b""):
        segment = struct.pack("!HHIIBBHHH", self.sport, self.dport, sequence, self.answer, 5 << 4, flags, 60000, 0, 0) + payload
        return self.ip(TCP, self.l4(TCP, segment, 16))

    def udp(self, payload=PAYLOAD):
        return self.l4(UDP, struct.pack("!HHHH", self.sport, self.dport, 8 + len(payload), 0) + payload, 6)

    def icmp_error(self):
        """Port unreachable, about a packet that seems to have come from the other end"""
        quoted = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 60, 1, 0, 64, self.proto, 0, self.to, self.source) + struct.pack(
            "!HHI", self.dport, self.sport, self.answer if self.proto == TCP else 0)
        message = struct.pack("!BBHI", 3, 3, 0, 0) + quoted
        return self.ip(ICMP, message[:2] + struct.pack("!H", checksum(message)) + message[4:])


def send(frame):
    try:
        link.send(frame)
    except OSError:
        pass  # the link's queue is full


def learn():
    denied = {socket.inet_pton(socket.AF_INET, denied4), socket.inet_pton(socket.AF_INET6, denied6)}
    while True:
        data = watch.recv(65536)
        if data[12:14] not in (b"\x08\0", b"\x86\xdd") or (data[23] if data[12] == 8 else data[20]) not in (TCP, UDP):
            continue
        if PAYLOAD in data or len(data) < 42:
            continue
        frame = Frame(data)
        if frame.to in denied and not (frame.proto == TCP and frame.flags & 4) and (frame.proto == UDP or frame.flags & 0x10):
            flows[frame.sport, frame.dport, frame.proto, frame.v4] = frame.turned() if role == "peer" else frame


def keep_alive(frame):
    if frame.proto == TCP:
        send(frame.tcp(0x18, frame.next, PAYLOAD))
        send(frame.tcp(0x10, frame.next))
        send(frame.tcp(0x02, random.getrandbits(32)))
        send(frame.tcp(0x12, frame.next))
    else:
        send(frame.ip(UDP, frame.udp()))
    if frame.v4:
        send(frame.icmp_error())
        number, datagram = random.getrandbits(16), frame.udp(PAYLOAD * 10)
        send(frame.ip(UDP, datagram[:320], 0x2000, number))
        late.append((time.monotonic() + random.uniform(0, 0.5), frame.ip(UDP, datagram[320:], 40, number)))


def attack():
    while True:
        for frame in list(flows.values()):
            keep_alive(frame)
        now = time.monotonic()
        for due in [due for due in late if due[0] < now]:
            send(due[1])
            late.remove(due)
        time.sleep(0.01)


def connect(address, port):
    """What the peer forges of a flow may meet it before connect() has looked at the socket, which then says so: another"""
    for _ in range(10):
        try:
            return socket.create_connection((address, port), 10)
        except (ConnectionRefusedError, ConnectionResetError):
            pass
    sys.exit("%s port %d: ten connections failed" % (address, port))


late = []
threading.Thread(target=learn, daemon=True).start()
if role == "guest":
    kept = []
    for address in (denied4, denied6):
        for port in [7] * 10 + [19] * 3:  # of the latter, which sends without end, nothing is read: the window shuts
            kept.append(connect(address, port))
    for address, family in ((denied4, socket.AF_INET), (denied6, socket.AF_INET6)):
        datagrams = socket.socket(family, socket.SOCK_DGRAM)
        datagrams.connect((address, 7))
        datagrams.settimeout(1)
        for _ in range(20):
            datagrams.send(b"x")
            try:
                datagrams.recv(10)
                break
            except OSError:
                pass
        kept.append(datagrams)
    time.sleep(0.3)
    any4 = next(frame for frame in flows.values() if frame.v4 and frame.proto == TCP)
    for port in random.sample(range(10000, 30000), 800):
        half = Frame(any4.tcp(0x02, random.getrandbits(32)))
        half.sport, half.dport, half.answer = port, 81, 0
        send(half.tcp(0x02, random.getrandbits(32)))

    def echoes():
        while True:
            message = struct.pack("!BBHHH", 8, 0, 0, 77, 1) + PAYLOAD
            send(any4.ip(ICMP, message[:2] + struct.pack("!H", checksum(message)) + message[4:]))
            time.sleep(0.01)
    threading.Thread(target=echoes, daemon=True).start()
    print("ready", len(flows), flush=True)
attack()
