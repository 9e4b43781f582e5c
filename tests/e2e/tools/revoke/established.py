"""How many TCP connections with a port are established in this network namespace, whenever that changes, as the kernel has them: a line
"SECONDS COUNT", the clock's and theirs. usage: established.py PORT FILE"""
import sys
import time

port, path = "%04X" % int(sys.argv[1]), sys.argv[2]


def established():
    count = 0
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        with open(table) as lines:
            for line in lines:
                words = line.split()
                count += words[3] == "01" and port in (words[1][-4:], words[2][-4:])
    return count


last = -1
with open(path, "w") as out:
    while True:
        count = established()
        if count != last:
            print("%.3f" % time.time(), count, file=out, flush=True)
            last = count
        time.sleep(0.005)
