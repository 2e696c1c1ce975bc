"""`fisherd re-embed`: embeddings of another embedder take the place of those that serve."""

import contextlib
import signal
import sqlite3
import subprocess

import pytest

from client import PATIENCE, PROGRAM, Daemon, environment, flags, label, run, wait_until
from mock_embedder import DIMENSION, MockEmbedder, status, vector
from test_embedding import float32, stored
from test_jobs import Gate, distinct

COUNT = 600  # more than two blocks of 256


@pytest.fixture
def old():
    with MockEmbedder() as server:
        yield server


@pytest.fixture
def new():
    with MockEmbedder(dimension=8, salt="new") as server:
        yield server


def vectors(items, mock):
    return {item["id"]: float32(mock.vector(item["prompt"]) + mock.vector(item["response"]))
            for item in items}


def fill(db, old, count=COUNT, labels=30):
    """A database with items, labels, a trained model and an open assignment."""
    items = distinct(count)
    with Daemon(db, old.options(candidates="cross_prompt")) as daemon:
        for start in range(0, count, 200):
            daemon.add_items(items[start:start + 200])
        daemon.add_labels([label(f"l{k}", f"t{k}", f"t{k + 1}", "ab"[k % 3 == 0])
                           for k in range(min(labels, count - 1))])
        daemon.train()
        assert daemon.post("/v1/assignments", {"annotator": "ben"})["assignments"]
    return items


def re_embed(db, mock, **more):
    return run("re-embed", "--db", db, *flags(mock.options(**more)))


def begun(db, mock):
    """The command while it runs."""
    return subprocess.Popen([PROGRAM, "re-embed", "--db", db, *flags(mock.options())],
                            env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                            text=True)


def query(db, sql):
    with contextlib.closing(sqlite3.connect(f"file:{db}?mode=ro", uri=True)) as connection:
        return connection.execute(sql).fetchall()


TABLES = ["labels", "assignments", "items", "item_scores", "item_text_features", "project"]


def everything_else(db):
    return {table: query(db, f"SELECT * FROM {table}") for table in TABLES}


def made(db):
    """Vectors of the embedder that does not serve."""
    return query(db, "SELECT count(*) FROM item_embeddings"
                     " WHERE embedder > (SELECT embedder FROM serving_embedder)")[0][0]


def check(db):
    done = run("check", "--db", db)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_all_items_get_the_vectors_of_the_new_embedder_and_keep_everything_else(db, old, new):
    items = fill(db, old)
    before = everything_else(db)
    done = re_embed(db, new)
    assert done.returncode == 0, done.stderr
    assert f'{COUNT} items have the embeddings of "mock-1" now, with 16 numbers' in done.stdout
    assert "trains one from all answers" in done.stdout
    assert f"{COUNT} of {COUNT} items embedded" in done.stderr
    assert everything_else(db) == before
    assert query(db, "SELECT count(*), count(DISTINCT embedder) FROM item_embeddings") == [(COUNT, 1)]
    assert "re-embed" not in check(db)
    with Daemon(db, new.options()) as daemon:
        assert "re-embedding" not in daemon.log_text()
        assert {row["id"]: row["dimension"] for row in daemon.list_all("items", 1000)} == {
            item["id"]: 16 for item in items}
        assert stored(daemon) == vectors(items, new)
        assert len(daemon.list_all("labels")) == 30
        daemon.add_items(distinct(2, "later"))
        refused = daemon.call("POST", "/v1/items", {"items": [
            {**distinct(1, "x")[0], "embedding": [1.0] * 2 * DIMENSION}]})
        assert refused.status == 422
    with Daemon(db, old.options()) as daemon:
        assert daemon.call("POST", "/v1/items", {"items": distinct(1, "y")}).status == 409


def test_models_of_the_old_vectors_do_not_serve_and_a_new_one_is_trained(db, old):
    """Even where both embedders give as many numbers."""
    fill(db, old, 60)
    with MockEmbedder(salt="new") as new:
        assert re_embed(db, new).returncode == 0
        with Daemon(db, new.options()) as daemon:
            assert daemon.model()["version"] == 0
            (model,) = daemon.get("/v1/models")["models"]
            assert (model["version"], model["state"]) == (1, "rejected")
            assert "another embedder" in model["reason"]
            refused = daemon.call("POST", "/v1/models/1/activate")
            assert refused.status == 409 and "another embedder" in refused.json["detail"]
            daemon.ok("POST", "/v1/model/train", {"from": "scratch"}, 202)
            daemon.wait_for_version(2)
        assert "2 models" in check(db)


def test_a_model_is_trained_after_the_start_without_being_asked_for(db, old, new):
    fill(db, old, 60)
    assert re_embed(db, new).returncode == 0
    with Daemon(db, {**new.options(), "retrain-labels": 10}) as daemon:
        assert daemon.wait_for_version(2)["version"] == 2


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_one_that_ends_in_the_middle_leaves_the_old_vectors_and_goes_on(db, old, new, number):
    items = fill(db, old)
    before = everything_else(db)
    gate = Gate(new, 17)  # the fingerprint, and a block: 512 texts in batches of 32
    process = begun(db, new)
    wait_until(lambda: made(db) == 256, "a block")
    process.send_signal(number)
    gate.open()
    _, errors = process.communicate(timeout=PATIENCE)
    assert process.returncode == (1 if number == signal.SIGINT else -signal.SIGKILL)
    if number == signal.SIGINT:
        assert "the embeddings from before serve, and the same command goes on" in errors
    assert "a re-embedding is not finished: 256 of 600 items" in check(db)
    with Daemon(db, old.options()) as daemon:
        wait_until(lambda: "event=re-embedding-unfinished" in daemon.log_text(), "a line of the log")
        assert stored(daemon) == vectors(items, old)
        assert daemon.model()["version"] == 1
        assert len(daemon.list_all("labels")) == 30
        later = distinct(5, "later")
        daemon.add_items(later)
    new.always = None
    asked = len(new.requests)
    assert re_embed(db, new).returncode == 0
    again = {text for _, body in new.requests[asked:] for text in body["input"]}
    missing = {text for item in items[256:] + later for text in (item["prompt"], item["response"])}
    assert missing <= again
    assert not again & {text for item in items[:256] for text in (item["prompt"], item["response"])}
    after = everything_else(db)
    assert {table: after[table] for table in ("labels", "assignments")} == {
        table: before[table] for table in ("labels", "assignments")}
    with Daemon(db, new.options()) as daemon:
        assert stored(daemon) == vectors(items + later, new)


