"""64 people at three daemons on one PostgreSQL database, with few pairs and short leases. What they
got is read from the database, where a trigger keeps each change of a lease and each label."""

import collections
import concurrent.futures
import itertools
import os
import random
import threading
import time

import pytest

from client import Daemon, plane_items, wait_until
from shared_database import fixture_databases  # noqa: F401

LONG = "FISHERD_LONG" in os.environ
PEOPLE = 64
PROMPTS, RESPONSES = (40, 6) if LONG else (6, 5)
TURNS = 100 if LONG else 5
LEASE_SECONDS = 2
OPTIONS = {"retrain-labels": 50 if LONG else 0, "retrain-seconds": 0, "refit": "no",
           "lease-seconds": LEASE_SECONDS, "ready": 8, "candidates": "in_prompt", "max-skips": 2}
COUNTING = ("a", "b", "tie")

# Replicas write one after another, so that the numbers have their order.
HISTORY = """
CREATE TABLE seen (n bigserial PRIMARY KEY, transaction bigint DEFAULT txid_current(), kind text,
                   id text, a bigint, b bigint, annotator text, what text);
CREATE FUNCTION see_lease() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    INSERT INTO seen (kind, id, a, b, annotator, what)
    VALUES ('lease', NEW.id, least(NEW.item_a, NEW.item_b), greatest(NEW.item_a, NEW.item_b),
            NEW.annotator, CASE WHEN NEW.ended_ms IS NULL THEN 'open'
                              WHEN NEW.ended_ms >= NEW.expires_ms THEN 'over' ELSE 'ended' END);
    RETURN NULL; END; $$;
CREATE FUNCTION see_label() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    INSERT INTO seen (kind, id, a, b, annotator, what)
    VALUES ('label', NEW.id, least(NEW.item_a, NEW.item_b), greatest(NEW.item_a, NEW.item_b),
            NEW.annotator, NEW.preference);
    RETURN NULL; END; $$;
CREATE TRIGGER see AFTER INSERT OR UPDATE ON assignments
    FOR EACH ROW EXECUTE FUNCTION see_lease();
CREATE TRIGGER see AFTER INSERT ON labels FOR EACH ROW EXECUTE FUNCTION see_label();
"""


class Person:
    """Takes pairs at any of the daemons, and does with them what people do."""

    numbers = itertools.count()
    lock = threading.Lock()

    def __init__(self, daemons, seed):
        self.daemons = daemons
        self.draw = random.Random(seed)
        self.acknowledged = set()
        self.become_somebody_new()

    def become_somebody_new(self):
        with self.lock:
            self.name = f"person-{next(self.numbers)}"
        self.answered = set()

    def call(self, method, path, body=None, allowed=(200, 201)):
        response = self.draw.choice(self.daemons).call(method, path, body)
        assert response.status in allowed, response
        return response.json if response.body else None

    def answer(self, assignment, preference):
        identity = f"label-{assignment['id']}-{self.name}"
        body = {"labels": [{"id": identity, "annotator": self.name, "preference": preference,
                            "assignment": assignment["id"], "a": assignment["a"]["id"],
                            "b": assignment["b"]["id"]}]}
        for _ in range(self.draw.choice((1, 1, 2))):  # sometimes again, anywhere
            self.call("POST", "/v1/labels", body)
        self.acknowledged.add(identity)
        self.answered.add(frozenset((assignment["a"]["id"], assignment["b"]["id"])))

    def handle(self, assignment):
        path = f"/v1/assignments/{assignment['id']}"
        pair = frozenset((assignment["a"]["id"], assignment["b"]["id"]))
        assert pair not in self.answered
        what = self.draw.random()
        if what < 0.1:
            self.answer(assignment, "skip")
        elif what < 0.2:
            self.call("DELETE", path, allowed=(200, 404))  # it may have expired
        elif what < 0.3:
            self.call("POST", f"{path}/renew", {"lease_seconds": LEASE_SECONDS + 1},
                      allowed=(200, 404))
            self.answer(assignment, "b")
        elif what < 0.36:  # leaves
            self.become_somebody_new()
        elif what < 0.4:  # goes away for a while, and answers late
            time.sleep(LEASE_SECONDS * 1.2)
            self.answer(assignment, "a")
        else:
            self.answer(assignment, self.draw.choice(COUNTING))

    def work(self):
        for _ in range(TURNS):
            taken = self.call("POST", "/v1/assignments", {
                "annotator": self.name, "count": self.draw.choice((1, 1, 3))})["assignments"]
            name = self.name
            for assignment in taken:
                if self.name == name:
                    self.handle(assignment)


