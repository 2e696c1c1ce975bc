"""However and whenever the daemon ends, an acknowledged label is stored exactly once."""

import http.client
import os
import pathlib
import random
import signal
import socket
import sqlite3
import subprocess
import threading
import time
from collections import Counter

import pytest

from client import (PATIENCE, PROGRAM, SLOWNESS, SMALL_MODEL, Daemon, environment, flags, float32,
                    label, labels_by_first_number, plane_items, run, wait_until)

MIGRATIONS = pathlib.Path(__file__).parents[3] / "migrations/sqlite"
LIVES = 200 if os.environ.get("FISHERD_LONG") else 5

LONG_TRAINING = {**SMALL_MODEL, "hidden-width": 256, "hidden-layers": 3, "iterations": 1000000,
                 "patience": 0}


class Annotator(threading.Thread):
    """Posts labels, a few at a time, until the daemon is gone."""

    def __init__(self, daemon, name, items):
        super().__init__(daemon=True)
        self.daemon_under_test = daemon
        self.annotator = name
        self.items = [item["id"] for item in items]
        self.random = random.Random(name)
        self.sent = {}
        self.acknowledged = set()
        self.refused = []

    def run(self):
        while True:
            labels = []
            for _ in range(self.random.randint(1, 5)):
                a, b = self.random.sample(self.items, 2)
                labels.append(label(f"{self.annotator}-{len(self.sent)}", a, b,
                                    self.random.choice("ab"), annotator=self.annotator))
                self.sent[labels[-1]["id"]] = labels[-1]
            try:
                response = self.daemon_under_test.call("POST", "/v1/labels", {"labels": labels})
            except (OSError, http.client.HTTPException):
                return
            if response.status == 200:
                self.acknowledged.update(one["id"] for one in labels)
            else:
                self.refused.append(response)
                return


def label_at_once(daemon, items, count=4, name="annotator"):
    annotators = [Annotator(daemon, f"{name}-{i}", items) for i in range(count)]
    for annotator in annotators:
        annotator.start()
    return annotators


def check_nothing_lost_or_doubled(daemon, annotators, others=0):
    rows = daemon.list_all("labels", 1000)
    times = Counter(row["id"] for row in rows)
    sent = {identity: one for annotator in annotators for identity, one in annotator.sent.items()}
    acknowledged = set().union(*(annotator.acknowledged for annotator in annotators))
    assert max(times.values(), default=1) == 1, "a label is there twice"
    assert acknowledged <= set(times), "an acknowledged label is lost"
    for row in rows:
        if row["id"] in sent:
            assert {member: row[member] for member in sent[row["id"]]} == sent[row["id"]]
    assert daemon.model()["labels"] == len(rows)

    there = sum(identity in times for identity in sent)
    everything = list(sent.values())
    accepted = duplicates = 0
    for start in range(0, len(everything), 500):
        done = daemon.add_labels(everything[start:start + 500])
        accepted += done["accepted"]
        duplicates += done["duplicates"]
    assert duplicates == there and accepted == len(sent) - there
    assert len(daemon.list_all("labels", 1000)) == len(sent) + others


@pytest.mark.parametrize("acknowledgements", [1, 50, 400])
def test_kill_loses_no_acknowledged_label_and_doubles_none(db, items, acknowledgements):
    with Daemon(db) as daemon:
        daemon.add_items(items)
        daemon.add_labels(labels_by_first_number(items, 40))
        daemon.train()
        scores = daemon.post("/v1/score", {"items": [item["id"] for item in items]})
        annotators = label_at_once(daemon, items)
        wait_until(lambda: sum(len(a.acknowledged) for a in annotators) >= acknowledgements,
                   "acknowledged labels")
        daemon.kill()
        for annotator in annotators:
            annotator.join(PATIENCE)
            assert not annotator.refused
    with Daemon(db) as daemon:
        again = daemon.post("/v1/score", {"items": [item["id"] for item in items]})
        assert again["model_version"] == scores["model_version"] == daemon.model()["version"] == 1
        assert [s["reward"] for s in again["scores"]] == [s["reward"] for s in scores["scores"]]
        check_nothing_lost_or_doubled(daemon, annotators, others=40)
    assert run("check", "--db", db).returncode == 0


