#!/usr/bin/env python3
"""Run in a sandbox: says hello in one way or another.

  hello_client.py WAY NAME ADDRESS PORT [WAY NAME ADDRESS PORT]…

Prints "WAY NAME PORT OUTCOME" for each: reset, closed, answered, silence, refused; what else a way prints is behind it. Ways are the
functions below, "_" written "-". AT_ONCE in the environment: all at the same time."""
import contextlib
import os
import socket
import ssl
import sys
import threading
import time

import hellos
from hellos import extension, records

HERE = sys.modules[__name__]


def dial(address, port):
    connection = socket.create_connection((address, port), timeout=10)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connection


def end(connection):
    """Of what is sent; a connection that is reset by now has none"""
    with contextlib.suppress(OSError):
        connection.shutdown(socket.SHUT_WR)


def outcome(connection, seconds=8):
    """What comes back, or how the connection ends"""
    connection.settimeout(seconds)
    try:
        return "answered" if connection.recv(65536) else "closed"
    except socket.timeout:
        return "silence"
    except OSError:
        return "reset"


def say(connection, *parts, pause=0.002):
    """Each part a segment of its own"""
    try:
        for number, part in enumerate(parts):
            if number:
                time.sleep(pause)
            connection.sendall(part)
    except OSError:
        return "reset"
    return outcome(connection)


def plain(connection, name):
    return say(connection, hellos.hello(name))


def two_records(connection, name):
    data = hellos.split(name, 60)  # the second begins before the name
    return say(connection, data[:65], data[65:])


def small_records(connection, name):
    return say(connection, hellos.split(name, 1))


def byte_by_byte(connection, name):
    data = hellos.hello(name)
    return say(connection, *(data[at:at + 1] for at in range(len(data))), pause=0.001)


def post_quantum(connection, name):
    data = hellos.post_quantum(name)
    return say(connection, data[:1300], data[1300:])


def no_name(connection, _):
    return say(connection, hellos.hello(None))


def two_names(connection, name):
    return say(connection, hellos.hello(None, names=[name, hellos.GOOD]))


def ip_as_name(connection, name):
    return say(connection, hellos.hello(name))


def row(connection, bits):
    """These bytes, and the end, where they may be too few for an answer"""
    connection.sendall(bytes.fromhex(bits))
    said = outcome(connection, 0.3)
    if said == "silence":
        end(connection)
        said = outcome(connection)
    return said


def ech(connection, name):
    return say(connection, hellos.hello(name, extra=extension(0xFE0D, bytes(180))))


def nul(connection, name):
    return say(connection, hellos.hello(name.encode() + b"\0." + hellos.EVIL.encode()))


def nul_first(connection, name):
    return say(connection, hellos.hello(hellos.EVIL.encode() + b"\0." + name.encode()))


def upper(connection, name):
    return say(connection, hellos.hello(name.upper()))


def dot(connection, name):
    return say(connection, hellos.hello(name + "."))


def port(connection, name):
    return say(connection, hellos.hello(name + ":443"))


def empty(connection, _):
    return say(connection, hellos.hello(b""))


def longest(connection, name):
    return say(connection, hellos.hello("a" * (256 - len(name) - 1) + "." + name))


# --- malformed: whatever a server makes of it

def trailing(connection, name):
    return say(connection, records(hellos.hello(name)[5:] + b"\0"))


def two_in_a_record(connection, name):
    return say(connection, records(hellos.first_of_two(hellos.GOOD)[5:] + hellos.second_of_two(name)[5:]))


def alert_first(connection, name):
    return say(connection, b"\x15\x03\x01\x00\x02\x01\x5a" + hellos.hello(name))


def twice(connection, name):
    return say(connection, hellos.hello(hellos.GOOD, extra=hellos.server_name(name)))


def wrong_length(connection, name):
    data = bytearray(hellos.hello(name))
    data[-39] ^= 0x40  # the length of the last extension
    return say(connection, bytes(data))


def other_record(connection, name):
    data = hellos.split(name, 60)
    return say(connection, data[:65] + b"\x17\x03\x03\x00\x01x" + data[65:])


def too_long(connection, name):
    return say(connection, records(hellos.message(extension(21, bytes(16384)) + hellos.server_name(name))))


