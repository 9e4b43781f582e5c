#!/usr/bin/env python3
"""Applies every edit that `check` suggests and checks again: what compiled still does, the finding is gone, and no other
has come. An error's edits leave that line without that error and without a new one.
usage: suggested-edits.py MSB-POLICYC [--random COUNT SEED] [FILE...]: TAP-less, a line for each that breaks"""
import json, os, random, shutil, subprocess, sys, tempfile
from collections import Counter

policyc = os.path.abspath(sys.argv[1])
tried = broken = 0


def check(name, where, arguments):
    run = subprocess.run([policyc, "check", "--today", "2026-11-24", "--format", "json", *arguments, name], cwd=where,
                         capture_output=True)
    if run.returncode < 0 or run.returncode > 1:
        raise SystemExit(f"status {run.returncode}: {run.stderr.decode()}")
    return json.loads(run.stdout)["findings"]


def offset(text, line, column):
    lines = text.split("\n")
    return sum(len(other) + 1 for other in lines[:line - 1]) + column - 1


def apply(where, edits):
    """{file: text before} of what was changed"""
    before = {}
    for name in {edit["file"] for edit in edits}:
        with open(os.path.join(where, name), newline="", encoding="utf-8") as f:
            before[name] = text = f.read()
        places = sorted((offset(text, e["line"], e["column"]), offset(text, e["endLine"], e["endColumn"]), e["text"])
                        for e in edits if e["file"] == name)
        out, at = "", 0
        for start, end, new in places:
            assert at <= start <= end, "edits overlap"
            out, at = out + text[at:start] + new, end
        with open(os.path.join(where, name), "w", newline="", encoding="utf-8") as f:
            f.write(out + text[at:])
    return before


def restore(where, before):
    for name, text in before.items():
        with open(os.path.join(where, name), "w", newline="", encoding="utf-8") as f:
            f.write(text)


def why_broken(finding, before, after):
    if finding["level"] == "error":
        here = Counter(f["id"] for f in before if f.get("line") == finding["line"])
        left = Counter(f["id"] for f in after if f.get("line") == finding["line"] and f["level"] == "error")
        left -= here - Counter([finding["id"]])
        return f"line {finding['line']} still has {dict(left)}" if left else None
    ids = Counter(f["id"] for f in before) - Counter([finding["id"]])
    more = Counter(f["id"] for f in after) - ids
    return f"raises {dict(more)}" if more else None


def try_all(where, name, arguments=()):
    global tried, broken
    before = check(name, where, arguments)
    for finding in before:
        if not finding.get("edits") or any(e["file"].startswith("arg:") for e in finding["edits"]):
            continue
        tried += 1
        texts = apply(where, finding["edits"])
        why = why_broken(finding, before, check(name, where, arguments))
        if why:
            broken += 1
            with open(os.path.join(where, name), encoding="utf-8") as f:
                print(f"{name}: {finding['id']} at line {finding['line']}: help: {finding.get('hint')}: {why}; now:\n{f.read()}")
        restore(where, texts)


TARGETS = ["any", "dns", "public", "private", "host", "meta", "loopback", "link-local", "{private,host}", "{private,meta,host}",
           "10.0.0.0/8", "10.1.2.3/8", "10.0.0.5", "1.1.1.1", "0.0.0.0/0", "[::/0]", "[2606:4700::/32]", "198.51.100.0/24",
           "[::ffff:10.0.0.0/104]", "github.com", "*.github.com", "*.example.com", "api.example.com", "{pypi.org,*.github.com}",
           "*.github.io", "vcs", "{10.0.0.0/8,public}", "169.254.169.254", "0.0.0.0",
           "db.internal", "{127.0.0.1,1.1.1.1}", "{multicast,public}", "host.microsandbox.internal"]
PORTS = ["", "", ":tcp", ":udp", ":tcp:443", ":tcp:{80,443}", ":{tcp,udp}:53", ":tcp:1-1000", ":icmpv4", ":{tcp,icmpv6}", ":udp:853", ":tcp:{443,853}",
         ":udp:53"]
BEHIND = ["", "", "", "  # why", ' because "it is so"', " log", "  # lint: ignore no-effect it is so", " # lint: ignore no-efect so",
          " # lint: ignore bad-ports so", " # lint: ignore"]
EXPECTS = ["egrss@github.com:tcp:443", "egress@github.com:443", "egress@any:tcp:443 sni=github.com", "answer@public", "dns@localhost:udp",
           "egress@localhost:tcp:80", "dns@*.x.com", "ingress@[2606:4700::/32]:tcp:80", "egress@github.com", "dns@vcs"]


def random_policy(pick):
    lines = pick.choice([["default egress deny"], ["default egress allow"], ["default any deny"], ["profile public"], [],
                         ["# a comment"]])
    lines = lines + ["group vcs = github.com, 140.82.112.0/20"]
    for _ in range(pick.randint(1, 7)):
        action = pick.choice(["allow", "allow", "deny"]) + pick.choice(["", "", "", ":ingress", ":any"])
        target, ports = pick.choice(TARGETS), pick.choice(PORTS)
        if target == "dns":
            action, ports = action.split(":")[0], pick.choice(["", ":udp"])
        if "icmp" in ports:
            action = action.split(":")[0]
        lines.append(f"{action}@{target}{ports}" + pick.choice(BEHIND))
        if pick.random() < 0.05:
            lines.insert(pick.randint(1, len(lines)), "# lint: ignore " + pick.choice(["no-effect", "no-dns"]) + " above")
    if pick.random() < 0.1:
        lines.append(pick.choice(["expect allow ", "expect deny "]) + pick.choice(EXPECTS))
    if pick.random() < 0.3:
        lines.append(pick.choice(["publish 8080:80", "publish 0.0.0.0:8080:80", "publish [::]:8443:443", "publish 443:8443"]))
    end = pick.choice(["\n", "\n", "\n", "\r\n"])
    return end.join(lines) + pick.choice([end, end, ""])


def main():
    arguments = sys.argv[2:]
    if arguments and arguments[0] == "--random":
        pick = random.Random(int(arguments[2]))
        with tempfile.TemporaryDirectory() as where:
            for number in range(int(arguments[1])):
                with open(os.path.join(where, "policy.msb"), "w", newline="", encoding="utf-8") as f:
                    f.write(random_policy(pick))
                try_all(where, "policy.msb")
        arguments = arguments[3:]
    for path in arguments:
        with tempfile.TemporaryDirectory() as where:
            shutil.copytree(os.path.dirname(path) or ".", where, dirs_exist_ok=True)
            try_all(where, os.path.basename(path))
    print(f"{tried} tried, {broken} broken")
    return 1 if broken or not tried else 0


sys.exit(main())
