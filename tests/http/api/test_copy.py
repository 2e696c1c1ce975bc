"""`fisherd copy`: a project moves to another database, with all of its histories."""

import contextlib
import os
import pathlib
import shutil
import signal
import sqlite3
import subprocess

import pytest

from client import PATIENCE, PROGRAM, Daemon, environment, label, run, wait_until
from mock_embedder import MockEmbedder
from test_jobs import Gate, begin, distinct, ended, job
from token_daemon import TokenDaemon, create, revoke

COUNT = 300

TABLES = ["items", "item_embeddings", "item_text_features", "item_scores", "project",
          "embedders", "labels", "assignments", "assignment_key", "models", "embedding_jobs",
          "embedding_job_items", "embedding_job_vectors"]


def distinct_with_vectors(count):
    return [{**item, "embedding": [k, 1]} for k, item in enumerate(distinct(count))]


def query(db, sql):
    with contextlib.closing(sqlite3.connect(f"file:{db}?mode=ro", uri=True)) as connection:
        return connection.execute(sql).fetchall()


def change(db, *statements):
    with contextlib.closing(sqlite3.connect(db)) as connection:
        for statement in statements:
            connection.execute(statement)
        connection.commit()


def contents(db):
    """All rows. Which number an embedder has means nothing outside of its database."""
    rows = {table: query(db, f"SELECT * FROM {table}") for table in TABLES}
    rows["item_embeddings"] = query(db, "SELECT idx, bytes FROM item_embeddings ORDER BY idx")
    rows["models"] = [row[:-1] for row in rows["models"]]
    return rows


def copy(source, target, *more):
    return run("copy", "--from", source, "--to", target, *more)


def copied(source, target):
    done = copy(source, target)
    assert done.returncode == 0, done.stderr
    return done


def refused(source, target, *words):
    """The error of a copy that changes nothing."""
    before = target.read_bytes() if target.exists() else None
    done = copy(source, target)
    assert done.returncode == 1, done.stdout
    for word in words:
        assert word in done.stderr
    assert (target.read_bytes() if target.exists() else None) == before
    return done.stderr


def check(db):
    done = run("check", "--db", db)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module", name="mock")
def fixture_mock():
    with MockEmbedder() as server:
        yield server


@pytest.fixture(scope="module", name="project")
def fixture_project(tmp_path_factory, mock):
    """A database with a row of everything: (its path, an assignment that is open)."""
    db = tmp_path_factory.mktemp("project") / "project.db"
    with Daemon(db, mock.options(candidates="cross_prompt")) as daemon:
        items = [{**item, "metadata": {"k": k}, "scores": {"judge": k / 8}}
                 for k, item in enumerate(distinct(COUNT))]
        for start in range(0, COUNT, 100):
            daemon.add_items(items[start:start + 100])
        daemon.ok("PUT", "/v1/scores", {"items": [
            {"id": "t1", "scores": {"judge": 5}}, {"id": "t2", "scores": {"judge": None}}]})
        daemon.ok("PATCH", "/v1/project", {"scores": {"judge": {"trust": "trusted"}}})
        daemon.ok("PATCH", "/v1/project", {"scores": {"judge": {"trust": "inverted"}}})
        daemon.add_labels([label(f"l{k}", f"t{k}", f"t{k + 1}", "ab"[k % 3 == 0],
                                 comment="why" if k % 2 else None) for k in range(40)])
        daemon.ok("PUT", "/v1/labels/l3", {"preference": "tie", "comment": "now"})
        daemon.ok("DELETE", "/v1/labels/l5")
        daemon.ok("PUT", "/v1/labels/l3", {"preference": "b"})
        for version in (1, 2):
            daemon.ok("POST", "/v1/model/train", {"from": "scratch"}, 202)
            daemon.wait_for_version(version)
        answered, = daemon.post("/v1/assignments", {"annotator": "anna"})["assignments"]
        daemon.add_labels([label("answered", answered["a"]["id"], answered["b"]["id"],
                                 annotator="anna", assignment=answered["id"])])
        left, = daemon.post("/v1/assignments", {"annotator": "ben"})["assignments"]
        ended(daemon, begin(daemon, distinct(10, "job")))
        gate = Gate(mock, 5)
        identity = begin(daemon, distinct(100, "left"))
        wait_until(lambda: job(daemon, identity)["done"] > 0, "some vectors")
        daemon.stop()
        gate.open()
        mock.always = None
    assert query(db, "SELECT state FROM embedding_jobs ORDER BY sequence") == [("done",), ("running",)]
    assert query(db, "SELECT count(*) > 0 FROM embedding_job_vectors") == [(1,)]
    assert query(db, "SELECT count(*), count(ended_ms) FROM assignments") == [(2, 1)]
    return db, left["id"]


