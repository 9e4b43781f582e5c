"""Random NetworkPolicies, judged by an evaluator of their own rules here and by `eval`; TAP on standard output.

usage: networkpolicy.py POLICYC"""

import ipaddress
import json
import random
import subprocess
import sys

POLICYC = sys.argv[1]
ROUNDS, FLOWS = 60, 40
NETWORKS = ["0.0.0.0/0", "10.0.0.0/8", "10.1.0.0/16", "203.0.113.0/24", "203.0.113.128/25", "203.0.113.7/32",
            "::/0", "2001:db8::/32", "2001:db8:1::/48", "2001:db8:1::7/128"]
ADDRESSES = ["10.0.0.1", "10.1.2.3", "203.0.113.7", "203.0.113.8", "203.0.113.200", "198.51.100.1", "2001:db8::1",
             "2001:db8:1::7", "2001:db8:1::8", "2001:4860::1"]
PORTS = [22, 53, 80, 443, 8000, 8005, 8010]


def some(draw, make, most=3):
    return [make(draw) for _ in range(draw.randint(0, most))]


def peer(draw):
    cidr = ipaddress.ip_network(draw.choice(NETWORKS))
    inside = [n for n in map(ipaddress.ip_network, NETWORKS) if n.version == cidr.version and n.subnet_of(cidr)]
    block = {"cidr": str(cidr)}
    if draw.random() < 0.5:
        block["except"] = [str(draw.choice(inside)) for _ in range(draw.randint(0, 2))]
    return {"ipBlock": block}


def port(draw):
    entry = {}
    if draw.random() < 0.7:
        entry["protocol"] = draw.choice(["TCP", "UDP"])
    if draw.random() < 0.8:
        entry["port"] = draw.choice(PORTS)
        if draw.random() < 0.3:
            entry["endPort"] = draw.choice([p for p in PORTS if p >= entry["port"]])
    return entry


def rule(draw, peers):
    made = {}
    if draw.random() < 0.8:
        made[peers] = some(draw, peer)
    if draw.random() < 0.8:
        made["ports"] = some(draw, port)
    return made


def policy(draw):
    spec = {"podSelector": {}}
    if draw.random() < 0.6:
        spec["policyTypes"] = draw.choice([["Ingress"], ["Egress"], ["Ingress", "Egress"], []])
    types = spec.get("policyTypes")
    if not types or "Egress" in types:
        if draw.random() < 0.8:
            spec["egress"] = some(draw, lambda d: rule(d, "to"))
    if not types or "Ingress" in types:
        if draw.random() < 0.8:
            spec["ingress"] = some(draw, lambda d: rule(d, "from"))
    return {"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": {"name": "x"}, "spec": spec}


def is_about(spec, direction):
    types = spec.get("policyTypes") or (["Ingress", "Egress"] if spec.get("egress") else ["Ingress"])
    return direction.capitalize() in types


def in_block(block, address):
    if address not in ipaddress.ip_network(block["cidr"]):
        return False
    return not any(address in ipaddress.ip_network(e) for e in block.get("except", []))


def port_fits(entry, protocol, number):
    if entry.get("protocol", "TCP").lower() != protocol:
        return False
    return "port" not in entry or entry["port"] <= number <= entry.get("endPort", entry["port"])


def allows(rule, peers, address, protocol, number):
    fits = not rule.get(peers) or any(in_block(p["ipBlock"], address) for p in rule[peers])
    return fits and (not rule.get("ports") or any(port_fits(p, protocol, number) for p in rule["ports"]))


def verdict(policies, direction, address, protocol, number):
    about = [p["spec"] for p in policies if is_about(p["spec"], direction)]
    peers = "to" if direction == "egress" else "from"
    passes = not about or any(allows(r, peers, address, protocol, number)
                              for spec in about for r in spec.get(direction, []))
    return "allow" if passes else "deny"


def text_of(draw, policies):
    """The same objects as documents or as a list, which are read alike"""
    if draw.random() < 0.5:
        return ".json", json.dumps({"apiVersion": "v1", "kind": "List", "items": policies}, indent=1)
    return ".yaml", "".join("---\n" + json.dumps(p, indent=1) + "\n" for p in policies)


def is_written_alike(name):
    """What is printed for the file says the same, or nothing is denied, which has no words"""
    ran = subprocess.run([POLICYC, "compile", "--emit", "networkpolicy", name], capture_output=True, text=True,
                         check=False, timeout=60)
    if ran.returncode:
        return "denies one direction at least" in ran.stderr
    with open("again.json", "w", encoding="utf-8") as out:
        out.write(ran.stdout)
    ran = subprocess.run([POLICYC, "diff", name, "again.json"], capture_output=True, text=True, check=False, timeout=60)
    return ran.returncode == 0 and "no change" in ran.stdout


def one_round(seed):
    draw = random.Random(seed)
    policies = [policy(draw) for _ in range(draw.randint(1, 3))]
    ending, text = text_of(draw, policies)
    name, flows, wanted = "np" + ending, [], []
    with open(name, "w", encoding="utf-8") as out:
        out.write(text)
    for _ in range(FLOWS):
        direction, address = draw.choice(["egress", "ingress"]), draw.choice(ADDRESSES)
        protocol, number = draw.choice(["tcp", "udp"]), draw.choice(PORTS)
        shown = f"[{address}]" if ":" in address else address
        flows.append(f"{direction}@{shown}:{protocol}:{number}")
        wanted.append(verdict(policies, direction, ipaddress.ip_address(address), protocol, number))
    ran = subprocess.run([POLICYC, "eval", name, *flows], capture_output=True, text=True, check=False, timeout=60)
    said = [line.split("\t")[0] for line in ran.stdout.splitlines()]
    if said == wanted:
        if is_written_alike(name):
            return set(wanted)
        print(f"# seed {seed}: --emit networkpolicy: another policy")
    for flow, want, got in zip(flows, wanted, said or [ran.stderr] * FLOWS):
        if want != got:
            print(f"not ok - networkpolicy: seed {seed}: {flow}: {want} wanted, not {got}")
            print("# " + json.dumps(policies))
            return set()
    return set()


seen = [one_round(seed) for seed in range(ROUNDS)]
if all(seen) and set.union(*seen) == {"allow", "deny"}:
    print(f"ok - networkpolicy: {ROUNDS} random files are judged as their rules say, and written alike")
else:
    print("not ok - networkpolicy: random files")
    sys.exit(1)
