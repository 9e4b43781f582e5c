"""A server that counts what its application reads. Usage: tls_server.py DIRECTORY PORT KIND LOG [ADDRESS]

KIND tls: answers "hello NAME" to whatever is sent, over HTTP where it is asked so; plain: sends "ready" first, then echoes. A line of LOG a connection, when it
is over: KIND, bytes read, server name. In DIRECTORY: cert.pem, key.pem."""
import socket, ssl, sys, threading

directory, port, kind, log = sys.argv[1], int(sys.argv[2]), sys.argv[3], open(sys.argv[4], "a", buffering=1)
address = sys.argv[5] if len(sys.argv) > 5 else "::"


class Connection:
    def __init__(self, sock):
        self.sock, self.read, self.name = sock, 0, "-"

    def receive(self):
        data = self.sock.recv(65536)
        self.read += len(data)
        return data

    def plain(self):
        self.sock.sendall(b"ready\n")
        while data := self.receive():
            self.sock.sendall(data)

    def tls(self):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.set_ciphers("ALL:@SECLEVEL=0")  # busybox has few
        context.load_cert_chain(f"{directory}/cert.pem", f"{directory}/key.pem")
        context.sni_callback = lambda tls, name, _: setattr(self, "name", name or "none")
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        tls = context.wrap_bio(incoming, outgoing, server_side=True)

        def step(call):
            while True:
                try:
                    return call()
                except ssl.SSLWantReadError:
                    self.sock.sendall(outgoing.read())
                    data = self.receive()
                    if not data:
                        raise ConnectionError
                    incoming.write(data)
                finally:
                    if outgoing.pending:
                        self.sock.sendall(outgoing.read())

        step(tls.do_handshake)
        asked = step(lambda: tls.read(100))
        http = b"HTTP/1.0 200 OK\r\n\r\n" if asked.startswith(b"GET") else b""
        step(lambda: tls.write(http + f"hello {self.name}\n".encode()))
        self.sock.shutdown(socket.SHUT_WR)
        self.receive()

    def run(self):
        try:
            getattr(self, kind)()
        except (OSError, ssl.SSLError):
            pass
        self.sock.close()
        log.write(f"{kind} {self.read} {self.name}\n")


listener = socket.create_server((address, port), family=socket.AF_INET6 if ":" in address else socket.AF_INET,
                                dualstack_ipv6=address == "::", backlog=256)
print("ready", flush=True)
while True:
    threading.Thread(target=Connection(listener.accept()[0]).run, daemon=True).start()
