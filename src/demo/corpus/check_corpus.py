"""Checks the corpus: check_corpus.py corpus.jsonl"""

import collections
import json
import sys
import unicodedata

PROMPTS, RESPONSES = 60, 6


def without_duplicates(pairs):
    assert len(dict(pairs)) == len(pairs), f"a member appears twice: {pairs}"
    return dict(pairs)


def check_row(row):
    assert list(row) == ["id", "prompt_id", "prompt", "response", "metadata"], row
    assert list(row["metadata"]) == ["quality"] and type(row["metadata"]["quality"]) is int, row
    for name in ("id", "prompt_id", "prompt", "response"):
        text = row[name]
        assert text == text.strip() != "", f"{row['id']}: {name} is empty or has spaces around it"
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
assert len({row["response"] for row in rows}) == len(rows), "a response appears twice"
assert len({row["prompt"] for row in rows}) == PROMPTS, "a prompt appears twice"
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

# The position of a response says nothing about its quality: the mean of each position is medium.
for position in range(RESPONSES):
    mean = sum(group[position]["metadata"]["quality"] for group in by_prompt.values()) / PROMPTS
    assert abs(mean - (RESPONSES - 1) / 2) < 0.6, f"position {position + 1} has mean quality {mean}"
