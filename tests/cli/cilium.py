"""Random CiliumNetworkPolicies, judged by an evaluator of Cilium's rules here and by `eval`; TAP on standard output.

usage: cilium.py POLICYC"""

import ipaddress
import json
import random
import re
import subprocess
import sys

POLICYC = sys.argv[1]
ROUNDS, FLOWS = 80, 50
NETWORKS = ["0.0.0.0/0", "10.0.0.0/8", "10.1.0.0/16", "172.16.0.0/16", "203.0.113.0/24", "203.0.113.128/25",
            "203.0.113.7/32", "9.9.9.0/24", "::/0", "2001:db8::/32", "2001:db8:1::/48", "2001:db8:1::7/128"]
GATEWAY = "172.16.0.1"
ADDRESSES = ["10.0.0.1", "10.1.2.3", GATEWAY, "203.0.113.7", "203.0.113.8", "203.0.113.200", "198.51.100.1",
             "2001:db8::1", "2001:db8:1::7", "2001:4860::1"]
PORTS = [22, 80, 443, 8000, 8005, 8010]
NAMES = ["a.test.org", "b.test.org", "deep.b.test.org", "test.org", "x.example.net", "example.net", "atest.org"]
SELECTORS = [[{"matchName": "a.test.org"}], [{"matchPattern": "b.test.org"}], [{"matchName": "X.example.NET"}],
             [{"matchName": "test.org"}, {"matchPattern": "**.test.org"}],
             [{"matchPattern": "**.Example.net"}, {"matchName": "example.net"}]]
DNS = [{"matchLabels": {"k8s:io.kubernetes.pod.namespace": "kube-system", "k8s:k8s-app": "kube-dns"}}]


def some(draw, make, least=0, most=3):
    return [make(draw) for _ in range(draw.randint(least, most))]


def block(draw):
    cidr = ipaddress.ip_network(draw.choice(NETWORKS))
    inside = [n for n in map(ipaddress.ip_network, NETWORKS) if n.version == cidr.version and n.subnet_of(cidr)]
    made = {"cidr": str(cidr)}
    if draw.random() < 0.5:
        made["except"] = [str(draw.choice(inside)) for _ in range(draw.randint(0, 2))]
    return made


def port(draw):
    entry = {"port": str(draw.choice(PORTS)) if draw.random() < 0.8 else "0"}
    if draw.random() < 0.7:
        entry["protocol"] = draw.choice(["TCP", "UDP", "ANY"])
    if entry["port"] != "0" and draw.random() < 0.3:
        entry["endPort"] = draw.choice([p for p in PORTS if p >= int(entry["port"])])
    return entry


def rule(draw, side):
    made = {}
    kind = draw.choice(["CIDR", "CIDRSet", "Entities", "host", None])
    if kind == "CIDR":
        made[side + kind] = [draw.choice(NETWORKS) for _ in range(draw.randint(1, 3))]
    elif kind == "CIDRSet":
        made[side + kind] = some(draw, block, 1)
    elif kind == "Entities":
        made[side + kind] = [draw.choice(["all", "world", "world-ipv4", "world-ipv6"])]
    elif kind == "host":
        made[side + "Entities"] = ["host"]
    if kind == "host" or draw.random() < 0.7:
        made["toPorts"] = some(draw, lambda d: {"ports": some(d, port, 1)}, 1, 2)
    if kind == "host":
        for entry in made["toPorts"]:
            entry["ports"] = [{"port": "80", "protocol": "TCP"}, {"port": "8000", "endPort": 8005}]
    return made


def names(draw):
    """Rules on names with the lookups of the same, or of all; a rule of lookups alone"""
    chosen = [s for s in SELECTORS if draw.random() < 0.3]
    asked = [{"matchPattern": "*"}] if draw.random() < 0.3 else [n for s in chosen for n in s]
    made = []
    for selector in chosen:
        made.append({"toFQDNs": selector})
        if draw.random() < 0.7:
            made[-1]["toPorts"] = [{"ports": some(draw, port, 1)}]
    if asked:
        made.append({"toEndpoints": DNS, "toPorts": [{"ports": [{"port": "53"}], "rules": {"dns": asked}}]})
    if draw.random() < 0.1:
        made.append({"toEndpoints": DNS, "toPorts": [{"ports": [{"port": "53", "protocol": "UDP"}]}]})
    return made


