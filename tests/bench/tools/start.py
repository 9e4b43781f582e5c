# A B A B: how long msb-run and the peer's script take from exec to the command's first instruction, and to the end. Beside it
# what one RTM_DELLINK takes, in which the kernel waits for every processor, and which both wait for.
# usage: start.py RUNS NOW MSB_RUN PEER RULESET
# NOW: a static program that writes the monotonic clock; a process a turn is what it costs whoever starts one.
import json, os, statistics, subprocess, sys, time

runs, now, msb_run, peer, ruleset = int(sys.argv[1]), *sys.argv[2:]
ways = {
    "msb": [msb_run, "--vmm", "none", "--net-rule", "allow@dns,allow@public", "--", now],
    "peer": [peer, ruleset, now],
}
WORK = "start and end of --vmm none -- true"

# All of it before what else the machine has to do
os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(5))


def turn(argv):
    begun = time.monotonic_ns()
    done = subprocess.run(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, check=True)
    ended = time.monotonic_ns()
    ready = int(done.stdout)
    return [(ready - begun) / 1e6, (ended - ready) / 1e6, (ended - begun) / 1e6]


def deletion():
    subprocess.run(["ip", "link", "add", "bench0", "up", "type", "veth", "peer", "name", "bench1"], check=True)
    begun = time.monotonic_ns()
    subprocess.run(["ip", "link", "del", "bench0"], check=True)
    return (time.monotonic_ns() - begun) / 1e6


def tell(against, label, ratios, values, goal=None):
    low, ratio, high = statistics.quantiles(ratios, n=4)
    row = {"work": WORK, "against": against, "label": label, "ratio": round(ratio, 2), "low": round(low, 2), "high": round(high, 2),
           "runs": runs, "value": round(statistics.median(values), 1), "unit": "ms"}
    print(json.dumps(row | ({"goal": goal} if goal else {})), flush=True)


for argv in ways.values():
    turn(argv)
took, deleted = {way: [] for way in ways}, []
for _ in range(runs):
    for way, argv in ways.items():
        took[way].append(turn(argv))
    deleted.append(deletion())
for part, (label, goal) in enumerate([("to ready", None), ("the end", None), ("exec to end", 5)]):
    ours = [t[part] for t in took["msb"]]
    tell("ip and nft script", label, [p[part] / m[part] for m, p in zip(took["msb"], took["peer"])], ours, goal)
tell("one ip link del", "the end", [d / m[1] for m, d in zip(took["msb"], deleted)], [m[1] for m in took["msb"]])
