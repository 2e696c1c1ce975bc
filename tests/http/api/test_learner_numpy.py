"""Rewards, their deviations and information over the API, against the learner in NumPy."""

import contextlib
import importlib.util
import math
import pathlib
import random
import sqlite3

import numpy as np
import pytest

from client import Daemon, label, wait_until
from numpy_learner import TEXT_COLUMNS, Answers, Extras, Inputs, LastLayer, extra_blocks, sigmoid

GOLDEN = pathlib.Path(__file__).parents[2] / "golden/text_features.py"
COMPRESSIBILITY, COSINE = 5, 7
DIMENSION, PROMPT_DIMENSION, COMPONENTS = 8, 4, 6
SCORES = ["judge", "old rm"]
LEARNER = {"model": "linear", "components": COMPONENTS, "prompt-dimension": PROMPT_DIMENSION,
           "held-out": 0, "control-fraction": 0}


def load_golden():
    spec = importlib.util.spec_from_file_location("golden_features", GOLDEN)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


golden = load_golden()

WORDS = ("the", "answer", "is", "seven,", "minutes", "and", "then", "it", "boils.", "Cool", "water",
         "first;", "eggs", "need", "salt", "(a", "little)", "why?", "because")
CHARACTERS = "水煮鸡蛋要七分钟，然后放在冷水里。第一、先看书；对吗？"


def text_of(draw, script, length):
    if script == "han":
        return "".join(draw.choice(CHARACTERS) for _ in range(length))
    words = [draw.choice(WORDS) + draw.choice(["", "", "", "\n", "\n- "]) for _ in range(length)]
    return " ".join(words)


def make_items(seed=3, prompts=9, responses=4):
    """Prompts in two scripts with responses of 1 to 40 words, one of them empty, and a response
    that is alone in its prompt."""
    draw = random.Random(seed)
    items = []
    for p in range(prompts + 1):
        script = "han" if p % 3 == 1 else "latin"
        prompt = text_of(draw, script, 6)
        half = [round(draw.gauss(0, 1), 4) for _ in range(PROMPT_DIMENSION)]
        for r in range(responses if p < prompts else 1):
            length = 0 if (p, r) == (2, 1) else draw.randrange(1, 40)
            scores = {"judge": round(draw.gauss(5, 2), 3)} if draw.random() < 0.8 else {}
            if draw.random() < 0.5:
                scores["old rm"] = round(draw.gauss(0, 1), 3)
            items.append({
                "id": f"p{p}-r{r}", "prompt_id": f"p{p}", "prompt": prompt,
                "response": text_of(draw, script, length), "scores": scores,
                "embedding": half + [round(draw.gauss(0, 1 + d), 4)
                                     for d in range(DIMENSION - PROMPT_DIMENSION)]})
    return items


def make_labels(items, count, seed=4, prefix="l"):
    """Votes on pairs of a prompt and of two prompts, up to three a pair, with ties."""
    draw = random.Random(seed)
    by_prompt = {}
    for item in items:
        by_prompt.setdefault(item["prompt_id"], []).append(item)
    prompts = [rows for rows in by_prompt.values() if len(rows) > 1]
    labels = []
    while len(labels) < count:
        a, b = draw.sample(items if draw.random() < 0.1 else draw.choice(prompts), 2)
        hidden = draw.gauss(0, 1)
        for _ in range(draw.choice([1, 1, 2, 3])):
            z = (a["embedding"][5] - b["embedding"][5]) / 2 + hidden + (
                len(a["response"]) - len(b["response"])) / 60
            choice = "tie" if draw.random() < 0.1 else (
                "a" if draw.random() < 1 / (1 + math.exp(-z)) else "b")
            labels.append(label(f"{prefix}{len(labels)}", a["id"], b["id"], choice))
    return labels[:count]


def stored_compressibility(db):
    with contextlib.closing(sqlite3.connect(f"file:{db}?mode=ro", uri=True)) as connection:
        rows = connection.execute("SELECT idx, bytes FROM item_text_features")
        return {index: np.frombuffer(numbers, "<f4")[COMPRESSIBILITY] for index, numbers in rows}


def cosine(embedding):
    x, y = np.array(embedding[:PROMPT_DIMENSION]), np.array(embedding[PROMPT_DIMENSION:])
    return x @ y / np.sqrt((x @ x) * (y @ y))