def finish(people, daemon):
    """People who answer whatever they get come to the daemon until every pair has its answers."""
    for person in people:
        person.daemons = [daemon]

        def take(person=person):
            taken = person.call("POST", "/v1/assignments", {"annotator": person.name, "count": 20})
            for assignment in taken["assignments"]:
                person.answer(assignment, "tie")
            return taken["reason_code"]
        person.become_somebody_new()
        # Those who left still hold some, for a moment.
        if wait_until(lambda t=take: t() not in (None, "searching", "held_by_others") and t(),
                      "pairs that are left") == "all_answered":
            return
    raise AssertionError("some pairs go to nobody")


class History:
    """What the database has seen, checked transaction by transaction."""

    def __init__(self, redundancy):
        self.redundancy = redundancy
        self.open = collections.defaultdict(dict)  # by pair: {annotator: id of the lease}
        self.labels = collections.defaultdict(dict)  # by pair: {annotator: preference}
        self.late = collections.defaultdict(set)  # annotators whose lease was over
        self.begun = set()
        self.label_ids = collections.Counter()

    def answered(self, pair):
        return {who for who, what in self.labels[pair].items() if what in COUNTING}

    def follow(self, transaction):
        leases = [row for row in transaction if row.kind == "lease"]
        labels = [row for row in transaction if row.kind == "label"]
        answered_before = {row.pair: len(self.answered(row.pair)) for row in leases}
        had_before = {row.pair: set(self.labels[row.pair]) for row in leases}
        over = {(row.pair, row.annotator) for row in leases if row.what == "over"}
        for row in labels:
            self.label_ids[row.id] += 1
            if row.annotator not in self.open[row.pair] or (row.pair, row.annotator) in over:
                self.late[row.pair].add(row.annotator)
            self.labels[row.pair][row.annotator] = row.what
        for row in sorted(leases, key=lambda row: row.what == "open"):  # those that end come first
            if row.what != "open":
                if self.open[row.pair].get(row.annotator) == row.id:
                    del self.open[row.pair][row.annotator]
                continue
            if row.id not in self.begun:
                assert row.annotator not in self.open[row.pair], (row, "has it already")
                assert row.annotator not in had_before[row.pair], (row, "has answered it")
                self.begun.add(row.id)
                begun = len(self.open[row.pair]) + 1 + answered_before[row.pair]
                assert begun <= self.redundancy, (row, "is one too many")
            self.open[row.pair][row.annotator] = row.id
        for pair in {row.pair for row in transaction}:
            answered = self.answered(pair) - self.late[pair]
            assert len(answered | set(self.open[pair])) <= self.redundancy, (pair, transaction)


Row = collections.namedtuple("Row", "kind id pair annotator what")


def rows_of(databases, url):
    text = databases.sql(url, "SELECT transaction, kind, id, a, b, annotator, what FROM seen"
                              " ORDER BY n")
    for line in text.splitlines():
        transaction, kind, identity, a, b, annotator, what = line.split("|")
        yield int(transaction), Row(kind, identity, (int(a), int(b)), annotator, what)


@pytest.mark.parametrize("redundancy", [1, 2, 3])
def test_no_pair_is_out_to_more_people_than_redundancy_and_nobody_gets_one_twice(
        databases, redundancy):
    url = databases.new()
    options = {**OPTIONS, "redundancy": redundancy}
    with Daemon(url, options) as one, Daemon(url, options) as two, Daemon(url, options) as three:
        databases.sql(url, HISTORY)
        one.add_items(plane_items(PROMPTS, RESPONSES))
        people = [Person((one, two, three), seed) for seed in range(PEOPLE)]
        with concurrent.futures.ThreadPoolExecutor(PEOPLE) as pool:
            list(pool.map(Person.work, people))
        finish(people, two)
        for daemon in (one, three):
            finish(people[:1], daemon)
        acknowledged = set().union(*(person.acknowledged for person in people))
        for daemon in (one, two, three):
            wait_until(lambda d=daemon: d.model()["labels"] == one.model()["labels"], "all labels")
        histories = [daemon.list_all("labels", 1000) for daemon in (one, two, three)]
    assert histories[0] == histories[1] == histories[2]
    history = History(redundancy)
    for _, rows in itertools.groupby(rows_of(databases, url), key=lambda found: found[0]):
        history.follow([row for _, row in rows])
    assert set(history.label_ids) == acknowledged and max(history.label_ids.values()) == 1
    assert len(history.labels) == PROMPTS * RESPONSES * (RESPONSES - 1) // 2
    for pair, labels in history.labels.items():
        skipped = list(labels.values()).count("skip")
        assert len(history.answered(pair)) >= redundancy or skipped > OPTIONS["max-skips"], labels
    print(f"redundancy {redundancy}: {len(history.begun)} leases, {len(acknowledged)} answers,"
          f" {sum(map(len, history.late.values()))} late")
