#!/usr/bin/env python3
"""Runs a command on a terminal of 33 rows and 101 columns, types, and prints what came back.

  terminal.py COMMAND… -- PATTERN TEXT [PATTERN TEXT]…     once PATTERN has been seen, TEXT is typed

Then prints "mode: raw|cooked" of the terminal at the end, and "status: N".
"""
import fcntl
import os
import pty
import re
import select
import struct
import sys
import termios
import time

PATIENCE = 90


def main():
    split = sys.argv.index("--")
    command, script = sys.argv[1:split], sys.argv[split + 1:]
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 33, 101, 0, 0))
    pid = os.fork()
    if pid == 0:
        login(slave)
        os.execvp(command[0], command)
    seen, start, status = b"", 0, None
    end = time.monotonic() + PATIENCE
    while status is None and time.monotonic() < end:
        if select.select([master], [], [], 0.1)[0]:
            seen += os.read(master, 4096)
        found = script and re.search(script[0].encode(), seen[start:])
        if found:
            start += found.end()
            os.write(master, script[1].encode().decode("unicode_escape").encode())
            script = script[2:]
        done, wait_status = os.waitpid(pid, os.WNOHANG)
        if done:
            status = os.waitstatus_to_exitcode(wait_status)
    print(re.sub(rb"[^\n -~]", b"", seen).decode())
    print("mode:", "cooked" if termios.tcgetattr(slave)[3] & termios.ICANON else "raw")
    print("status:", status)


def login(slave):
    os.setsid()
    fcntl.ioctl(slave, termios.TIOCSCTTY, 0)
    for fd in range(3):
        os.dup2(slave, fd)


main()