def half(connection, name):
    """The hello's beginning, and the end of all"""
    data = hellos.hello(name)
    connection.sendall(data[:len(data) // 2])
    end(connection)
    return outcome(connection)


# --- slow

def never_ends(connection, name):
    """A byte now and then; how long that went well"""
    start, data = time.monotonic(), hellos.hello(name)[:-1]
    try:
        for at in range(len(data)):
            connection.sendall(data[at:at + 1])
            connection.settimeout(0.2)
            try:
                if not connection.recv(1):
                    break
            except socket.timeout:
                pass
    except OSError:
        return "reset %.1f" % (time.monotonic() - start)
    return "closed %.1f" % (time.monotonic() - start)


def stops(connection, name):
    """Half of it, and nothing more"""
    start = time.monotonic()
    connection.sendall(hellos.hello(name)[:100])
    return "%s %.1f" % (outcome(connection, 20), time.monotonic() - start)


def late(connection, name):
    """Nothing for a while, then all of it"""
    time.sleep(6.5)
    return say(connection, hellos.hello(name))


# --- a second hello

def retried(connection, name, between=b"", early=False):
    """The first hello is good's; the second says NAME"""
    connection.sendall(hellos.first_of_two(hellos.GOOD, early) + (between if early else b""))
    if outcome(connection) != "answered":
        return "reset at once"
    return say(connection, (b"" if early else between) + hellos.second_of_two(name))


def retry(connection, name):
    return retried(connection, name)


def retry_ccs(connection, name):
    return retried(connection, name, b"\x14\x03\x03\x00\x01\x01")


def retry_early(connection, name):
    """A change_cipher_spec and early data, sent before the server has answered, which passes over them"""
    return retried(connection, name, b"\x14\x03\x03\x00\x01\x01" + records(os.urandom(200), kind=23) + records(os.urandom(4000), kind=23), True)


def retry_at_once(connection, name):
    """The second hello does not wait for what the server says"""
    connection.sendall(hellos.first_of_two(hellos.GOOD) + hellos.second_of_two(name))
    said = []
    while not said or said[-1] == "answered":
        said.append(outcome(connection, 0.7))
    return "answered" if said[-1] == "silence" and len(said) > 1 else said[-1]


# --- other protocols and odd streams

def text(connection, _):
    return say(connection, b"GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n")


def banner(connection, _):
    """The server speaks first; then what it is sent comes back"""
    if outcome(connection, 3) != "answered":
        return say(connection, b"EHLO there\r\n") + " without"
    connection.sendall(b"EHLO there\r\n")
    return outcome(connection)


def ends(connection, name):
    """The hello and its end: the answer arrives behind it"""
    connection.sendall(hellos.hello(name))
    end(connection)
    said = b""
    connection.settimeout(10)
    try:
        while data := connection.recv(100):
            said += data
    except OSError:
        return "reset"
    return said.decode().strip().replace(" ", "-")


def send_urgent(connection, before, byte, behind):
    connection.sendall(before)
    time.sleep(0.01)
    try:
        connection.send(byte, socket.MSG_OOB)
        time.sleep(0.01)
        connection.sendall(behind)
    except OSError:
        return "reset"
    return outcome(connection)


def urgent(connection, name):
    """Whoever reads the urgent byte in its place reads good's name, whoever does not reads NAME"""
    return send_urgent(connection, *hellos.two_ways(hellos.GOOD, name))


def urgent_inline(connection, name):
    """The other way round"""
    return send_urgent(connection, *hellos.two_ways(name, hellos.GOOD))


def client_context(version=None):
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    if version:
        context.maximum_version = version
    return context


def asked(context, connection, name, session=None):
    """A whole handshake and a question: the answer, the session, and whether it was taken up again"""
    with context.wrap_socket(connection, server_hostname=name, session=session) as tls:
        tls.sendall(b"question")
        return tls.recv(100), tls.session, tls.session_reused


def many(connection, _):
    """Connections that end as others are made: each of the name that is allowed is answered"""
    address, port = connection.getpeername()[:2]
    wrong = []

    def some(number):
        for turn in range(125):
            good = (turn + number) % 2 == 0
            with dial(address, port) as one:
                said = plain(one, hellos.GOOD if good else hellos.EVIL)
            if said != ("answered" if good else "reset"):
                wrong.append(said)

    threads = [threading.Thread(target=some, args=(number,)) for number in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return "all as they should" if not wrong else f"{len(wrong)} not: " + ",".join(sorted(set(wrong)))


def unread(connection, _):
    """Takes nothing of what the server sends without end, and says nothing: how much waits for it, then"""
    time.sleep(3)
    return "%d" % sum(len(connection.recv(1 << 20)) > 0 for _ in range(3))


def flooded(connection, name):
    """The same beside a hello: it is judged all the same"""
    time.sleep(1)
    try:
        connection.sendall(hellos.hello(name))
        connection.settimeout(20)
        until = time.monotonic() + 1
        while time.monotonic() < until:
            if not connection.recv(1 << 20):
                return "closed"
    except socket.timeout:
        return "silence"
    except OSError:
        return "reset"
    return "flows"


def whole(connection, name):
    """A handshake to its end, and a question"""
    try:
        return "answered" if asked(client_context(), connection, name)[0] == b"served question" else "wrong"
    except ConnectionError:
        return "reset"
    except ssl.SSLError as why:
        return f"TLS:{why.reason}"


def resumed(connection, name, version=None):
    """A session that was begun with good's name goes on with NAME"""
    address, port = connection.getpeername()[:2]
    context = client_context(version)
    _, session, _ = asked(context, connection, hellos.GOOD)
    again = dial(address, port)
    try:
        answer, _, reused = asked(context, again, name, session)
        return ("answered" if answer == b"served question" else "wrong") + (" resumed" if reused else "")
    except ConnectionError:
        return "reset"
    except ssl.SSLError as why:
        return f"TLS:{why.reason}"


def resumed_12(connection, name):
    return resumed(connection, name, ssl.TLSVersion.TLSv1_2)


def do(way, name, address, port):
    try:
        with dial(address, int(port)) as connection:
            said = getattr(HERE, way.replace("-", "_"))(connection, name)
    except ConnectionRefusedError:
        said = "refused"
    except OSError as why:
        said = f"failed: {why}"
    print(f"{way} {name} {port} {said}\n", end="", flush=True)


def main(act):
    tasks = [sys.argv[at:at + 4] for at in range(1, len(sys.argv), 4)]
    if os.environ.get("AT_ONCE"):
        threads = [threading.Thread(target=act, args=task) for task in tasks]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    else:
        for task in tasks:
            act(*task)


if __name__ == "__main__":
    main(do)
