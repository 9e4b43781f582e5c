# A client of DHCP and DHCPv6 in a guest that has its address already, one exchange a word of the command line, each of which
# prints what the server answers, and the seconds of the lease:
#   renew     at T1: from its own address to the server's         rebind    at T2: broadcast from its own address
#   solicit6, request6, renew6, rebind6  from its link-local address to all DHCPv6 servers, in that order
# usage: dhcp_client.py INTERFACE ADDRESS SERVER LEASE-SECONDS WORD…
import random
import socket
import struct
import sys
import time

interface, own, server, lease = sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4])
mac = bytes.fromhex(open(f"/sys/class/net/{interface}/address").read().strip().replace(":", ""))
TYPES = {2: "offer", 5: "ack", 6: "nak"}


def option(number, data):
    return bytes([number, len(data)]) + data


def request(serial):
    head = struct.pack("!BBBBIHH", 1, 1, 6, 0, serial, 0, 0) + socket.inet_aton(own) + bytes(12)
    options = option(53, b"\x03") + option(51, struct.pack("!I", lease)) + option(55, bytes([1, 3, 51, 58, 59]))
    return head + mac.ljust(16, b"\0") + bytes(192) + b"\x63\x82\x53\x63" + options + b"\xff"


def options_of(data):
    found, at = {}, 240
    while at < len(data) and data[at] != 255:
        if data[at] == 0:
            at += 1
            continue
        found[data[at]] = data[at + 2 : at + 2 + data[at + 1]]
        at += 2 + data[at + 1]
    return found


def exchange4(word):
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, interface.encode())
    s.settimeout(3)
    s.bind(("0.0.0.0", 68))
    serial = random.getrandbits(32)
    s.sendto(request(serial), (server if word == "renew" else "255.255.255.255", 67))
    while True:
        data = s.recv(2000)
        if struct.unpack("!I", data[4:8])[0] == serial:
            found = options_of(data)
            return f"{TYPES.get(found[53][0], found[53][0])} {int.from_bytes(found.get(51, b''), 'big')}"


KINDS6 = {"solicit6": 1, "request6": 3, "renew6": 5, "rebind6": 6}
learnt6 = {}  # options of the server's last answer


def option6(number, data):
    return struct.pack("!HH", number, len(data)) + data


def options6_of(data):
    found = {}
    while len(data) >= 4:
        number, size = struct.unpack("!HH", data[:4])
        found[number], data = data[4 : 4 + size], data[4 + size :]
    return found


# Waits until the link-local address is no longer tentative
def link_local():
    for _ in range(200):
        for line in open("/proc/net/if_inet6"):
            digits, _, _, scope, flags, name = line.split()
            if name == interface and scope == "20" and not int(flags, 16) & 0x40:
                return ":".join(digits[at : at + 4] for at in range(0, 32, 4))
        time.sleep(0.05)
    raise OSError("no link-local address")


def socket6():
    s = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    s.settimeout(3)
    s.bind((link_local(), 546, 0, socket.if_nametoindex(interface)))
    return s


def exchange6(word):
    serial = random.getrandbits(24)
    ia = learnt6.get(3, struct.pack("!III", 1, 0, 0))
    body = option6(1, b"\0\x03\0\x01" + mac) + option6(3, ia) + option6(8, b"\0\0")
    if word not in ("solicit6", "rebind6"):
        body += option6(2, learnt6[2])
    s = socket6()
    s.sendto(struct.pack("!I", KINDS6[word] << 24 | serial) + body, ("ff02::1:2", 547, 0, socket.if_nametoindex(interface)))
    while True:
        data = s.recv(2000)
        if int.from_bytes(data[1:4], "big") == serial:
            learnt6.update(options6_of(data[4:]))
            leased = options6_of(learnt6[3][12:])[5]
            return f"{data[0]} {socket.inet_ntop(socket.AF_INET6, leased[:16])} {int.from_bytes(leased[20:24], 'big')}"


for word in sys.argv[5:]:
    try:
        print(word, exchange6(word) if word.endswith("6") else exchange4(word), flush=True)
    except (OSError, KeyError) as error:
        print(word, repr(error), flush=True)
