"""What the binding says equals what msb-policyc says: over goldens and vectors. MSB_POLICYC and MSB_TESTS say where these are."""
import csv
import json
import os
import subprocess
import tempfile
import threading
import unittest
from pathlib import Path

import msbpolicy
from msbpolicy import Policy, PolicyError, SystemFailure, UsageError

PROGRAM = os.environ["MSB_POLICYC"]
TESTS = Path(os.environ["MSB_TESTS"])
TODAY = "2026-11-24"
GATEWAY = "172.16.0.1,fd42:6d73:62::1"
FLOWS = ["egress@github.com:tcp:443", "egress@10.0.0.1:tcp:80", "dns@x.org", "answer@10.0.0.5",
         "ingress@127.0.0.1:tcp:80", "egress@1.1.1.1:udp:53"]


def program(*arguments: str, given: str = "") -> "tuple[int, str]":
    ran = subprocess.run([PROGRAM, *arguments], input=given.encode("utf-8", "surrogateescape"), stdout=subprocess.PIPE,
                         stderr=subprocess.DEVNULL, check=False)
    return ran.returncode, ran.stdout.decode("utf-8", "replace")


def load(path, options=()):
    """The policy, though it has errors; and whether it has none"""
    try:
        return Policy(path, options), True
    except PolicyError as error:
        if not error.policy:
            raise
        return error.policy, False


class Goldens(unittest.TestCase):
    maxDiff = None

    def setUp(self) -> None:
        self.files = [Path(p) for p in sorted((TESTS / "golden").glob("*/*.msb")) if not (p.parent / "args").exists()]
        self.assertGreater(len(self.files), 20)

    def each(self):
        for path in self.files:
            with self.subTest(path=str(path)):
                os.chdir(path.parent)
                yield path.name

    def test_check(self) -> None:
        for name in self.each():
            policy, _ = load(name, [("today", TODAY)])
            _, wanted = program("check", "--format", "json", "--today", TODAY, name)
            self.assertEqual(policy.check_json(), wanted)
            self.assertEqual(policy.check_json(), wanted, "asked again")
            findings = json.loads(wanted)["findings"]
            self.assertEqual([(f["severity"] if "severity" in f else f["level"], f["id"], f["message"], f.get("line", 0))
                              for f in findings],
                             [(f.severity, f.code, f.text, f.line) for f in policy.check()])

    def test_compile(self) -> None:
        compiled = 0
        for name in self.each():
            options = [("today", TODAY), ("gateway", GATEWAY)]
            flags = ["--today", TODAY, "--gateway", GATEWAY, name]
            policy, _ = load(name, options)
            for target, function in (("nft", policy.compile_nft), ("dns", policy.compile_dns)):
                status, wanted = program("compile", "--emit", target, *flags)
                if status:
                    self.assertRaises(PolicyError, function)
                    continue
                self.assertEqual(function(), wanted)
                compiled += 1
        self.assertGreater(compiled, 20)

    def test_explain_and_evaluate(self) -> None:
        for name in self.each():
            policy, _ = load(name, [("today", TODAY)])
            for flow in FLOWS:
                status, wanted = program("eval", "--format", "json", "--today", TODAY, name, flow)
                if status:
                    self.assertRaises(PolicyError, policy.evaluate, flow)
                    continue
                verdict = policy.evaluate(flow)
                self.assertEqual(verdict.json, wanted)
                self.assertEqual(policy.explain(flow), program("explain", "--today", TODAY, name, flow)[1])
                self.assertEqual(policy.explain(flow, json=True),
                                 program("explain", "--format", "json", "--today", TODAY, name, flow)[1])

    def test_diff(self) -> None:
        os.chdir(TESTS / "golden")
        names = [str(p.relative_to(TESTS / "golden")) for p in self.files]
        compared = 0
        for before, after in zip(names, names[1:]):
            status, wanted = program("diff", "--format", "json", "--today", TODAY, before, after)
            if not wanted:
                continue
            with self.subTest(before=before, after=after):
                one, other = load(before, [("today", TODAY)])[0], load(after, [("today", TODAY)])[0]
                difference = one.diff(other)
                self.assertEqual(difference.json, wanted)
                self.assertEqual(difference.text, program("diff", "--today", TODAY, before, after)[1])
                self.assertEqual(bool(difference.opens + difference.closes + difference.changes), bool(status))
                compared += 1
        self.assertGreater(compared, 5)


class Vectors(unittest.TestCase):
    def test_flows(self) -> None:
        with open(TESTS / "vectors/flows.tsv", encoding="utf-8") as table:
            rows = [r for r in csv.reader(table, delimiter="\t", quoting=csv.QUOTE_NONE) if not r[0].startswith("#")]
        policies = {}
        for row in rows:
            (name, egress, ingress, rules, gateway4, gateway6, bindings, floor, direction, proto, ip, port, sni, wanted,
             match) = row[:15]
            options = [("net-default-egress", egress), ("net-default-ingress", ingress)]
            if rules != "-":
                options.append(("net-rule", rules))
            gateway = ",".join(g for g in (gateway4, gateway6) if g != "-")
            options.append(("gateway", gateway or "none"))
            if floor != "-":
                options.append(("deployment-profile", "multi-tenant"))
            flow = f"{direction}@{'[' + ip + ']' if ':' in ip else ip}:{proto}" + ("" if port == "-" else ":" + port)
            flow += "" if bindings == "-" else " resolve=" + bindings
            flow += "" if sni == "-" else " sni=" + sni
            with self.subTest(name=name, flow=flow):
                key = tuple(options)
                if key not in policies:
                    policies[key] = Policy(None, options)
                verdict = policies[key].evaluate(flow)
                self.assertEqual((verdict.allowed, verdict.decider), (wanted == "allow", match))
                self.assertEqual(verdict.rule, int(match) if match.isdigit() else None)
        self.assertGreater(len(rows), 100)


