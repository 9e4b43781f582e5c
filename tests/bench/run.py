#!/usr/bin/env python3
"""Runs the benches beside it (*.sh, each of which prints a JSON object a line) one after the other and shows what they say.

usage: run.py BUILD [--only NAME]... [--json] [--from FILE] [--plot FILE.svg]
   standard output: a table in Markdown, with the machine and the date; --json: the objects instead
   BUILD/bench.json: the machine, the date, and all objects; BUILD/bench.svg, or FILE.svg: new flows against rules
   --from FILE: nothing is run, these are the objects (or a bench.json of before)"""
import argparse
import datetime
import glob
import json
import os
import platform
import subprocess
import sys

sys.dont_write_bytecode = True  # the tree stays as it is
import plot  # pylint: disable=wrong-import-position

HERE = os.path.dirname(os.path.abspath(__file__))


def main():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("build")
    parser.add_argument("--only", action="append", default=[])
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--from", dest="source")
    parser.add_argument("--plot")
    options = parser.parse_args()
    if options.source:
        results = read(options.source)
    else:
        results = {"machine": machine(), "date": datetime.date.today().isoformat(), "failed": [], "rows": []}
        for script in chosen(options.only):
            run(script, options.build, results)
        with open(os.path.join(options.build, "bench.json"), "w", encoding="utf-8") as file:
            json.dump(results, file, indent=1)
    if options.json:
        for row in results["rows"]:
            print(json.dumps(row))
    else:
        print(table(results), end="")
    plot.draw(results["rows"], options.plot or os.path.join(options.build, "bench.svg"), results["machine"], results["date"])
    return 1 if results["failed"] else 0


def chosen(only):
    scripts = {os.path.basename(path)[:-3]: path for path in sorted(glob.glob(os.path.join(HERE, "*.sh")))}
    unknown = [name for name in only if name not in scripts]
    if unknown:
        sys.exit(f"bench: no bench is called {unknown[0]}; there are {', '.join(scripts)}")
    return [path for name, path in scripts.items() if not only or name in only]


def run(script, build, results):
    name = os.path.basename(script)[:-3]
    print(f"bench: {name} ...", file=sys.stderr)
    done = subprocess.run([script, build], stdout=subprocess.PIPE, text=True, check=False)
    try:
        results["rows"] += [{"bench": name, **json.loads(line)} for line in done.stdout.splitlines() if line]
    except ValueError:
        print(f"bench: {name} printed something else than JSON", file=sys.stderr)
        done.returncode = done.returncode or 1
    if done.returncode:
        print(f"bench: {name} failed with status {done.returncode}", file=sys.stderr)
        results["failed"].append(name)


def read(path):
    with open(path, encoding="utf-8") as file:
        text = file.read()
    try:
        return json.loads(text)
    except ValueError:  # an object a line
        rows = [json.loads(line) for line in text.splitlines() if line]
        return {"machine": machine(), "date": datetime.date.today().isoformat(), "failed": [], "rows": rows}


def machine():
    with open("/proc/cpuinfo", encoding="utf-8") as file:
        models = [line.split(":", 1)[1].strip() for line in file if line.startswith("model name")]
    with open("/proc/meminfo", encoding="utf-8") as file:
        memory = int(file.readline().split()[1]) / 1024 / 1024
    model = models[0] if models and models[0] != "unknown" else platform.machine()
    return f"{os.cpu_count()} × {model}, {memory:.0f} GiB, Linux {platform.release().split('-')[0]}"


# ---- the table ----

def figure(value):
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.2f}" if value < 10 else f"{value:.1f}"


def amount(row):
    text = f"{figure(row['value'])} {row['unit']}"
    return text + (f", {figure(row['memory'])} MiB" if "memory" in row else "")


def goal(row):
    if "goal" not in row:
        return ""
    return f"{row['goal']:.2f}" + ("" if row["ratio"] >= row["goal"] else " not met")


def table(results):
    lines = [f"{results['machine']}; {results['date']}. Medians; in brackets the quartiles of the ratio.", "",
             "| work | what | against | ratio | goal | |", "|---|---|---|---|---|---|"]
    last = None
    for row in sorted_rows(results["rows"]):
        work = row["work"] if row["work"] != last else ""
        last = row["work"]
        lines.append(f"| {work} | {row.get('label', 'ours')} | {row['against']} | {row['ratio']:.2f} [{row['low']:.2f}–{row['high']:.2f}] "
                     f"| {goal(row)} | {amount(row)} |")
    lines += [f"\n{name} did not end well: its rows are not all here." for name in results["failed"]]
    return "\n".join(lines) + "\n"


def sorted_rows(rows):
    """What is alike stands together, in the order in which it was first said."""
    order = {}
    for row in rows:
        order.setdefault((row["work"], row["against"]), len(order))
    first = {}
    for row in rows:
        first.setdefault(row["work"], len(first))
    return sorted(rows, key=lambda row: (first[row["work"]], order[row["work"], row["against"]]))


sys.exit(main())
