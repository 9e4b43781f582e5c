#!/usr/bin/env python3
"""The rows of tests/vectors/flows.tsv that say what becomes of a SYN, for server-names-vectors.sh.

usage: flow_vectors.py split FLOWS.TSV DIRECTORY   those with one policy and one set of bindings in a directory of their own: options
                                                   of msb-run and names to look up, a line each, records of a zone, flows, rows
       flow_vectors.py compare DIRECTORY           what was tried (tried) and what conntrack held of it (conntrack), row by row:
                                                   "ok", "not ok" or "skip", the row's id, and why"""
import ipaddress
import os
import sys

DIVERTED = "mark=%d " % 0x6D736207  # LOWER_DIVERTED_CT of compiler/lower/sandbox_net.h


def bindings_of(text):
    return {} if text == "-" else dict((entry.split("=")[0], entry.split("=")[1].split(",")) for entry in text.split(";"))


# The sandbox's gateway, where no service listens, and what Linux does not route
NOT_OUTSIDE = [ipaddress.ip_network(network) for network in ("172.16.0.0/30", "fd42:6d73:62::/64", "0.0.0.0/8", "fec0::/10")]


def is_on_the_wire(row):
    address = ipaddress.ip_address(row[10])
    usual = row[4] in ("-", "172.16.0.1") and row[5] in ("-", "fd42:6d73:62::1")
    return usual and not any(address in network for network in NOT_OUTSIDE if network.version == address.version)


def split(path, directory):
    groups = {}
    with open(path, encoding="utf-8") as file:
        for line in file:
            row = line.rstrip("\n").split("\t")
            if line.startswith("#") or row[15] == "-" or not is_on_the_wire(row):
                continue
            groups.setdefault(tuple(row[1:8]), []).append(row)
    for number, (key, rows) in enumerate(groups.items()):
        write_group(os.path.join(directory, "%03d" % number), key, rows)


def write_group(directory, key, rows):
    egress, ingress, rules, _, _, bindings, floor = key
    options = ["--net-default-egress=" + egress, "--net-default-ingress=" + ingress]
    options += [] if rules == "-" else ["--net-rule=" + rules]
    options += ["--no-dns-rebind-protection"] if floor == "-" else ["--deployment-profile=multi-tenant"]
    bound = bindings_of(bindings)
    os.mkdir(directory)
    put(directory, "options", options)
    put(directory, "names", bound)
    put(directory, "records", ("%s. 600 IN %s %s" % (name, "AAAA" if ":" in address else "A", address)
                               for name, addresses in bound.items() for address in addresses))
    put(directory, "flows", (" ".join(("tcp", row[10], row[11], row[12])) for row in rows))
    put(directory, "rows", ("\t".join(row) for row in rows))


def put(directory, name, lines):
    with open(os.path.join(directory, name), "w", encoding="utf-8") as file:
        file.writelines(line + "\n" for line in lines)


def get(directory, name):
    with open(os.path.join(directory, name), encoding="utf-8") as file:
        return file.read().splitlines()


def was_diverted(entries, address, port):
    text = ipaddress.ip_address(address).exploded
    return any(" dst=%s " % text in entry and " dport=%s " % port in entry and DIVERTED in entry for entry in entries)


def compare(directory):
    tried, entries = get(directory, "tried"), get(directory, "conntrack")
    bound = {}
    for entry in tried:
        if entry.startswith("bound "):
            bound.setdefault(entry.split()[1], set()).update(entry.split()[2].split(","))
    results = [entry for entry in tried if not entry.startswith("bound ")]
    for row, result in zip((line.split("\t") for line in get(directory, "rows")), results):
        wanted = {name for name, addresses in bindings_of(row[6]).items() if row[10] in addresses}
        if {name for name, addresses in bound.items() if row[10] in addresses} != wanted:
            print("skip", row[0], "a lookup that its policy denies does not bind")
            continue
        expected = {"deny": "refused", "allow": "answered"}.get(row[15]) or ("answered" if row[13] == "allow" else "reset")
        diverted = was_diverted(entries, row[10], row[11])
        good = result == expected and diverted == (row[15] == "defer")
        print("ok" if good else "not ok", row[0], "%s%s" % (result, ", by the relay" if diverted else ""))
    if len(results) != len(get(directory, "rows")):
        print("not ok", directory, "%d results" % len(results))


def main():
    if len(sys.argv) == 4 and sys.argv[1] == "split":
        split(*sys.argv[2:])
    elif len(sys.argv) == 3 and sys.argv[1] == "compare":
        compare(sys.argv[2])
    else:
        sys.exit(__doc__)


main()