def test_a_copy_has_the_same_rows(project, tmp_path):
    source, _ = project
    target = tmp_path / "target.db"
    before = source.read_bytes()
    done = copied(source, target)
    assert f"{target} is a copy of {source}: 310 items, " in done.stdout
    assert "41 labels in 44 rows, 2 assignments, 2 models" in done.stdout
    assert "items: 310 of 310" in done.stderr and "comparing: labels" in done.stderr
    assert contents(target) == contents(source)
    assert source.read_bytes() == before
    assert check(target).split(" is sound: ")[1] == check(source).split(" is sound: ")[1]
    assert (target.stat().st_mode & 0o777) == 0o600


def test_a_daemon_goes_on_with_a_copy(project, tmp_path, mock):
    source, assignment = project
    target = tmp_path / "target.db"
    copied(source, target)
    original = tmp_path / "original.db"
    shutil.copy(source, original)
    options = mock.options(candidates="cross_prompt")
    with Daemon(original, options) as one, Daemon(target, options) as other:
        for daemon in (one, other):
            wait_until(lambda d=daemon: len(d.list_all("items", 1000)) == COUNT + 110, "the job's items")
            daemon.add_labels([label("later", "t1", "t2")])
        assert one.model()["version"] == other.model()["version"] == 2
        for name in ("labels", "items"):
            assert [{**row, "created_at": None} for row in one.list_all(name, 1000)] == [
                {**row, "created_at": None} for row in other.list_all(name, 1000)]
        assert one.get("/v1/project") == other.get("/v1/project")
        ids = [f"t{k}" for k in range(20)]
        assert one.post("/v1/score", {"items": ids}) == other.post("/v1/score", {"items": ids})
        given, = other.post("/v1/assignments", {"annotator": "ben"})["assignments"]
        assert given["id"] == assignment  # still open, and known by its id
        other.add_labels([label("left", given["a"]["id"], given["b"]["id"], annotator="ben",
                                assignment=assignment)])


def test_an_empty_project_and_a_copy_of_a_copy_are_copied_too(project, tmp_path):
    source, _ = project
    empty, first, second, third = (tmp_path / f"{name}.db" for name in "abcd")
    assert run("migrate", "--db", empty).returncode == 0
    copied(empty, first)
    assert contents(first) == contents(empty)
    copied(source, second)
    copied(second, third)
    assert contents(third) == contents(source)


def test_a_target_that_is_not_empty_stays_as_it_is(project, tmp_path):
    source, _ = project
    target = tmp_path / "target.db"
    copied(source, target)
    refused(source, target, f"{target} is not empty", "nothing was changed")
    with Daemon(tmp_path / "other.db") as daemon:
        daemon.add_items(distinct_with_vectors(1))
    refused(source, tmp_path / "other.db", "is not empty")
    text = tmp_path / "text"
    text.write_text("no database")
    refused(source, text, str(text), "not a")


