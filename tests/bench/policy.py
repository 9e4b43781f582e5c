#!/usr/bin/env python3
"""A policy of N rules like those that grow in real files, and what a bench needs to know of it.

usage: policy.py N SEED [SHAPE [DIR]]     to standard output, or into DIR:
   policy.msb
   names        RULE NAME ADDRESS: what the guest looks up, and what it is answered, of rules that allow
   candidates   RULE ADDRESS PROTO PORT [NAME]: flows of each rule; whether it decides them is not known here
   linear.nft   the same rules as an administrator writes them down, names as addresses
shapes: mixed (names, groups, networks, ports in all mixtures), services (networks of all lengths and names, a dozen services),
crossed (every network meets every port)"""
import ipaddress
import os
import random
import sys

RESERVED = ("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.168.0.0/16", "224.0.0.0/4")
SERVICES = (("tcp", "443"), ("tcp", "80"), ("tcp", "{80,443}"), ("tcp", "22"), ("tcp", "5432"), ("tcp", "6379"), ("tcp", "9092"),
            ("udp", "123"), ("udp", "51820"), ("tcp", "8000-8099"), ("tcp", "{25,465,587}"), ("udp", "{3478,3479}"))
GUEST = ipaddress.ip_network("172.16.0.0/24")
FLOWS = 12000  # candidates, at least one a rule


def main():
    count, seed = int(sys.argv[1]), int(sys.argv[2])
    shape = sys.argv[3] if len(sys.argv) > 3 else "mixed"
    pick = random.Random(seed)
    rules = [SHAPES[shape](pick, i) for i in range(count)]
    if len(sys.argv) > 4:
        write_files(sys.argv[4], rules, pick)
    else:
        print(policy(rules), end="")


class Rule:
    """One target, and a protocol with ports, or neither"""

    def __init__(self, action, target, proto=None, ports=None):
        self.action, self.target, self.proto, self.ports = action, target, proto, ports

    def __str__(self):
        target = f"[{self.target}]" if ":" in self.target else self.target
        return f"{self.action}@{target}" + (f":{self.proto}:{self.ports}" if self.proto else "")

    def is_name(self):
        return "/" not in self.target and self.target not in ("public", "private", "any")


# ---- shapes ----

def network(pick):
    return f"{pick.choice((10, 100, 151, 172, 185, 203))}.{pick.randrange(256)}.{pick.randrange(256)}.0/{pick.choice((24, 25, 28))}"


def name(pick, i):
    return f"{pick.choice(('api', 'www', 'cdn', 'git'))}{i}.{pick.choice(('example', 'corp', 'vendor'))}{i % 97}.com"


def ports(pick):
    return pick.choice(("443", "80", "{80,443}", "22", str(pick.randrange(1024, 65536)), f"{(p := pick.randrange(1024, 60000))}-{p + 99}"))


def mixed(pick, i):
    action = "deny" if pick.random() < 0.3 else "allow"
    kind = pick.randrange(10)
    if kind < 4:
        return Rule(action, network(pick), *(("tcp", ports(pick)) if pick.random() < 0.7 else ()))
    if kind < 5:
        return Rule(action, f"2001:{i % 65536:x}:{i >> 16:x}::/48", pick.choice(("tcp", "udp")), ports(pick))
    if kind < 8:
        return Rule(action, name(pick, i), *(("tcp", ports(pick)) if pick.random() < 0.8 else ()))
    if kind < 9:
        return Rule(action, "*." + name(pick, i))
    return Rule(action, pick.choice(("public", "private", "any")), pick.choice(("tcp", "udp")), str(pick.randrange(1024, 65536)))


def services(pick, i):
    action = "deny" if pick.random() < 0.15 else "allow"
    service = pick.choice(SERVICES)
    if pick.random() < 0.35:
        return Rule(action, name(pick, i), *service)
    length = pick.choice((14, 16, 18, 20, 22, 24, 24, 24, 24, 26, 28, 30, 32, 32, 32))
    base = ipaddress.ip_network((pick.choice((10, 52, 104, 140, 151, 185)) << 24 | pick.getrandbits(24), length), strict=False)
    return Rule(action, str(base), *service)


def crossed(pick, i):
    if i % 2:
        return Rule(pick.choice(("allow", "deny")), network(pick))
    return Rule("allow", "public", "tcp", str(pick.randrange(1, 65536)))


SHAPES = {"mixed": mixed, "services": services, "crossed": crossed}


# ---- what is written ----

def policy(rules):
    return "default egress deny\n" + "".join(f"{rule}\n" for rule in rules)


def address_of(i):
    """Of the name of rule i: one that is nobody else's and in no network of a rule"""
    return str(ipaddress.ip_address((45 << 24) + i + 1))


def is_looked_up(rule):
    return rule.is_name() and rule.action == "allow"


def asked(rule):
    return rule.target.replace("*.", "x.", 1)


def write_files(where, rules, pick):
    def write(name, lines):
        with open(os.path.join(where, name), "w", encoding="utf-8") as file:
            file.writelines(lines)

    write("policy.msb", policy(rules))
    write("names", (f"{i + 1} {asked(rule)} {address_of(i)}\n" for i, rule in enumerate(rules) if is_looked_up(rule)))
    write("candidates", (candidate(rules, i, pick) for _ in range(-(-FLOWS // len(rules))) for i in range(len(rules))))
    write("linear.nft", linear(rules))


def address_in(rule, i, pick):
    if rule.is_name():
        return address_of(i)
    while "/" in rule.target:
        net = ipaddress.ip_network(rule.target)
        address = net[pick.randrange(net.num_addresses)]
        if address not in GUEST:
            return str(address)
    return f"10.200.{pick.randrange(256)}.{pick.randrange(1, 255)}" if rule.target == "private" else f"93.184.{pick.randrange(256)}.{pick.randrange(1, 255)}"


def port_in(rule, pick):
    if not rule.proto:
        return "tcp", pick.randrange(6000, 65536)
    word = pick.choice(rule.ports.strip("{}").split(","))
    low, _, high = word.partition("-")
    return rule.proto, pick.randrange(int(low), int(high or low) + 1)


def candidate(rules, i, pick):
    proto, port = port_in(rules[i], pick)
    return f"{i + 1} {address_in(rules[i], i, pick)} {proto} {port}" + (f" {asked(rules[i])}" if is_looked_up(rules[i]) else "") + "\n"


def linear(rules):
    yield f"table inet filter {{\n\tset reserved {{ type ipv4_addr; flags interval; elements = {{ {', '.join(RESERVED)} }}; }}\n"
    yield "\tchain forward {\n\t\ttype filter hook forward priority 0; policy drop;\n\t\tct state established,related accept\n\t\tct state invalid drop\n"
    for i, rule in enumerate(rules):
        yield "\t\t" + linear_rule(rule, i) + "\n"
    yield "\t}\n}\n"


def linear_rule(rule, i):
    where = {"any": "", "public": "ip daddr != @reserved ", "private": "ip daddr @reserved "}.get(rule.target)
    if where is None:
        where = f"ip6 daddr {rule.target} " if ":" in rule.target else f"ip daddr {address_of(i) if rule.is_name() else rule.target} "
    service = f"{rule.proto} dport {rule.ports} " if rule.proto else ""
    return f"{where}{service}counter {'accept' if rule.action == 'allow' else 'drop'}"


main()
