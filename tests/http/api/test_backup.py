"""Backups are whole while people answer, and what is restored is what was backed up."""

import sqlite3

import pytest

from client import Daemon, label, labels_by_first_number, run, wait_until
from test_crash import label_at_once


@pytest.fixture
def used(db, items):
    """A database with items, labels and a model."""
    with Daemon(db) as daemon:
        daemon.add_items(items)
        daemon.add_labels(labels_by_first_number(items, 30))
        daemon.train()
    return db


def labels_in(db):
    with Daemon(db) as daemon:
        return {row["id"] for row in daemon.list_all("labels", 1000)}


def backup(db, to, status=0):
    done = run("backup", "--db", db, "--to", to)
    assert done.returncode == status, done.stdout + done.stderr
    return done.stdout + done.stderr


def restore(db, source, *more, status=0):
    done = run("restore", "--db", db, "--from", source, *more)
    assert done.returncode == status, done.stdout + done.stderr
    return done.stdout + done.stderr


# ---- the commands ----

def test_a_backup_beside_a_daemon_has_every_answer_acknowledged_before_it(db, items, tmp_path):
    with Daemon(db) as daemon:
        daemon.add_items(items)
        annotators = label_at_once(daemon, items)
        known = []
        for number in range(3):
            wait_until(lambda: sum(len(a.acknowledged) for a in annotators) >= 50 * (number + 1),
                       "labels")
            known.append(set().union(*(set(a.acknowledged) for a in annotators)))
            backup(db, tmp_path / f"{number}.db")
        daemon.stop()
    for number, acknowledged in enumerate(known):
        assert run("check", "--db", tmp_path / f"{number}.db").returncode == 0
        assert acknowledged <= labels_in(tmp_path / f"{number}.db")


def test_what_is_restored_is_what_was_backed_up_and_what_was_there_is_kept(used, tmp_path):
    assert "30 labels" in backup(used, tmp_path / "backup.db")
    with Daemon(used) as daemon:
        daemon.add_labels([label("later", "p0-r0", "p0-r1")])
        assert "in use" in restore(used, tmp_path / "backup.db", "--replace", status=1)
    assert "--replace" in restore(used, tmp_path / "backup.db", status=1)
    assert "later" in labels_in(used)
    said = restore(used, tmp_path / "backup.db", "--replace")
    kept = [path for path in tmp_path.iterdir() if ".before-restore-" in path.name]
    assert len(kept) == 1 and str(kept[0]) in said
    assert "later" not in labels_in(used) and len(labels_in(used)) == 30
    assert "later" in labels_in(kept[0])


def test_a_backup_is_restored_where_nothing_was(used, tmp_path):
    backup(used, tmp_path / "backup.db")
    restore(tmp_path / "new.db", tmp_path / "backup.db")
    with Daemon(tmp_path / "new.db") as daemon:
        assert daemon.model()["version"] == 1
        assert len(daemon.list_all("labels")) == 30


def test_a_backup_that_is_damaged_is_not_restored(used, tmp_path):
    source = tmp_path / "backup.db"
    backup(used, source)
    before = used.read_bytes()
    with sqlite3.connect(source) as connection:
        connection.execute("UPDATE models SET bytes = substr(bytes, 1, 50)")
    connection.close()
    assert "model 1 is damaged" in restore(used, source, "--replace", status=1)
    with open(source, "r+b") as file:
        file.truncate(20000)
    restore(used, source, "--replace", status=1)
    assert used.read_bytes() == before
    assert not [path for path in tmp_path.iterdir() if "restor" in path.name]


def test_a_backup_replaces_nothing(used, tmp_path):
    (tmp_path / "taken").write_text("mine")
    assert "is there already" in backup(used, tmp_path / "taken", status=1)
    assert (tmp_path / "taken").read_text() == "mine"
    assert "is there already" in backup(used, used, status=1)


@pytest.mark.parametrize("arguments, word", [
    (["backup", "--db", "x.db"], "--to"),
    (["backup", "--to", "x.db"], "--db"),
    (["backup", "--db", "absent.db", "--to", "y.db"], "absent.db"),
    (["restore", "--db", "x.db"], "--from"),
    (["restore", "--db", "x.db", "--from", "absent.db"], "absent.db"),
])
def test_a_wrong_command_line_is_refused_and_makes_no_database(tmp_path, arguments, word):
    done = run(*arguments, cwd=tmp_path)
    assert done.returncode == 1 and word in done.stderr
    assert not [path for path in tmp_path.iterdir() if path.suffix == ".db"]
