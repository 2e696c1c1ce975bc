"""Backups are whole while people answer, and what is restored is what was backed up."""

import contextlib
import fcntl
import pathlib
import re
import sqlite3
import threading

import pytest

from client import Daemon, label, labels_by_first_number, plane_items, run, wait_until
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


# ---- POST /v1/admin/backup ----

@pytest.fixture
def folder(tmp_path):
    (tmp_path / "backups").mkdir()
    return tmp_path / "backups"


@pytest.fixture
def keeper(db, items, folder):
    """A daemon that may make backups."""
    with Daemon(db, {"backup-dir": folder}) as daemon:
        daemon.add_items(items)
        daemon.add_labels(labels_by_first_number(items, 30))
        yield daemon


def test_a_backup_that_is_asked_for_is_told_and_opens(keeper, folder):
    made = keeper.ok("POST", "/v1/admin/backup", {"name": "first.db"}, 201)
    assert made["file"] == "first.db" and made["items"] == 12 and made["labels"] == 30
    assert made["bytes"] == (folder / "first.db").stat().st_size and made["seconds"] >= 0
    assert len(labels_in(folder / "first.db")) == 30
    assert 'fisherd_backups_total{result="made"} 1' in keeper.metrics()
    wait_until(lambda: "event=audit action=backup" in keeper.log_text(), "the record of it")


def test_without_a_name_the_time_is_the_name(keeper, folder):
    made = keeper.ok("POST", "/v1/admin/backup", None, 201)
    assert re.fullmatch(r"fisherd-\d{8}T\d{6}Z\.db", made["file"])
    assert [path.name for path in folder.iterdir()] == [made["file"]]


def test_a_name_that_is_taken_is_a_conflict_and_the_file_stays(keeper, folder):
    (folder / "mine").write_text("mine")
    answer = keeper.call("POST", "/v1/admin/backup", {"name": "mine"})
    assert answer.status == 409 and answer.json["errors"][0]["pointer"] == "/name"
    assert (folder / "mine").read_text() == "mine"
    assert str(folder) not in answer.body.decode(), "where it is concerns nobody outside"


@pytest.mark.parametrize("name", ["", ".", "..", "../x", "a/b", ".hidden", "-x", "x.partial", "x y",
                                  "x" * 101, "ü.db", "x\u0001", 5, None])
def test_a_name_that_is_no_plain_one_is_refused_and_nothing_is_made(keeper, folder, name):
    answer = keeper.call("POST", "/v1/admin/backup", {"name": name})
    assert answer.status == 422 and answer.json["errors"][0]["pointer"] == "/name", answer
    assert list(folder.iterdir()) == []


def test_what_another_process_is_writing_is_left_alone(keeper, folder):
    with open(folder / "x.db.partial", "w") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        other.write("half")
        other.flush()
        answer = keeper.call("POST", "/v1/admin/backup", {"name": "x.db"})
        assert answer.status == 503 and answer.headers["Retry-After"]
        assert (folder / "x.db.partial").read_text() == "half"
    keeper.ok("POST", "/v1/admin/backup", {"name": "x.db"}, 201)
    assert [path.name for path in folder.iterdir()] == ["x.db"]


def test_without_a_folder_there_are_no_backups(daemon):
    answer = daemon.call("POST", "/v1/admin/backup", {"name": "x.db"})
    assert answer.status == 409 and "backup-dir" in answer.json["detail"]


def test_a_folder_that_is_not_there_is_a_problem_for_the_log(db, tmp_path):
    with Daemon(db, {"backup-dir": tmp_path / "absent"}) as daemon:
        answer = daemon.call("POST", "/v1/admin/backup")
        assert answer.status == 503 and str(tmp_path) not in answer.body.decode()
        assert daemon.call("GET", "/readyz").status == 200
    assert re.search("event=backup-failed .*absent", daemon.log_text())


def test_one_backup_is_made_at_a_time_while_answers_go_on_arriving(db, folder):
    many = [{"id": f"i{i}", "prompt_id": f"p{i % 50}", "prompt": "x" * 2000,
             "embedding": [i % 7, i % 11, i % 13, 1]} for i in range(8000)]
    with Daemon(db, {"backup-dir": folder}) as daemon:
        for start in range(0, len(many), 2000):
            daemon.add_items(many[start:start + 2000])
        annotators = label_at_once(daemon, many, 2)
        answers = []
        threads = [threading.Thread(
            target=lambda: answers.append(daemon.call("POST", "/v1/admin/backup",
                                                      {"name": f"{len(answers)}-{i}.db"})))
            for i in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        made = [answer for answer in answers if answer.status == 201]
        busy = [answer for answer in answers if answer.status == 503]
        assert made and len(made) + len(busy) == 4, answers
        assert all("running" in answer.json["detail"] and answer.headers["Retry-After"]
                   for answer in busy)
        acknowledged = set().union(*(set(a.acknowledged) for a in annotators))
        last = daemon.ok("POST", "/v1/admin/backup", {"name": "last.db"}, 201)
        daemon.stop()
    assert last["items"] == len(many)
    assert acknowledged <= labels_in(folder / "last.db")
    for answer in made:
        assert run("check", "--db", folder / answer.json["file"]).returncode == 0
    assert not [path for path in folder.iterdir() if path.suffix == ".partial"]


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


def leftover_log(folder):
    """The log of another database whose daemon was killed."""
    other = Daemon(folder / "other.db")
    other.add_items(plane_items(2, 3))
    other.kill()
    return (folder / "other.db-wal").read_bytes()


def leftover_journal(used):
    """What takes a transaction back that was cut off half-way, by which a database becomes what it was."""
    with contextlib.closing(sqlite3.connect(f"{used}.early", isolation_level=None)) as connection:
        connection.execute("CREATE TABLE early (text)")
        connection.execute("PRAGMA cache_size = 1")
        connection.execute("BEGIN")
        connection.executemany("INSERT INTO early VALUES (?)", [("x" * 1000,)] * 100)
        return pathlib.Path(f"{used}.early-journal").read_bytes()


@pytest.mark.parametrize("kind", ["-wal", "-journal"])
@pytest.mark.parametrize("beside", ["", ".restoring"])
def test_what_a_restore_that_was_cut_off_has_left_does_not_get_into_the_next(used, tmp_path, kind, beside):
    backup(used, tmp_path / "backup.db")
    content = leftover_log(tmp_path) if kind == "-wal" else leftover_journal(used)
    assert len(content) > 1000
    (tmp_path / f"new.db{beside}{kind}").write_bytes(content)
    restore(tmp_path / "new.db", tmp_path / "backup.db", "--replace")
    assert len(labels_in(tmp_path / "new.db")) == 30
    assert run("check", "--db", tmp_path / "new.db").returncode == 0
    kept = [path.name for path in tmp_path.iterdir() if ".before-restore-" in path.name]
    assert [name.endswith(kind) for name in kept] == ([] if beside else [True])


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
    assert "already exists" in backup(used, tmp_path / "taken", status=1)
    assert (tmp_path / "taken").read_text() == "mine"
    assert "already exists" in backup(used, used, status=1)
    (tmp_path / "gone-wal").write_text("the log of what was there")
    assert "already exists" in backup(used, tmp_path / "gone", status=1)


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
