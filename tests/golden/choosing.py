#!/usr/bin/env python3
"""Writes golden vectors for i-opt and knowledge-gradient, from an independent float64 implementation in NumPy.

    python3 tests/golden/choosing.py        # rewrites tests/golden/data/choosing

The gains are those of the formulas with rank-one downdates; each step is computed again from a fresh inverse, and the
two must agree.
"""
import pathlib

import numpy as np

OUT = pathlib.Path(__file__).parent / "data" / "choosing"
H, PROMPTS, RESPONSES, CANDIDATES, ANSWERED, TARGETS, PICKS, PRIOR = 12, 15, 5, 80, 40, 60, 25, 0.7


def sigmoid(t):
    return 1 / (1 + np.exp(-t))


def i_opt(differences, weights, inverse, targets):
    """The picks, the gains of all candidates at each step, and T."""
    target_differences, target_weights = targets
    leverages = np.einsum("ij,jk,ik->i", target_differences, inverse, target_differences)
    share = target_weights / (1 + target_weights * leverages)
    matter = (target_differences * share[:, None]).T @ target_differences
    s, start = inverse.copy(), np.linalg.inv(inverse)
    lev = np.einsum("ij,jk,ik->i", differences, s, differences)
    fall = np.einsum("ij,jk,ik->i", differences @ s, matter, differences @ s)
    picks, gains, seen = [], [], start.copy()
    for _ in range(PICKS):
        gain = fall * weights / (1 + weights * lev)
        fresh = np.linalg.inv(seen)
        for c in range(len(differences)):
            after = np.linalg.inv(seen + weights[c] * np.outer(differences[c], differences[c]))
            assert abs(np.trace(matter @ (fresh - after)) - gain[c]) < 1e-9 * gain.max()
        left = gain.copy()
        left[picks] = -1
        j = int(np.argmax(left))
        picks.append(j)
        gains.append(gain)
        seen += weights[j] * np.outer(differences[j], differences[j])
        f, u = weights[j] / (1 + weights[j] * lev[j]), s @ differences[j]
        w, kappa = s @ matter @ u, u @ matter @ u
        a, b = differences @ u, differences @ w
        fall = fall - 2 * f * a * b + f * f * kappa * a * a
        lev = lev - f * a * a
        s = s - f * np.outer(u, u)
    return np.array(picks), np.array(gains), matter


def knowledge(differences, logits, weights, s, features, rewards, groups):
    """The gain of each candidate: how much better the best response of each prompt is expected to be."""
    gain = np.zeros(len(differences))
    for prompt in np.unique(groups):
        mine = groups == prompt
        phi, mu = features[mine] - features[mine].mean(0), rewards[mine]
        for c, d in enumerate(differences):
            lev = d @ s @ d
            delta = phi @ s @ d / (1 + weights[c] * lev)
            p = sigmoid(logits[c] / np.sqrt(1 + np.pi * lev / 8))
            gain[c] += p * (mu + delta * (1 - p)).max() + (1 - p) * (mu - delta * p).max() - mu.max()
    return gain


def knowledge_gradient(differences, logits, weights, inverse, features, rewards, groups):
    s, picks, gains = inverse.copy(), [], []
    for _ in range(PICKS):
        gain = knowledge(differences, logits, weights, s, features, rewards, groups)
        left = gain.copy()
        left[picks] = -1
        j = int(np.argmax(left))
        picks.append(j)
        gains.append(gain)
        u = s @ differences[j]
        s = s - weights[j] / (1 + weights[j] * (differences[j] @ u)) * np.outer(u, u)
    return np.array(picks), np.array(gains)


def pairs_within(rng, count):
    prompts = rng.integers(0, PROMPTS, count)
    return np.array([p * RESPONSES + rng.choice(RESPONSES, 2, replace=False) for p in prompts])


def main():
    rng = np.random.default_rng(14)
    items = PROMPTS * RESPONSES
    groups = np.repeat(np.arange(PROMPTS), RESPONSES)
    features = (rng.normal(size=(items, H)) + 0.5 * rng.normal(size=(PROMPTS, H))[groups]).astype(np.float32)
    rewards = (features @ rng.normal(size=H) * 0.4).astype(np.float32)
    phi, mu = features.astype(float), rewards.astype(float)
    # Each pair once, so that no two gains are equal, and each item in one, so that knowledge-gradient finds it.
    every = np.array([(a, b) for a in range(items) for b in range(a) if groups[a] == groups[b]])
    star = every[:, 1] % RESPONSES == 0
    candidates = rng.permutation(np.vstack([every[star], rng.permutation(every[~star])[: CANDIDATES - star.sum()]]))
    answered, targets = pairs_within(rng, ANSWERED), pairs_within(rng, TARGETS)

    def differences_and_weights(pairs):
        p = sigmoid(mu[pairs[:, 0]] - mu[pairs[:, 1]])
        return phi[pairs[:, 0]] - phi[pairs[:, 1]], p * (1 - p)

    known, known_weights = differences_and_weights(answered)
    inverse = np.linalg.inv((known * known_weights[:, None]).T @ known + PRIOR * np.eye(H))
    differences, weights = differences_and_weights(candidates)
    picks, gains, matter = i_opt(differences, weights, inverse, differences_and_weights(targets))
    kg_picks, kg_gains = knowledge_gradient(
        differences, mu[candidates[:, 0]] - mu[candidates[:, 1]], weights, inverse, phi, mu, groups)
    OUT.mkdir(parents=True, exist_ok=True)
    for key, value in {
        "features": features, "rewards": rewards[:, None], "groups": groups[:, None].astype(float),
        "candidates": candidates.astype(float), "answered": answered.astype(float), "targets": targets.astype(float),
        "prior": np.array([[PRIOR]]), "target_information": matter, "i_opt_picks": picks[:, None].astype(float),
        "i_opt_gains": gains, "kg_picks": kg_picks[:, None].astype(float), "kg_gains": kg_gains,
    }.items():
        np.save(OUT / f"{key}.npy", value)


if __name__ == "__main__":
    main()
