#!/usr/bin/env python3
"""Processor time and peak memory of commands of msb-policyc on the policies that tools.sh made. usage: costs.py MSB-POLICYC DIR"""
import json
import os
import statistics
import subprocess
import sys

RUNS = {1000: 9, 10000: 5, 100000: 1, 1000000: 1}
ENOUGH_S = 20  # no longer policies where one that is ten times as long would take more
TENTH = 10


def cost(command):
    """Seconds of processor time, MiB at most; None where it fails"""
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        _, status, use = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    return (use.ru_utime + use.ru_stime, use.ru_maxrss / 1024) if process.returncode in (0, 1) else None


def row(work, ours, tenth, count):
    against = "a tenth of the rules, a rule" if tenth else "nothing, the shortest"
    ratios = sorted(TENTH * small[0] / large[0] for small in tenth for large in ours) or [1, 1]
    low, middle, high = statistics.quantiles(ratios, n=4) if len(ratios) > 1 else ratios * 3
    print(json.dumps({
        "work": work, "against": against, "label": f"{count:,} rules", "ratio": round(middle, 3),
        "low": round(low, 3), "high": round(high, 3), "runs": len(ours), "value": round(statistics.median(time for time, _ in ours), 4),
        "unit": "s", "memory": round(statistics.median(memory for _, memory in ours), 1)}), flush=True)


def main():
    policyc, where = sys.argv[1:]
    failed = False
    for shape in ("mixed", "crossed"):
        for command, counts in (("compile", (1000, 10000, 100000, 1000000)), ("check", (1000, 10000, 100000)), ("diff", (1000, 10000, 100000))):
            tenth = []
            for count in counts:
                old, new = (os.path.join(where, f"{shape}.{count}{what}.msb") for what in ("", ".new"))
                if not os.path.exists(old):
                    continue
                ours = [cost([policyc, command, old] + ([new] if command == "diff" else [])) for _ in range(RUNS[count])]
                if None in ours:
                    print(f"costs.py: {command} of {count} {shape} rules failed", file=sys.stderr)
                    failed = True
                    break
                row(f"{command}, {shape} rules", ours, tenth, count)
                tenth = ours
                if ours[0][0] * TENTH > ENOUGH_S:
                    break
    sys.exit(failed)


main()
