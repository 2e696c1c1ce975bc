"""What the statistics tell of the annotators' reliability, over the API."""

import math
import random

import pytest

from client import Daemon, label, scattered_items

PEOPLE = ("anna", "bert", "cleo", "ivan")


def answers(items, n, first=0):
    """By the first number of the embedding; ivan answers the wrong way round."""
    draw = random.Random(first)
    for i in range(first, first + n):
        a, b = draw.sample(items, 2)
        logit = 4 * (a["embedding"][0] - b["embedding"][0])
        person = PEOPLE[i % len(PEOPLE)]
        right = draw.random() < 1 / (1 + math.exp(-logit if person != "ivan" else logit))
        yield label(f"l{i}", a["id"], b["id"], "a" if right else "b", annotator=person)


def told(daemon):
    return {row["annotator"]: (row["reliability"], row["reliability_stddev"])
            for row in daemon.get("/v1/stats")["annotators"]}


def test_reliabilities_are_told_once_a_model_was_trained_and_survive_a_restart(db):
    items = scattered_items(prompts=12)
    options = {"model": "linear", "refit": "yes"}
    with Daemon(db, options) as daemon:
        daemon.add_items(items)
        daemon.add_labels(list(answers(items, 240)))
        assert set(told(daemon).values()) == {(None, None)}
        daemon.train()
        before = told(daemon)
        assert before["ivan"][0] < 0 < before["ivan"][1] < 0.7
        assert all(before[name][0] > 0.5 for name in PEOPLE[:3])
        daemon.add_labels([label("late", items[0]["id"], items[1]["id"], annotator="dora")])
        assert told(daemon)["dora"] == (None, None)
        assert daemon.get("/v1/stats?annotator=ivan&from=0")["annotators"][0]["reliability"] < 0
        daemon.wait_for_log("event=annotator-unreliable")
        rows = [line for line in daemon.log if "event=annotator-unreliable" in line]
        assert len(rows) == 1 and "annotator=ivan" in rows[0]
    with Daemon(db, options) as daemon:
        after = told(daemon)
        assert {name: after[name] for name in PEOPLE} == pytest.approx(before)