def test_wrong_input_is_named(project, tmp_path):
    source, _ = project
    target = tmp_path / "target.db"
    for arguments, words in [
            ([], "--from DB is missing"),
            (["--from", source], "--to DB is missing"),
            (["--to", target], "--from DB is missing"),
            (["--from", tmp_path / "none.db", "--to", target], "there is no database"),
            (["--from", source, "--to", source], "the same database"),
            (["--from", source, "--to", tmp_path / "none" / "target.db"], "cannot be"),
            (["--from", source, "--to", target, "--wrong"], "--wrong"),
    ]:
        done = run("copy", *arguments)
        assert done.returncode == 1 and words in done.stderr, (arguments, done.stderr)
        assert not target.exists() and not (tmp_path / "none.db").exists()
    link = tmp_path / "link.db"
    link.symlink_to(source)
    assert "the same database" in copy(source, link).stderr
    assert "fisherd copy --from DB --to DB" in run("copy", "--help").stdout


def test_databases_that_a_daemon_has_open_are_refused(project, tmp_path):
    source, _ = project
    target, other = tmp_path / "target.db", tmp_path / "other.db"
    with Daemon(other):
        assert "another process" in copy(other, target).stderr
        assert not target.exists()
        assert "another process" in copy(source, other).stderr


def unfinish(target, *statements):
    """Makes a target what an interrupted copy would have left."""
    change(target, "UPDATE shared_files SET bytes = CAST(replace(CAST(bytes AS TEXT), 'complete',"
                   " 'unfinished') AS BLOB) WHERE name = 'copy'", *statements)


NO_LABELS = ["DROP TRIGGER labels_are_not_deleted", "DELETE FROM labels WHERE sequence > 20"]
NO_SCORES = ["DROP TRIGGER item_scores_are_not_deleted",
             "DELETE FROM item_scores WHERE sequence > 150"]
NO_ITEMS = ["DROP TRIGGER items_are_not_deleted", "DELETE FROM item_text_features WHERE idx > 99",
            "DELETE FROM item_embeddings WHERE idx > 99", "DELETE FROM items WHERE idx > 99"]


@pytest.mark.parametrize("statements", [
    [],
    ["DELETE FROM embedding_job_vectors WHERE place > 1"],
    ["DELETE FROM embedding_job_vectors", "DELETE FROM embedding_job_items",
     "DELETE FROM embedding_jobs WHERE sequence > 1"],
    ["DELETE FROM models WHERE version = 2", *NO_LABELS],
    ["DELETE FROM models", "DELETE FROM assignments WHERE ended_ms IS NULL", *NO_LABELS,
     *NO_SCORES],
    ["DELETE FROM models", "DELETE FROM assignments", *NO_LABELS, "DELETE FROM labels",
     *NO_SCORES, "DELETE FROM item_scores", *NO_ITEMS],
])
def test_a_copy_that_was_interrupted_goes_on(project, tmp_path, statements):
    source, _ = project
    target = tmp_path / "target.db"
    copied(source, target)
    unfinish(target, *statements)
    assert "the copy is not finished" in run("check", "--db", target).stdout
    for command in (["serve", "--listen", "127.0.0.1:0"], ["import", tmp_path / "x.jsonl"],
                    ["re-embed", "--embedding-url", "builtin:hash"]):
        done = run(*command, "--db", target)
        assert done.returncode == 1 and "is not finished" in done.stderr, done.stderr
    refused(target, tmp_path / "third.db", f"the copy into {target} is not finished")
    copied(source, target)
    assert contents(target) == contents(source)
    assert "not finished" not in check(target)


def test_an_unfinished_copy_is_not_mixed_with_another_project(project, tmp_path):
    source, _ = project
    target, other = tmp_path / "target.db", tmp_path / "other.db"
    copied(source, target)
    unfinish(target)
    assert run("migrate", "--db", other).returncode == 0
    refused(other, target, "an unfinished copy of another project", "nothing was changed")


