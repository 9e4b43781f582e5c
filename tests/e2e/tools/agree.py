#!/usr/bin/env python3
"""agree.py JUDGED EXPLAINED EVENTS: flows as `msb-policyc eval` and as `msb-ctl explain` judged them (--format json, in one order), and the
events of the run in which they were tried. Each flow must have been told of, with the verdict and the rule that both name, as it began and
where it has ended, from which port, and by the same name then; prints where not, and at last how many flows there were, and how many of each verdict."""
import json
import sys


def rule_of(verdict):
    return verdict["verdict"], verdict["rule"]


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        judged = json.load(file)
    with open(sys.argv[2], encoding="utf-8") as file:
        explained = json.load(file)
    if len(judged) != len(explained):
        sys.exit("%d judged, %d explained" % (len(judged), len(explained)))
    told, ended, names, unported = {}, {}, {}, set()
    with open(sys.argv[3], encoding="utf-8") as file:
        for event in map(json.loads, file):
            into = told if event["kind"] in ("allow", "deny") else ended if event["kind"] == "flow-end" else {}
            key = event.get("flow"), event.get("sni")
            into.setdefault(key, set()).add((event.get("verdict"), event.get("rule")))
            if into:
                names.setdefault(key, set()).add(event.get("name"))
                if not event.get("source_port"):
                    unported.add(key)
            if event["kind"] == "lost":
                print("lost:", event)
    wrong, counts = 0, {"allow": 0, "deny": 0}
    for verdict, explanation in zip(judged, explained):
        words = verdict["flow"].split(" ")
        sni = next((word[4:] for word in words if word.startswith("sni=")), None)
        key = words[0], sni if verdict.get("syn") == "defer" else None
        expected = rule_of(verdict)
        counts[verdict["verdict"]] += 1
        same = rule_of(explanation) == expected and told.get(key) == {expected} and ended.get(key, {expected}) == {expected}
        if verdict["verdict"] == "allow":
            same = same and key in ended and len(names[key]) == 1
        same = same and key not in unported
        if not same:
            wrong += 1
            print("mismatch:", verdict["flow"], "eval", expected, "explain", rule_of(explanation), "events", told.get(key), "end", ended.get(key), "names", names.get(key),
                  "no port" if key in unported else "")
    print(len(judged), "flows", counts["allow"], "allow", counts["deny"], "deny", wrong, "mismatches")


main()
