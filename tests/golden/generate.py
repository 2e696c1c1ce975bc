#!/usr/bin/env python3
"""Writes golden vectors for models and training, from an independent float64 implementation in NumPy.

    python3 tests/golden/generate.py        # rewrites tests/golden/data

Each case has a folder with the shape, the items, the input statistics, the parameters and the answers, and with the
results: prepared inputs, features, rewards, loss, gradient, and the parameters after 1 and 10 steps of AdamW.
"""
import math
import pathlib

import numpy as np

OUT = pathlib.Path(__file__).parent / "data"
ERF = np.vectorize(math.erf)

# name, inputs, components, hidden layers, width, items, answers, decay
CASES = [
    ("linear", 5, 0, 0, 0, 12, 30, 0.0),
    ("one_layer", 6, 0, 1, 4, 15, 40, 0.01),
    ("two_layers", 6, 0, 2, 5, 15, 40, 0.0),
    ("three_layers", 8, 0, 3, 4, 20, 50, 0.01),
    ("projected", 9, 3, 2, 5, 25, 40, 0.0),
    ("projected_linear", 7, 4, 0, 0, 25, 40, 0.01),
]


def gelu(z):
    return z * 0.5 * (1 + ERF(z / math.sqrt(2)))


def gelu_slope(z):
    return 0.5 * (1 + ERF(z / math.sqrt(2))) + z * np.exp(-z * z / 2) / math.sqrt(2 * math.pi)


def layers_of(theta, inputs, hidden, width):
    """Views of the parameter vector: (weights, biases) of each hidden layer, and beta."""
    layers, at = [], 0
    for _ in range(hidden):
        weights = theta[at : at + width * inputs].reshape(width, inputs)
        at += width * inputs
        layers.append((weights, theta[at : at + width]))
        at += width
        inputs = width
    return layers, theta[at:]


def loss_and_gradient(theta, inputs, hidden, width, pairs, targets):
    layers, beta = layers_of(theta, inputs.shape[1], hidden, width)
    activations, pre = [inputs], []
    for weights, biases in layers:
        pre.append(activations[-1] @ weights.T + biases)
        activations.append(gelu(pre[-1]))
    features = activations[-1]
    rewards = features @ beta
    logit = rewards[pairs[:, 0]] - rewards[pairs[:, 1]]
    loss = np.mean(np.logaddexp(0, logit) - targets * logit)

    slope = (1 / (1 + np.exp(-logit)) - targets) / len(pairs)
    by_item = np.zeros(len(inputs))
    np.add.at(by_item, pairs[:, 0], slope)
    np.add.at(by_item, pairs[:, 1], -slope)
    gradient = np.zeros_like(theta)
    gradient_layers, gradient_beta = layers_of(gradient, inputs.shape[1], hidden, width)
    gradient_beta += features.T @ by_item
    back = np.outer(by_item, beta)
    for l in reversed(range(hidden)):
        back = back * gelu_slope(pre[l])
        gradient_layers[l][0][...] += back.T @ activations[l]
        gradient_layers[l][1][...] += back.sum(0)
        back = back @ layers[l][0]
    return loss, gradient, features, rewards


def adamw(theta, steps, decay, inputs, hidden, width, pairs, targets):
    theta = theta.copy()
    mean, square = np.zeros_like(theta), np.zeros_like(theta)
    for step in range(1, steps + 1):
        _, gradient, _, _ = loss_and_gradient(theta, inputs, hidden, width, pairs, targets)
        layers, beta = layers_of(theta, inputs.shape[1], hidden, width)
        for weights, _ in layers:
            weights *= 1 - 1e-3 * decay
        beta *= 1 - 1e-3 * decay
        mean = 0.9 * mean + 0.1 * gradient
        square = 0.999 * square + 0.001 * gradient**2
        theta -= 1e-3 / (1 - 0.9**step) * mean / (np.sqrt(square / (1 - 0.999**step)) + 1e-8)
    return theta


def prepare(items, components):
    mean = items.mean(0)
    deviation = items.std(0)
    standard = np.where(deviation > 0, (items - mean) / np.where(deviation > 0, deviation, 1), 0)
    if components == 0:
        return standard
    values, vectors = np.linalg.eigh(standard.T @ standard / len(items))
    values, vectors = values[::-1][:components], vectors[:, ::-1][:, :components]
    signs = np.sign(vectors[np.abs(vectors).argmax(0), range(components)])
    return standard @ (vectors * signs) * math.sqrt(components / values.sum())


def write_case(number, name, dimension, components, hidden, width, n_items, n_answers, decay):
    rng = np.random.default_rng(number)
    folder = OUT / name
    folder.mkdir(parents=True, exist_ok=True)
    scales = np.exp(rng.normal(size=dimension))
    mixing = rng.normal(size=(dimension, dimension)) * 0.4 + np.eye(dimension)
    items = ((rng.normal(size=(n_items, dimension)) @ mixing + 2 * rng.normal(size=dimension)) * scales).astype(np.float32)
    if components == 0:
        items[:, 2] = 3.25  # a column that does not vary
    first = rng.integers(0, n_items, n_answers)
    pairs = np.stack([first, (first + rng.integers(1, n_items, n_answers)) % n_items], 1).astype(np.int32)
    targets = rng.choice([0.0, 1.0, 0.5], n_answers, p=[0.4, 0.4, 0.2])

    prepared = prepare(items.astype(np.float64), components)
    count, fan_in = 0, prepared.shape[1]
    for _ in range(hidden):
        count, fan_in = count + (fan_in + 1) * width, width
    theta = (rng.normal(size=count + fan_in) * 0.5).astype(np.float32).astype(np.float64)
    arguments = (prepared, hidden, width, pairs, targets)
    loss, gradient, features, rewards = loss_and_gradient(theta, *arguments)

    arrays = {
        "shape": np.array([dimension, components, hidden, width], np.int32),
        "items": items, "pairs": pairs, "targets": targets, "parameters": theta,
        "prepared": prepared, "features": features, "rewards": rewards,
        "loss": np.array([loss]), "gradient": gradient, "decay": np.array([decay]),
        "adam1": adamw(theta, 1, decay, *arguments), "adam10": adamw(theta, 10, decay, *arguments),
    }
    for key, value in arrays.items():
        np.save(folder / f"{key}.npy", value)


for number, case in enumerate(CASES):
    write_case(number, *case)
