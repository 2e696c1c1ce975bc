#!/usr/bin/env python3
"""How close each strategy comes to the best batch, and what it costs.

    FISHERD=build/release/src/app/fisherd python3 tests/e2e/quality.py [--data FOLDER]
        [--batches 125,500] [--runs 5]

Two daemons choose batches by every strategy of GET /v1/strategies from the same 20,000 candidates. One
has the items that alpaca.py describes, embedded in 1,024 numbers, and a model of
the default shape trained on 500 answers to random in-prompt pairs. The other has 5,000 items of
500 prompts with 64 normal numbers each, and a linear model trained on 500 answers of a random
linear annotator. Prints a Markdown table of d_efficiency, by the tangent at the batch and by the
tight certificate, and of the median time. Without the folder it measures only the second daemon.
"""

import argparse
import base64
import os
import pathlib
import statistics
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "http" / "api")]

import numpy  # noqa: E402

import alpaca  # noqa: E402
from client import Daemon, float32, label  # noqa: E402

ANSWERS, CANDIDATES = 500, 20000
LEAST_OF_GREEDY = 0.98  # with answers


def random_pairs(daemon, seed, **more):
    selection = daemon.select(batch_size=ANSWERS, strategy="random", seed=seed,
                              generate={"mode": "in_prompt", "pairs": CANDIDATES}, **more)
    return [(pair["a"], pair["b"]) for pair in selection["pairs"]]


def learn(daemon, preference):
    daemon.add_labels([label(f"l{i}", a, b, preference(a, b))
                       for i, (a, b) in enumerate(random_pairs(daemon, 1))])
    daemon.train()


def serve_alpaca(folder, data):
    db = folder / "alpaca.db"
    data.import_into(db)
    daemon = Daemon(db, alpaca.SERVED)
    learn(daemon, data.answer)
    return daemon


def serve_gaussians(folder):
    rng = numpy.random.default_rng(1)
    embeddings = rng.normal(size=(5000, 64)).astype(numpy.float32)
    rewards = embeddings @ rng.normal(size=64) / 8
    index = {f"p{i // 10}-r{i % 10}": i for i in range(len(embeddings))}
    daemon = Daemon(folder / "gaussians.db", {"hidden-layers": 0})
    items = [{"id": name, "prompt_id": name.split("-")[0],
              "embedding": in_base64(embeddings[i])} for name, i in index.items()]
    for first in range(0, len(items), 1000):
        daemon.add_items(items[first:first + 1000])

    def preference(a, b):
        preferred = 1 / (1 + numpy.exp(rewards[index[b]] - rewards[index[a]]))
        return "a" if alpaca.number_of(a, b) < preferred else "b"
    learn(daemon, preference)
    return daemon


def in_base64(numbers):
    return base64.b64encode(float32(numbers.tolist())).decode()


def measure(daemon, strategy, batch, runs):
    """d_efficiency by both certificates, the random batch, and the median milliseconds."""
    request = {"batch_size": batch, "strategy": strategy, "seed": 7,
               "generate": {"mode": "in_prompt", "pairs": CANDIDATES}}
    diagnostics = [daemon.select(**request)["diagnostics"] for _ in range(runs)]
    tight = daemon.select(**request, certify="tight")["diagnostics"]
    return (diagnostics[0]["d_efficiency"], tight["d_efficiency"], diagnostics[0]["random_batch"],
            statistics.median(one["elapsed_ms"] for one in diagnostics))


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    shared = pathlib.Path(os.environ.get("FISHERD_SHARED", HERE.parents[2] / "shared"))
    parser.add_argument("--data", type=pathlib.Path, default=shared / "data" / "alpaca")
    parser.add_argument("--batches", default="125,500")
    parser.add_argument("--runs", type=int, default=5)
    return parser.parse_args()


def print_table(rows, sources, batches):
    heads = [f"{source}, k = {batch}" for source in sources for batch in batches]
    print("| strategy | " + " | ".join(f"{head}: tangent | tight | ms" for head in heads) + " |")
    print("|---|" + "---:|" * (3 * len(heads)))
    for strategy, cells in rows.items():
        print(f"| `{strategy}` | " + " | ".join(
            f"{tangent:.3f} | {tight:.3f} | {time:.1f}" for tangent, tight, _, time in cells)
            + " |")


def main():
    options = arguments()
    batches = [int(size) for size in options.batches.split(",")]
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        daemons = {"Gaussians": serve_gaussians(folder)}
        if (options.data / "items.jsonl").is_file():
            daemons = {"alpaca": serve_alpaca(folder, alpaca.Data(options.data)), **daemons}
        strategies = [one["name"] for one in daemons["Gaussians"].get("/v1/strategies")["strategies"]]
        rows = {strategy: [measure(daemon, strategy, batch, options.runs)
                           for daemon in daemons.values() for batch in batches]
                for strategy in strategies}
        for daemon in daemons.values():
            daemon.stop()
    print_table(rows, daemons, batches)
    for column, greedy in enumerate(rows["greedy"]):
        assert greedy[1] >= LEAST_OF_GREEDY, f"greedy is far from the best batch: {greedy}"
        best = max(cells[column][1] for cells in rows.values())
        assert greedy[1] >= best - 0.002, "another strategy gains more than greedy"
    return 0


if __name__ == "__main__":
    sys.exit(main())