@pytest.mark.parametrize("statements, words", [
    (["DROP TRIGGER labels_are_not_updated",
      "UPDATE labels SET comment = 'x' WHERE sequence = 3"], "the labels of"),
    (["DROP TRIGGER items_are_not_updated",
      "UPDATE items SET response = 'other' WHERE idx = 250"], "the items of"),
    (["UPDATE models SET held_out_loss = 9 WHERE version = 1"], "the models of"),
    (["DROP TRIGGER item_scores_are_not_updated",
      "UPDATE item_scores SET set_ms = set_ms + 1 WHERE sequence = 1"], "the scores of"),
    (["INSERT INTO project (version, created_ms, settings) VALUES (9, 0, '{}')"],
     "versions of the project, but"),
])
def test_contents_that_differ_are_found_by_the_comparison(project, tmp_path, statements, words):
    source, _ = project
    target = tmp_path / "target.db"
    copied(source, target)
    unfinish(target, *statements)
    done = copy(source, target)
    assert done.returncode == 1
    assert words in done.stderr and f"{target} is not complete" in done.stderr
    assert "not finished" in run("check", "--db", target).stdout


def test_tokens_and_sessions_move_along(tmp_path):
    source, target = tmp_path / "source.db", tmp_path / "target.db"
    token, _ = create(source, "frontend", "front")
    gone, identity = create(source, "frontend", "gone")
    revoke(source, identity)
    with TokenDaemon(source) as daemon:
        cookie = daemon.begin_session(token)
        ended_cookie = daemon.begin_session(create(source, "annotator", "anna")[0])
        assert daemon.ask("DELETE", "/v1/session", headers={
            **ended_cookie, "Sec-Fetch-Site": "same-origin"}).status == 200
    assert ", tokens, in " in copied(source, target).stdout
    for suffix in (".tokens", ".token-key", ".sessions"):
        one, other = pathlib.Path(f"{source}{suffix}"), pathlib.Path(f"{target}{suffix}")
        assert one.read_bytes() == other.read_bytes()
        assert other.stat().st_mode & 0o777 == 0o600
    with TokenDaemon(target) as daemon:
        assert daemon.ask("GET", "/v1/items", token).status == 200
        assert daemon.ask("GET", "/v1/items", gone).status == 401
        assert daemon.ask("GET", "/v1/items", headers=cookie).status == 200
        assert daemon.ask("GET", "/v1/items", headers=ended_cookie).status == 401


def test_tokens_that_the_target_has_already_are_not_replaced(tmp_path):
    source, target = tmp_path / "source.db", tmp_path / "target.db"
    create(source, "frontend", "front")
    assert run("migrate", "--db", source).returncode == 0
    create(target, "admin", "other")
    before = pathlib.Path(f"{target}.tokens").read_bytes()
    done = copy(source, target)
    assert done.returncode == 1 and "is not empty" in done.stderr
    assert pathlib.Path(f"{target}.tokens").read_bytes() == before


def test_tokens_of_a_file_that_both_name_stay_where_they_are(tmp_path):
    source, target = tmp_path / "source.db", tmp_path / "target.db"
    places = ["--tokens", tmp_path / "tokens", "--token-key", tmp_path / "key"]
    create(source, "frontend", "front", *places)
    assert run("migrate", "--db", source).returncode == 0
    assert copy(source, target, *places).returncode == 0
    assert not pathlib.Path(f"{target}.tokens").exists()


def test_ctrl_c_leaves_a_target_that_the_same_command_completes(project, tmp_path):
    source, _ = project
    target = tmp_path / "target.db"
    process = subprocess.Popen([PROGRAM, "copy", "--from", source, "--to", target],
                               env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                               text=True)
    assert process.stderr.readline().startswith(f"copying {source} to ")
    os.kill(process.pid, signal.SIGINT)
    output, errors = process.communicate(timeout=PATIENCE)
    if process.returncode == 0:  # it was quicker
        assert "is a copy" in output
    else:
        assert "interrupted" in errors and "the same command goes on" in errors
        copied(source, target)
    assert contents(target) == contents(source)
