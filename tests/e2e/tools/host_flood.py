#!/usr/bin/env python3
"""First packets of flows on the uplink of a sandbox, past whatever its own namespace bounds, each from a port (or with an id) of its own.
The checksums are right: conntrack looks.
usage: host_flood.py tcp|udp|icmp SOURCE DESTINATION COUNT FIRST"""
import ipaddress
import socket
import struct
import subprocess
import sys

from inet_checksum import checksum

protocol, source, destination = sys.argv[1:4]
count, first = int(sys.argv[4]), int(sys.argv[5])
source, destination = ipaddress.ip_address(source), ipaddress.ip_address(destination)
NUMBERS = {"tcp": 6, "udp": 17, "icmp": 1 if source.version == 4 else 58}


def segment(port):
    if protocol == "tcp":
        body, at = struct.pack("!HHIIHHHH", port, 4433, 1, 0, 0x5002, 1024, 0, 0), 16
    elif protocol == "udp":
        body, at = struct.pack("!HHHH", port, 4433, 8, 0), 6
    else:
        body, at = struct.pack("!BBHHH", 8 if source.version == 4 else 128, 0, 0, port, 1), 2
    pseudo = source.packed + destination.packed + struct.pack("!HH", len(body), NUMBERS[protocol])
    if protocol == "icmp" and source.version == 4:
        pseudo = b""
    return body[:at] + struct.pack("!H", checksum(pseudo + body)) + body[at + 2:]


def packet(port):
    body = segment(port)
    if source.version == 6:
        return struct.pack("!IHBB", 6 << 28, len(body), NUMBERS[protocol], 64) + source.packed + destination.packed + body
    head = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(body), 1, 0, 64, NUMBERS[protocol], 0) + source.packed + destination.packed
    return head[:10] + struct.pack("!H", checksum(head)) + head[12:] + body


neighbours = subprocess.run(["ip", "neigh", "show", "dev", "uplink"], capture_output=True, text=True, check=True).stdout
host = bytes.fromhex(neighbours.split("lladdr ")[1].split()[0].replace(":", ""))
link = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
link.bind(("uplink", 0))
own = link.getsockname()[4]
kind = struct.pack("!H", 0x0800 if source.version == 4 else 0x86DD)
for port in range(first, first + count):
    link.send(host + own + kind + packet(port))
