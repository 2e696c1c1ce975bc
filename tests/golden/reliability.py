#!/usr/bin/env python3
"""Writes golden vectors for the slopes of annotators, from an independent implementation in NumPy.

    python3 tests/golden/reliability.py       # rewrites tests/golden/data/reliability

Each case is a folder. Columns 0 to 5 come from the embedding, 6 is the log length; precisions stay
at their guesses. A row of `expected` is an annotator: the slope and its standard deviation. The
slopes are found by halving an interval, and answers are left out by inverting the whole Hessian.
"""
import math
import pathlib
import sys

import numpy as np

sys.argv = sys.argv[:1]
source = (pathlib.Path(__file__).parent / "last_layer.py").read_text().split("def make(")[0]
exec(compile(source, "last_layer.py", "exec"))

OUT = pathlib.Path(__file__).parent / "data" / "reliability"
H = 7

# name, answers, kinds of annotators (1 honest, 0 random, -1 inverted), pull of the left
CASES = [
    ("mixed", 300, [1, 1, 1, 1, 0, 0, -1], 0.0),
    ("sides", 240, [1, 1, 1, -1, 0], 0.7),
    ("few_each", 90, [1] * 20 + [-1] * 10, 0.0),
]


def slope(u, t, share):
    low, high = -1.0, 3.0
    for _ in range(200):
        x = (low + high) / 2
        gradient = share * np.sum(u * (sigmoid(x * u) - t)) + 2 * (x - 1)
        low, high = (low, x) if gradient > 0 else (x, high)
    p = sigmoid(x * u)
    return x, (share * np.sum(u**2 * p * (1 - p)) + 2) ** -0.5


def make_slopes(case, index):
    name, n, kinds, pull = case
    rng = np.random.default_rng(300 + index)
    features = rng.normal(size=(60, H)).astype(np.float32).astype(float)
    truth = np.array([1.0, -0.8, 0.6, 0.4, 0.3, 0.2, 0.8])
    prompts = rng.integers(12, size=n)
    pairs = np.array([rng.choice(5, 2, replace=False) + 5 * p for p in prompts])
    sides = rng.choice([-1.0, 1.0], size=n) if pull else np.zeros(n)
    annotators = np.concatenate([np.arange(len(kinds)), rng.integers(len(kinds), size=n - len(kinds))])
    d = features[pairs[:, 0]] - features[pairs[:, 1]]
    z = np.array(kinds)[annotators] * (d @ truth + pull * sides)
    t = (rng.uniform(size=n) < sigmoid(z)).astype(float)
    t[::11] = 0.5
    guesses = [2 * np.mean(np.sum(features[pairs.ravel(), :6] ** 2, axis=1)), 4.0]
    precision = np.array([guesses[0]] * 6 + [guesses[1]])
    mean = np.array([0.0] * 6 + [0.25])
    stiff = precision * np.array([8.0] * 6 + [1.0])
    full = d
    if pull:
        full = np.hstack([d, sides[:, None]])
        precision, mean, stiff = np.append(precision, 4.0), np.append(mean, 0.0), np.append(stiff, 4.0)

    x = np.ones(len(kinds))
    for number_of_round in range(5):
        own = x.astype(np.float32).astype(float)[annotators]
        effect = design_effect(full, t, own, mean, stiff, prompts, pairs)
        share = 1 / effect
        lambdas = precision
        if pull:  # the precision of the side follows its evidence
            side = 4.0
            for _ in range(2000):
                lambdas = np.append(precision[:H], side)
                beta, info, hessian, _ = find_mode(full, t, own, mean, lambdas, share)
                determined = (np.linalg.inv(hessian) @ info)[H, H]
                new = (determined + 2) / (beta[H] ** 2 + 2 / 4.0)
                done, side = abs(new / side - 1) < 1e-12, new
                if done:
                    break
        beta, info, hessian, _ = find_mode(full, t, own, mean, lambdas, share)
        known = np.linalg.inv(np.linalg.inv(hessian)[:H, :H])
        found = []
        for w in range(len(kinds)):
            mine = annotators == w
            p = sigmoid(own[mine] * (full[mine] @ beta))
            weights = share * own[mine] ** 2 * p * (1 - p)
            without = known - d[mine].T @ (d[mine] * weights[:, None])
            step = np.linalg.solve(without, d[mine].T @ (share * own[mine] * (t[mine] - p)))
            u = full[mine] @ beta - d[mine] @ step
            p = sigmoid(own[mine] * u)
            told = share * np.sum(u**2 * p * (1 - p))
            c = d[mine].T @ (share * own[mine] * p * (1 - p) * u)
            rho = max(1 - c @ np.linalg.solve(known, c) / told, 0)
            found.append(slope(u, t[mine], rho * share))
        x = np.array([f[0] for f in found])
        chances = [len(kinds) * math.erfc((1 - value) / sd / 2**0.5) / 2 for value, sd in found]
        if number_of_round == 0 and min(chances) >= 1:
            break
    folder = OUT / name
    folder.mkdir(parents=True, exist_ok=True)
    np.save(folder / "features.npy", features.astype(np.float32))
    np.save(folder / "answers.npy", np.column_stack([pairs, t, sides, prompts, annotators]).astype(float))
    np.save(folder / "blocks.npy", np.array([[6, 0.0, guesses[0]], [1, 0.25, guesses[1]]]))
    np.save(folder / "expected.npy", np.array(found))
    print(f"{name}: D {effect:.3f}, slopes {np.round(x, 2)}")


for number, row in enumerate(CASES):
    make_slopes(row, number)
