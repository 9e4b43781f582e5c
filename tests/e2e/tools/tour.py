#!/usr/bin/env python3
"""Replays docs/tour.md: tour.py [--update] TOUR BUILD WORK

A block of the tour that begins with ```console holds what is typed and what is then printed. `$ ` is the host's prompt, `agent# ` that
of the sandbox whose msb-run is the last that was started in the background (its line ends in ` &`); what msb-run says on standard error
meanwhile stands behind it. ```msb FILE writes a file first. What differs between two runs (times, durations, counts of bytes, ids) is
compared by its shape. What is only read (`msb-ctl events`, `pending`, `msb-policyc suggest`) is asked again for some seconds: what happens often is told
once a second. Prints lines of TAP; with --update it writes what it saw into the tour instead.
"""

import os
import re
import subprocess
import sys
import threading
import time

PATIENCE = 60
SETTLES = 5
ONLY_READS = ("msb-ctl events", "msb-ctl pending", "msb-policyc suggest")
END = "-- done --"
VARIES = (
    (r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z", "TIME"),
    (r"\b\d\d:\d\d:\d\d(\.\d+)?\b", "TIME"),
    (r"\b\d+(\.\d+)? ?(ms|s|m|h)\b", "DURATION"),
    (r"\bDURATION ago +\d+\b", "DURATION ago N"),  # tries
    (r"\b\d+(\.\d+)? ?(kB|MB|B)\b", "BYTES"),
    (r"\bpid \d+", "pid N"),
    (r"\b\d{4}-\d\d-\d\d\b", "DATE"),
    (r"\bsandbox-[0-9a-f]{8}\b", "sandbox-ID"),
    (r"\bqemu/(tcg|kvm)\b", "qemu/ACCELERATOR"),
    (r"\b[0-9a-f]{16}\b", "ID"),
    (r"^ *(\d+|-) +(\d+|-) +(\d+|-) +(DURATION|-) ", "DECIDED "),  # what a rule has: first packets may be sent twice
    (r" {2,}", "  "),
)


NO_KVM = "msb-run: no usable KVM"  # a line of machines without


def shape(text):
    for pattern, name in VARIES:
        text = re.sub(pattern, name, text)
    return text.strip()


def shapes(lines):
    """Two streams, in whatever order they come"""
    return sorted(shape(line) for line in lines if not line.startswith(NO_KVM))


class Sandbox:
    """msb-run in the background: a shell in it reads commands from a pipe."""

    def __init__(self, command, environment):
        self.process = subprocess.Popen(
            ["bash", "-c", "exec " + command], env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        self.said, self.printed = [], []
        self.changed = threading.Condition()
        for stream, lines in ((self.process.stderr, self.said), (self.process.stdout, self.printed)):
            threading.Thread(target=self.collect, args=(stream, lines), daemon=True).start()

    def collect(self, stream, lines):
        for line in stream:
            with self.changed:
                lines.append(line.decode(errors="replace").rstrip("\r\n"))
                self.changed.notify_all()

    def wait(self, condition, seconds):
        with self.changed:
            return self.changed.wait_for(condition, seconds)

    def take(self, lines):
        with self.changed:
            taken = lines[:]
            lines.clear()
        return taken

    def perform(self, command):
        self.process.stdin.write(f"{command}\necho '{END}'\n".encode())
        self.process.stdin.flush()
        self.wait(lambda: END in self.printed or self.process.poll() is not None, PATIENCE)
        return [line for line in self.take(self.printed) if line != END]

    def sayings(self, count):
        """What it has said since: as many lines as are expected, and what comes in the moment after"""
        self.wait(lambda: len(self.said) >= count, PATIENCE if count else 0.5)
        time.sleep(0.3)
        return self.take(self.said)


class Tour:
    def __init__(self, work, build):
        self.work = work
        self.environment = dict(os.environ, PATH=f"{build}:{os.environ['PATH']}", LC_ALL="C.UTF-8", COLUMNS="120")
        self.environment.pop("NO_COLOR", None)
        self.sandbox = None

    def settled(self, command, expected):
        """What a command prints that changes nothing"""
        until = time.monotonic() + SETTLES
        while shapes(lines := self.host(command, expected)) != shapes(expected) and time.monotonic() < until:
            time.sleep(0.2)
        return lines

    def host(self, command, expected):
        command = re.sub(r"^sudo ", "", command)
        if command.endswith(" &"):
            self.sandbox = Sandbox(command[:-2], self.environment)
            started = self.sandbox.perform("true")
            return self.sandbox.sayings(len(expected)) + started
        done = subprocess.run(
            ["bash", "-c", command], env=self.environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            timeout=3 * PATIENCE,
        )
        lines = done.stdout.decode(errors="replace").splitlines()
        return lines + ([f"[status {done.returncode}]"] if done.returncode else [])

    def perform(self, prompt, command, expected):
        if prompt == "$":
            lines = (self.settled if command.startswith(ONLY_READS) else self.host)(command, expected)
            said = len(expected) - len(lines)
            if self.sandbox and said > 0 and not command.endswith(" &"):
                lines += self.sandbox.sayings(said)
            return lines
        printed = self.sandbox.perform(command)
        return printed + self.sandbox.sayings(max(0, len(expected) - len(printed)))


def blocks(text):
    """(what it is, its lines) of each fenced block, and of the text between"""
    kind, lines = None, []
    for line in text.splitlines():
        if line.startswith("```"):
            yield kind, lines
            kind, lines = (line[3:] or "plain") if kind is None else None, []
        else:
            lines.append(line)
    yield kind, lines


def steps(lines):
    """[prompt, command, what is printed] of each command of a block"""
    found = []
    for line in lines:
        prompt = re.match(r"(\$|agent#) (.*)", line)
        if prompt:
            found.append([prompt[1], prompt[2], []])
        else:
            found[-1][2].append(line)
    return found


def main():
    update = sys.argv[1] == "--update"
    path, build, work = sys.argv[1 + update :]
    os.makedirs(work, exist_ok=True)
    with open(path, encoding="utf-8") as tour:
        text = tour.read()
    os.chdir(work)
    tour, written, failed = Tour(work, build), [], 0
    for kind, lines in blocks(text):
        if kind and kind.startswith("msb "):
            with open(kind[4:], "w", encoding="utf-8") as file:
                file.write("\n".join(lines) + "\n")
        if kind == "console":
            seen = []
            for prompt, command, expected in steps(lines):
                got = tour.perform(prompt, command, expected)
                seen += [f"{prompt} {command}"] + got
                if update:
                    continue
                same = shapes(got) == shapes(expected)
                failed += not same
                print(f"{'ok' if same else 'not ok'} tour: {command}")
                if not same:
                    print("\n".join(["expected:"] + expected + ["got:"] + got))
            lines = seen
        written += ([f"```{kind if kind != 'plain' else ''}"] if kind else []) + lines + (["```"] if kind else [])
    if update:
        with open(path, "w", encoding="utf-8") as tour_file:
            tour_file.write("\n".join(written) + "\n")
    if tour.sandbox and tour.sandbox.process.poll() is None:
        tour.sandbox.process.kill()
        if not update:
            print("not ok tour: the sandbox is stopped in the end")
            failed = 1
    return failed > 0


sys.exit(main())
