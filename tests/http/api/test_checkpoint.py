"""The file beside the database that makes a start quick: when it is there, when it is read."""

import itertools
import json
import random
import sqlite3
import stat
import time

from client import Daemon, plane_items, run, wait_until
from shared_database import fixture_databases  # noqa: F401

OPTIONS = {"retrain-labels": 0, "retrain-seconds": 0, "refit": "no"}
OFTEN = {**OPTIONS, "checkpoint-rows": 20}
NEVER = {**OPTIONS, "checkpoint-rows": 0}
PEOPLE = ["anna", "bert", "carla"]


def checkpoint_of(db):
    return db.with_name(db.name + ".checkpoint")


def work(daemon, items, numbers, steps=30):
    """Labels of all kinds, and a correction now and then."""
    for _ in range(steps):
        number = next(numbers)
        a, b = random.sample(items, 2)
        daemon.add_labels([{"id": f"l{number}", "a": a["id"], "b": b["id"],
                            "preference": random.choice(["a", "b", "tie", "skip"]),
                            "annotator": random.choice(PEOPLE)}])
        if number % 5 == 4:
            daemon.ok("PUT", f"/v1/labels/l{number - 3}",
                      {"preference": random.choice(["a", "b"])})


def seen(daemon):
    """What a client can see of the tables."""
    stats = daemon.get("/v1/stats")
    model = daemon.model()
    chosen = daemon.select(batch_size=5, seed=3, generate={"mode": "in_prompt"})
    return (json.dumps([stats["all"], stats["annotators"]], sort_keys=True), model["logdet"],
            [(pair["a"], pair["b"]) for pair in chosen["pairs"]])


def read_of(daemon):
    """Rows that its start took from a checkpoint; None: it read none."""
    line = next((line for line in daemon.log if " event=checkpoint-read " in line), None)
    return line and int(line.partition("revisions=")[2].split()[0])


def test_a_start_reads_the_checkpoint_of_the_stop_before(db):
    items = plane_items(prompts=12)
    numbers = itertools.count()
    with Daemon(db, OFTEN) as daemon:
        daemon.add_items(items)
        work(daemon, items, numbers)
        expected = seen(daemon)
    file = checkpoint_of(db)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    with Daemon(db, OFTEN) as daemon:
        assert read_of(daemon) >= 30
        assert seen(daemon) == expected
    file.unlink()
    with Daemon(db, OFTEN) as daemon:
        assert read_of(daemon) is None
        assert seen(daemon) == expected


def test_rows_that_a_command_adds_meanwhile_are_read_too(db, tmp_path):
    items = plane_items(prompts=12)
    with Daemon(db, OFTEN) as daemon:
        daemon.add_items(items[:40])
        work(daemon, items[:40], itertools.count())
    lines = [json.dumps(item) for item in items[40:]]
    (tmp_path / "items.jsonl").write_text("\n".join(lines) + "\n")
    done = run("import", "--db", db, tmp_path / "items.jsonl")
    assert done.returncode == 0, done.stderr
    with Daemon(db, NEVER) as daemon:
        expected = seen(daemon)
    with Daemon(db, OFTEN) as daemon:
        assert read_of(daemon) >= 30
        assert seen(daemon) == expected
        assert len(daemon.list_all("items")) == len(items)


def test_a_checkpoint_of_what_a_restored_backup_does_not_have_is_ignored(db, tmp_path):
    items = plane_items(prompts=12)
    numbers = itertools.count()
    with Daemon(db, OFTEN) as daemon:
        daemon.add_items(items)
        work(daemon, items, numbers)
    backup = tmp_path / "backup.db"
    assert run("backup", "--db", db, "--to", backup).returncode == 0
    with Daemon(db, OFTEN) as daemon:
        work(daemon, items, numbers)
    assert run("restore", "--db", db, "--from", backup, "--replace").returncode == 0
    with Daemon(db, NEVER) as daemon:
        expected = seen(daemon)
    with Daemon(db, OFTEN) as daemon:
        assert read_of(daemon) is None
        assert "event=checkpoint-ignored" in daemon.log_text()
        assert seen(daemon) == expected


def test_a_kill_while_one_is_written_loses_nothing(db):
    items = plane_items(prompts=12)
    numbers = itertools.count()
    with Daemon(db, OFTEN) as daemon:
        daemon.add_items(items)
    for _ in range(6):
        daemon = Daemon(db, {**OFTEN, "checkpoint-rows": 1})
        work(daemon, items, numbers, steps=random.randrange(1, 30))
        time.sleep(random.random() * 0.01)
        daemon.kill()
        with Daemon(db, NEVER) as daemon:
            expected = seen(daemon)
        with Daemon(db, {**OFTEN, "checkpoint-rows": 1000000}) as daemon:
            assert "event=checkpoint-ignored" not in daemon.log_text()
            assert seen(daemon) == expected


def test_a_replica_has_one_where_it_gets_a_folder(databases, tmp_path):
    items = plane_items(prompts=12)
    numbers = itertools.count()
    url = databases.new()
    often = {**OFTEN, "checkpoint-dir": tmp_path}
    with Daemon(url, often) as daemon, Daemon(url, NEVER) as other:
        daemon.add_items(items)
        work(other, items, numbers)
        wait_until(lambda: daemon.get("/v1/stats")["labels"] == 30, "the rows of the other")
    with Daemon(url, NEVER) as other:
        work(other, items, numbers)
        expected = seen(other)
    with Daemon(url, often) as daemon:
        assert read_of(daemon) >= 30
        assert seen(daemon) == expected
        label_again = {"id": "l0", "a": items[0]["id"], "b": items[1]["id"], "preference": "a",
                       "annotator": "dirk"}
        assert daemon.call("POST", "/v1/labels", {"labels": [label_again]}).status == 409
        work(daemon, items, numbers)


def test_a_start_refuses_a_damaged_database_of_which_it_reads_no_row(tmp_path):
    db = tmp_path / "fisherd.db"
    items = plane_items(prompts=12)
    with Daemon(db, OFTEN) as daemon:
        daemon.add_items(items)
        work(daemon, items, itertools.count())
    with sqlite3.connect(db) as database:
        root = database.execute("SELECT rootpage FROM sqlite_schema WHERE name = 'labels'").fetchone()
    with open(db, "r+b") as file:
        file.seek((root[0] - 1) * 4096 + 8)
        file.write(b"\xa5" * 1000)
    done = run("serve", "--db", db, "--listen", "127.0.0.1:0")
    assert done.returncode == 1 and "is damaged" in done.stderr
