# usage: boot.py RUNS BUILD [BEFORE]: see boot.sh
import collections, os, re, select, statistics, subprocess, sys, time

runs, builds = int(sys.argv[1]), sys.argv[2:]


def qemu_runs():
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                with open(f"/proc/{entry}/stat") as stat:
                    text = stat.read()
            except OSError:
                continue
            if text[text.index("(") + 1 :].startswith("qemu-system"):
                return True
    return False


def start(build):
    begun = time.monotonic()
    argv = [build + "/msb-run", "--verbose", "--vmm", "qemu", "--net-rule", "allow@public", "--", "echo", "the command"]
    run = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    os.set_blocking(run.stdout.fileno(), False)
    os.set_blocking(run.stderr.fileno(), False)
    at, kernel_end, seen = {}, None, b""
    while len(at) < 4 and run.poll() is None:
        ready, _, _ = select.select([run.stdout, run.stderr], [], [], 0.002)
        now = time.monotonic() - begun
        if "qemu" not in at and qemu_runs():
            at["qemu"] = now
        if run.stderr in ready:
            seen += run.stderr.read() or b""
            if b"Linux version" in seen:
                at.setdefault("kernel", now)
            if found := re.search(rb"\[ *([0-9.]+)\] Run /init", seen):
                at.setdefault("init", now)
        if run.stdout in ready and (run.stdout.read() or b""):
            at["command"] = now
    run.wait()
    ended = time.monotonic() - begun
    if run.returncode or len(at) < 4:
        sys.exit(f"boot.py: {build} ended with {run.returncode}: {seen.decode(errors='replace')[-300:]}")
    stops = [at["qemu"], at["kernel"], at["init"], at["command"], ended]
    return [b - a for a, b in zip([0] + stops, stops)] + [ended]


names = ["msb-run's set-up, QEMU's exec", "QEMU starts, the kernel is loaded (and unpacked)", "kernel, until it runs init",
         "init: drivers, network; the command", "the end", "all"]
took = collections.defaultdict(list)
for _ in range(runs):
    for build in builds:
        took[build].append(start(build))
print("| part, ms | " + " | ".join(["this build", "before", "ratio"][: 1 if len(builds) == 1 else 3]) + " |")
print("|---" * (2 if len(builds) == 1 else 4) + "|")
for part, name in enumerate(names):
    values = [statistics.median(turn[part] for turn in took[build]) * 1000 for build in builds]
    cells = [f"{value:.0f}" for value in values]
    if len(builds) == 2:
        ratios = [b[part] / a[part] for a, b in zip(took[builds[0]], took[builds[1]])]
        low, ratio, high = statistics.quantiles(ratios, n=4)
        cells.append(f"{ratio:.2f} ({low:.2f}–{high:.2f})")
    print(f"| {name} | " + " | ".join(cells) + " |")