def spec(draw):
    made = {"endpointSelector": {}}
    if draw.random() < 0.9:
        made["egress"] = some(draw, lambda d: rule(d, "to")) + names(draw)
        draw.shuffle(made["egress"])
    if draw.random() < 0.5:
        made["egressDeny"] = some(draw, lambda d: rule(d, "to"), 0, 2)
    if draw.random() < 0.6:
        made["ingress"] = some(draw, lambda d: rule(d, "from"))
    if draw.random() < 0.4:
        made["ingressDeny"] = some(draw, lambda d: rule(d, "from"), 0, 2)
    if not any(made.get(key) for key in ["egress", "egressDeny", "ingress", "ingressDeny"]):
        made["egress"] = [{}]
    if draw.random() < 0.3:
        made["enableDefaultDeny"] = {d: draw.random() < 0.5 for d in ["egress", "ingress"] if draw.random() < 0.7}
    return made


def is_isolated(one, direction):
    by_rules = bool(one.get(direction) or one.get(direction + "Deny"))
    return one.get("enableDefaultDeny", {}).get(direction, by_rules)


def in_network(address, text):
    return ipaddress.ip_address(address) in ipaddress.ip_network(text)


def peer_fits(one, side, address):
    """Networks are not the host's in Cilium"""
    host = address == GATEWAY
    if side + "CIDR" in one:
        return not host and any(in_network(address, n) for n in one[side + "CIDR"])
    if side + "CIDRSet" in one:
        return not host and any(in_network(address, b["cidr"]) and
                                not any(in_network(address, e) for e in b.get("except", []))
                                for b in one[side + "CIDRSet"])
    if side + "Entities" in one:
        entity = one[side + "Entities"][0]
        worlds = {"world", "world-ipv6" if ":" in address else "world-ipv4"}
        return entity == "all" or (entity == "host" if host else entity in worlds)
    return "toPorts" in one and "toFQDNs" not in one and "toEndpoints" not in one


def port_fits(one, protocol, number):
    """`ANY` is TCP, UDP and SCTP; ICMP has no ports, and only fits a rule without `toPorts`"""
    entries = [p for e in one.get("toPorts", []) for p in e["ports"]]
    if "toPorts" not in one:
        return True
    for entry in entries:
        low = int(entry["port"])
        high = entry.get("endPort", low)
        if protocol.startswith("icmp"):
            continue
        if entry.get("protocol", "ANY") in ["ANY", protocol.upper()] and (low == 0 or low <= number <= high):
            return True
    return False


def name_fits(selectors, name):
    for selector in selectors:
        if "matchName" in selector and selector["matchName"].lower() == name:
            return True
        pattern = selector.get("matchPattern", "").lower()
        if pattern == "*" or pattern == name:
            return True
        if pattern.startswith("**.") and re.fullmatch(r"[-a-z0-9_]+([.][-a-z0-9_]+)*[.]" + re.escape(pattern[3:]), name):
            return True
    return False


def takes_gateway(one, side):
    """What a deny takes in here though Cilium's does not: the gateway in its networks"""
    networks = {"world": "0.0.0.0/0", "world-ipv4": "0.0.0.0/0"}
    entries = [{"cidr": n} for n in one.get(side + "CIDR", [])] + one.get(side + "CIDRSet", [])
    entries += [{"cidr": networks[e]} for e in one.get(side + "Entities", []) if e in networks]
    return any(in_network(GATEWAY, b["cidr"]) and not any(in_network(GATEWAY, e) for e in b.get("except", []))
               for b in entries)


def connection(specs, direction, address, protocol, number, name=None):
    side = "to" if direction == "egress" else "from"
    denies = [r for s in specs for r in s.get(direction + "Deny", []) if port_fits(r, protocol, number)]
    allows = [r for s in specs for r in s.get(direction, []) if port_fits(r, protocol, number)]
    if any(peer_fits(r, side, address) for r in denies):
        return "deny"
    if address == GATEWAY and any(r.get(side + "Entities") == ["host"] for r in allows):
        return "allow"
    isolated = any(is_isolated(s, direction) for s in specs)
    if address == GATEWAY and any(takes_gateway(r, side) for r in denies):
        return "deny"
    # Cilium lets its own host in; here the peer that is the gateway is judged as any other
    seen = "172.16.0.1/32" if address == GATEWAY and direction == "ingress" else None
    passes = not isolated or any(peer_fits(r, side, address) or (seen and takes_gateway(r, side)) or
                                 (name and name_fits(r.get("toFQDNs", []), name)) for r in allows)
    return "allow" if passes else "deny"


