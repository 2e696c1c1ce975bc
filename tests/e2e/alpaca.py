#!/usr/bin/env python3
"""Which strategy learns most from the same number of answers, on real input?

    FISHERD=build/gcc/src/app/fisherd python3 tests/e2e/alpaca.py [--rounds 8] [--data FOLDER]
        [--seed N] [--from warm|scratch] [--option NAME=VALUE …]

The input is a folder (data/alpaca in FISHERD_SHARED, by default ../shared) with 300
prompts of 24 responses each by different language models:

    items.jsonl               id, prompt_id, prompt, response, golden (the true reward)
    response_embeddings.npy   float32 [7200, 512]
    prompt_embeddings.npy     float32 [300, 512]

For each strategy a daemon starts on a copy of the imported database. In every round it chooses
125 of 5,000 candidate pairs that the script draws from 210 of the prompts, a simulated annotator
answers them (a is preferred with probability sigmoid((golden_a - golden_b) / 4)), and the daemon
trains the model. Then it scores the responses to the other 90 prompts. The script measures
Spearman's correlation with the true reward within each prompt, and the true reward of the response
with the best score, both as means over the prompts. Every strategy gets the same candidates in a
round and the same answer to a pair. In the middle of one round of each run the script kills the
daemon, verifies that no acknowledged answer is lost or doubled, and continues with a new daemon.

Prints a Markdown table. Exits with status 77 if the input is missing.
"""

import argparse
import hashlib
import http.client
import itertools
import json
import os
import pathlib
import random
import shutil
import sys
import tempfile
import threading
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "http" / "api"))

import numpy  # noqa: E402

from client import PATIENCE, Daemon, label, run, wait_until  # noqa: E402

LEARNING_PROMPTS = 210
POSTED_AT_ONCE = 5
LEAST_CORRELATION = 0.2  # at the end of a run; a blind choice has 0
# Options of the model; the client's defaults train only on request.
# The kinds compete, as they do by default: a network that loses to the version before does not serve.
SERVED = {"model": "auto", "hidden-layers": 3, "hidden-width": 64, "iterations": 1000,
          "learning-rate": 0.001}


def number_of(*words):
    """A number in [0, 1), always the same for the same words."""
    digest = hashlib.sha256("\0".join(words).encode()).digest()
    return int.from_bytes(digest[:8], "little") / 2**64


class Data:
    def __init__(self, folder):
        self.folder = folder
        with open(folder / "items.jsonl", encoding="utf-8") as lines:
            items = [json.loads(line) for line in lines]
        self.golden = {item["id"]: item["golden"] for item in items}
        self.prompts = {}
        for item in items:
            self.prompts.setdefault(item["prompt_id"], []).append(item["id"])
        order = sorted(self.prompts, key=number_of)
        self.learning, self.held_out = order[:LEARNING_PROMPTS], order[LEARNING_PROMPTS:]
        self.pairs = [pair for prompt in self.learning
                      for pair in itertools.combinations(self.prompts[prompt], 2)]

    def import_into(self, db):
        done = run("import", "--db", db, "--items", self.folder / "items.jsonl",
                   "--embeddings", self.folder / "response_embeddings.npy",
                   "--prompt-embeddings", self.folder / "prompt_embeddings.npy")
        assert done.returncode == 0, done.stderr

    def candidates(self, seed, count, answered):
        left = [pair for pair in self.pairs if pair not in answered]
        return random.Random(seed).sample(left, min(count, len(left)))

    def answer(self, a, b):
        preferred = 1 / (1 + numpy.exp((self.golden[b] - self.golden[a]) / 4))
        return "a" if number_of(a, b) < preferred else "b"

    def best_of_all(self, choose):
        return numpy.mean([choose([self.golden[i] for i in self.prompts[p]])
                           for p in self.held_out])


def ranks(values):
    """Ranks from 0; tied values get their mean rank."""
    _, inverse, counts = numpy.unique(values, return_inverse=True, return_counts=True)
    return (numpy.cumsum(counts) - (counts + 1) / 2)[inverse]


def spearman(x, y):
    x, y = ranks(x), ranks(y)
    return numpy.corrcoef(x, y)[0, 1] if x.std() > 0 and y.std() > 0 else 0.0


def measure(daemon, data):
    ids = [item for prompt in data.held_out for item in data.prompts[prompt]]
    response = daemon.post("/v1/score", {"items": ids})
    rewards = dict(zip(ids, (score["reward"] for score in response["scores"]), strict=True))
    correlations, best = [], []
    for prompt in data.held_out:
        predicted = numpy.array([rewards[item] for item in data.prompts[prompt]])
        golden = numpy.array([data.golden[item] for item in data.prompts[prompt]])
        correlations.append(spearman(predicted, golden))
        best.append(golden[predicted.argmax()])
    return numpy.mean(correlations), numpy.mean(best)


# ---- rounds ----

