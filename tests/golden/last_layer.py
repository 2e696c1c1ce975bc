#!/usr/bin/env python3
"""Writes golden vectors for the last layer, from an independent float64 implementation in NumPy.

    python3 tests/golden/last_layer.py        # rewrites tests/golden/data/last_layer

Each case is a folder. Columns 0 to 5 come from the embedding, 6 is the log length, 7 to 9 the other
features of the text, and 10 a prior score. `expected` holds D, the side, its standard deviation and
the log evidence; `layer` has a row for beta and one for the start; the others say what they are.
"""
import itertools
import pathlib

import numpy as np

OUT = pathlib.Path(__file__).parent / "data" / "last_layer"
BLOCKS = [(0, 6), (6, 1), (7, 3), (10, 1)]  # first column, count
AVERAGED = [1, 2]
SIDE_GUESS = 4.0

# name, prompts, items a prompt, answers, share of ties, pull of the left, votes a pair, mean of the score
CASES = [
    ("plain", 12, 5, 80, 0.0, 0.0, 1, 0.0),
    ("side", 12, 5, 120, 0.1, 0.8, 1, 0.3),
    ("votes", 10, 4, 150, 0.1, 0.0, 5, 0.0),
    ("one_prompt", 1, 12, 60, 0.2, 0.3, 2, 0.3),
    ("few", 6, 4, 7, 0.0, 0.0, 1, 0.3),
    ("reliable", 8, 5, 100, 0.0, 0.4, 1, 0.0),
]


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def find_mode(d, t, x, mean, precision, share):
    """The least J, by Newton's method with halving; H without the prior, and H."""
    beta = mean.copy()

    def j_of(b):
        z = x * (d @ b)
        return share * np.sum(np.logaddexp(0, z) - t * z) + 0.5 * np.sum(precision * (b - mean) ** 2)

    for _ in range(200):
        p = sigmoid(x * (d @ beta))
        gradient = share * d.T @ (x * (p - t)) + precision * (beta - mean)
        info = share * d.T @ (d * (x**2 * p * (1 - p))[:, None])
        step = np.linalg.solve(info + np.diag(precision), gradient)
        scale = 1.0
        while scale > 1e-9 and j_of(beta - scale * step) > j_of(beta):
            scale /= 2
        beta = beta - scale * step
        if np.abs(scale * step).max() < 1e-13:
            break
    p = sigmoid(x * (d @ beta))
    info = share * d.T @ (d * (x**2 * p * (1 - p))[:, None])
    return beta, info, info + np.diag(precision), j_of(beta)


def design_effect(d, t, x, mean, precision, clusters, pairs):
    beta, _, hessian, _ = find_mode(d, t, x, mean, precision, 1.0)
    error = x * (t - sigmoid(x * (d @ beta)))
    u = np.linalg.solve(np.linalg.cholesky(hessian), (d * error[:, None]).T).T
    def spread(keys):
        sums = {}
        for key, row in zip(keys, u):
            sums[key] = sums.get(key, 0) + row
        return sum(np.sum(s**2) for s in sums.values()) / np.sum(u**2)

    of_pairs = min(max(spread([tuple(sorted(p)) for p in pairs.tolist()]), 1), 10)
    effect = of_pairs
    if len(set(clusters)) >= 5:
        effect = max(of_pairs, np.sqrt(of_pairs * min(max(spread(clusters), 1), 10)))
    arrived = min(max((len(t) - 10) / 20, 0), 1)
    return 1 + arrived * (effect - 1)


def average(beta, sigma, blocks, precision, mean):
    sets = [s for n in range(len(AVERAGED) + 1) for s in itertools.combinations(AVERAGED, n)]
    logs, fits = [], []
    for left_out in sets:
        columns = [j for g in left_out for j in range(blocks[g][0], sum(blocks[g]))]
        if not columns:
            logs.append(0.0)
            fits.append((beta, sigma))
            continue
        s_rr, s_r = sigma[np.ix_(columns, columns)], sigma[:, columns]
        solve = np.linalg.solve(s_rr, beta[columns])
        logs.append(
            -0.5 * beta[columns] @ solve
            - 0.5 * np.linalg.slogdet(s_rr)[1]
            - 0.5 * np.sum(np.log(precision[columns]))
            + 0.5 * np.sum(precision[columns] * mean[columns] ** 2)
        )
        fits.append((beta - s_r @ solve, sigma - s_r @ np.linalg.solve(s_rr, s_r.T)))
    weights = np.exp(np.array(logs) - max(logs))
    weights /= weights.sum()
    mean_beta = sum(w * b for w, (b, _) in zip(weights, fits))
    mean_sigma = sum(w * (s + np.outer(b - mean_beta, b - mean_beta)) for w, (b, s) in zip(weights, fits))
    matters = [1 - sum(w for w, s in zip(weights, sets) if g in s) for g in range(len(blocks))]
    return mean_beta, mean_sigma, matters


