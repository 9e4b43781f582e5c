"""Lookups that are denied, each an event of its own: nFROM.example to nTO.example without the last, or the one label given in hex. For a
sandbox's command. usage: deny_names.py FROM TO | HEX"""
import socket
import sys

sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
sock.settimeout(5)


def ask(label):
    sock.sendto(b"\0\1\1\0\0\1\0\0\0\0\0\0" + bytes([len(label)]) + label + b"\7example\0\0\1\0\1", ("172.16.0.1", 53))
    sock.recv(512)


if len(sys.argv) == 2:
    ask(bytes.fromhex(sys.argv[1]))
else:
    for i in range(int(sys.argv[1]), int(sys.argv[2])):
        ask(b"n%d" % i)
