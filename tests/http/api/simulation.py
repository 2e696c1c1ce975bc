"""What the tests of `fisherd simulate` share: short runs, and small data."""

import csv
import json
import struct

import pytest

from client import run

SMALL = ("--batch-sizes", 10, "--hidden-width", 8, "--iterations", 40, "--noise", 1,
         "--candidates", 2000)
# Every option of the learner is given, so that these tests do not depend on defaults.
FIXED = ("--preset", "paper", *SMALL, "--batch-sizes", 60, "--held-out", 0.2, "--retrain", "warm",
         "--widths", 8, "--modes", "in_prompt", "--seeds", 1, "--strategies", "random,greedy")
TIMES = ("select_seconds", "train_seconds")
SETTINGS = ("reward", "mode", "batch", "width", "strategy", "seed")


def simulate(folder, *arguments, data=("--data", "plane"), env=None):
    return run("simulate", *data, *SMALL, "--csv", "out.csv", *arguments, cwd=folder, env=env)


def rows_of(folder):
    with open(folder / "out.csv", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def figures_of(rows):
    """Rows without times, sorted."""
    return sorted(tuple(value for name, value in row.items() if name not in TIMES) for row in rows)


def write_npy(path, rows):
    columns = len(rows[0])
    header = f"{{'descr': '<f4', 'fortran_order': False, 'shape': ({len(rows)}, {columns}), }}"
    header += " " * (63 - (10 + len(header)) % 64) + "\n"
    path.write_bytes(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header.encode()
                     + b"".join(struct.pack(f"<{columns}f", *row) for row in rows))


def write_data(folder, prompts=10, responses=6):
    with open(folder / "items.jsonl", "w", encoding="utf-8") as file:
        for i in range(prompts * responses):
            file.write(json.dumps({"id": f"i{i}", "prompt_id": f"p{i // responses}"}) + "\n")
    values = [((i * 37 % 101) / 50 - 1, (i * 53 % 97) / 48 - 1) for i in range(prompts * responses)]
    write_npy(folder / "response_embeddings.npy", values)
    write_npy(folder / "prompt_embeddings.npy", [(k / prompts,) for k in range(prompts)])
    write_npy(folder / "golden.npy", [(5 * x,) for x, _ in values])


@pytest.fixture(name="data")
def fixture_data(tmp_path):
    (tmp_path / "set").mkdir()
    write_data(tmp_path / "set")
    return tmp_path / "set"


def evidence(folder, *arguments, data=("--data", "plane")):
    done = run("simulate", *data, "--preset=evidence", "--splits=2", "--csv=out.csv", "--model=linear",
               *arguments, cwd=folder)
    assert done.returncode == 0, done.stderr
    return done, rows_of(folder)


def write_votes(folder):
    """Three votes for each of the pairs of neighbours: the larger first number wins; one is a tie."""
    with open(folder / "items.jsonl", encoding="utf-8") as file:
        items = [json.loads(line) for line in file]
    with open(folder / "pairs.jsonl", "w", encoding="utf-8") as file:
        for i, (one, other) in enumerate(zip(items, items[1:])):
            if one["prompt_id"] != other["prompt_id"]:
                continue
            for k in range(3):
                wins = "tie" if k == 2 else "a" if i * 37 % 101 > (i + 1) * 37 % 101 else "b"
                file.write(json.dumps({"a": one["id"], "b": other["id"], "preference": wins,
                                       "annotator": f"w{k}", "duration_ms": 1000 * (k + 1)}) + "\n")
