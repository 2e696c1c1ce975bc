"""Backups during labelling are complete, and a restore brings back exactly what was backed up."""

import contextlib
import fcntl
import json
import pathlib
import re
import sqlite3
import threading

import pytest

from client import Daemon, label, labels_by_first_number, plane_items, run, wait_until
from test_crash import label_at_once
from test_tls import Pair, call as call_encrypted


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
    """A daemon with a backup folder."""
    with Daemon(db, {"backup-dir": folder}) as daemon:
        daemon.add_items(items)
        daemon.add_labels(labels_by_first_number(items, 30))
        yield daemon


def test_a_backup_over_http_reports_its_file_which_opens(keeper, folder):
    made = keeper.ok("POST", "/v1/admin/backup", {"name": "first.db"}, 201)
    assert made["file"] == "first.db" and made["items"] == 12 and made["labels"] == 30
    assert made["bytes"] == (folder / "first.db").stat().st_size and made["seconds"] >= 0
    assert len(labels_in(folder / "first.db")) == 30
    assert 'fisherd_backups_total{result="made"} 1' in keeper.metrics()
    wait_until(lambda: "event=audit action=backup" in keeper.log_text(), "the record of it")


def test_a_backup_without_a_name_is_named_by_the_time(keeper, folder):
    made = keeper.ok("POST", "/v1/admin/backup", None, 201)
    assert re.fullmatch(r"fisherd-\d{8}T\d{6}Z\.db", made["file"])
    assert [path.name for path in folder.iterdir()] == [made["file"]]


def test_a_backup_name_that_is_taken_is_a_conflict(keeper, folder):
    (folder / "mine").write_text("mine")
    response = keeper.call("POST", "/v1/admin/backup", {"name": "mine"})
    assert response.status == 409 and response.json["errors"][0]["pointer"] == "/name"
    assert (folder / "mine").read_text() == "mine"
    assert str(folder) not in response.body.decode(), "where it is concerns nobody outside"


@pytest.mark.parametrize("name", ["", ".", "..", "../x", "a/b", ".hidden", "-x", "x.partial", "x y",
                                  "x" * 101, "ü.db", "x\u0001", 5, None])
def test_a_backup_name_must_be_a_plain_file_name(keeper, folder, name):
    response = keeper.call("POST", "/v1/admin/backup", {"name": name})
    assert response.status == 422 and response.json["errors"][0]["pointer"] == "/name", response
    assert list(folder.iterdir()) == []


FILES_OF_A_DATABASE = ["-wal", "-shm", "-journal", ".lock", ".tokens", ".token-key", ".sessions",
                       ".partial", ".restoring", ".before-restore-1", ".before-restore-1-wal"]


@pytest.mark.parametrize("suffix", FILES_OF_A_DATABASE)
@pytest.mark.parametrize("database", ["labels.db", "other.db"])
def test_a_backup_cannot_have_the_name_of_a_file_of_a_database(tmp_path, items, database, suffix):
    with Daemon(tmp_path / "labels.db", {"backup-dir": tmp_path}) as daemon:
        daemon.add_items(items)
        before = sorted(path.name for path in tmp_path.iterdir())
        response = daemon.call("POST", "/v1/admin/backup", {"name": database + suffix})
        assert response.status == 422 and response.json["errors"][0]["pointer"] == "/name", response
        assert sorted(path.name for path in tmp_path.iterdir()) == before


def test_a_backup_command_cannot_take_such_a_name_either(used, tmp_path):
    for suffix in FILES_OF_A_DATABASE:
        assert "must not" in backup(used, tmp_path / f"other.db{suffix}", status=1)
        assert not (tmp_path / f"other.db{suffix}").exists()


@pytest.mark.parametrize("option", ["db", "config", "tokens", "token-key"])
def test_a_backup_cannot_take_the_place_of_a_file_that_an_option_names(tmp_path, option):
    """Nor while the file does not exist; and a link to the folder leads to it too."""
    home, link = tmp_path / "home", tmp_path / "link"
    home.mkdir()
    link.symlink_to(home)
    at = {name: link / f"the-{name}" for name in ("db", "config", "tokens", "token-key")}
    at["config"].write_text("ready = 8\n")
    at["config"].chmod(0o600)
    options, headers = {"backup-dir": home, "token-key": at["token-key"], "config": at["config"]}, {}
    if option == "tokens":
        made = run("token", "create", "--db", at["db"], "--tokens", at["tokens"], "--token-key",
                   at["token-key"], "--role=admin", "--name=root")
        options["tokens"], headers = at["tokens"], {"Authorization": f"Bearer {made.stdout.strip()}"}
    with Daemon(at["db"], options) as daemon:
        if at[option].exists():
            at[option].rename(home / "elsewhere")
        response = daemon.call("POST", "/v1/admin/backup", {"name": at[option].name}, headers)
        assert response.status == 422 and "daemon uses" in response.json["detail"], response
        assert response.json["errors"][0]["pointer"] == "/name" and not at[option].exists()
        if option == "db":
            (home / "elsewhere").rename(at["db"])
        daemon.ok("POST", "/v1/admin/backup", {"name": "fine.db"}, 201, headers=headers)


def test_a_backup_cannot_take_the_place_of_a_certificate_or_its_key(db, folder):
    pair = Pair(folder, "its")
    with Daemon(db, {"backup-dir": folder, **pair.options()}) as daemon:
        for path in (pair.certificate, pair.key):
            path.unlink()
            status, body = call_encrypted(daemon, "POST", "/v1/admin/backup",
                                          json.dumps({"name": path.name}))
            assert status == 422 and b"daemon uses" in body and not path.exists()


