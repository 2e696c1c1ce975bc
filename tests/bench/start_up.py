"""Measures the start of fisherd with a full database: the seconds until it is ready, with and
without a checkpoint, and the memory that an item and a label take.

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


def add_items(path, n_items, numbers):
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
    database.close()


def add_labels(path, n_items, n_labels, annotators=20):
    random = numpy.random.default_rng(2)
    now = int(time.time() * 1000)
    with sqlite3.connect(path) as database:
        database.execute("PRAGMA synchronous = OFF")
        first = random.integers(0, n_items, n_labels)
        step = random.integers(1, PROMPT_SIZE, n_labels)
        second = first // PROMPT_SIZE * PROMPT_SIZE + (first + step) % PROMPT_SIZE
        database.executemany(
            "INSERT INTO labels (sequence, id, revision, item_a, item_b, preference, annotator,"
            " duration_ms, created_ms) VALUES (?, ?, 0, ?, ?, ?, ?, 3000, ?)",
            [(k + 1, f"label-{k}", int(first[k]), int(second[k]), "ab"[k % 2], f"ann-{k % annotators}",
              now) for k in range(n_labels)])
    database.close()


def make(path, n_items, n_labels, numbers, annotators=20):
    """Writes a database like one that people have worked with, without fisherd, which is faster."""
    add_items(path, n_items, numbers)
    add_labels(path, n_items, n_labels, annotators)


def figures_of(daemon):
    """CPU seconds, and megabytes of its own memory."""
    spent = pathlib.Path(f"/proc/{daemon.process.pid}/stat").read_text().split()
    status = pathlib.Path(f"/proc/{daemon.process.pid}/status").read_text()
    kilobytes = int(status.partition("RssAnon:")[2].split()[0])
    return (int(spent[13]) + int(spent[14])) / os.sysconf("SC_CLK_TCK"), kilobytes / 1024


def start_up(path, checkpoint_rows, writes=False):
    begin = time.monotonic()
    options = {"model": "linear", "retrain-labels": 0, "retrain-seconds": 0, "refit": "no",
               "checkpoint-rows": checkpoint_rows, "stop-seconds": 60}
    with Daemon(path, options) as daemon:
        wait_until(lambda: daemon.call("GET", "/readyz").status == 200, "readiness")
        seconds = time.monotonic() - begin
        cpu, megabytes = figures_of(daemon)
        if writes:
            wait_until(lambda: "event=checkpoint-written" in daemon.log_text(), "a checkpoint")
        assert "event=checkpoint-ignored" not in daemon.log_text()
    return seconds, cpu, megabytes


def print_starts(what, runs):
    print(f"{what}: {', '.join(f'{seconds:.2f}' for seconds, _, _ in runs)} s,"
          f" of which {', '.join(f'{cpu:.2f}' for _, cpu, _ in runs)} s of the processor")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--items", type=int, default=100000)
    parser.add_argument("--labels", type=int, default=100000)
    parser.add_argument("--numbers", type=int, default=512)
    parser.add_argument("--db", help="a database that is kept, and used again if it exists")
    parser.add_argument("--runs", type=int, default=3)
    arguments = parser.parse_args()
    n_items, n_labels = arguments.items, arguments.labels
    with tempfile.TemporaryDirectory() as folder:
        path = arguments.db or os.path.join(folder, "start.db")
        add_items(os.path.join(folder, "empty.db"), PROMPT_SIZE, arguments.numbers)
        empty = start_up(os.path.join(folder, "empty.db"), 0)[2]
        if not os.path.exists(path):
            add_items(path, n_items, arguments.numbers)
            items = start_up(path, 0)[2]
            print(f"memory: {(items - empty) * 2**20 / n_items:.0f} bytes an item, with what"
                  " the model needs of it")
            add_labels(path, n_items, n_labels)
            both = start_up(path, 0)[2]
            print(f"memory: {(both - items) * 2**20 / n_labels:.0f} bytes a label")
        print(f"{n_items} items of {arguments.numbers} numbers, {n_labels} labels:")
        print_starts("without a checkpoint", [start_up(path, 0) for _ in range(arguments.runs)])
        pathlib.Path(f"{path}.checkpoint").unlink(missing_ok=True)
        start_up(path, 1, writes=True)
        print_starts("with a checkpoint",
                     [start_up(path, 10**9) for _ in range(arguments.runs)])


if __name__ == "__main__":
    main()