class World:
    """Items and labels of a daemon, and what NumPy makes of them."""

    def __init__(self, items, compressibility=None):
        self.items, self.labels, self.trusts, self.better_length = items, [], {}, "unknown"
        self.rows = {item["id"]: i for i, item in enumerate(items)}
        self.prompts = np.array([item["prompt_id"] for item in items])
        self.raw = np.array([[item["scores"].get(name, np.nan) for name in SCORES]
                             for item in items])
        empty = np.zeros(len(items), bool)
        if compressibility is not None:
            texts = np.full((len(items), TEXT_COLUMNS), np.nan)
            for i, item in enumerate(items):
                if "response" in item:
                    texts[i] = golden.features(item["prompt"], item["response"])
                    texts[i, COMPRESSIBILITY] = compressibility[i]  # zlib's version decides it
                    texts[i, COSINE] = cosine(item["embedding"])
            self.raw = np.hstack([texts, self.raw])
            empty = np.array([item.get("response") == "" for item in items])
        embeddings = np.array([item["embedding"] for item in items])
        extras = Extras(self.raw, self.prompts, empty)
        self.features = np.hstack([Inputs(embeddings, COMPONENTS)(embeddings),
                                   extras(self.raw, self.prompts)])

    def fit(self, sides=()):
        targets = {"a": 1, "b": 0, "tie": 0.5}
        answers = Answers([(self.rows[row["a"]], self.rows[row["b"]]) for row in self.labels],
                          [targets[row["preference"]] for row in self.labels],
                          [1 if row["id"] in sides else 0 for row in self.labels], self.prompts)
        blocks = extra_blocks(self.raw.shape[1], SCORES, self.trusts, self.better_length)
        return LastLayer(self.features, COMPONENTS, blocks, answers)


def scores(daemon, world):
    found = daemon.post("/v1/score", {"items": [item["id"] for item in world.items]})["scores"]
    return np.array([[score["reward"], score["stddev"]] for score in found]).T


def differences(daemon, world, layer):
    """The largest differences of rewards and of deviations, relative to the largest of each."""
    rewards, deviations = scores(daemon, world)
    expected = world.features @ layer.beta
    apart = np.sqrt(np.einsum("ij,jk,ik->i", world.features, layer.covariance, world.features))
    return (abs(rewards - expected).max() / max(abs(expected).max(), 1e-3),
            abs(deviations - apart).max() / apart.max())


def wait_fitted(daemon, count):
    wait_until(lambda: daemon.model()["labels_fitted"] == count, f"a fit to {count} labels")


# Features and rewards are float32, and the evidence stops when its precisions move by 1e-5.
SETTLED = 1e-5


def assert_same(daemon, world, layer, tolerance=SETTLED):
    rewards, deviations = differences(daemon, world, layer)
    assert rewards < tolerance and deviations < tolerance, (rewards, deviations)


# ---- rewards ----

@pytest.mark.parametrize("texts", ["on", "off"])
def test_rewards_and_deviations_are_those_of_the_documents(db, texts):
    items = make_items()
    labels = make_labels(items, 160)
    options = {**LEARNER, "refit": "yes", "text-features": texts}
    with Daemon(db, options) as daemon:
        daemon.add_items(items)
        world = World(items, stored_compressibility(db) if texts == "on" else None)
        assert_same(daemon, world, world.fit(), 1e-6)
        for count in (4, 20, 60, 100):  # the design effect comes in between 10 and 30
            daemon.add_labels(labels[len(world.labels):count])
            world.labels = labels[:count]
            wait_fitted(daemon, count)
            assert_same(daemon, world, world.fit())
        daemon.train()
        assert_same(daemon, world, world.fit())
        daemon.add_labels(labels[100:])
        world.labels = labels
        wait_fitted(daemon, 160)
        layer = world.fit()
        assert layer.effect > 1.2
        assert_same(daemon, world, layer)
        before = scores(daemon, world)
    with Daemon(db, options) as daemon:
        wait_fitted(daemon, 160)
        assert_same(daemon, world, layer)
        assert np.allclose(scores(daemon, world), before, rtol=1e-6, atol=1e-9)


def test_a_trust_moves_the_mean_of_its_score(db):
    items = make_items()
    with Daemon(db, {**LEARNER, "refit": "yes"}) as daemon:
        daemon.add_items(items)
        world = World(items, stored_compressibility(db))
        world.labels = make_labels(items, 40)
        daemon.add_labels(world.labels)
        daemon.train()
        for trusts in ({"judge": "trusted"}, {"judge": "inverted", "old rm": "trusted"},
                       {"judge": "unknown", "old rm": "unknown"}):
            daemon.ok("PATCH", "/v1/project", {
                "scores": {name: {"trust": trust} for name, trust in trusts.items()}})
            world.trusts = trusts
            layer = world.fit()
            # pylint: disable-next=cell-var-from-loop
            wait_until(lambda: max(differences(daemon, world, layer)) < SETTLED, f"the fit with {trusts}")


