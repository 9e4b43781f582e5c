#!/usr/bin/env python3
"""Sends a DNS server what dig does not. Prints one line: "rcode N", "drop", or what the command says.
    raw HEX                   these bytes over UDP
    pipeline N NAME           N queries for NAME over one TCP connection, written at once: how many answers came
    halfclose NAME            a query over TCP, then no more: how many answers came
    flood N SUFFIX            N different names below SUFFIX over UDP, 64 at a time: how many of each rcode
usage: dns_client.py SERVER COMMAND…"""
import collections
import random
import socket
import struct
import sys

server, command, args = sys.argv[1], sys.argv[2], sys.argv[3:]
family = socket.AF_INET6 if ":" in server else socket.AF_INET


def name(text):
    return b"".join(bytes([len(label)]) + label.encode() for label in text.split(".")) + b"\0"


def query(ident, text, kind=1):
    return struct.pack("!6H", ident, 0x100, 1, 0, 0, 0) + name(text) + struct.pack("!2H", kind, 1)


def receive(connection):
    data = b""
    while len(data) < 2 or len(data) < 2 + struct.unpack("!H", data[:2])[0]:
        more = connection.recv(65535)
        if not more:
            return None
        data += more
    return data


def stream(queries, close):
    connection = socket.create_connection((server, 53), timeout=5)
    connection.sendall(b"".join(struct.pack("!H", len(q)) + q for q in queries))
    if close:
        connection.shutdown(socket.SHUT_WR)
    data, got = b"", set()
    while len(got) < len(queries):
        more = connection.recv(65535)
        if not more:
            break
        data += more
        while len(data) >= 2 and len(data) >= 2 + struct.unpack("!H", data[:2])[0]:
            length = struct.unpack("!H", data[:2])[0]
            got.add(struct.unpack("!H", data[2:4])[0])
            data = data[2 + length :]
    print(len(got))


if command == "raw":
    connection = socket.socket(family, socket.SOCK_DGRAM)
    connection.settimeout(0.7)
    connection.sendto(bytes.fromhex(args[0]), (server, 53))
    try:
        print("rcode", connection.recv(4096)[3] & 15)
    except socket.timeout:
        print("drop")
elif command == "pipeline":
    stream([query(i, args[1]) for i in range(int(args[0]))], False)
elif command == "halfclose":
    stream([query(1, args[0])], True)
elif command == "flood":
    total, suffix, window = int(args[0]), args[1], 64
    connection = socket.socket(family, socket.SOCK_DGRAM)
    connection.settimeout(2)
    rcodes, sent, done = collections.Counter(), 0, 0
    while done < total:
        while sent < total and sent - done < window:
            connection.sendto(query(random.randrange(65536), f"n{sent}.{suffix}"), (server, 53))
            sent += 1
        try:
            rcodes[connection.recv(4096)[3] & 15] += 1
        except socket.timeout:
            rcodes["lost"] += sent - done
            done = sent
            continue
        done += 1
    print(" ".join(f"{rcode}:{count}" for rcode, count in sorted(rcodes.items(), key=str)))
