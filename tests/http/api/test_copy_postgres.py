"""`fisherd copy` between SQLite and PostgreSQL: there and back, nothing has changed."""

import os
import signal
import subprocess

import pytest

from client import PATIENCE, PROGRAM, Daemon, environment, label, run, wait_until
from shared_database import fixture_databases  # noqa: F401
from test_copy import contents, copied, copy, fixture_mock, fixture_project  # noqa: F401
from token_daemon import TokenDaemon, create


@pytest.fixture
def url(databases):
    return databases.new()


def test_a_project_is_the_same_after_a_way_through_postgresql(project, tmp_path, url):
    source, _ = project
    done = copied(source, url)
    assert "310 items" in done.stdout and "41 labels in 44 rows, 2 assignments, 2 models" in done.stdout
    back = tmp_path / "back.db"
    copied(url, back)
    assert contents(back) == contents(source)


def test_a_copy_between_two_postgresql_databases_is_the_same(project, tmp_path, url, databases):
    source, _ = project
    copied(source, url)
    other = databases.new()
    copied(url, other)
    back = tmp_path / "back.db"
    copied(other, back)
    assert contents(back) == contents(source)


def test_a_daemon_serves_a_copy_in_postgresql_as_its_source(project, tmp_path, url, mock):
    source, assignment = project
    local = tmp_path / "local.db"
    copied(source, local)
    copied(source, url)
    options = mock.options(candidates="cross_prompt")
    with Daemon(local, options) as one, Daemon(url, options) as other:
        for daemon in (one, other):
            wait_until(lambda d=daemon: len(d.list_all("items", 1000)) == 410, "the job's items")
        assert one.model()["version"] == other.model()["version"] == 2
        for name in ("labels", "items"):
            assert [{**row, "created_at": None} for row in one.list_all(name, 1000)] == [
                {**row, "created_at": None} for row in other.list_all(name, 1000)]
        ids = [f"t{k}" for k in range(20)]
        assert one.post("/v1/score", {"items": ids}) == other.post("/v1/score", {"items": ids})
        given, = other.post("/v1/assignments", {"annotator": "ben"})["assignments"]
        assert given["id"] == assignment
        other.add_labels([label("left", given["a"]["id"], given["b"]["id"], annotator="ben",
                                assignment=assignment)])


def test_tokens_move_there_and_back(tmp_path, url):
    source, back = tmp_path / "source.db", tmp_path / "back.db"
    token, _ = create(source, "frontend", "front")
    assert run("migrate", "--db", source).returncode == 0
    copied(source, url)
    with TokenDaemon(url) as daemon:
        assert daemon.ask("GET", "/v1/items", token).status == 200
        later, _ = create(url, "frontend", "later")
        wait_until(lambda: daemon.ask("GET", "/v1/items", later).status == 200, "the token")
    wait_until(lambda: copy(url, back).returncode == 0, "the time after which a replica is gone")
    with TokenDaemon(back) as daemon:
        for each in (token, later):
            assert daemon.ask("GET", "/v1/items", each).status == 200


def test_a_database_that_is_not_empty_stays_as_it_is(project, url):
    source, _ = project
    copied(source, url)
    done = copy(source, url)
    assert done.returncode == 1 and "is not empty" in done.stderr
    assert "is sound: 310 items, 41 labels in 44 rows, 2 models" in run("check", "--db", url).stdout


def test_a_copy_that_loses_its_connections_goes_on(project, tmp_path, url, databases):
    source, _ = project
    process = subprocess.Popen([PROGRAM, "copy", "--from", source, "--to", url], env=environment(),
                               stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    assert any(line.startswith("items:") for line in process.stderr)
    databases.sql(url, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                       " WHERE application_name = 'fisherd'")
    _, errors = process.communicate(timeout=PATIENCE)
    if process.returncode != 0:  # it was not quicker
        assert "is not complete: run the same command again" in errors
        copied(source, url)
    back = tmp_path / "back.db"
    copied(url, back)
    assert contents(back) == contents(source)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_a_copy_that_is_stopped_goes_on(project, tmp_path, url, number):
    source, _ = project
    process = subprocess.Popen([PROGRAM, "copy", "--from", source, "--to", url], env=environment(),
                               stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    assert any(line.startswith("items:") for line in process.stderr)
    os.kill(process.pid, number)
    _, errors = process.communicate(timeout=PATIENCE)
    if process.returncode != 0:  # it was not quicker
        assert number == signal.SIGKILL or "the same command goes on" in errors
        served = run("serve", "--db", url, "--listen", "127.0.0.1:0")
        assert served.returncode == 1 and "is not finished" in served.stderr
        copied(source, url)
    back = tmp_path / "back.db"
    copied(url, back)
    assert contents(back) == contents(source)
