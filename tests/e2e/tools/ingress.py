"""Connects to published ports from many addresses and sets what that is like beside `msb-policyc eval`.
usage: ingress.py POLICIES SEED, by ingress.sh in its namespaces."""
import ctypes
import os
import random
import select
import selectors
import socket
import subprocess
import sys
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import ingress_policy as policies

BUILD, WORK = os.environ["BUILD"], os.environ["WORK"]
GUEST = os.path.join(os.path.dirname(os.path.abspath(__file__)), "ingress_guest.py")
AT_ONCE = 4           # sandboxes
PEERS_A_PORT = 6
START_S = ANSWER_S = 60  # at most; on an idle machine both take milliseconds
SILENCE_S = 0.2       # after everything that was due has come
RESEND_S = 1
IP_TRANSPARENT, IPV6_TRANSPARENT = 19, 75
PROTOS = {"tcp": socket.SOCK_STREAM, "udp": socket.SOCK_DGRAM}


# --- peers --------------------------------------------------------------------------------------------------------

class Namespace:
    """`with` it, this thread makes its sockets there"""
    libc = ctypes.CDLL(None, use_errno=True)
    home = os.open("/proc/self/ns/net", os.O_RDONLY | os.O_CLOEXEC)

    def __init__(self, path):
        self.fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)

    def enter(self, fd):
        if self.libc.setns(fd, 0) != 0:
            raise OSError(ctypes.get_errno(), "setns")

    def __enter__(self):
        self.enter(self.fd)

    def __exit__(self, *_):
        self.enter(self.home)


class Probe:
    """One flow of a peer's to a published port. said: the guest's answer, `reset`, an error, or None: nothing yet"""

    def __init__(self, peer, published, on_host):
        self.peer, self.on_host, self.said = peer, on_host, None
        self.bind, self.host_port, self.guest_port, self.proto = published
        self.flow = f"ingress@{f'[{peer}]' if ':' in peer else peer}:{self.proto}:{self.guest_port}"

    def target(self):
        """Where the peer finds it; through a wildcard, any of the host's addresses"""
        if self.bind not in ("0.0.0.0", "::"):
            return self.bind
        if self.on_host and self.peer not in (policies.HOST4, policies.HOST6):
            return "127.0.0.1" if self.bind == "0.0.0.0" else "::1"
        return policies.HOST4 if self.bind == "0.0.0.0" else policies.HOST6

    def open(self):
        """In the peer's namespace: any source address will do there"""
        v6 = ":" in self.peer
        self.socket = socket.socket(socket.AF_INET6 if v6 else socket.AF_INET, PROTOS[self.proto] | socket.SOCK_NONBLOCK)
        self.socket.setsockopt(*((socket.IPPROTO_IPV6, IPV6_TRANSPARENT) if v6 else (socket.IPPROTO_IP, IP_TRANSPARENT)), 1)
        scope = socket.if_nametoindex("wan0") if self.peer.startswith("fe80:") else 0
        self.socket.bind((self.peer, 0, 0, scope) if v6 else (self.peer, 0))
        try:
            self.socket.connect((self.target(), self.host_port))
        except BlockingIOError:
            pass  # under way

    def send(self):
        if self.proto == "udp":
            self.socket.send(b"?")

    def hear(self):
        try:
            self.said = self.socket.recv(100).decode() or "closed"
        except ConnectionResetError:
            self.said = "reset"
        except BlockingIOError:
            pass
        except OSError as error:
            self.said = error.strerror

    def verdict(self):
        """allow, deny, or what neither should be like"""
        if self.said == str(self.guest_port):
            return "allow"
        return "deny" if self.said == {"tcp": "reset", "udp": None}[self.proto] else str(self.said)

    def due(self):
        """Something is to come yet"""
        return self.said is None and (self.proto == "tcp" or self.expected == "allow")


def reaches(on_host, bind):
    """Whether such packets find their way"""
    return on_host or bind not in ("127.0.0.1", "::1")


def probes_of(policy, rng):
    found = []
    for published in policy.published:
        version = 6 if ":" in published[0] else 4
        own = policies.HOST_PEERS6 if version == 6 else policies.HOST_PEERS4
        peers = {(peer, True) for peer in own}
        peers |= {(policy.neighbour(version), False) for _ in range(PEERS_A_PORT)}
        found += [Probe(peer, published, on_host) for peer, on_host in sorted(peers)
                  if reaches(on_host, published[0])]
    rng.shuffle(found)
    return found


