#!/usr/bin/env python3
"""A policy of N rules like those that grow in real files: names, groups, networks, ports, in all mixtures.
usage: policy.py N SEED [SHAPE]   shapes: mixed (default), crossed (every network meets every port)"""
import random
import sys

count, seed = int(sys.argv[1]), int(sys.argv[2])
shape = sys.argv[3] if len(sys.argv) > 3 else "mixed"
pick = random.Random(seed)


def network():
    return f"{pick.choice((10, 100, 151, 172, 185, 203))}.{pick.randrange(256)}.{pick.randrange(256)}.0/{pick.choice((24, 25, 28))}"


def name(i):
    return f"{pick.choice(('api', 'www', 'cdn', 'git'))}{i}.{pick.choice(('example', 'corp', 'vendor'))}{i % 97}.com"


def ports():
    return pick.choice(("443", "80", "{80,443}", "22", str(pick.randrange(1024, 65536)), f"{(p := pick.randrange(1024, 60000))}-{p + 99}"))


def mixed(i):
    action = "deny" if pick.random() < 0.3 else "allow"
    kind = pick.randrange(10)
    if kind < 4:
        return f"{action}@{network()}" + (f":tcp:{ports()}" if pick.random() < 0.7 else "")
    if kind < 5:
        return f"{action}@[2001:{i % 65536:x}:{i >> 16:x}::/48]:{pick.choice(('tcp', 'udp'))}:{ports()}"
    if kind < 8:
        return f"{action}@{name(i)}" + (f":tcp:{ports()}" if pick.random() < 0.8 else "")
    if kind < 9:
        return f"{action}@*.{name(i)}"
    return f"{action}@{pick.choice(('public', 'private', 'any'))}:{pick.choice(('tcp', 'udp'))}:{pick.randrange(1024, 65536)}"


def crossed(i):
    return f"{pick.choice(('allow', 'deny'))}@{network()}" if i % 2 else f"allow@public:tcp:{pick.randrange(1, 65536)}"


print("default egress deny")
for i in range(count):
    print((crossed if shape == "crossed" else mixed)(i))