class Errors(unittest.TestCase):
    def test_places(self) -> None:
        with self.assertRaises(PolicyError) as caught:
            Policy.from_text("agent.msb", "allow@public\nallow@nowhere@x\n")
        self.assertRegex(str(caught.exception), r"^agent\.msb:2:\d+: .* \[[a-z-]+\]$")
        policy = caught.exception.policy
        self.assertEqual([f.severity for f in policy.check()][:1], ["error"])
        for question in (lambda: policy.evaluate(FLOWS[0]), policy.compile_nft, policy.compile_dns,
                         lambda: policy.explain(FLOWS[0]), lambda: policy.diff(policy)):
            self.assertRaises(PolicyError, question)

    def test_usage(self) -> None:
        self.assertRaises(SystemFailure, Policy, "/nonexistent.msb")
        for path, options in (("-", []), (None, [("no-such", "x")]), (None, [("net-rule", None)]), (None, [("no-net", "x")]),
                              (None, [("gateway", "x")]), (None, [("disable", "x")]), (None, [("optimise", "3")]),
                              (None, [("net-mtu", "x")]), (None, [("floor", "-")])):
            with self.subTest(options=options):
                self.assertRaises(UsageError, Policy, path, options)
        policy = Policy.from_text("a.msb", "allow@public")
        for flow in ("", "x", "egress@", "egress@1.1.1.1:tcp:443 " * 4000):
            self.assertRaises(UsageError, policy.evaluate, flow)

    def test_hostile(self) -> None:
        for text in (b"\0", b"\xff\xfe", b"{" * 100000, b"allow@{" * 50000, b'"' * 1000, b"include \"../../etc/passwd\""):
            for name in ("a.msb", "a.json", "a.yaml"):
                try:
                    Policy.from_text(name, text).check()
                except PolicyError as error:
                    self.assertTrue(str(error))
                    if error.policy:
                        error.policy.check()

    def test_dates(self) -> None:
        text = "allow@public:tcp:443 until 2020-01-01\n"
        with self.assertRaises(PolicyError) as caught:
            Policy.from_text("a.msb", text)
        self.assertTrue(caught.exception.policy.evaluate("egress@1.1.1.1:tcp:443").allowed)
        self.assertRaises(PolicyError, caught.exception.policy.compile_nft)
        Policy.from_text("a.msb", text, [("today", "2019-01-01")]).compile_nft()


class Loading(unittest.TestCase):
    def test_includes_of_texts(self) -> None:
        policy = Policy.from_text("a.msb", 'include "b.msb"\n', others={"b.msb": "allow@1.1.1.1:tcp:443\n"})
        self.assertEqual(policy.evaluate("egress@1.1.1.1:tcp:443").place, "b.msb:1:1")
        with tempfile.TemporaryDirectory() as directory:
            os.chdir(directory)
            Path("b.msb").write_text("allow@public\n")
            with self.assertRaises(PolicyError):
                Policy.from_text("a.msb", 'include "b.msb"\n')
            Path("a.msb").write_text('include "b.msb"\n')
            self.assertEqual(Policy("a.msb").evaluate("egress@1.1.1.1:tcp:443").place, "b.msb:1:1")
            os.chdir("/")

    def test_links_out_of_the_directory_are_not_shown(self) -> None:
        with tempfile.TemporaryDirectory() as directory:
            os.chdir(directory)
            for name, text in (("fine", "allow@10.9.8.7:tcp:443\n"), ("broken", "secret-word\n")):
                os.mkdir(name)
                Path("elsewhere").write_text(text)
                os.symlink("../elsewhere", name + "/a.msb")
                policy, _ = load(name + "/a.msb")
                for question in (policy.compile_nft, lambda: policy.explain(FLOWS[0]), lambda: policy.diff(policy)):
                    with self.assertRaises(PolicyError) as caught:
                        question()
                    self.assertNotIn("secret", str(caught.exception))
                self.assertEqual(policy.check_json(), program("check", "--format", "json", name + "/a.msb")[1])
                self.assertNotIn("secret", policy.check_json() + repr(policy.check()))
            os.chdir("/")

    def test_findings_outlive_the_policy(self) -> None:
        policy = Policy.from_text("a.msb", "allow@any because \"x\"\nallow@1.1.1.1\n", [("today", TODAY)])
        verdict = policy.evaluate("egress@1.1.1.1:tcp:443")
        codes = [f.code for f in policy.check()]
        self.assertIn("redundant-rule", codes)
        disabled = Policy.from_text("a.msb", "allow@any\nallow@1.1.1.1\n", [("disable", "redundant-rule")])
        self.assertNotIn("redundant-rule", [f.code for f in disabled.check()])
        del policy
        self.assertEqual((verdict.rule, verdict.because, verdict.text), (1, "x", "allow@any"))

    def test_threads(self) -> None:
        wrong = []

        def work(number: int) -> None:
            for _ in range(20):
                policy = Policy.from_text("a.msb", f"allow@10.0.0.{number}:tcp:443\n")
                if not policy.evaluate(f"egress@10.0.0.{number}:tcp:443").allowed or \
                        policy.evaluate("egress@10.0.0.99:tcp:443").allowed:
                    wrong.append(number)
                policy.check()
                policy.compile_nft()

        threads = [threading.Thread(target=work, args=(number,)) for number in range(1, 5)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(wrong, [])

    def test_version(self) -> None:
        self.assertEqual(program("--version")[1].split()[1], msbpolicy.version())


if __name__ == "__main__":
    unittest.main()
