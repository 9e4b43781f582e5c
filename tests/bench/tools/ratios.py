#!/usr/bin/env python3
"""From `ROUND NAME VALUE` a line (what was measured side by side in a round) to a JSON object a line: the median and the quartiles of
the ratio of each NAME to that of --against in the same round, and the median value.

usage: ratios.py --work TEXT --against NAME [--as TEXT] [--goal NUMBER] [--unit TEXT] [--less] [--rules N] [NAME[=LABEL]...] < LINES
   --less: the value is a cost, so the ratio is turned round: above 1 is better than --against"""
import argparse
import json
import statistics
import sys

parser = argparse.ArgumentParser()
parser.add_argument("--work", required=True)
parser.add_argument("--against", required=True)
parser.add_argument("--as", dest="called")
parser.add_argument("--goal", type=float)
parser.add_argument("--unit", default="packets/s")
parser.add_argument("--less", action="store_true")
parser.add_argument("--rules", type=int, help="of the policy, where it is a point of a curve")
parser.add_argument("names", nargs="*")
options = parser.parse_args()

rounds = {}
for line in sys.stdin:
    number, name, value = line.split("\t")
    rounds.setdefault(name, {})[number] = float(value)
base = rounds.get(options.against) or sys.exit(f"ratios.py: nothing was measured of {options.against}")
for wanted in options.names or [name for name in rounds if name != options.against]:
    name, _, label = wanted.partition("=")
    ours = rounds.get(name) or sys.exit(f"ratios.py: nothing was measured of {name}")
    both = [number for number in ours if number in base]
    ratios = sorted(base[n] / ours[n] if options.less else ours[n] / base[n] for n in both)
    low, middle, high = statistics.quantiles(ratios, n=4) if len(ratios) > 1 else ratios * 3
    row = {"work": options.work, "against": options.called or options.against, "ratio": round(middle, 3), "low": round(low, 3),
           "high": round(high, 3), "runs": len(ratios), "value": round(statistics.median(ours.values()), 3), "unit": options.unit}
    if options.goal is not None:
        row["goal"] = options.goal
    if options.rules:
        row["rules"] = options.rules
    row["label"] = label or name
    print(json.dumps(row))
