"""New flows against the number of rules, as SVG by gnuplot; readable on light and dark ground."""
import shutil
import subprocess
import sys

# label of a row → its line in the plot; colours that stand out on white and on black alike
SERIES = {
    "no ruleset": ("no ruleset, no conntrack", "#808080", 13),
    "as msb-run installs them": ("msb-run", "#1f9e5a", 7),
    "-O0": ("the same at -O0", "#d9822b", 9),
    "an ordinary ruleset": ("an ordinary linear ruleset", "#3b82d6", 5),
}
INK = "#7d7d7d"


def draw(rows, path, machine, date):
    """Writes PATH where the rows have the curves, and gnuplot is there."""
    curves = {}
    for row in rows:
        if " mixed rules" in row["work"] and "rules" in row and row.get("label") in SERIES:
            curves.setdefault(row["label"], {})[row["rules"]] = row["value"]
    if not curves:
        return
    if not shutil.which("gnuplot"):
        print("bench: no plot without gnuplot: make deps-bench", file=sys.stderr)
        return
    done = subprocess.run(["gnuplot"], input=script(curves, f"{machine}; {date}"), capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"bench: gnuplot: {done.stderr}")
    with open(path, "w", encoding="utf-8") as file:
        file.write(done.stdout)


def script(curves, below):
    lines = ['set terminal svg size 760,430 dynamic font "sans-serif,13" noenhanced',
             f'set border 3 lc rgb "{INK}"', f'set grid lc rgb "{INK}" lw 0.3', "set tics nomirror",
             f'set key inside bottom left Left reverse tc rgb "{INK}"', "set logscale xy", "set format '%.0s%c'",
             f'set xtics tc rgb "{INK}"', f'set ytics tc rgb "{INK}"',
             f'set xlabel "rules in the policy, a third of them names\\n{below}" tc rgb "{INK}"',
             f'set ylabel "new flows a second, one core" tc rgb "{INK}"', "set xrange [0.8:13000]", "set yrange [1000:2000000]"]
    present = [label for label in SERIES if label in curves]
    for number, label in enumerate(present):
        points = "\n".join(f"{rules} {value}" for rules, value in sorted(curves[label].items()))
        lines.append(f"$c{number} << E\n{points}\nE")
    lines.append("plot " + ", ".join(f'$c{number} with linespoints lw 2 pt {SERIES[label][2]} ps 0.8 lc rgb "{SERIES[label][1]}" '
                                     f'title "{SERIES[label][0]}"' for number, label in enumerate(present)))
    return "\n".join(lines) + "\n"