def test_kill_again_and_again_loses_nothing(db, items):
    annotators = []
    with Daemon(db) as daemon:
        daemon.add_items(items)
    for life in range(5):
        with Daemon(db, {"retrain-labels": 20, "iterations": 20}) as daemon:
            now = [Annotator(daemon, f"life-{life}-{i}", items) for i in range(3)]
            for annotator in now:
                annotator.start()
            wait_until(lambda: sum(len(a.acknowledged) for a in now) >= 30 * (life + 1),
                       "acknowledged labels")
            version = daemon.model()["version"]
            daemon.kill()
            for annotator in now:
                annotator.join(PATIENCE)
            annotators += now
        with Daemon(db) as daemon:
            assert daemon.model()["version"] >= version, "an announced model is lost"
    with Daemon(db) as daemon:
        check_nothing_lost_or_doubled(daemon, annotators)


class Admin(threading.Thread):
    """Asks for trainings and backups until the daemon is gone."""

    def __init__(self, daemon, life):
        super().__init__(daemon=True)
        self.daemon_under_test = daemon
        self.life = life
        self.backups = []

    def run(self):
        for number in range(1000):
            name = f"life-{self.life}-{number}.db"
            try:
                self.daemon_under_test.call("POST", "/v1/model/train")
                response = self.daemon_under_test.call("POST", "/v1/admin/backup", {"name": name})
            except (OSError, http.client.HTTPException):
                return
            if response.status < 300:
                self.backups.append(name)


def make_first_schema(db, items, n_labels):
    """A database of the program's first version."""
    labels = labels_by_first_number(items, n_labels, prefix="old")
    index = {item["id"]: i for i, item in enumerate(items)}
    database = sqlite3.connect(db)
    database.executescript((MIGRATIONS / "0001_foundation.sql").read_text())
    database.executescript(f"PRAGMA application_id = {0x66697368}; PRAGMA user_version = 1")
    database.executemany(
        "INSERT INTO items (idx, id, prompt_id, created_ms, dimension, prompt, response, embedding)"
        " VALUES (?, ?, ?, 1, ?, ?, ?, ?)",
        [(i, item["id"], item["prompt_id"], len(item["embedding"]), item["prompt"],
          item["response"], float32(item["embedding"])) for i, item in enumerate(items)])
    database.executemany(
        "INSERT INTO labels (id, revision, item_a, item_b, preference, annotator, duration_ms,"
        " created_ms) VALUES (?, 0, ?, ?, ?, ?, -1, 2)",
        [(one["id"], index[one["a"]], index[one["b"]], one["preference"], one["annotator"])
         for one in labels])
    database.commit()
    database.close()
    return labels


def test_kill_at_any_moment_of_many_lives_loses_nothing(db, items, tmp_path):
    """While 32 annotators label, models are trained, the log is checkpointed and backups are made."""
    draw = random.Random(7)
    annotators, backups = [], []
    make_first_schema(db, items, 20)
    options = {"retrain-labels": 20, "iterations": 20, "refit": "yes", "backup-dir": tmp_path}
    for life in range(LIVES):
        with Daemon(db, options) as daemon:
            now = label_at_once(daemon, items, 32, f"life-{life}")
            admin = Admin(daemon, life)
            admin.start()
            least = draw.randint(2, 400)
            # pylint: disable-next=cell-var-from-loop
            wait_until(lambda: sum(len(a.acknowledged) for a in now) >= least, "labels")
            daemon.kill()
            for thread in [*now, admin]:
                thread.join(PATIENCE)
            annotators += now
            backups += admin.backups
    for name in backups:
        assert run("check", "--db", tmp_path / name).returncode == 0, name
    with Daemon(db) as daemon:
        check_nothing_lost_or_doubled(daemon, annotators, others=20)
    assert run("check", "--db", db).returncode == 0
    acknowledged = sum(len(annotator.acknowledged) for annotator in annotators)
    assert acknowledged > LIVES
    print(f"kill: {LIVES} times, {acknowledged} acknowledged labels and {len(backups)} backups,"
          " nothing lost")


def test_kill_while_it_starts_leaves_a_database_that_opens(tmp_path, items):
    """During start-up: the schema is created or migrated, the store replayed."""
    draw = random.Random(9)
    for life in range(LIVES):
        db = tmp_path / f"{life}.db"
        labels = make_first_schema(db, items, 200) if life % 2 else []
        options = {"listen": "127.0.0.1:0", "db": db, **SMALL_MODEL}
        process = subprocess.Popen([PROGRAM, "serve", *flags(options)], env=environment(),
                                   stderr=subprocess.DEVNULL)
        time.sleep(draw.uniform(0, 0.04) * SLOWNESS)  # any moment will do
        process.kill()
        process.wait(PATIENCE)
        with Daemon(db) as daemon:
            assert [row["id"] for row in daemon.list_all("labels", 1000)] == [
                one["id"] for one in labels]
            daemon.add_items([{**item, "id": f"new-{item['id']}"} for item in items])
        assert run("check", "--db", db).returncode == 0


