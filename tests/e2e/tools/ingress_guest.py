"""The server in a sandbox of ingress.py: to whoever connects or sends it says the port it was reached on.
usage: ingress_guest.py PORT…, TCP and UDP, both families"""
import select
import socket
import sys


def serve(kind, port):
    server = socket.socket(socket.AF_INET6, kind)
    server.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
    server.bind(("::", port))
    if kind == socket.SOCK_STREAM:
        server.listen(256)
    return server


def answer(server, said):
    if server.type == socket.SOCK_STREAM:
        with server.accept()[0] as connection:
            connection.sendall(said)
    else:
        _, peer = server.recvfrom(100)
        server.sendto(said, peer)


poll, servers = select.poll(), {}
for number in sys.argv[1:]:
    for each in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
        opened = serve(each, int(number))
        servers[opened.fileno()] = opened, number.encode()
        poll.register(opened, select.POLLIN)
print("ready", flush=True)
while True:
    for fd, _ in poll.poll():
        try:
            answer(*servers[fd])
        except OSError:
            pass  # a peer that went away is no reason to stop
