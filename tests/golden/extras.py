#!/usr/bin/env python3
"""Writes golden vectors for extras, from an independent float64 implementation in NumPy.

    python3 tests/golden/extras.py        # rewrites tests/golden/data/extras

Each case is a folder. A row of `items` is the prompt, whether the item is empty, and the raw extras.
`placed` has the placed extras of each item, and `centres` those of each prompt.
"""
import pathlib

import numpy as np

OUT = pathlib.Path(__file__).parent / "data" / "extras"
MOST = 3.5

# name, items of each prompt, share of missing numbers, share of empty items
CASES = [
    ("several_prompts", [5, 4, 6, 2, 3], 0.0, 0.0),
    ("lone_items", [1, 1, 4, 1, 3, 1], 0.0, 0.0),
    ("only_lone_items", [1, 1, 1, 1, 1], 0.0, 0.0),
    ("missing", [5, 4, 1, 6, 3], 0.3, 0.0),
    ("empty_items", [6, 5, 4, 1, 5], 0.1, 0.25),
    ("one_prompt", [9], 0.0, 0.1),
]


def place(prompts, empty, raw):
    z = np.full(raw.shape, np.nan)
    centres = np.zeros((prompts.max() + 1, raw.shape[1]))
    placed = np.zeros(raw.shape)
    for j in range(raw.shape[1]):
        known = ~np.isnan(raw[:, j])
        counts = known & ~empty
        if not counts.any() or np.ptp(raw[counts, j]) == 0:
            z[known, j] = 0.0
            continue
        mean, deviation = raw[counts, j].mean(), raw[counts, j].std()
        z[known, j] = np.clip((raw[known, j] - mean) / deviation, -MOST, MOST)
        within, freedom = 0.0, 0
        for p in np.unique(prompts):
            group = z[counts & (prompts == p), j]
            if len(group) >= 2:
                centres[p, j] = group.mean()
                within += ((group - group.mean()) ** 2).sum()
                freedom += len(group) - 1
        if freedom and within / freedom > 1e-18:  # not rounding alone
            placed[known, j] = ((z[:, j] - centres[prompts, j]) / np.sqrt(within / freedom))[known]
    return centres, placed


for number, (name, sizes, missing, empties) in enumerate(CASES):
    rng = np.random.default_rng(200 + number)
    prompts = rng.permutation(np.repeat(np.arange(len(sizes)), sizes))
    n = len(prompts)
    # Levels of prompts, large and small numbers, heavy tails, and two columns that do not vary.
    raw = np.column_stack([
        rng.normal(size=len(sizes))[prompts] * 3 + rng.normal(size=n),
        1e4 + 50 * rng.normal(size=n),
        1e-5 * rng.normal(size=n),
        rng.standard_cauchy(size=n) * 20,
        np.full(n, 0.7),
        rng.normal(size=len(sizes))[prompts],
    ]).astype(np.float32).astype(float)
    raw[rng.uniform(size=raw.shape) < missing] = np.nan
    if missing:
        raw[:, 2] = np.nan  # a column of which nothing is known
    empty = rng.uniform(size=n) < empties
    raw[empty, 0] = -100
    centres, placed = place(prompts, empty, raw)
    folder = OUT / name
    folder.mkdir(parents=True, exist_ok=True)
    np.save(folder / "items.npy", np.column_stack([prompts, empty, raw]).astype(float))
    np.save(folder / "centres.npy", centres)
    np.save(folder / "placed.npy", placed)
    print(f"{name}: {n} items, {empty.sum()} empty, largest {np.abs(placed).max():.2f}")