def make(case, index):
    name, n_prompts, per_prompt, n, ties, pull, votes, score_mean = case
    rng = np.random.default_rng(100 + index)
    n_items = n_prompts * per_prompt
    features = rng.normal(size=(n_items, 11)).astype(np.float32).astype(float)
    prompts = np.repeat(np.arange(n_prompts), per_prompt)
    truth = np.concatenate([rng.normal(size=6) * 0.3, [0.8], np.zeros(3), [0.2]])
    hidden = rng.normal(size=n_items) * (2.5 if votes > 1 else 0.0)
    pairs, sides, targets = [], [], []
    while len(pairs) < n:
        a, b = rng.choice(per_prompt, 2, replace=False) + per_prompt * rng.integers(n_prompts)
        for _ in range(votes):
            side = rng.choice([-1.0, 1.0])
            z = (features[a] - features[b]) @ truth + hidden[a] - hidden[b] + side * pull
            targets.append(0.5 if rng.uniform() < ties else float(rng.uniform() < sigmoid(z)))
            pairs.append((a, b))
            sides.append(side)
    pairs, sides, targets = np.array(pairs[:n]), np.array(sides[:n]), np.array(targets[:n])
    if pull == 0.0:
        sides[:] = 0.0
    reliabilities = np.ones(n)
    if name == "reliable":
        reliabilities = rng.choice([1.0, 0.25, -0.5], size=n, p=[0.6, 0.3, 0.1])
    clusters = prompts[pairs[:, 0]]

    used = features[pairs.ravel(), :6]
    guess = 2 * np.mean(np.sum(used**2, axis=1))
    guesses = [guess, 4.0, 160.0, 64.0]
    means = [0.0, 0.25, 0.0, score_mean]
    blocks, d = list(BLOCKS), features[pairs[:, 0]] - features[pairs[:, 1]]
    if np.any(sides):
        blocks, guesses, means = blocks + [(11, 1)], guesses + [SIDE_GUESS], means + [0.0]
        d = np.hstack([d, sides[:, None]])
    spread = lambda values: np.concatenate([np.full(c, v) for (_, c), v in zip(blocks, values)])
    mean = spread(means)
    stiff = spread([8 * guesses[0]] + guesses[1:])
    effect = design_effect(d, targets, reliabilities, mean, stiff, clusters, pairs)

    lambdas = np.array(guesses)
    for _ in range(2000):
        precision = spread(lambdas)
        beta, info, hessian, objective = find_mode(d, targets, reliabilities, mean, precision, 1 / effect)
        sigma = np.linalg.inv(hessian)
        determined = np.diag(sigma @ info)
        new = np.array([
            (determined[f : f + c].sum() + 2) / (np.sum((beta - mean)[f : f + c] ** 2) + 2 / g)
            for (f, c), g in zip(blocks, guesses)
        ])
        done = np.abs(new / lambdas - 1).max() < 1e-11
        lambdas = new
        if done:
            break
    evidence = -objective + 0.5 * np.sum(np.log(precision)) - 0.5 * np.linalg.slogdet(hessian)[1]
    mean_beta, mean_sigma, matters = average(beta, sigma, blocks, precision, mean)
    has_side = len(beta) > 11
    folder = OUT / name
    folder.mkdir(parents=True, exist_ok=True)
    answers = np.column_stack([pairs, targets, sides, reliabilities, clusters]).astype(float)
    np.save(folder / "features.npy", features.astype(np.float32))
    np.save(folder / "answers.npy", answers)
    np.save(folder / "blocks.npy", np.column_stack([guesses[:4], means[:4], lambdas[:4], matters[:4]]))
    np.save(folder / "layer.npy", np.vstack([mean_beta[:11], beta[:11]]))
    np.save(folder / "covariance.npy", mean_sigma[:11, :11])
    side = (mean_beta[11], np.sqrt(mean_sigma[11, 11])) if has_side else (0.0, SIDE_GUESS**-0.5)
    np.save(folder / "expected.npy", np.array([[effect, *side, evidence]]))
    print(f"{name}: D {effect:.3f}, lambdas {np.round(lambdas, 2)}, matters {np.round(matters, 3)}")


for number, row in enumerate(CASES):
    make(row, number)