def experience(probes, internet):
    """Opens every flow at once and hears what comes of it"""
    selector = selectors.DefaultSelector()
    with internet:
        for probe in probes:
            if not probe.on_host:
                probe.open()
    for probe in probes:
        if probe.on_host:
            probe.open()
        selector.register(probe.socket, selectors.EVENT_READ, probe)
        probe.send()
    begin = resend = time.monotonic()
    end = None  # of the silence
    while (now := time.monotonic()) < (end or begin + ANSWER_S):
        if not end and not any(probe.due() for probe in probes):
            end = now + SILENCE_S
        elif now >= resend + RESEND_S:
            resend = now
            for probe in probes:
                if probe.due():
                    probe.send()
        for key, _ in selector.select(0.05):
            key.data.hear()
            if key.data.said is not None:
                selector.unregister(key.fileobj)
    for probe in probes:
        probe.socket.close()


# --- policies ---------------------------------------------------------------------------------------------------

def ask_evaluator(args, probes):
    asked = "".join(probe.flow + "\n" for probe in probes)
    result = subprocess.run([f"{BUILD}/msb-policyc", "eval", "--batch", *args], input=asked, capture_output=True, text=True)
    verdicts = [line.split("\t")[0] for line in result.stdout.splitlines()]
    if result.returncode or len(verdicts) != len(probes) or not set(verdicts) <= {"allow", "deny"}:
        raise RuntimeError(f"eval: status {result.returncode} {result.stderr} {set(verdicts)}")
    for probe, verdict in zip(probes, verdicts):
        probe.expected = verdict


def start_sandbox(name, args, ports):
    sandbox = subprocess.Popen(
        [f"{BUILD}/msb-run", "--vmm", "none", "--quiet", "--name", name, *args, "--",
         sys.executable, "-I", "-S", GUEST, *map(str, ports)],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=open(f"{WORK}/{name}.err", "wb"))
    readable, _, _ = select.select([sandbox.stdout], [], [], START_S)
    if not readable or sandbox.stdout.readline() != b"ready\n":
        sandbox.kill()
        with open(f"{WORK}/{name}.err", encoding="utf-8", errors="replace") as err:
            raise RuntimeError(f"the sandbox did not start: {err.read()}")
    return sandbox


def try_policy(seed, index, internet):
    """The probes, each with what was expected and said; and the policy as text"""
    rng = random.Random(f"{seed} {index}")
    policy = policies.Policy(rng, 10000 + index * 10)
    args, path = [*policy.args], f"{WORK}/{index}.msb"
    if policy.file is not None:
        with open(path, "w", encoding="ascii") as file:
            file.write(policy.file)
        args += ["--policy", path]
    probes = probes_of(policy, rng)
    ask_evaluator(args, probes)
    sandbox = start_sandbox(f"ingress{index}", args, policy.ports)
    try:
        experience(probes, internet)
    finally:
        sandbox.terminate()
        sandbox.communicate()
    return probes, " ".join(policy.args) + "\n" + (policy.file or "")


def report(name, problem):
    print(f"not ok ingress: {name} - {problem}" if problem else f"ok ingress: {name}", flush=True)
    return bool(problem)


def main(count, seed):
    internet = Namespace("/run/netns/internet")
    said, wrong, failed = Counter(), [], []
    with ThreadPoolExecutor(AT_ONCE) as pool:
        for index, future in enumerate([pool.submit(try_policy, seed, index, internet) for index in range(count)]):
            try:
                probes, text = future.result()
            except (OSError, RuntimeError) as error:
                failed.append(f"policy {index}: {error}")
                continue
            said.update((probe.proto, "[" in probe.flow, probe.verdict()) for probe in probes)
            differ = [probe for probe in probes if probe.verdict() != probe.expected]
            wrong += differ
            for probe in differ[:5]:
                print(f"# policy {index}: {probe.flow} to {probe.bind}: eval {probe.expected}, the peer {probe.verdict()}")
            if differ:
                print("#   " + text.replace("\n", "\n#   "))
    for line in failed[:5]:
        print("# " + line.replace("\n", "\n# "))
    for (proto, v6, verdict), number in sorted(said.items()):
        print(f"# {proto} over {'IPv6' if v6 else 'IPv4'}: {verdict} {number}")
    one_sided = [f"{proto} {verdict}" for proto in PROTOS for v6 in (False, True) for verdict in ("allow", "deny")
                 if said[proto, v6, verdict] < count / 4]
    bad = report(f"{count} policies were tried", failed and f"{len(failed)} were not, seed {seed}")
    bad |= report(f"seed {seed}, {said.total()} flows of peers to published ports: {len(wrong)} mismatches",
                  wrong and "the relay's verdict is not the evaluator's")
    bad |= report("both verdicts, of both protocols and families, were many", ", ".join(one_sided))
    return bad


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), sys.argv[2]))
