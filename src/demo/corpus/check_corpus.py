"""Checks the corpus: check.py corpus.jsonl"""

import collections
import json
import sys
import unicodedata

PROMPTS, RESPONSES = 60, 6


def without_duplicates(pairs):
    assert len(dict(pairs)) == len(pairs), f"a member occurs twice: {pairs}"
    return dict(pairs)


def check_row(row):
    assert list(row) == ["id", "prompt_id", "prompt", "response", "metadata"], row
    assert list(row["metadata"]) == ["quality"] and type(row["metadata"]["quality"]) is int, row
    for name in ("id", "prompt_id", "prompt", "response"):
        text = row[name]
        assert text == text.strip() != "", f"{row['id']}: {name} is empty or has space around it"
        assert text == unicodedata.normalize("NFC", text), f"{row['id']}: {name} is not in NFC"
        assert all(c == "\n" or c.isprintable() for c in text), f"{row['id']}: {name}"


with open(sys.argv[1], "rb") as file:
    data = file.read()
assert data.endswith(b"\n") and b"\r" not in data
rows = [json.loads(line.decode("utf-8"), object_pairs_hook=without_duplicates)
        for line in data.splitlines()]
for row in rows:
    check_row(row)

assert len(rows) == PROMPTS * RESPONSES, len(rows)
assert len({row["response"] for row in rows}) == len(rows), "a response occurs twice"
assert len({row["prompt"] for row in rows}) == PROMPTS, "a prompt occurs twice"
by_prompt = collections.defaultdict(list)
for row in rows:
    by_prompt[row["prompt_id"]].append(row)
assert len(by_prompt) == PROMPTS
for prompt_id, group in by_prompt.items():
    ids = [row["id"] for row in group]
    assert ids == [f"{prompt_id}-r{k}" for k in range(1, RESPONSES + 1)], ids
    assert len({row["prompt"] for row in group}) == 1, prompt_id
    qualities = sorted(row["metadata"]["quality"] for row in group)
    assert qualities == list(range(RESPONSES)), f"{prompt_id}: {qualities}"

# Where a response stands tells nothing: no place is near the best or the worst on average.
for place in range(RESPONSES):
    mean = sum(group[place]["metadata"]["quality"] for group in by_prompt.values()) / PROMPTS
    assert abs(mean - (RESPONSES - 1) / 2) < 0.6, f"place {place + 1} has mean quality {mean}"
