"""Measures POST /v1/selections with 20,000 listed pairs over HTTP against the selection itself, which
the response tells as elapsed_ms: for each form of the list the medians and their ratio."""

import json
import pathlib
import random
import statistics
import sys
import tempfile
import time
import http.client

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "http" / "api"))
from client import Daemon  # noqa: E402  pylint: disable=wrong-import-position

ITEMS, PAIRS, INPUTS, RUNS, TARGET = 5000, 20000, 256, 15, 1.3


def forms(pairs):
    yield "objects", [{"a": a, "b": b} for a, b in pairs]
    yield "rows", pairs
    yield "columns", {"a": [a for a, _ in pairs], "b": [b for _, b in pairs]}


def main():
    draw = random.Random(1)
    options = {"model": "network", "hidden-layers": 2, "hidden-width": 128, "components": 128}
    with tempfile.TemporaryDirectory() as folder, Daemon(f"{folder}/bench.db", options) as daemon:
        for start in range(0, ITEMS, 1000):
            daemon.add_items([{"id": f"item-{i:06}", "prompt_id": f"prompt-{i // 10}",
                               "embedding": [draw.gauss(0, 1) for _ in range(INPUTS)]}
                              for i in range(start, start + 1000)])
        pairs = [[f"item-{i:06}" for i in draw.sample(range(ITEMS), 2)] for _ in range(PAIRS)]
        connection = http.client.HTTPConnection(daemon.host, daemon.port)
        for name, listed in forms(pairs):
            for strategy in ("dopt", "greedy"):
                body = json.dumps({"batch_size": 500, "seed": 1, "strategy": strategy, "pairs": listed})
                whole, inside = [], []
                for _ in range(RUNS):
                    start = time.perf_counter()
                    connection.request("POST", "/v1/selections", body, {"Content-Type": "application/json"})
                    answer = connection.getresponse().read()
                    whole.append(1e3 * (time.perf_counter() - start))
                    inside.append(json.loads(answer)["diagnostics"]["elapsed_ms"])
                ratio = statistics.median(whole) / statistics.median(inside)
                print(f"{name:8} {strategy:7} {len(body) / 1e6:.2f} MB: {statistics.median(whole):6.1f} ms over HTTP, "
                      f"{statistics.median(inside):6.1f} ms selection, ratio {ratio:.2f}"
                      f"{'' if ratio <= TARGET else ' (above the target)'}")


if __name__ == "__main__":
    main()