def test_another_embedder_in_the_middle_begins_again(db, old, new):
    items = fill(db, old, 300)
    gate = Gate(new, 17)
    process = begun(db, new)
    wait_until(lambda: made(db) == 256, "a block")
    process.kill()
    gate.open()
    process.communicate(timeout=PATIENCE)
    with MockEmbedder(dimension=3, salt="third") as third:
        assert re_embed(db, third).returncode == 0
        assert query(db, "SELECT count(*) FROM item_embeddings") == [(300,)]
        with Daemon(db, third.options()) as daemon:
            assert stored(daemon) == vectors(items, third)


def test_the_embedder_that_serves_gives_up_what_was_begun(db, old, new):
    items = fill(db, old, 300)
    gate = Gate(new, 17)
    process = begun(db, new)
    wait_until(lambda: made(db) == 256, "a block")
    process.kill()
    gate.open()
    process.communicate(timeout=PATIENCE)
    done = re_embed(db, old)
    assert done.returncode == 0 and "already" in done.stdout
    assert "re-embed" not in check(db)
    assert query(db, "SELECT count(*) FROM item_embeddings") == [(300,)]
    with Daemon(db, old.options()) as daemon:
        assert stored(daemon) == vectors(items, old) and daemon.model()["version"] == 1


def test_vectors_that_were_not_deleted_at_the_end_are_deleted_later(db, old, new):
    items = fill(db, old, 40)
    assert re_embed(db, new).returncode == 0
    with contextlib.closing(sqlite3.connect(db)) as connection:  # as after a crash before deleting
        connection.execute("INSERT INTO item_embeddings SELECT 0, idx, x'00000000' FROM items")
        connection.commit()
    assert "40 embeddings are left over" in check(db)
    with Daemon(db, new.options()) as daemon:
        assert stored(daemon) == vectors(items, new)
    assert "already" in re_embed(db, new).stdout
    assert "left over" not in check(db)
    assert query(db, "SELECT count(*) FROM embedders") == [(1,)]


def test_vectors_that_came_with_the_items_are_replaced_too(db, new):
    items = [{**item, "embedding": [k, 1, 2]} for k, item in enumerate(distinct(5))]
    with Daemon(db) as daemon:
        daemon.add_items(items)
    assert re_embed(db, new).returncode == 0
    with Daemon(db, new.options()) as daemon:
        assert stored(daemon) == vectors(items, new)


def test_items_without_texts_are_refused_before_anything_is_done(db, new):
    items = [{**item, "embedding": [k, 1]} for k, item in enumerate(distinct(5))]
    for k in (2, 4):
        items[k]["response"] = "" if k == 2 else None
    with Daemon(db) as daemon:
        daemon.add_items(items)
    done = re_embed(db, new)
    assert done.returncode == 1
    assert '2 items have no "response" to embed, the first is "t2"' in done.stderr
    assert made(db) == 0 and len(new.texts()) == 6 and "re-embed" not in check(db)


def test_a_database_that_a_daemon_holds_is_refused(db, old, new):
    with Daemon(db, old.options()) as daemon:
        daemon.add_items(distinct(2))
        done = re_embed(db, new)
        assert done.returncode == 1 and str(daemon.process.pid) in done.stderr
        assert "POST /v1/re-embed" in done.stderr
        assert new.requests == []


@pytest.mark.parametrize(("arguments", "word"), [
    (["--db", "{db}"], "embedding-url"), (["--embedding-url", "builtin:hash"], "--db")])
def test_what_is_missing_on_the_command_line_is_named(db, arguments, word):
    done = run("re-embed", *[argument.format(db=db) for argument in arguments])
    assert done.returncode == 1 and word in done.stderr


def test_a_failing_embedder_ends_it_and_it_goes_on_later(db, old, new):
    items = fill(db, old, 300)
    new.faults = [None] * 17 + [status(400)]
    done = re_embed(db, new, **{"embedding-requests": 1})
    assert done.returncode == 1 and "400" in done.stderr
    assert "256 of 300" in check(db)
    assert re_embed(db, new).returncode == 0
    with Daemon(db, new.options()) as daemon:
        assert stored(daemon) == vectors(items, new)


def test_a_job_that_waited_is_embedded_by_the_new_embedder(db, old, new):
    fill(db, old, 60)
    gate = Gate(old, 1)
    daemon = Daemon(db, old.options())
    daemon.ok("POST", "/v1/items", {"items": distinct(10, "job")}, 202,
              headers={"Prefer": "respond-async"})
    daemon.kill()
    gate.open()
    assert re_embed(db, new).returncode == 0
    with Daemon(db, new.options()) as later:
        wait_until(lambda: later.get("/v1/jobs")["jobs"][0]["state"] == "done", "the job")
        expected = vectors(distinct(10, "job"), new)
        assert {name: row for name, row in stored(later).items() if name in expected} == expected
        assert vector("x") != new.vector("x")
