#!/usr/bin/env python3
"""Random policies with names, and flows under them, for server-names-random.sh.

usage: name_flows.py policy SEED              a policy's rules and default, as arguments of msb-run and msb-policyc, a line each
       name_flows.py flows SEED COUNT         flows to try under it: PROTO ADDRESS PORT SENT, SENT a server name, or - for none
       name_flows.py try RESOLVER FLOWS [NAME]...  (in the guest) looks names up, its own or these, then tries the flows; prints
                                              "bound NAME ADDRESS,…" for each name that was answered, then what came of each flow:
                                              refused, answered, or reset: connected, and ended without an answer
       name_flows.py batch FLOWS TRIED        the flows as `msb-policyc eval --batch` reads them
       name_flows.py compare FLOWS TRIED JUDGED  where they fared otherwise than it says (--format json); the last line counts
       name_flows.py zone                     the names as records"""
import errno
import json
import random
import selectors
import socket
import subprocess
import sys
import time

sys.dont_write_bytecode = True  # the tree stays as it is
import hellos  # pylint: disable=wrong-import-position

# Names that share addresses, and one that is another's parent
NAMES = {
    "good.example": ["151.101.9.1", "2a04:4e42:7::1"],
    "evil.example": ["151.101.9.1", "2a04:4e42:7::1"],
    "www.good.example": ["151.101.9.2"],
    "cdn.example": ["151.101.9.1", "151.101.9.2", "2a04:4e42:7::2"],
    "a.cdn.example": ["151.101.9.3", "2a04:4e42:7::1"],
    "lone.example": ["151.101.9.4"],
}
ADDRESSES = ["151.101.9.%d" % i for i in range(1, 6)] + ["2a04:4e42:7::%d" % i for i in range(1, 4)]
TARGETS = list(NAMES) + ["*.good.example", "*.cdn.example", "public", "any", "151.101.9.0/30", "151.101.9.3",
                         "[2a04:4e42:7::/64]", "[2a04:4e42:7::1]"]
SERVICES = ["", "", ":tcp", ":udp", ":tcp:8443", ":any:443", ":udp:443", ":tcp:{8443,9443}", ":any:8000-9000", ":any:{443,9443}"]
PORTS = [443, 8443, 9443]
PATIENCE = 8  # seconds for an answer, many times what one takes
AT_ONCE = 24


def policy(seed):
    chance = random.Random(seed)
    print("--net-default-egress=" + chance.choice(["deny", "deny", "allow"]))
    for _ in range(chance.randint(1, 8)):
        print("--net-rule=%s@%s%s" % (chance.choice(["allow", "allow", "deny"]), chance.choice(TARGETS), chance.choice(SERVICES)))
    print("--net-rule=allow@dns")  # behind them: names that no rule names are looked up, and bound to no rule


def flows(seed, count):
    chance = random.Random(seed)
    names = list(NAMES) + ["other.example", "GOOD.example.", "xgood.example"]
    for _ in range(count):
        proto = chance.choice(["tcp"] * 7 + ["udp"])
        sent = chance.choice(names + ["-", "-"]) if proto == "tcp" else "-"
        print(proto, chance.choice(ADDRESSES), chance.choice(PORTS), sent)


class Flow:
    """One, from its first packet to what came of it"""

    hellos = {}

    def __init__(self, index, line):
        proto, address, port, sent = line.split()
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        self.index, self.tcp, self.result = index, proto == "tcp", None
        self.until = time.monotonic() + PATIENCE
        if sent != "-" and sent not in self.hellos:
            self.hellos[sent] = hellos.hello(sent)
        self.first = self.hellos.get(sent, b"no TLS at all\n")
        self.socket = socket.socket(family, socket.SOCK_STREAM if self.tcp else socket.SOCK_DGRAM)
        self.socket.setblocking(False)
        error = self.socket.connect_ex((address, int(port)))
        if error not in (0, errno.EINPROGRESS):
            self.result = "refused"

    def ready(self, writable):
        if writable:
            if self.socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
                self.result = "refused"
                return False
            self.socket.send(self.first)
            return True
        try:
            self.result = "answered" if self.socket.recv(4096) else "reset"
        except OSError:
            self.result = "reset" if self.tcp else "refused"
        return False


