"""Forks until it may not, and says so: "stopped True" where that was before 40 processes, of 200 that it wants"""
import os
import time

made = 0
try:
    while made < 200:
        if os.fork() == 0:
            time.sleep(60)
        made += 1
except BlockingIOError:
    print("stopped", 10 < made < 40, flush=True)
