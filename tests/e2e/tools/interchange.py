"""Asks unbound and dnsmasq, configured by msb-policyc, about many names and sets their answers beside `eval`.
usage: interchange.py MSB-POLICYC WORKDIR, in a namespace in which an upstream answers on 127.0.0.1:5300."""
import os
import random
import socket
import struct
import subprocess
import sys
import time

POLICYC, WORK = sys.argv[1:3]
SEED = 20261124
ROUNDS = max(1, 24 * int(os.environ.get("MSB_TEST_EFFORT", "100")) // 100)
NXDOMAIN, NOERROR = 3, 0
FIXED = {
    "agent": "default egress deny\ngroup vcs = github.com, raw.githubusercontent.com\ndeny@meta\n"
             "allow@vcs:tcp:{22,443}\nallow@{pypi.org,*.pythonhosted.org}:tcp:443\n",
    "blocklist": "allow@*.good.tracking.example\ndeny@*.tracking.example\ndeny@ads.example\nallow@www.ads.example\n",
    "deep": "default egress deny\nallow@a.b.c.d.example\ndeny@*.c.d.example\nallow@*.d.example\ndeny@x.d.example\n",
    "closed": "default egress deny\nallow@203.0.113.0/24\n",
    "open": "default egress allow\ndeny@*.corp.example\nallow@vpn.corp.example\ndeny@domain=intranet\n",
    "any": "deny@bad.example\nallow@any\ndeny@*.late.example\n",
}


def policyc(*args, text=""):
    return subprocess.run([POLICYC, *args], input=text, capture_output=True, text=True)


def random_policy(rng):
    labels = ["a", "b", "c", "x"]
    lines = [f"default egress {rng.choice(['allow', 'deny', 'deny'])}"]
    for _ in range(rng.randint(1, 7)):
        name = ".".join(rng.choice(labels) for _ in range(rng.randint(1, 3))) + "." + rng.choice(["example", "net"])
        star = rng.choice(["", "*."])
        lines.append(f"{rng.choice(['allow', 'deny'])}@{star}{name}")
    if rng.random() < 0.3:
        lines.insert(rng.randint(1, len(lines)), rng.choice(["allow@dns", "deny@dns", "allow@any"]))
    return "\n".join(lines) + "\n"


def names_about(policy):
    """Every name the policy mentions, its ancestors, names below and beside it"""
    found = {"example", "example.org", "q.example", "z"}
    for word in policy.replace("{", " ").replace("}", " ").replace(",", " ").replace("@", " ").replace("=", " ").split():
        name = word.split(":")[0].removeprefix("*.")
        if name[:1].isdigit() or ("." not in name and name != "intranet"):
            continue
        parts = name.split(".")
        for i in range(len(parts)):
            tail = ".".join(parts[i:])
            found |= {tail, "q." + tail, "q.r." + tail, "x" + tail}
    return sorted(found)


def verdicts(policy, names):
    flows = (f"dns@{name}" if "." in name else f"dns@domain={name}" for name in names)
    result = policyc("eval", "-", *flows, text=policy)
    assert result.returncode == 0, result.stderr
    return [line.split("\t")[0] for line in result.stdout.splitlines()]


def ask(port, name, kind=1):
    """The response code, None without an answer"""
    query = struct.pack("!6H", random.getrandbits(16), 0x100, 1, 0, 0, 0)
    query += b"".join(bytes([len(label)]) + label.encode() for label in name.split(".")) + b"\0" + struct.pack("!2H", kind, 1)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.settimeout(5)
        sock.connect(("127.0.0.1", port))
        for _ in range(4):
            try:
                sock.send(query)
                return sock.recv(4096)[3] & 15
            except (TimeoutError, ConnectionRefusedError):
                time.sleep(0.1)
    return None


def wait_for(port):
    for _ in range(200):
        if ask_quietly(port):
            return True
        time.sleep(0.05)
    return False


def ask_quietly(port):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.settimeout(0.3)
        sock.connect(("127.0.0.1", port))
        try:
            sock.send(struct.pack("!6H", 7, 0x100, 1, 0, 0, 0) + b"\5probe\7invalid\0" + struct.pack("!2H", 1, 1))
            return bool(sock.recv(512))
        except OSError:
            return False


def unbound(zone):
    with open(f"{WORK}/msb.rpz", "w", encoding="utf-8") as out:
        out.write(zone)
    with open(f"{WORK}/unbound.conf", "w", encoding="utf-8") as out:
        out.write(f"""server:
  interface: 127.0.0.1@5301
  username: ""
  chroot: ""
  directory: "{WORK}"
  pidfile: ""
  use-syslog: no
  do-daemonize: no
  do-not-query-localhost: no
  module-config: "respip iterator"
  local-zone: "invalid." nodefault
  local-zone: "test." nodefault
forward-zone:
  name: "."
  forward-addr: 127.0.0.1@5300
rpz:
  name: "rpz.msb."
  zonefile: "{WORK}/msb.rpz"
remote-control:
  control-enable: no
""")
    with open(f"{WORK}/unbound.log", "w", encoding="utf-8") as log:
        return subprocess.Popen(["unbound", "-d", "-c", f"{WORK}/unbound.conf"], stdout=log, stderr=log)


def dnsmasq(config):
    with open(f"{WORK}/dnsmasq.conf", "w", encoding="utf-8") as out:
        out.write(config)
    sets = sorted({part.split("#")[-1] for line in config.splitlines() if line.startswith("nftset=")
                   for part in line.split("/")[-1].split(",")})
    subprocess.run(["nft", "delete table inet msb"], capture_output=True, check=False)
    script = "table inet msb {\n" + "".join(
        f" set {name} {{ type {'ipv4' if name.endswith('v4') else 'ipv6'}_addr; }}\n" for name in sets) + "}\n"
    subprocess.run(["nft", "-f", "-"], input=script, text=True, check=True)
    with open(f"{WORK}/dnsmasq.log", "w", encoding="utf-8") as log:
        return subprocess.Popen(["dnsmasq", "-k", f"--conf-file={WORK}/dnsmasq.conf", "--pid-file=", "--port=5301",
                                 "--bind-interfaces", "--listen-address=127.0.0.1", "--user=root", "--log-facility=-"],
                                stdout=log, stderr=log), sets


def compare(program, label, policy):
    """Mismatches of one running server, as text"""
    names = names_about(policy)
    wrong = []
    for name, verdict in zip(names, verdicts(policy, names)):
        code = ask(5301, name)
        if code != (NOERROR if verdict == "allow" else NXDOMAIN):
            wrong.append(f"{name}: eval says {verdict}, {program} answered with code {code}")
    return len(names), wrong


def stop(process):
    process.terminate()
    process.wait()


def report(name, wrong):
    print(f"ok interchange {name}" if not wrong else f"not ok interchange {name} - {'; '.join(wrong[:4])}", flush=True)


def try_one(program, label, policy):
    """The number of names compared, or None where the target refuses the policy"""
    result = policyc("compile", "--emit", "rpz" if program == "unbound" else "dnsmasq", "-", text=policy)
    if result.returncode == 1 and "[cannot-say]" in result.stderr:
        return None
    assert result.returncode == 0, result.stderr
    process, sets = (unbound(result.stdout), []) if program == "unbound" else dnsmasq(result.stdout)
    wrong = ["it did not start"]
    count = 0
    if wait_for(5301):
        count, wrong = compare(program, label, policy)
    if program == "dnsmasq" and label == "agent":
        wrong += wrong_sets()
        if ask(5301, "rebind.example") != NXDOMAIN:
            wrong.append("a private answer passed rebind protection")
    stop(process)
    report(f"{program} {label}, {count} names", wrong)
    return count


def wrong_sets():
    """In the agent policy rule 2 names github.com, rule 3 pypi.org: an answer fills its rule's set and no other"""
    wrong = []
    for asked, filled in (("github.com", "rule2_v4"), ("files.pythonhosted.org", "rule3_v4"), ("www.github.com", None)):
        for name in ("rule2_v4", "rule3_v4"):
            subprocess.run(["nft", f"flush set inet msb {name}"], check=True)
        ask(5301, asked)
        for name in ("rule2_v4", "rule3_v4"):
            listed = subprocess.run(["nft", f"list set inet msb {name}"], capture_output=True, text=True, check=True).stdout
            if ("93.184.216.34" in listed) != (name == filled):
                wrong.append(f"{asked}: set {name} is {'empty' if name == filled else 'filled'}")
    return wrong


def main():
    rng = random.Random(SEED)
    policies = dict(FIXED)
    for i in range(ROUNDS):
        policies[f"random {i}"] = random_policy(rng)
    print(f"# seed {SEED}", flush=True)
    accepted = {"unbound": 0, "dnsmasq": 0}
    for label, policy in policies.items():
        policy += "dns nameserver 127.0.0.1:5300\n"
        for program in accepted:
            if try_one(program, label, policy) is not None:
                accepted[program] += 1
    report(f"targets accept most policies: {accepted}",
           [] if accepted["unbound"] == len(policies) and accepted["dnsmasq"] > len(policies) // 3 else ["too few"])


main()