def lookup(specs, name, protocol):
    denies = [r for s in specs for r in s.get("egressDeny", []) if port_fits(r, protocol, 53)]
    if any(peer_fits(r, "to", "10.96.0.10") and not any(k in r for k in ["toCIDR", "toCIDRSet"]) and
           r.get("toEntities", ["all"]) == ["all"] for r in denies):
        return "deny"
    if not any(is_isolated(s, "egress") for s in specs):
        return "allow"
    for one in [r for s in specs for r in s.get("egress", []) if port_fits(r, protocol, 53)]:
        asked = one["toPorts"][0].get("rules") if "toEndpoints" in one else None
        if "toEndpoints" in one and (not asked or name_fits(asked["dns"], name)):
            return "allow"
        if one.get("toEntities") == ["all"] or ("toPorts" in one and not [k for k in one if k != "toPorts"]):
            return "allow"
    return "deny"


def flow_of(draw, specs):
    protocol, number = draw.choice(["tcp", "udp"]), draw.choice(PORTS)
    if draw.random() < 0.3:
        name = draw.choice(NAMES)
        return f"dns@{name}:{protocol}", lookup(specs, name, protocol)
    if draw.random() < 0.3:
        name = draw.choice(NAMES)
        address = draw.choice(["9.9.9.9", "8.8.8.8"])
        flow = f"egress@{name}:{protocol}:{number} resolve={name}={address}"
        return flow, ("deny" if lookup(specs, name, "udp") == "deny" else
                      connection(specs, "egress", address, protocol, number, name))
    direction, address = draw.choice(["egress", "ingress"]), draw.choice(ADDRESSES)
    shown = f"[{address}]" if ":" in address else address
    if draw.random() < 0.2:
        protocol = "icmpv6" if ":" in address else "icmpv4"
        return f"{direction}@{shown}:{protocol}", connection(specs, direction, address, protocol, None)
    return f"{direction}@{shown}:{protocol}:{number}", connection(specs, direction, address, protocol, number)


def text_of(draw, specs):
    """The same specs as documents, a list, or one object, which are read alike"""
    head = {"apiVersion": "cilium.io/v2", "kind": "CiliumNetworkPolicy", "metadata": {"name": "x"}}
    objects = [dict(head, spec=s) for s in specs]
    form = draw.randint(0, 2)
    if form == 0:
        return ".json", json.dumps({"apiVersion": "v1", "kind": "List", "items": objects}, indent=1)
    if form == 1:
        return ".yaml", json.dumps(dict(head, specs=specs), indent=1)
    return ".yaml", "".join("---\n" + json.dumps(p, indent=1) + "\n" for p in objects)


def is_written_alike(name):
    """What is printed for the file says the same"""
    ran = subprocess.run([POLICYC, "compile", "--emit", "cilium", name], capture_output=True, text=True, check=False,
                         timeout=60)
    with open("again.json", "w", encoding="utf-8") as out:
        out.write(ran.stdout)
    again = subprocess.run([POLICYC, "diff", name, "again.json"], capture_output=True, text=True, check=False,
                           timeout=60)
    if ran.returncode == 0 and again.returncode == 0 and "no change" in again.stdout:
        return True
    print("\n".join("# " + line for line in (ran.stderr + again.stdout + again.stderr).splitlines()))
    return False


def one_round(seed):
    draw = random.Random(seed)
    specs = [spec(draw) for _ in range(draw.randint(1, 2))]
    ending, text = text_of(draw, specs)
    name = "cnp" + ending
    with open(name, "w", encoding="utf-8") as out:
        out.write(text)
    flows = [flow_of(draw, specs) for _ in range(FLOWS)]
    ran = subprocess.run([POLICYC, "eval", name, "--batch"], input="".join(f + "\n" for f, _ in flows),
                         capture_output=True, text=True, check=False, timeout=60)
    said = [line.split("\t")[0] for line in ran.stdout.splitlines()]
    if said == [want for _, want in flows]:
        if is_written_alike(name):
            return {want for _, want in flows}
        print(f"not ok - cilium: seed {seed}: --emit cilium: another policy")
        print("# " + json.dumps(specs))
        return set()
    for (flow, want), got in zip(flows, said or [ran.stderr] * FLOWS):
        if want != got:
            print(f"not ok - cilium: seed {seed}: {flow}: {want} wanted, not {got}")
            print("# " + json.dumps(specs))
            return set()
    return set()


seen = [one_round(seed) for seed in range(ROUNDS)]
if all(seen) and set.union(*seen) == {"allow", "deny"}:
    print(f"ok - cilium: {ROUNDS} random files are judged as Cilium would, and written alike")
else:
    print("not ok - cilium: random files")
    sys.exit(1)
