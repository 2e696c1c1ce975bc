"""Measures the seconds from the start of fisherd until it is ready, with a full database.

FISHERD=… /usr/bin/python3 tests/bench/start_up.py [--items 100000] [--labels 100000]
    [--numbers 512] [--db PATH]
"""

import argparse
import os
import pathlib
import sqlite3
import sys
import tempfile

import numpy

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "http/api"))

import time

from client import Daemon, run, wait_until

PROMPT_SIZE = 10


def make(path, n_items, n_labels, numbers, annotators=20):
    """Writes a database like one that people have worked with, without fisherd, which is faster."""
    assert run("migrate", "--db", path).returncode == 0
    random = numpy.random.default_rng(1)
    now = int(time.time() * 1000)
    with sqlite3.connect(path) as database:
        database.execute("PRAGMA synchronous = OFF")
        for start in range(0, n_items, 1000):
            embeddings = random.standard_normal((1000, numbers), dtype=numpy.float32)
            database.executemany(
                "INSERT INTO items (idx, id, prompt_id, created_ms) VALUES (?, ?, ?, ?)",
                [(start + i, f"item-{start + i}", f"prompt-{(start + i) // PROMPT_SIZE}", now)
                 for i in range(min(1000, n_items - start))])
            database.executemany(
                "INSERT INTO item_embeddings (embedder, idx, bytes) VALUES (0, ?, ?)",
                [(start + i, embeddings[i].tobytes()) for i in range(min(1000, n_items - start))])
        first = random.integers(0, n_items, n_labels)
        step = random.integers(1, PROMPT_SIZE, n_labels)
        second = first // PROMPT_SIZE * PROMPT_SIZE + (first + step) % PROMPT_SIZE
        database.executemany(
            "INSERT INTO labels (sequence, id, revision, item_a, item_b, preference, annotator,"
            " duration_ms, created_ms) VALUES (?, ?, 0, ?, ?, ?, ?, 3000, ?)",
            [(k + 1, f"label-{k}", int(first[k]), int(second[k]), "ab"[k % 2], f"ann-{k % annotators}",
              now) for k in range(n_labels)])
    database.close()


def start_up(path):
    begin = time.monotonic()
    with Daemon(path, {"model": "linear", "retrain": "auto"}) as daemon:
        wait_until(lambda: daemon.call("GET", "/readyz").status == 200, "readiness")
        seconds = time.monotonic() - begin
        log = daemon.log_text()
    replay = next((word for word in log.split() if word.startswith("seconds=")), "")
    return seconds, replay


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--items", type=int, default=100000)
    parser.add_argument("--labels", type=int, default=100000)
    parser.add_argument("--numbers", type=int, default=512)
    parser.add_argument("--db", help="a database that is kept, and used again if it exists")
    parser.add_argument("--runs", type=int, default=3)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = arguments.db or os.path.join(folder, "start.db")
        if not os.path.exists(path):
            make(path, arguments.items, arguments.labels, arguments.numbers)
        runs = [start_up(path) for _ in range(arguments.runs)]
    print(f"start-up with {arguments.items} items of {arguments.numbers} numbers and"
          f" {arguments.labels} labels: {', '.join(f'{s:.2f}' for s, _ in runs)} s"
          f" (replay {runs[-1][1]})")


if __name__ == "__main__":
    main()
