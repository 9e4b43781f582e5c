"""Random ingress policies, and peers that are likely to be near the edge of a rule's network."""
import ipaddress
import os

HOST4, HOST6, NEIGHBOUR6 = (os.environ[name] for name in ("HOST4", "HOST6", "NEIGHBOUR6"))
LAN4, LAN6 = os.environ["INTERNET4"], os.environ["INTERNET6"]
GUEST_PORTS = [22, 79, 80, 81, 443, 5353, 8080, 8081, 65535]
GROUPS = ["public", "private", "loopback", "link-local", "meta", "multicast", "host"]
OWN_GROUPS = ["g0", "g1"]
NAMES = ["example.com", "*.example.org"]  # no ingress flow is ever bound to one
# Members of every class a peer can have, and their neighbours
PEERS4 = [
    "93.184.216.34", "8.8.8.8", "11.0.0.0", "9.255.255.255", "198.18.0.1", "10.0.0.5", "10.255.255.255", "172.20.5.4",
    "172.31.255.255", "172.32.0.1", "172.15.255.255", "192.168.1.1", "192.169.0.0", "100.64.0.1", "100.127.255.255",
    "100.128.0.0", "100.63.255.255", "169.254.1.1", "169.253.255.255", "169.254.169.254", "168.63.129.16",
    "100.100.100.200", "192.0.0.192", LAN4,
]
PEERS6 = [
    "2606:4700::1111", "fc00::1", "fd00::1", "fdff:ffff::1", "fec0::1", "fe00::1", "fd00:ec2::254", "fd20:ce::254",
    "fd20:ce::253", "64:ff9b::808:808", "64:ff9b::a00:5", "64:ff9b::a9fe:a9fe", "2002:a00:5::1", "2002:808:808::1",
    "::ffff:0:a00:5", NEIGHBOUR6, LAN6,
]
HOST_PEERS4, HOST_PEERS6 = ["127.0.0.1", "127.8.9.10", HOST4], ["::1", HOST6]
# Addresses that no packet from a neighbour can bear: of the link, sandboxes' own, or none of a single machine
NO_NEIGHBOURS = [ipaddress.ip_network(text) for text in (
    "0.0.0.0/8", "127.0.0.0/8", "224.0.0.0/3", "172.16.0.0/24", "203.0.113.0/24", "::/32", "ff00::/8", "fe80::/10",
    "fd42:6d73:62::/48", "2001:db8:1::/64")]
CARRIED = ["64:ff9b::", "::ffff:0:0:0"]


def can_be_neighbour(address):
    if str(address) in (LAN4, LAN6, NEIGHBOUR6):
        return True
    carries = address.version == 6 and address in ipaddress.ip_network("::ffff:0:0:0/96")
    return carries or not any(address in net for net in NO_NEIGHBOURS if net.version == address.version)


def random_cidr(rng):
    address = ipaddress.ip_address(rng.choice(rng.choice([PEERS4, PEERS6, HOST_PEERS4, HOST_PEERS6])))
    bits = address.max_prefixlen
    length = rng.choice([0, bits, bits, *(rng.randint(bits // 4, bits) for _ in range(6))])
    return ipaddress.ip_network((address, length), strict=False)


def text_of(network):
    return f"[{network}]" if network.version == 6 else str(network)


class Policy:
    """What the programs are given (`args`, and `file`, its text, or None), the ports it publishes, the networks it names"""

    def __init__(self, rng, first_host_port):
        self.rng, self.networks = rng, []
        self.ports = rng.sample(GUEST_PORTS, 2)
        self.published = self._published(first_host_port)
        self.args, lines = [], []
        in_file = rng.random() < 0.65  # else all of it is arguments, some of which cannot stand beside a file
        if in_file:
            lines += [f"group {name} = {', '.join(self._item() for _ in range(rng.randint(1, 3)))}" for name in OWN_GROUPS]
            lines += self._default_line()
        else:
            self.args += self._default_option()
        for _ in range(rng.randint(0, 7)):
            if in_file and rng.random() < 0.8:
                lines.append(self._rule(OWN_GROUPS))
            else:
                self.args += ["--net-rule", self._rule([])]
        for bind, host_port, guest_port, proto in self.published:
            port = f"{f'[{bind}]' if ':' in bind else bind}:{host_port}:{guest_port}/{proto}"
            if in_file and rng.random() < 0.5:
                lines.append("publish " + port)
            else:
                self.args += ["-p", port]
        self.file = "\n".join(lines) + "\n" if in_file else None

    def _published(self, host_port):
        found = []
        for guest_port in self.ports:
            for proto in ("tcp", "udp"):
                for binds in (["127.0.0.1", "0.0.0.0", HOST4], ["::1", "::", HOST6]):
                    found.append((self.rng.choice(binds), host_port, guest_port, proto))
                    host_port += 1
        return found

    def _default_line(self):
        return self.rng.choice([[], ["default ingress allow"], ["default ingress deny"], ["default any deny"]])

    def _default_option(self):
        action = self.rng.choice(["allow", "deny"])
        return self.rng.choice([[], ["--net-default-ingress", action], ["--net-default", action], ["--no-net"]])

    def _item(self):
        if self.rng.random() < 0.45:
            return self.rng.choice(GROUPS)
        if self.rng.random() < 0.1:
            return self.rng.choice(NAMES)
        self.networks.append(random_cidr(self.rng))
        return text_of(self.networks[-1])

    def _target(self, groups):
        if self.rng.random() < 0.12:
            return "any"
        items = [self.rng.choice(groups) if groups and self.rng.random() < 0.15 else self._item()
                 for _ in range(self.rng.choice([1, 1, 1, 2, 3]))]
        return items[0] if len(items) == 1 else "{" + ",".join(items) + "}"

    def _port_item(self):
        low = self.rng.choice(self.ports + GUEST_PORTS)
        low = min(65535, max(1, low + self.rng.choice([0, 0, 0, 1, -1])))
        high = min(65535, low + self.rng.randint(0, 200))
        return self.rng.choice([str(low), f"{low}-{high}", f"{max(0, low - self.rng.randint(0, 200))}-{low}"])

    def _rule(self, groups):
        rng = self.rng
        direction = rng.choice([":ingress"] * 6 + [":any"] * 2 + [":egress", ""])  # the last two must have no effect
        rule = f"{rng.choice(['allow', 'deny'])}{direction}@{self._target(groups)}"
        form = rng.random()
        if form < 0.3:
            return rule
        rule += ":" + rng.choice(["tcp", "udp", "any", "{tcp,udp}"])
        if form < 0.5:
            return rule
        ports = [self._port_item() for _ in range(rng.choice([1, 1, 2, 3]))]
        return f"{rule}:{ports[0] if len(ports) == 1 else '{' + ','.join(ports) + '}'}"

    def neighbour(self, version):
        """An address at the edge of a rule's network or inside one, or any sample"""
        samples = PEERS4 if version == 4 else PEERS6
        while True:
            address = ipaddress.ip_address(self.rng.choice(samples))
            if self.networks and self.rng.random() < 0.5:
                address = self._near(self.rng.choice(self.networks), version) or address
            if can_be_neighbour(address):
                return str(address)

    def _near(self, network, version):
        edges = [network[0], network[-1]]
        if int(network[0]) > 0:
            edges.append(network[0] - 1)
        if int(network[-1]) < 2 ** network.max_prefixlen - 1:
            edges.append(network[-1] + 1)
        address = self.rng.choice(edges)
        if address.version == 4 and version == 6:  # the same inside an IPv6 address
            return ipaddress.ip_address(self.rng.choice(CARRIED)) + int(address)
        return address if address.version == version else None
