"""Sandboxes of which a process is killed, or stopped for a while, in the midst of reloads under traffic.
usage: kill.py BUILD WORK ROUNDS AT_ONCE. Prints a line for each thing that is wrong, then "ROUNDS tried: WHAT COUNT, …". """
import os
import random
import signal
import subprocess
import sys
import threading
import time

from box import BUILD, Box, lock, processes, wait_for

rounds, at_once = int(sys.argv[3]), int(sys.argv[4])
VICTIMS = ("msb-supervisor", "msb-dns", "msb-names", "msb-relay", "msb-owner", "msb-run", "msb-ctl")
tried = {}


class Round:
    def __init__(self, number):
        self.box = Box(number)
        # the order decides who is tried, the moment is random
        self.victim = VICTIMS[number % len(VICTIMS)]
        self.stops = number // len(VICTIMS) % 2 == 1 and self.victim != "msb-run"
        self.what = ("stopped " if self.stops else "killed ") + self.victim
        self.going_on, self.client, self.answered = True, None, 0

    def reload_again_and_again(self):
        which = "a"
        while self.going_on:
            which = "b" if which == "a" else "a"
            self.client = subprocess.Popen([BUILD + "/msb-ctl", "reload", self.box.name, *self.box.policy(which)],
                                           stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            self.answered += self.client.wait() == 0

    def interfere(self):
        pid = self.client.pid if self.victim == "msb-ctl" else processes(self.box.run.pid).get(self.victim)
        if not pid:
            self.box.wrong("it has no such process")
            return
        try:
            os.kill(pid, signal.SIGSTOP if self.stops else signal.SIGKILL)
            if self.stops:
                time.sleep(random.uniform(0.1, 1.2))
                os.kill(pid, signal.SIGCONT)
        except ProcessLookupError:
            pass  # a client that was done

    def __call__(self):
        reloader = threading.Thread(target=self.reload_again_and_again)
        reloader.start()
        wait_for(20, lambda: self.answered)
        delay = random.uniform(0, 0.25)  # any moment of a reload
        self.box.what = f"{self.what} {delay:.3f} s after a reload"
        time.sleep(delay)
        self.interfere()
        time.sleep(0.2)
        self.going_on = False
        reloader.join()
        if self.stops or self.victim == "msb-ctl":
            self.box.judge_living()
            self.box.end()
        else:
            self.box.judge_dead(self.victim == "msb-run")
        with lock:
            tried[self.what] = tried.get(self.what, 0) + 1


def work_off(numbers):
    for number in numbers:
        Round(number)()


workers = [threading.Thread(target=work_off, args=(range(first, rounds, at_once),)) for first in range(at_once)]
for worker in workers:
    worker.start()
for worker in workers:
    worker.join()
print(sum(tried.values()), "tried:", ", ".join(f"{what} {count}" for what, count in sorted(tried.items())), flush=True)
