#!/usr/bin/env python3
"""Nameservers that behave oddly, for tests: each ADDRESS[#PORT]=BEHAVIOUR listens on port 53, or that, of the address. A good answer is
an A record 93.184.216.N, N the last octet of the server's own address (AAAA: 2606:2800:220:1::N). Every query is logged,
"ADDRESS udp|tcp NAME TYPE edns|plain" a line.
usage: dns_odd.py LOGFILE ADDRESS=BEHAVIOUR…"""
import select
import socket
import struct
import sys

OPT = b"\0\0\x29\x10\0" + b"\0" * 4 + b"\0\0"
log = open(sys.argv[1], "a", buffering=1)


def parse(query):
    at = 12
    while query[at]:
        at += 1 + query[at]
    labels, i = [], 12
    while query[i]:
        labels.append(query[i + 1 : i + 1 + query[i]].decode("latin1"))
        i += 1 + query[i]
    edns = struct.unpack("!H", query[10:12])[0]
    size = struct.unpack("!H", query[at + 5 + 3 : at + 5 + 5])[0] if edns else 0
    return query[12 : at + 5], ".".join(labels), struct.unpack("!H", query[at + 1 : at + 3])[0], size


def reply(query, rcode=0, question=None, answers=(), flags=0x8180, opt=b"", counts=None):
    asked = parse(query)[0] if question is None else question
    head = struct.pack("!HHHHHH", struct.unpack("!H", query[:2])[0], flags | rcode, 1 if asked else 0, len(answers), 0,
                       1 if opt else 0)
    return head + asked + b"".join(answers) + opt


def record(server, kind, count=1):
    last = int(server.split("%")[0].split(":" if ":" in server else ".")[-1])
    data = socket.inet_aton(f"93.184.216.{last}") if kind == 1 else socket.inet_pton(
        socket.AF_INET6, f"2606:2800:220:1::{last}")
    return [b"\xc0\x0c" + struct.pack("!HHIH", kind, 1, 60, len(data)) + data] * count


def good(server, query, **more):
    kind, size = parse(query)[2:]
    return reply(query, answers=record(server, kind) if kind in (1, 28) else [], opt=OPT if size else b"", **more)


asked = {}


def rotates(query):
    """Another address each time, TTL 1; a name that begins with "gone" is there once only"""
    _, name, kind, size = parse(query)
    count = asked[name.lower(), kind] = asked.get((name.lower(), kind), 0) + 1
    soa = b"\xc0\x0c" + struct.pack("!HHIH", 6, 1, 1, 22) + b"\0\0" + struct.pack("!5I", 1, 1, 1, 1, 1)
    if kind != 1 or (name.lower().startswith("gone") and count > 1):
        head = struct.pack("!6H", struct.unpack("!H", query[:2])[0], 0x8180 | (3 if kind == 1 else 0), 1, 0, 1, 0)
        return head + parse(query)[0] + soa
    data = socket.inet_aton(f"93.184.217.{count % 250 + 1}")
    return reply(query, answers=[b"\xc0\x0c" + struct.pack("!HHIH", 1, 1, 1, 4) + data], opt=OPT if size else b"")


def ede(code):
    return b"\0\0\x29\x10\0" + b"\0" * 4 + struct.pack("!HHHH", 6, 15, 2, code)


def answer(server, how, query, tcp):
    question, _, kind, size = parse(query)
    folded = question[:-4].lower() + question[-4:]
    rcodes = {"formerr": 1, "servfail": 2, "notimp": 4, "refused": 5, "notauth": 9}
    if how in rcodes:
        return reply(query, rcodes[how], opt=OPT if size else b"")
    if how.startswith("edns-") and size:
        what = how[5:]
        if what == "silent":
            return None
        if what == "bare":
            return reply(query, 1, question=b"")
        if what == "badvers":
            return reply(query, 0, opt=b"\0\0\x29\x10\0\x01" + b"\0" * 5)
        return reply(query, rcodes[what])
    if how.startswith("bogus"):
        return reply(query, 2, opt=ede(int(how[5:])))
    if how == "lame":
        return reply(query, flags=0x8100)
    if how == "garbage":
        return reply(query, answers=[b"\xc0\xff" * 7])
    if how.startswith("folds") and not tcp:
        return good(server, query, question=folded)
    if how == "small-letters" and question != folded:
        return None
    if how == "truncates-large" and not tcp and size < 4096:
        return reply(query, flags=0x8380, opt=OPT if size else b"")
    if how == "truncates-part" and not tcp:
        return reply(query, flags=0x8380, answers=record(server, kind), opt=OPT if size else b"")
    if how == "truncates" and not tcp:
        return reply(query, flags=0x8380, opt=OPT if size else b"")
    if how == "rotates":
        return rotates(query)
    if how == "four" and kind == 28:
        return None
    return None if how == "silent" else good(server, query)


listeners = {}
for word in sys.argv[2:]:
    address, behaviour = word.split("=")
    address, _, port = address.partition("#")
    kinds = [socket.SOCK_DGRAM] + ([socket.SOCK_STREAM] if behaviour in ("good", "truncates", "folds-tcp") else [])
    for each in kinds:
        listener = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, each)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(socket.getaddrinfo(address, port or 53, type=each)[0][4])
        if each == socket.SOCK_STREAM:
            listener.listen(16)
        listeners[listener] = (address, behaviour)


def serve(listener, query, tcp):
    address, behaviour = listeners[listener]
    _, name, kind, size = parse(query)
    log.write(f"{address} {'tcp' if tcp else 'udp'} {name.lower()} {kind} {'edns' if size else 'plain'}\n")
    return answer(address, behaviour, query, tcp)


while True:
    for ready in select.select(list(listeners), [], [])[0]:
        if ready.type == socket.SOCK_DGRAM:
            query, client = ready.recvfrom(4096)
            message = serve(ready, query, False)
            if message:
                ready.sendto(message, client)
            continue
        connection = ready.accept()[0]
        connection.settimeout(2)
        try:
            message = serve(ready, connection.recv(4096)[2:], True)
            if message:
                connection.sendall(struct.pack("!H", len(message)) + message)
        except (OSError, IndexError, struct.error):
            pass
        connection.close()
