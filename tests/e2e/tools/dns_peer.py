#!/usr/bin/env python3
"""A nameserver for tests, on UDP and TCP port 53: writes every query to a file, one line of hex each (but those for
ipv4only.arpa, which msb-run itself asks for while it starts), and answers A
questions with one address. What a name's first label says changes the answer:
    wrongid wrongname wrongcase   not the answer to that query; the real one follows when the name says so ("…-then")
    garbage                       the question, then bytes that do not parse
    silent                        no answer
usage: dns_peer.py LOGFILE [ADDRESS]"""
import os
import select
import socket
import struct
import sys
import time

log = open(sys.argv[1], "a", buffering=1)
address = socket.inet_aton(sys.argv[2] if len(sys.argv) > 2 else "93.184.216.34")


def question(query):
    at = 12
    while query[at]:
        at += 1 + query[at]
    return query[12 : at + 5], query[13 : 13 + query[12]].decode("latin1").lower()


def answer(query, asked):
    return query[:2] + b"\x85\x80" + struct.pack("!4H", 1, 1, 0, 0) + asked + b"\xc0\x0c" + \
        struct.pack("!HHIH", 1, 1, 60, 4) + address


def answers(query):
    asked, label = question(query)
    real = answer(query, asked)
    if label.startswith("silent"):
        return []
    if label.startswith("garbage"):
        return [query[:2] + b"\x85\x80" + struct.pack("!4H", 1, 9, 0, 0) + asked + b"\xc0\xff" * 7]
    wrong = None
    if label.startswith("wrongid"):
        wrong = bytes([query[0] ^ 1]) + real[1:]
    if label.startswith("wrongname"):
        wrong = answer(query, b"\x05other\x07example\x03com\x00\x00\x01\x00\x01")
    if label.startswith("wrongcase"):
        wrong = answer(query, asked.swapcase() if asked.swapcase()[-4:] == asked[-4:] else asked)
    if wrong is None:
        return [real]
    # an address of its own tells the forgery from the answer
    wrong = wrong[:-4] + socket.inet_aton("93.184.216.66")
    return [wrong, real] if label.endswith("-then") else [wrong]


udp, tcp = [], []
for family, everywhere in ((socket.AF_INET, "0.0.0.0"), (socket.AF_INET6, "::")):
    for kind, listeners in ((socket.SOCK_DGRAM, udp), (socket.SOCK_STREAM, tcp)):
        listener = socket.socket(family, kind)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        listener.bind((everywhere, 53))
        if kind == socket.SOCK_STREAM:
            listener.listen(16)
        listeners.append(listener)
while True:
    for ready in select.select(udp + tcp, [], [])[0]:
        if ready in udp:
            query, client = ready.recvfrom(4096)
            if question(query)[1] != "ipv4only":
                log.write("udp " + str(client[1]) + " " + query.hex() + "\n")
            for message in answers(query):
                ready.sendto(message, client)
            continue
        connection = ready.accept()[0]
        connection.settimeout(2)
        try:
            query = connection.recv(4096)[2:]
            log.write("tcp 0 " + query.hex() + "\n")
            for message in answers(query)[-1:]:
                connection.sendall(struct.pack("!H", len(message)) + message)
        except (OSError, IndexError):
            pass
        connection.close()
