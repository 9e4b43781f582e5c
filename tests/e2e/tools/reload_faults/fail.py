"""Reloads of which a system call of the supervisor's fails, one after the other, as the kernel lets them fail where memory, buffers or
descriptors are short. usage: fail.py BUILD WORK STEP FIRST: every STEPth, from the FIRST on, and the answers to all transactions of nf_tables.
Prints a line for each thing that is wrong, then "COUNT failed, REFUSED refused, CLOSED closed"."""
import re
import subprocess
import sys
import time

from box import WORK, Box, processes, wait_for

step, first = int(sys.argv[3]), int(sys.argv[4])
ERRORS = {
    "sendto": "ENOBUFS", "recvfrom": "ENOBUFS", "sendmsg": "ENOBUFS", "memfd_create": "ENFILE", "write": "ENOSPC", "fcntl": "EPERM",
    "mmap": "ENOMEM", "mremap": "ENOMEM", "brk": "ENOMEM", "socket": "EMFILE", "bind": "EADDRINUSE", "listen": "EADDRINUSE",
    "setns": "ENOMEM", "setsockopt": "ENOBUFS", "epoll_ctl": "ENOMEM", "openat": "EMFILE", "getrandom": "EAGAIN", "close": "EIO",
    "timerfd_settime": "ENOMEM",
}


class Tracer:
    """strace on the supervisor of a sandbox, while `with` lasts"""
    def __init__(self, box, *options):
        self.command = ["strace", "-o", f"{WORK}/trace", *options, "-p", str(processes(box.run.pid)["msb-supervisor"])]

    def __enter__(self):
        self.strace = subprocess.Popen(self.command, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        while "attached" not in (line := self.strace.stderr.readline()):
            if not line:
                sys.exit("strace cannot attach")
        return self

    def __exit__(self, *_):
        self.strace.terminate()
        self.strace.communicate()
        with open(f"{WORK}/trace") as trace:
            self.lines = trace.read().splitlines()


def calls_of_a_reload(box):
    """Each (system call, its how manieth), in the order in which they come, of a reload that has all that one may have"""
    with Tracer(box, "-e", "trace=" + ",".join(ERRORS)) as tracer:
        box.reload("b")
    seen, calls, answers = {}, [], []
    for line in tracer.lines:
        name = re.match(r"\w+", line)
        if not name or name[0] not in ERRORS:
            continue
        seen[name[0]] = seen.get(name[0], 0) + 1
        calls.append((name[0], seen[name[0]], ERRORS[name[0]]))
        if "NFNL_MSG_BATCH_BEGIN" in line or "nlmsg_type=0x10 " in line:
            # lost, as where the socket has no room for it, though it is read afterwards; and never to be had
            answers += [("recvfrom", seen["recvfrom"] + 1, error) for error in ("ENOBUFS", "EIO")]
    box.reload("a")
    return calls, answers


box, number = Box(0), 0
(calls, answers), failed, refused, closed = calls_of_a_reload(box), 0, 0, 0
if not answers:
    sys.exit("a reload has no transaction")
for name, which, error in calls[first::step] + answers:
    box.what = f"{name} number {which} fails with {error}"
    wanted = "b" if "allow@1.1.1.1" in {rule["text"] for rule in box.status()["rules"]} else "a"
    with Tracer(box, "-e", "trace=" + name, "-e", f"inject={name}:error={error}:when={which}") as tracer:
        got = box.reload(wanted)
        time.sleep(0.05)
    if not any("INJECTED" in line for line in tracer.lines):
        continue
    failed += 1
    refused += got.returncode == 1
    # whoever closes takes a moment for it
    if "error: " in box.said() and wait_for(1, lambda: box.run.poll() is not None) or box.run.poll() is not None:
        box.judge_dead()
        closed, number = closed + 1, number + 1
        box = Box(number)
    else:
        box.judge_living()
box.end()
print(failed, "of", len(calls), "failed,", refused, "refused,", closed, "closed", flush=True)
