#!/usr/bin/env python3
"""Servers that write down what they read: hello_server.py DIRECTORY CERTIFICATE KEY. Prints "ready".

  9000-9099  take bytes and answer "read" to the first of them
  9100-9199  TLS that asks for a second hello (P-384 alone)
  9200-9299  TLS; answers what it is sent
  9300-9399  "220 banner" first, then what they are sent comes back
  9400-9499  read to the end, then answer how much it was
  9500-9599  send without end, and read

DIRECTORY/all.forged: a line for each frame that arrives with FORGED in it. DIRECTORY/PORT.read: what came over the wire; PORT.names: the names that TLS was asked for; PORT.app: what was read inside TLS;
PORT.log: a line for each connection that is made ("made"), and one when it ends ("end", "reset", "TLS: why")."""
import selectors
import socket
import ssl
import sys
import threading


class Log:
    lock = threading.Lock()

    def __init__(self, port):
        self.port = port

    def put(self, kind, data):
        with self.lock, open(f"{sys.argv[1]}/{self.port}.{kind}", "ab") as file:
            file.write(data)

    def line(self, kind, text):
        self.put(kind, text.encode() + b"\n")


def contexts(retry):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(sys.argv[2], sys.argv[3])
    if retry:
        context.set_ecdh_curve("secp384r1")
    context.sni_callback = lambda tls, name, _: tls.context_log.line("names", name if name is not None else "none")
    return context


def pieces(connection, log):
    while data := connection.recv(65536):
        log.put("read", data)
        yield data


def take(connection, log):
    for number, _ in enumerate(pieces(connection, log)):
        if number == 0:
            connection.sendall(b"read\n")


class Object(ssl.SSLObject):
    context_log = None


def tls(connection, log, context):
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    context.sslobject_class = Object
    tls_end = context.wrap_bio(incoming, outgoing, server_side=True)
    tls_end.context_log = log
    done = False
    for data in pieces(connection, log):
        incoming.write(data)
        try:
            if not done:
                tls_end.do_handshake()
                done = True
            while True:
                read = tls_end.read(65536)
                if not read:
                    break
                log.put("app", read)
                tls_end.write(b"served " + read)
        except ssl.SSLWantReadError:
            pass
        finally:
            if outgoing.pending:
                connection.sendall(outgoing.read())


def banner(connection, log):
    connection.sendall(b"220 banner\r\n")
    for data in pieces(connection, log):
        connection.sendall(data)


def count(connection, log):
    connection.sendall(b"%d bytes\n" % sum(len(data) for data in pieces(connection, log)))


def flood(connection, log):
    def send():
        try:
            while True:
                connection.sendall(bytes(65536))
        except OSError:
            pass
    threading.Thread(target=send, daemon=True).start()
    for _ in pieces(connection, log):
        pass


def serve(connection, log, how):
    log.line("log", "made")
    try:
        how(connection, log)
        log.line("log", "end")
    except ssl.SSLError as why:
        log.line("log", f"TLS: {why.reason}")
    except OSError:
        log.line("log", "reset")
    finally:
        connection.close()


def accept(listener):
    port, how = listener.data
    connection, _ = listener.fileobj.accept()
    connection.setblocking(True)
    threading.Thread(target=serve, args=(connection, Log(port), how), daemon=True).start()


def sniff():
    """Whatever arrives with FORGED in it, whether anything takes it or not"""
    link = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
    link.bind(("wan0", 3))
    while True:
        frame, where = link.recvfrom(65536)
        if where[2] != socket.PACKET_OUTGOING and b"FORGED" in frame:
            Log("all").line("forged", frame[14:].hex())


def main():
    threading.stack_size(256 << 10)
    retry, plain = contexts(True), contexts(False)
    kinds = [take, lambda c, l: tls(c, l, retry), lambda c, l: tls(c, l, plain), banner, count, flood]
    listeners = selectors.DefaultSelector()
    for port in range(9000, 9000 + 100 * len(kinds)):
        listener = socket.create_server(("", port), family=socket.AF_INET6, dualstack_ipv6=True, backlog=512)
        listeners.register(listener, selectors.EVENT_READ, (port, kinds[port // 100 - 90]))
    threading.Thread(target=sniff, daemon=True).start()
    print("ready", flush=True)
    while True:
        for ready, _ in listeners.select():
            accept(ready)


main()