def test_a_better_length_moves_the_mean_of_the_length(db):
    items = make_items()
    with Daemon(db, {**LEARNER, "refit": "yes"}) as daemon:
        daemon.add_items(items)
        world = World(items, stored_compressibility(db))
        for count in (0, 12):
            daemon.add_labels(make_labels(items, count))
            world.labels = make_labels(items, count)
            for world.better_length in ("longer", "shorter", "unknown"):
                daemon.ok("PATCH", "/v1/project", {"better_length": world.better_length})
                layer = world.fit()
                # pylint: disable-next=cell-var-from-loop
                wait_until(lambda: max(differences(daemon, world, layer)) < SETTLED,
                           f"the fit to {count} answers with {world.better_length}")


def test_the_side_of_an_assigned_pair_counts(db):
    items = make_items()
    with Daemon(db, {**LEARNER, "refit": "yes"}) as daemon:
        daemon.add_items(items)
        world = World(items, stored_compressibility(db))
        world.labels = make_labels(items, 25)
        daemon.add_labels(world.labels)
        sides = set()
        for number in range(25):
            given = daemon.post("/v1/assignments", {"annotator": "ann"})["assignments"][0]
            row = label(f"side{number}", given["a"]["id"], given["b"]["id"],
                        "b" if number % 5 == 4 else "a", annotator="ann", assignment=given["id"])
            daemon.add_labels([row])
            world.labels.append(row)
            sides.add(row["id"])
        wait_fitted(daemon, 50)
        assert_same(daemon, world, world.fit(sides))
        plain = differences(daemon, world, world.fit())
        assert max(plain) > 10 * SETTLED, plain


def test_an_item_without_a_text_is_the_average_of_its_prompt(db):
    items = make_items()
    labels = make_labels(items, 80)
    del items[5]["response"]
    with Daemon(db, {**LEARNER, "refit": "yes"}) as daemon:
        daemon.add_items(items)
        daemon.add_labels(labels)
        daemon.train()
        world = World(items, stored_compressibility(db))
        world.labels = labels
        assert (world.features[5, COMPONENTS:COMPONENTS + TEXT_COLUMNS] == 0).all()
        assert_same(daemon, world, world.fit())


def test_with_too_few_texts_a_model_does_without_and_the_log_says_it_once(db):
    items = make_items()
    labels = make_labels(items, 60)
    for i in (5, 9):
        del items[i]["response"]
    with Daemon(db, LEARNER) as daemon:
        daemon.add_items(items)
        daemon.add_labels(labels)
        daemon.train()
        daemon.train()
        world = World(items)
        world.labels = labels
        assert_same(daemon, world, world.fit())
    assert daemon.log_text().count("text-features-off") == 1


# ---- selections ----

def test_information_and_gains_are_those_of_the_documents(db):
    items = make_items()
    with Daemon(db, {**LEARNER, "refit": "yes"}) as daemon:
        daemon.add_items(items)
        world = World(items, stored_compressibility(db))
        world.labels = make_labels(items, 90)
        daemon.add_labels(world.labels)
        daemon.train()
        layer = world.fit()
        pairs = [(i, j) for i in range(len(items)) for j in range(i) if (i + j) % 3 == 0]
        named = [{"a": items[i]["id"], "b": items[j]["id"]} for i, j in pairs]
        found = daemon.select(pairs=named, strategy="greedy", batch_size=6)
    information = np.linalg.inv(layer.covariance)
    rewards, logdets = world.features @ layer.beta, [np.linalg.slogdet(information)[1]]
    for pair in found["pairs"]:
        a, b = pairs[pair["index"]]
        p = sigmoid(rewards[a] - rewards[b])
        assert pair["p"] == pytest.approx(p, abs=SETTLED)
        d = world.features[a] - world.features[b]
        information += p * (1 - p) / layer.effect * np.outer(d, d)
        logdets.append(np.linalg.slogdet(information)[1])
        assert pair["gain"] == pytest.approx(logdets[-1] - logdets[-2], rel=SETTLED)
    diagnostics = found["diagnostics"]
    assert diagnostics["logdet_before"] == pytest.approx(logdets[0], rel=SETTLED)
    assert diagnostics["logdet_after"] == pytest.approx(logdets[-1], rel=SETTLED)


# ---- texts that are counted later ----

@pytest.mark.parametrize("trained", [False, True])
def test_texts_that_are_counted_after_the_start_count_in_the_model(db, trained):
    items = make_items(prompts=240)
    options = {**LEARNER, "refit": "yes"}
    with Daemon(db, {**options, "text-features": "off"}) as daemon:
        daemon.add_items(items)
        labels = make_labels(items, 20) if trained else []
        if trained:
            daemon.add_labels(labels)
            daemon.train()
    with Daemon(db, {**options, "retrain-seconds": 0.3}) as daemon:
        wait_until(lambda: "text-features-counted" in daemon.log_text(), "counting")
        if trained:
            daemon.wait_for_version(2)
        world = World(items, stored_compressibility(db))
        world.labels = labels
        wait_until(lambda: max(differences(daemon, world, world.fit())) < SETTLED, "the features")