def try_all(resolver, path, *names):
    for name in names or NAMES:
        for kind in ("A", "AAAA"):
            answer = subprocess.run(["dig", "+short", "+tries=3", "+time=3", "@" + resolver, name, kind], check=False,
                                    stdout=subprocess.PIPE, text=True).stdout.split()
            if answer:
                print("bound", name, ",".join(answer))
    with open(path, encoding="ascii") as file:
        lines = file.read().splitlines()
    results, waiting, ready = [None] * len(lines), selectors.DefaultSelector(), iter(enumerate(lines))
    running, more = {}, True
    while more or running:
        while more and len(running) < AT_ONCE:
            entry = next(ready, None)
            more = entry is not None
            if more:
                begin(Flow(*entry), running, waiting, results)
        for key, events in waiting.select(0.2):
            flow = key.data
            if flow.ready(events & selectors.EVENT_WRITE):
                waiting.modify(flow.socket, selectors.EVENT_READ, flow)
            else:
                finish(flow, running, waiting, results)
        for flow in [flow for flow in running.values() if time.monotonic() > flow.until]:
            flow.result = "silent"
            finish(flow, running, waiting, results)
    print("\n".join(results))


def begin(flow, running, waiting, results):
    if flow.result:
        flow.socket.close()
        results[flow.index] = flow.result
        return
    running[flow.index] = flow
    waiting.register(flow.socket, selectors.EVENT_WRITE, flow)


def finish(flow, running, waiting, results):
    waiting.unregister(flow.socket)
    flow.socket.close()
    results[flow.index] = flow.result
    del running[flow.index]


def read(path):
    with open(path, encoding="ascii") as file:
        return file.read().splitlines()


def expression(line, tried):
    proto, address, port, sent = line.split()
    bound = {}
    for entry in tried:
        if entry.startswith("bound "):
            _, name, addresses = entry.split()
            bound.setdefault(name, []).extend(addresses.split(","))
    text = "egress@%s:%s:%s" % ("[%s]" % address if ":" in address else address, proto, port)
    if bound:
        text += " resolve=" + ";".join("%s=%s" % (name, ",".join(addresses)) for name, addresses in bound.items())
    return text + (" sni=" + sent if sent != "-" else "")


def compare(flows_path, tried_path, judged_path):
    lines, tried = read(flows_path), read(tried_path)
    results = [entry for entry in tried if not entry.startswith("bound ")]
    with open(judged_path, encoding="utf-8") as file:
        judged = json.load(file)
    if not len(lines) == len(results) == len(judged):
        sys.exit("%d flows, %d tried, %d judged" % (len(lines), len(results), len(judged)))
    wrong, counts = 0, {}
    for line, result, verdict in zip(lines, results, judged):
        expected = "answered" if verdict["verdict"] == "allow" else "reset" if verdict.get("syn") == "defer" else "refused"
        counts[expected] = counts.get(expected, 0) + 1
        if result != expected:
            wrong += 1
            print("mismatch: %s: %s, and it should be %s: %s" % (expression(line, tried), result, expected, json.dumps(verdict)))
    print("%d flows, %s, %d mismatches" % (len(lines), ", ".join("%d %s" % (counts[k], k) for k in sorted(counts)), wrong))


def main():
    command, arguments = sys.argv[1] if len(sys.argv) > 1 else "", sys.argv[2:]
    if command == "policy":
        policy(int(arguments[0]))
    elif command == "flows":
        flows(int(arguments[0]), int(arguments[1]))
    elif command == "try":
        try_all(*arguments)
    elif command == "batch":
        tried = read(arguments[1])
        for line in read(arguments[0]):
            print(expression(line, tried))
    elif command == "compare":
        compare(*arguments)
    elif command == "zone":
        for name, addresses in NAMES.items():
            for address in addresses:
                print("%s. 600 IN %s %s" % (name, "AAAA" if ":" in address else "A", address))
    else:
        sys.exit(__doc__)


main()
