#!/usr/bin/env python3
"""Draws docs/scaling.svg from the output of bench_scaling, which it reads from standard input."""

import sys
from collections import defaultdict
from html import escape
from math import ceil, floor, log10
from pathlib import Path

TARGET = Path(__file__).resolve().parents[2] / "docs" / "scaling.svg"

WIDTH, HEIGHT = 900, 620
PLOT_WIDTH, PLOT_HEIGHT = 300, 210
LEFTS, TOPS = (62, 512), (40, 350)
LABEL_GAP = 13

# name of the series, title, label of the x axis, ticks of the x axis
PANELS = (
    ("candidates", "Listed candidates", "candidates", (10**3, 10**4, 10**5, 10**6, 10**7)),
    ("features", "Features, 20,000 candidates", "features h", (32, 64, 128, 256)),
    ("batch", "Batch, 20,000 candidates", "pairs in the batch k", (1, 5, 25, 125, 500, 2000)),
    ("items", "All pairs of the items", "items n", (500, 2000, 10**4, 10**5)),
)
# slope of a guide line, and a point of it: x, ms
GUIDES = {
    "candidates": ((1, 10**7, 400.0),),
    "features": ((1, 64, 1.0), (2, 64, 1.0)),
    "batch": ((1, 2000, 1000.0),),
    "items": ((2, 10**5, 4500.0),),
}
GUIDE_NAMES = {1: "∝ x", 2: "∝ x²"}

STYLE = """
text { font: 12px system-ui, sans-serif; fill: #707070; }
.title { font-size: 13px; font-weight: 600; }
.note, .tick { font-size: 11px; }
.grid { stroke: #888; stroke-width: .5; stroke-opacity: .4; }
.guide { stroke: #888; stroke-width: 1.2; stroke-dasharray: 1 4; stroke-linecap: round; }
.line { fill: none; stroke-width: 1.8; stroke-linejoin: round; }
.pa-dopt { color: #2a78c2; }
.greedy { color: #c96a00; }
.exchange { color: #23875c; }
.a-opt { color: #a4479a; }
.line { stroke: currentColor; }
circle, .name { fill: currentColor; }
@media (prefers-color-scheme: dark) {
text { fill: #c8c8c8; }
.pa-dopt { color: #6cb0f0; }
.greedy { color: #f0a040; }
.exchange { color: #5cc796; }
.a-opt { color: #dc8ad2; }
}
"""


def read(lines):
    """{series: {strategy: [(x, ms)]}}, and {strategy: [(x, kB)]} of the memory over all pairs."""
    times, memory = defaultdict(lambda: defaultdict(list)), defaultdict(list)
    for line in lines:
        if line.startswith("#"):
            continue
        series, x, value = line.strip().split(",")
        strategy, by = series.split(" by ")
        point = int(x), float(value)
        if by.endswith("memory"):
            memory[strategy].append(point)
        else:
            times[by][strategy].append(point)
    return times, memory


def ticks_between(low, high):
    """Powers of ten, and in a short range also 2 and 5 times these, that enclose low to high."""
    steps = (1, 2, 5) if high / low < 50 else (1,)
    exponents = range(floor(log10(low)), ceil(log10(high)) + 1)
    all_ticks = [step * 10.0**exponent for exponent in exponents for step in steps]
    first = max(i for i, tick in enumerate(all_ticks) if tick <= low)
    last = min(i for i, tick in enumerate(all_ticks) if tick >= high)
    return all_ticks[first : last + 1]


def text(x, y, words, kind="", anchor="start", more=""):
    place = f'x="{x:.1f}" y="{y:.1f}" class="{kind}" text-anchor="{anchor}"{more}'
    return f"<text {place}>{escape(words)}</text>"


def line(x1, y1, x2, y2, kind):
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" class="{kind}"/>'


def spread(labels):
    """Moves labels (y, words, kind) at one x apart, so that they do not overlap."""
    labels = sorted(labels)
    placed = []
    for y, words, kind in labels:
        if placed and y - placed[-1][0] < LABEL_GAP:
            y = placed[-1][0] + LABEL_GAP
        placed.append((y, words, kind))
    shift = sum(y for y, *_ in labels) / len(labels) - sum(y for y, *_ in placed) / len(placed)
    return [(y + shift, words, kind) for y, words, kind in placed]


