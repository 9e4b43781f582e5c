"""Frames of a UDP flow that is there, by a packet socket of the guest's: as they should be, and forged, twenty of each.
usage: forge_flow.py SOURCE PORT DESTINATION"""
import socket
import struct
import sys

source, port, destination = sys.argv[1], int(sys.argv[2]), sys.argv[3]
link = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
link.bind(("eth0", 0x0800))
mac = link.getsockname()[4]
gateway = source.rsplit(".", 1)
gateway = f"{gateway[0]}.{int(gateway[1]) - 1}"
peer = next(line.split()[3] for line in open("/proc/net/arp") if line.startswith(gateway + " "))
peer = bytes.fromhex(peer.replace(":", ""))


def checksum(data):
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def frame(sender=mac, address=source, ttl=64, options=b""):
    payload = b"FORGED frame"
    udp = struct.pack("!HHHH", port, 7, 8 + len(payload), 0) + payload
    words = 5 + len(options) // 4
    head = struct.pack("!BBHHHBBH4s4s", 0x40 | words, 0, 4 * words + len(udp), 7, 0, ttl, 17, 0, socket.inet_aton(address), socket.inet_aton(destination)) + options
    head = head[:10] + struct.pack("!H", checksum(head)) + head[12:]
    return peer + sender + b"\x08\x00" + head + udp


kinds = {
    "honest": frame(),
    "mac": frame(sender=bytes([2, 0, 0, 0, 0, 9])),
    "source": frame(address=destination.rsplit(".", 1)[0] + ".99"),
    "ttl": frame(ttl=1),
    "options": frame(options=b"\x01\x01\x01\x01"),
}
for kind, bytes_ in kinds.items():
    for _ in range(20):
        link.send(bytes_)
print(" ".join(f"{kind} 20" for kind in kinds))