def test_a_partial_backup_of_another_process_is_left_alone(keeper, folder):
    with open(folder / "x.db.partial", "w") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        other.write("SQLite format 3\0")
        other.flush()
        response = keeper.call("POST", "/v1/admin/backup", {"name": "x.db"})
        assert response.status == 503 and response.headers["Retry-After"]
        assert (folder / "x.db.partial").read_text() == "SQLite format 3\0"
    keeper.ok("POST", "/v1/admin/backup", {"name": "x.db"}, 201)
    assert [path.name for path in folder.iterdir()] == ["x.db"]


def test_without_a_backup_folder_backups_are_refused(daemon):
    response = daemon.call("POST", "/v1/admin/backup", {"name": "x.db"})
    assert response.status == 409 and "backup-dir" in response.json["detail"]


def test_a_missing_backup_folder_is_503_and_the_log_says_why(db, tmp_path):
    with Daemon(db, {"backup-dir": tmp_path / "absent"}) as daemon:
        response = daemon.call("POST", "/v1/admin/backup")
        assert response.status == 503 and str(tmp_path) not in response.body.decode()
        assert daemon.call("GET", "/readyz").status == 200
    assert re.search("event=backup-failed .*absent", daemon.log_text())


def test_one_backup_is_made_at_a_time_while_labels_go_on_arriving(db, folder):
    many = [{"id": f"i{i}", "prompt_id": f"p{i % 50}", "prompt": "x" * 2000,
             "embedding": [i % 7, i % 11, i % 13, 1]} for i in range(8000)]
    with Daemon(db, {"backup-dir": folder}) as daemon:
        for start in range(0, len(many), 2000):
            daemon.add_items(many[start:start + 2000])
        annotators = label_at_once(daemon, many, 2)
        responses = []
        threads = [threading.Thread(
            target=lambda name: responses.append(daemon.call("POST", "/v1/admin/backup", {"name": name})),
            args=(f"{i}.db",)) for i in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        made = [response for response in responses if response.status == 201]
        busy = [response for response in responses if response.status == 503]
        assert made and len(made) + len(busy) == 4, responses
        assert all("running" in response.json["detail"] and response.headers["Retry-After"]
                   for response in busy)
        acknowledged = set().union(*(set(a.acknowledged) for a in annotators))
        last = daemon.ok("POST", "/v1/admin/backup", {"name": "last.db"}, 201)
        daemon.stop()
    assert last["items"] == len(many)
    assert acknowledged <= labels_in(folder / "last.db")
    for response in made:
        assert run("check", "--db", folder / response.json["file"]).returncode == 0
    assert not [path for path in folder.iterdir() if path.suffix == ".partial"]


# ---- the commands ----

def test_a_backup_while_a_daemon_runs_has_every_label_acknowledged_before_it(db, items, tmp_path):
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


def test_a_restore_brings_back_the_backup_and_keeps_the_replaced_database(used, tmp_path):
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


def test_a_backup_can_be_restored_where_there_was_no_database(used, tmp_path):
    backup(used, tmp_path / "backup.db")
    restore(tmp_path / "new.db", tmp_path / "backup.db")
    with Daemon(tmp_path / "new.db") as daemon:
        assert daemon.model()["version"] == 1
        assert len(daemon.list_all("labels")) == 30


def leftover_log(folder):
    """The write-ahead log of another database whose daemon was killed."""
    other = Daemon(folder / "other.db")
    other.add_items(plane_items(2, 3))
    other.kill()
    return (folder / "other.db-wal").read_bytes()


def leftover_journal(used):
    """A rollback journal: it undoes a transaction that was cut off half-way."""
    with contextlib.closing(sqlite3.connect(f"{used}.early", isolation_level=None)) as connection:
        connection.execute("CREATE TABLE early (text)")
        connection.execute("PRAGMA cache_size = 1")
        connection.execute("BEGIN")
        connection.executemany("INSERT INTO early VALUES (?)", [("x" * 1000,)] * 100)
        return pathlib.Path(f"{used}.early-journal").read_bytes()


@pytest.mark.parametrize("kind", ["-wal", "-journal"])
@pytest.mark.parametrize("beside", ["", ".restoring"])
def test_leftovers_of_an_interrupted_restore_do_not_affect_the_next(used, tmp_path, kind, beside):
    backup(used, tmp_path / "backup.db")
    content = leftover_log(tmp_path) if kind == "-wal" else leftover_journal(used)
    assert len(content) > 1000
    (tmp_path / f"new.db{beside}{kind}").write_bytes(content)
    restore(tmp_path / "new.db", tmp_path / "backup.db", "--replace")
    assert len(labels_in(tmp_path / "new.db")) == 30
    assert run("check", "--db", tmp_path / "new.db").returncode == 0
    kept = [path.name for path in tmp_path.iterdir() if ".before-restore-" in path.name]
    assert [name.endswith(kind) for name in kept] == ([] if beside else [True])


def test_a_damaged_backup_is_not_restored(used, tmp_path):
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


def test_a_backup_does_not_overwrite_a_file(used, tmp_path):
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
def test_a_wrong_command_line_is_refused_and_creates_no_database(tmp_path, arguments, word):
    done = run(*arguments, cwd=tmp_path)
    assert done.returncode == 1 and word in done.stderr
    assert not [path for path in tmp_path.iterdir() if path.suffix == ".db"]
