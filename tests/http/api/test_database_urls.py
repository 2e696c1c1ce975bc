"""Commands on a database that replicas share: those that are for SQLite say what does it there."""

import pytest

from client import Daemon, run, wait_until
from shared_database import fixture_databases  # noqa: F401

URL = "postgresql://anna:secret@127.0.0.1:1/labels?password=secret"


@pytest.mark.parametrize("command, words", [
    (["backup", "--to", "x"], "use pg_dump or pg_basebackup"),
    (["restore", "--from", "x"], "use pg_restore"),
])
def test_what_is_for_sqlite_alone_names_what_does_it(tmp_path, command, words):
    (tmp_path / "items.jsonl").write_text('{"id": "a"}\n')
    done = run(*command, "--db", URL, cwd=tmp_path)
    assert done.returncode == 1
    assert "SQLite databases alone" in done.stderr and words in done.stderr, done.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == ["items.jsonl"]


@pytest.mark.parametrize("command", [
    ["serve", "--listen", "127.0.0.1:0"], ["check"], ["migrate"], ["export"], ["check-config"],
    ["token", "list"], ["token", "create", "--role", "admin", "--name", "a"],
    ["import", "items.jsonl"], ["import", "items.jsonl", "--dry-run"],
    ["re-embed", "--embedding-url", "builtin:hash"],
])
def test_a_database_that_cannot_be_reached_is_named_without_its_password(tmp_path, command):
    (tmp_path / "items.jsonl").write_text('{"id": "a"}\n')
    done = run(*command, "--db", URL, cwd=tmp_path)
    assert done.returncode == 1 and done.stderr.strip()
    assert "secret" not in done.stderr + done.stdout
    assert [path.name for path in tmp_path.iterdir()] == ["items.jsonl"]


def test_a_copy_to_or_from_one_that_cannot_be_reached_changes_nothing(tmp_path):
    assert run("migrate", "--db", tmp_path / "a.db").returncode == 0
    for source, target in ((tmp_path / "a.db", URL), (URL, tmp_path / "b.db")):
        done = run("copy", "--from", source, "--to", target)
        assert done.returncode == 1 and "secret" not in done.stderr
    assert not (tmp_path / "b.db").exists()


def test_a_backup_by_the_api_names_the_tools_of_postgresql(databases, tmp_path):
    with Daemon(databases.new(), {"backup-dir": tmp_path}) as daemon:
        refused = daemon.call("POST", "/v1/admin/backup")
        assert refused.status == 409 and "docs/SCALING.md" in refused.json["detail"]
        wait_until(lambda: "pg_dump or pg_basebackup" in daemon.log_text(), "a line of the log")
    assert not list(tmp_path.iterdir())