def post_until_killed(daemon, labels, acknowledged):
    """Posts all labels again and again, a few at a time, so that the kill falls among them."""
    for few in itertools.cycle([labels[i:i + POSTED_AT_ONCE]
                                for i in range(0, len(labels) // 2, POSTED_AT_ONCE)]):
        try:
            daemon.add_labels(few)
        except (OSError, http.client.HTTPException):
            return
        acknowledged.update(one["id"] for one in few)


def interrupt(daemon, labels):
    """Kills the daemon while labels are posted. Returns a new daemon, the model version before the kill,
    and the ids of the acknowledged labels."""
    version = daemon.model()["version"]
    acknowledged = set()
    poster = threading.Thread(target=post_until_killed, args=(daemon, labels, acknowledged))
    poster.start()
    wait_until(lambda: len(acknowledged) >= len(labels) // 4, "acknowledged labels")
    daemon.kill()
    poster.join(PATIENCE)
    return Daemon(daemon.db, daemon.options), version, acknowledged


def verify_resumed(daemon, version, acknowledged, earlier):
    rows = [row["id"] for row in daemon.list_all("labels", 500)]
    assert len(rows) == len(set(rows)), "a label is stored twice"
    assert earlier | acknowledged <= set(rows), "an acknowledged label is lost"
    assert daemon.model()["version"] == version, "another model serves"
    return len(rows) - len(earlier)


class Run:
    """The rounds of one strategy."""

    def __init__(self, data, strategy, db, options):
        self.data = data
        self.strategy = strategy
        self.options = options
        self.daemon = Daemon(db, {**SERVED, "seed": options.seed, **dict(options.option)})
        self.answered = set()
        self.label_ids = set()
        self.rows = []

    def select(self, number):
        seed = 1000 * self.options.seed + number
        candidates = self.data.candidates(seed, self.options.candidates, self.answered)
        selection = self.daemon.select(
            batch_size=self.options.batch, strategy=self.strategy, seed=seed,
            pairs=[{"a": a, "b": b} for a, b in candidates])
        assert selection["model_version"] == number, "the selection is of an old model"
        chosen = [candidates[pair["index"]] for pair in selection["pairs"]]
        assert len(set(chosen)) == self.options.batch
        return chosen, selection["diagnostics"]

    def round(self, number, interrupted):
        chosen, diagnostics = self.select(number)
        labels = [label(f"{number}-{i}", a, b, self.data.answer(a, b), annotator="simulated")
                  for i, (a, b) in enumerate(chosen)]
        kept = 0
        if interrupted:
            self.daemon, version, acknowledged = interrupt(self.daemon, labels)
            kept = verify_resumed(self.daemon, version, acknowledged, self.label_ids)
        assert self.daemon.add_labels(labels) == {
            "accepted": len(labels) - kept, "duplicates": kept}
        self.answered.update(chosen)
        self.label_ids.update(one["id"] for one in labels)

        model = self.daemon.train({"from": self.options.start})
        assert model["labels_used"] == model["labels"] == len(self.label_ids)
        correlation, best = measure(self.daemon, self.data)
        self.rows.append((correlation, best, diagnostics, model))
        note = " (killed and resumed)" if interrupted else ""
        print(f"{self.strategy}: {len(self.label_ids)} answers, Spearman {correlation:.3f}, "
              f"best of 24 {best:.2f}, selection {diagnostics['elapsed_ms']:.0f} ms, "
              f"training {model['train_seconds']:.1f} s{note}", file=sys.stderr, flush=True)

    def all_rounds(self):
        for number in range(self.options.rounds):
            self.round(number, interrupted=number == self.options.rounds // 2)
        rows = [row["id"] for row in self.daemon.list_all("labels", 500)]
        assert sorted(rows) == sorted(self.label_ids), "the history differs from the answers"
        assert self.rows[-1][0] > LEAST_CORRELATION, "nothing was learned"
        self.daemon.stop()
        return self.rows


def print_table(data, results, options):
    strategies = list(results)
    print("| answers | " + " | ".join(f"{s}: Spearman | best of 24 | d_efficiency"
                                      for s in strategies) + " |")
    print("|---:" * (1 + 3 * len(strategies)) + "|")
    for number in range(options.rounds):
        cells = []
        for strategy in strategies:
            correlation, best, diagnostics, _ = results[strategy][number]
            cells += [f"{correlation:.3f}", f"{best:.2f}", f"{diagnostics['d_efficiency']:.3f}"]
        print(f"| {options.batch * (number + 1)} | " + " | ".join(cells) + " |")
    print(f"\nBest of 24 is {data.best_of_all(numpy.mean):.2f} for a blind choice and "
          f"{data.best_of_all(max):.2f} for the true reward.")


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    shared = pathlib.Path(os.environ.get("FISHERD_SHARED", HERE.parents[2] / "shared"))
    parser.add_argument("--data", type=pathlib.Path, default=shared / "data" / "alpaca")
    parser.add_argument("--rounds", type=int, default=8)
    parser.add_argument("--batch", type=int, default=125)
    parser.add_argument("--candidates", type=int, default=5000)
    parser.add_argument("--seed", type=int, default=0,
                        help="seed of the candidates, the selections and the first model")
    parser.add_argument("--from", dest="start", choices=["warm", "scratch"], default="warm",
                        help="initial weights of each training")
    parser.add_argument("--option", action="append", default=[], metavar="NAME=VALUE",
                        type=lambda text: text.split("=", 1), help="an option of the daemon; repeatable")
    parser.add_argument("--strategies", default="random,pa-dopt,greedy")
    return parser.parse_args()


def main():
    options = arguments()
    if not (options.data / "items.jsonl").is_file():
        print(f"skipped: {options.data} has no input")
        return 77
    began = time.monotonic()
    data = Data(options.data)
    results = {}
    with tempfile.TemporaryDirectory() as folder:
        imported = pathlib.Path(folder) / "imported.db"
        data.import_into(imported)
        print(f"imported {len(data.golden)} items in {time.monotonic() - began:.1f} s",
              file=sys.stderr)
        for strategy in options.strategies.split(","):
            db = pathlib.Path(folder) / f"{strategy}.db"
            shutil.copy(imported, db)
            results[strategy] = Run(data, strategy, db, options).all_rounds()
    print_table(data, results, options)
    print(f"{time.monotonic() - began:.0f} seconds in all", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
