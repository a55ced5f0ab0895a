#!/usr/bin/env python3
"""Writes the plots of benches/README.md from the results of criterion.

    scripts/plots.py [FOLDER...]

The folders are those that criterion wrote: target/criterion and benches/peers/target/criterion by default.
Each plot is a small SVG file in benches/plots: time by number of rules, both axes logarithmic. Its colors
follow the reader's light or dark mode.
"""

from __future__ import annotations

import json
import math
import pathlib
import sys
from typing import Iterable, Mapping

ROOT = pathlib.Path(__file__).resolve().parent.parent
FOLDERS = [ROOT / "target" / "criterion", ROOT / "benches" / "peers" / "target" / "criterion"]
PLOTS = ROOT / "benches" / "plots"

# Size of a plot, and of the frame within it.
WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 640, 320, 64, 190, 16, 40
RULES = (10, 100, 1_000, 10_000)
# Distinguishable without color vision, and on white and on black.
COLORS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")
STYLE = """<style>
text { font: 12px sans-serif; fill: #333; }
.grid { stroke: #8888; stroke-width: 0.5; }
.line { fill: none; stroke-width: 2; }
@media (prefers-color-scheme: dark) { text { fill: #ddd; } }
</style>"""

# For each plot, the name of each line and the criterion group and benchmark it shows.
LINES: Mapping[str, Mapping[str, str]] = {
    "decide": {
        "window in a zone": "decide/windows, last",
        "patterns": "decide/patterns, last",
        "networks": "decide/networks, last",
        "literal names": "decide/names, last",
        "floor: two lookups": "floor/last",
    },
    "adversarial": {
        "reference, names": "reference/names, last",
        "a pattern each": "candidates/a pattern each, alice",
        "naive scan, names": "scan/names, last",
        "64 closed windows": "candidates/64 closed windows, alice",
        "one closed window": "candidates/one closed window, alice",
    },
    "peers": {
        "Cedar": "cedar/last",
        "casbin": "casbin/last",
        "naive scan": "scan/last",
        "regorus": "regorus/last",
        "Sentinel": "sentinel/last",
    },
}


def medians(folders: Iterable[pathlib.Path]) -> "dict[str, float]":
    """The median of each benchmark in nanoseconds, by `group/benchmark/parameter`."""
    found = {}
    for folder in folders:
        for file in folder.glob("**/new/benchmark.json"):
            name = json.loads(file.read_text())["full_id"]
            estimates = json.loads(file.with_name("estimates.json").read_text())
            found[name] = estimates["median"]["point_estimate"]
    return found


def unit(nanoseconds: float) -> str:
    for size, name in ((1e6, "ms"), (1e3, "µs")):
        if nanoseconds >= size:
            return f"{nanoseconds / size:g} {name}"
    return f"{nanoseconds:g} ns"


def plot(lines: "dict[str, list[tuple[int, float]]]") -> str:
    """One plot: for each line, its points."""
    values = [value for points in lines.values() for _, value in points]
    low, high = math.floor(math.log10(min(values))), math.ceil(math.log10(max(values)))

    def x(rules: int) -> float:
        share = (math.log10(rules) - 1) / (math.log10(RULES[-1]) - 1)
        return LEFT + share * (WIDTH - LEFT - RIGHT)

    def y(value: float) -> float:
        share = (math.log10(value) - low) / (high - low)
        return HEIGHT - BOTTOM - share * (HEIGHT - TOP - BOTTOM)

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}">',
        STYLE,
    ]
    for power in range(low, high + 1):
        at = y(10.0**power)
        parts.append(f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{at:.1f}" y2="{at:.1f}"/>')
        label = unit(10.0**power)
        parts.append(f'<text x="{LEFT - 6}" y="{at + 4:.1f}" text-anchor="end">{label}</text>')
    for rules in RULES:
        label = f'{rules:,} rules' if rules == RULES[0] else f"{rules:,}"
        parts.append(
            f'<text x="{x(rules):.1f}" y="{HEIGHT - BOTTOM + 18}" text-anchor="middle">{label}</text>')
    labels: "list[float]" = []
    ordered = sorted(lines.items(), key=lambda line: -line[1][-1][1])
    for color, (name, points) in zip(COLORS, ordered):
        path = " ".join(f"{x(rules):.1f},{y(value):.1f}" for rules, value in points)
        parts.append(f'<polyline class="line" stroke="{color}" points="{path}"/>')
        for rules, value in points:
            parts.append(f'<circle fill="{color}" cx="{x(rules):.1f}" cy="{y(value):.1f}" r="3"/>')
        # Labels that would overlap move down.
        at = max([y(points[-1][1]) + 4, *(label + 14 for label in labels[-1:])])
        labels.append(at)
        parts.append(f'<text x="{WIDTH - RIGHT + 10}" y="{at:.1f}" style="fill:{color}">{name}</text>')
    parts.append("</svg>")
    return "\n".join(parts) + "\n"


def main(arguments: "list[str]") -> int:
    if arguments[:1] in (["-h"], ["--help"]):
        print(__doc__.strip())
        return 0
    found = medians([pathlib.Path(folder) for folder in arguments] or FOLDERS)
    PLOTS.mkdir(exist_ok=True)
    missing = 0
    for name, wanted in LINES.items():
        lines = {
            line: [(rules, found[f"{benchmark}/{rules}"]) for rules in RULES
                   if f"{benchmark}/{rules}" in found]
            for line, benchmark in wanted.items()
        }
        lines = {line: points for line, points in lines.items() if points}
        if len(lines) < len(wanted):
            print(f"{name}: not all benchmarks were run", file=sys.stderr)
            missing += 1
        if lines:
            (PLOTS / f"{name}.svg").write_text(plot(lines))
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
