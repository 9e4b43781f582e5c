"""A sandbox under traffic whose policy is changed while something goes wrong, and what came of it: either a whole policy is in force, the
one that `status` tells, or the sandbox has ended and has said why."""
import json
import os
import subprocess
import sys
import threading
import time

BUILD, WORK = sys.argv[1], sys.argv[2]
NEVER = "198.51.100.7"  # which no policy allows
ONLY = {"a": "1.1.1.1", "b": "8.8.4.4"}  # what one of the two policies allows and the other does not
lock = threading.Lock()
failures = 0


def patience(seconds):
    return seconds * max(1, os.getloadavg()[0] / os.cpu_count())


def wait_for(seconds, what):
    until = time.monotonic() + patience(seconds)
    while not (found := what()) and time.monotonic() < until:
        time.sleep(0.02)
    return found


def processes(root):
    """comm → pid of all that descend from it, itself included"""
    parents, names = {}, {}
    for entry in os.listdir("/proc"):
        try:
            with open(f"/proc/{entry}/stat") as stat:
                text = stat.read()
        except OSError:
            continue
        if entry.isdigit():
            names[int(entry)] = text[text.index("(") + 1:text.rindex(")")]
            parents[int(entry)] = int(text[text.rindex(")") + 2:].split()[1])
    found, all_of = {}, [root]
    for pid in all_of:
        if pid in names:
            found[names[pid]] = pid
        all_of += [child for child, parent in parents.items() if parent == pid]
    return found


def ctl(*words):
    return subprocess.run([BUILD + "/msb-ctl", *words], stdin=subprocess.DEVNULL, capture_output=True, text=True)


class Box:
    def __init__(self, number):
        self.name, self.port, self.what = f"k{number}", 20000 + number % 10000, "nothing was done"
        self.state, self.errors = f"{WORK}/{self.name}.state", f"{WORK}/{self.name}.err"
        with open(self.errors, "w") as errors:
            self.run = subprocess.Popen([BUILD + "/msb-run", "--vmm", "none", "--name", self.name, "--quiet", *self.policy("a"), "--",
                                         "python3", os.path.dirname(os.path.abspath(__file__)) + "/guest.py", self.state, NEVER, ONLY["a"], ONLY["b"]],
                                        stdin=subprocess.DEVNULL, stdout=errors, stderr=errors)
        if not wait_for(30, lambda: os.path.exists(self.state)):
            self.wrong("it did not start")

    def policy(self, which):
        return ["--policy", f"{WORK}/{which}.msb", "-p", f"127.0.0.1:{self.port}:80", "--max-connection-rate", "0"]

    def reload(self, which):
        return ctl("reload", self.name, *self.policy(which))

    def said(self):
        with open(self.errors) as errors:
            return errors.read()

    def wrong(self, *words):
        global failures
        with lock:
            failures += 1
            print(f"{self.name}: {self.what}:", *words, "|", repr(self.said()[-600:]), flush=True)

    def status(self):
        got = ctl("status", self.name, "--format", "json")
        return json.loads(got.stdout) if got.returncode == 0 else None

    def tried_since(self, when):
        try:
            with open(self.state) as state:
                begun, *passes = state.read().split()
            return passes or ["nothing"] if float(begun) > when else None
        except (OSError, ValueError):
            return None

    def passes(self):
        """What passes of ONLY and 8.8.8.8, as the guest has tried it from now on"""
        began = time.time()
        return wait_for(15, lambda: self.tried_since(began))

    def listed(self):
        return self.name in [box["name"] for box in json.loads(ctl("ps", "--format", "json").stdout)["sandboxes"]]

    def judge_living(self):
        status = wait_for(10, self.status)
        if not status:
            return self.wrong("it runs, and does not answer")
        rules = {rule["text"] for rule in status["rules"]}
        force = [which for which in "ab" if f"allow@{ONLY[which]}" in rules]
        passes = self.passes()
        if len(force) != 1 or passes != [ONLY[force[0]], "8.8.8.8"]:
            self.wrong("in force", force, "and what passes is", passes)
        other = "a" if force == ["b"] else "b"
        got = self.reload(other)
        if got.returncode or self.passes() != [ONLY[other], "8.8.8.8"]:
            self.wrong("and no other reload is possible", got.stderr)

    def judge_dead(self, may_be_silent=False):
        try:
            status = self.run.wait(patience(20))
        except subprocess.TimeoutExpired:
            return self.wrong("the sandbox goes on")
        if not may_be_silent and (status == 0 or "msb-run: error: " not in self.said()):
            self.wrong("it ended with", status, "and did not say why")
        if not wait_for(10, lambda: not self.listed()):
            self.wrong("`ps` has it still")

    def end(self):
        self.run.terminate()
        self.run.wait(patience(20))