def test_kill_while_items_come_leaves_all_or_none_of_a_request(db):
    requests = [[{"id": f"r{r}-{i}", "prompt_id": f"p{r}", "embedding": [r, i, 1, 0.5]}
                 for i in range(50)] for r in range(400)]
    acknowledged = []
    with Daemon(db) as daemon:
        def post():
            for number, request in enumerate(requests):
                try:
                    daemon.add_items(request)
                except (OSError, http.client.HTTPException):
                    return
                acknowledged.append(number)
        poster = threading.Thread(target=post, daemon=True)
        poster.start()
        wait_until(lambda: len(acknowledged) >= 10, "acknowledged items")
        daemon.kill()
        poster.join(PATIENCE)
    with Daemon(db) as daemon:
        there = Counter(item["prompt_id"] for item in daemon.list_all("items", 1000))
        assert set(there.values()) == {50}
        assert len(acknowledged) <= len(there) <= len(acknowledged) + 1
        assert daemon.model()["items"] == 50 * len(there)


# A daemon that waited for what runs would wait for half an hour, and so beyond our patience.
WAITING = {"stop-seconds": 3600}


def test_term_loses_no_acknowledged_label(db, items):
    with Daemon(db, WAITING) as daemon:
        daemon.add_items(items)
        annotators = label_at_once(daemon, items)
        wait_until(lambda: sum(len(a.acknowledged) for a in annotators) >= 100, "labels")
        daemon.stop()
        for annotator in annotators:
            annotator.join(PATIENCE)
            assert all(response.status == 503 for response in annotator.refused)
    with Daemon(db) as daemon:
        check_nothing_lost_or_doubled(daemon, annotators)


def test_term_ends_a_training(db):
    items = plane_items(prompts=30, responses=8, dimension=64)
    with Daemon(db, {**LONG_TRAINING, **WAITING}) as daemon:
        daemon.add_items(items)
        labels = labels_by_first_number(items, 1000)
        daemon.add_labels(labels)
        daemon.ok("POST", "/v1/model/train", None, 202)
        wait_until(lambda: daemon.model()["worker"]["state"] == "training", "training")
        daemon.stop()
    with Daemon(db) as daemon:
        model = daemon.model()
        assert model["labels"] == 1000 and model["version"] == 0
        assert daemon.add_labels(labels) == {"accepted": 0, "duplicates": 1000}


def test_term_ends_a_daemon_with_idle_and_half_sent_requests(db):
    with Daemon(db, WAITING) as daemon:
        sockets = [socket.create_connection((daemon.host, daemon.port)) for _ in range(10)]
        for connection in sockets[:5]:
            connection.sendall(b"POST /v1/labels HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n"
                               b"Content-Type: application/json\r\n\r\n{")
        daemon.stop()
        for connection in sockets:
            connection.close()


def test_term_right_after_readiness_ends_the_daemon_in_order(db):
    for _ in range(20):
        with Daemon(db) as daemon:
            daemon.stop()
            assert "event=stopped" in daemon.log_text()


def test_interrupt_ends_the_daemon_as_well(db):
    with Daemon(db) as daemon:
        daemon.process.send_signal(signal.SIGINT)
        assert daemon.process.wait(PATIENCE) == 0


def test_a_second_daemon_on_the_same_database_is_refused(db, items):
    with Daemon(db) as daemon:
        daemon.add_items(items)
        for command in (["serve", "--listen", "127.0.0.1:0"], ["migrate"]):
            done = run(*command, "--db", db)
            assert done.returncode == 1, command
            assert str(db) in done.stderr and "in use" in done.stderr, done.stderr
        assert run("check", "--db", db).returncode == 0, "it only reads"
        assert len(daemon.list_all("items")) == 12


def test_a_port_that_is_taken_is_refused_with_a_clear_message(db, tmp_path):
    with Daemon(db) as daemon:
        done = run("serve", "--db", tmp_path / "other.db", "--listen", f"127.0.0.1:{daemon.port}")
        assert done.returncode == 1
        assert str(daemon.port) in done.stderr or "in use" in done.stderr


