"""Flows to try on a policy's page: of its own addresses, names and ports, their neighbours, and of every class.
usage: report-flows.py POLICY COUNT SEED"""
import ipaddress, random, re, sys

text, count = open(sys.argv[1], encoding="utf-8").read(), int(sys.argv[2])
rng = random.Random(int(sys.argv[3]))
nets = []
for word in re.findall(r"\[[0-9a-f:./]+\](?:/\d+)?|[0-9a-f:]*::[0-9a-f:./]*|\d+\.\d+\.\d+\.\d+(?:/\d+)?", text):
    try:
        nets.append(ipaddress.ip_network(word.replace("[", "").replace("]", ""), strict=False))
    except ValueError:
        pass
names = re.findall(r"(?:[a-z0-9_-]+\.)+[a-z]{2,}", text)
ports = [int(p) for p in re.findall(r"(?<=[:,{-])\d{1,5}(?=[,}\s-]|$)", text) if int(p) < 65536]

addrs = ["0.0.0.0", "10.0.0.5", "172.16.0.1", "172.16.0.2", "192.168.1.7", "100.64.0.1", "127.0.0.1", "169.254.169.254", "169.254.1.1",
         "168.63.129.16", "93.184.216.34", "93.184.216.35", "1.1.1.1", "8.8.8.8", "224.0.0.1", "255.255.255.255", "240.0.0.1", "::", "::1", "fd00:ec2::254",
         "fc00::1", "fe80::1", "ff02::1", "2606:4700::1111", "2606:2800:220:1:248:1893:25c8:1946", "64:ff9b::a00:5", "64:ff9b::8.8.8.8",
         "64:ff9b:1::1", "2002:a00:5::1", "::ffff:10.0.0.5", "::ffff:1.1.1.1", "::10.0.0.5", "::ffff:0:169.254.169.254", "fd42:6d73:62::1",
         "fec0::1", "2001:db8:64::a00:5", "2001:db8:64:0:100::", "2001:db8:64:a00:0:500::", "2001:db8:1::ff", "::ffff:ffff:ffff"]
names += ["example.com", "x.example.com", "host.microsandbox.internal", "HOST.microsandbox.internal.", "a_b.example", "localhost.example", "notpypi.org"]
ports += [0, 22, 53, 80, 137, 443, 853, 5353, 5355, 8080, 65535]

def address():
    if nets and rng.random() < .5:
        net = rng.choice(nets)
        offset = rng.choice([0, net.num_addresses - 1, -1, net.num_addresses, rng.randrange(net.num_addresses)])
        try:
            return str(net.network_address + offset)
        except ipaddress.AddressValueError:
            pass
    return rng.choice(addrs)

def name():
    it = rng.choice(names)
    return rng.choice([it, it, it, "x." + it, "x-" + it, it.upper(), it.split(".", 1)[1] if it.count(".") > 1 else it])

def target():
    if rng.random() < .45:
        return name()
    it = address()
    return "[%s]" % it if ":" in it else it

for _ in range(count):
    if rng.random() < .12:
        print("dns@" + name() + rng.choice(["", ":udp", ":tcp", ":dot"]))
        continue
    proto = rng.choice(["tcp", "tcp", "tcp", "udp", "udp", "icmpv4", "icmpv6"])
    port = rng.choice(ports) + rng.choice([0, 0, 0, 1, -1])
    print("%s@%s:%s%s" % (rng.choice(["egress", "egress", "egress", "ingress"]), target(), proto,
                          "" if proto.startswith("icmp") else ":%d" % max(0, min(65535, port))))