class Panel:
    def __init__(self, left, top, x_range, y_range):
        self.left, self.top = left, top
        self.x_range, self.y_range = x_range, y_range

    def at(self, x, y):
        (x_low, x_high), (y_low, y_high) = self.x_range, self.y_range
        return (
            self.left + PLOT_WIDTH * log10(x / x_low) / log10(x_high / x_low),
            self.top + PLOT_HEIGHT * (1 - log10(y / y_low) / log10(y_high / y_low)),
        )

    def clipped(self, slope, x, y):
        """The ends of the part of a guide line through (x, y) that is in the panel."""
        ends = []
        for bound_x, bound_y, pick in zip(self.x_range, self.y_range, (max, min)):
            end = pick(bound_x, x * (bound_y / y) ** (1 / slope))
            ends.append(self.at(end, y * (end / x) ** slope))
        return ends


def draw_panel(left, top, description, series):
    by, title, x_label, x_ticks = description
    values = [ms for points in series.values() for _, ms in points]
    y_ticks = ticks_between(min(values), max(values))
    panel = Panel(left, top, (x_ticks[0], x_ticks[-1]), (y_ticks[0], y_ticks[-1]))
    bottom, right = top + PLOT_HEIGHT, left + PLOT_WIDTH
    out = [text(left, top - 12, title, "title")]
    for tick in x_ticks:
        x, _ = panel.at(tick, y_ticks[0])
        out.append(line(x, top, x, bottom, "grid"))
        out.append(text(x, bottom + 15, f"{tick:,}", "tick", "middle"))
    for tick in y_ticks:
        _, y = panel.at(x_ticks[0], tick)
        out.append(line(left, y, right, y, "grid"))
        out.append(text(left - 6, y + 4, f"{tick:,g}", "tick", "end"))
    out.append(text(left + PLOT_WIDTH / 2, bottom + 32, x_label, "", "middle"))
    x, y = left - 46, top + PLOT_HEIGHT / 2
    out.append(text(x, y, "ms", "", "middle", f' transform="rotate(-90 {x} {y})"'))
    labels = defaultdict(list)
    for slope, x, y in GUIDES[by]:
        start, end = panel.clipped(slope, x, y)
        out.append(line(*start, *end, "guide"))
        labels[round(end[0])].append((end[1], GUIDE_NAMES[slope], "note"))
    for strategy, points in series.items():
        places = [panel.at(*point) for point in points]
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
        out.append(f'<polyline points="{path}" class="line {strategy}"/>')
        for x, y in places:
            out.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="2.4" class="{strategy}"/>')
        x, y = places[-1]
        if x < right - 1:  # other lines pass to the right of this end
            out.append(text(x - 6, y - 7, strategy, f"name {strategy}", "end"))
        else:
            labels[round(x)].append((y, strategy, f"name {strategy}"))
    for x, there in labels.items():
        out += [text(x + 8, y + 4, words, kind) for y, words, kind in spread(there)]
    return out


def draw(times, memory):
    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}"'
        f' width="{WIDTH}" height="{HEIGHT}" role="img">',
        "<title>Time of a selection by candidates, features, batch and items</title>",
        f"<style>{STYLE}</style>",
    ]
    for i, description in enumerate(PANELS):
        left, top = LEFTS[i % 2], TOPS[i // 2]
        out += draw_panel(left, top, description, times[description[0]])
    notes = []
    for strategy, points in memory.items():
        items, kilobytes = points[-1]
        notes.append(f"{strategy} {kilobytes / 1000:.0f} MB at {items:,}")
    added = "Peak memory added, all pairs: " + ", ".join(notes) + " items"
    out.append(text(WIDTH - 15, HEIGHT - 8, added, "note", "end"))
    out.append("</svg>\n")
    return "\n".join(out)


if __name__ == "__main__":
    TARGET.write_text(draw(*read(sys.stdin)), encoding="utf-8")
