"""One flow to an echo server: a message, its echo, the next, with what has come back so far in FILE, and how it ended. It rests
while there is a FILE.rest.
usage: echo_loop.py tcp|udp ADDRESS PORT FILE [PAUSE_MS]"""
import os
import socket
import sys
import time

protocol, address, port, path = sys.argv[1:5]
pause = float(sys.argv[5]) / 1000 if len(sys.argv) > 5 else 0
family = socket.AF_INET6 if ":" in address else socket.AF_INET


def say(text):
    with open(path + ".new", "w") as file:
        file.write(text + "\n")
    os.rename(path + ".new", path)


count = 0
try:
    with socket.socket(family, socket.SOCK_STREAM if protocol == "tcp" else socket.SOCK_DGRAM) as flow:
        flow.settimeout(20 if protocol == "tcp" else 2)
        flow.connect((address, int(port)))
        while True:
            message = b"%099d\n" % count
            flow.sendall(message)
            echo = b""
            while len(echo) < len(message):
                part = flow.recv(len(message) - len(echo))
                if not part:
                    raise EOFError("closed")
                echo += part
            if echo != message:
                raise ValueError("another echo than what was sent")
            count += 1
            say(str(count))
            time.sleep(pause)
            while os.path.exists(path + ".rest"):
                time.sleep(0.01)
except (OSError, EOFError, ValueError) as error:
    say(f"ended after {count}: {type(error).__name__}")
