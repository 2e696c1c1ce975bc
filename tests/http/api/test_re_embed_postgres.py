"""Re-embedding a database that replicas share: by the command, and by the replica that trains."""

import signal
import subprocess

import pytest

from client import PATIENCE, PROGRAM, Daemon, environment, flags, label, run, wait_until
from mock_embedder import MockEmbedder
from shared_database import fixture_databases, run_alone  # noqa: F401
from test_embedding import stored
from test_jobs import Gate, distinct
from test_re_embed import check, fill, vectors

COUNT = 300  # more than one block of 256


@pytest.fixture
def url(databases):
    return databases.new()


@pytest.fixture
def old():
    with MockEmbedder() as server:
        yield server


@pytest.fixture
def new():
    with MockEmbedder(dimension=8, salt="new") as server:
        yield server


def made(databases, url):
    """Vectors of the embedder that does not serve."""
    return int(databases.sql(url, "SELECT count(*) FROM item_embeddings WHERE embedder >"
                                  " (SELECT embedder FROM serving_embedder)"))


def embedders_with_vectors(databases, url):
    return int(databases.sql(url, "SELECT count(DISTINCT embedder) FROM item_embeddings"))



def re_embed(url, mock):
    return run_alone("re-embed", "--db", url, *flags(mock.options()))

# ---- the command ----

def test_all_items_get_the_vectors_of_the_new_embedder_and_keep_everything_else(
        url, old, new, databases):
    items = fill(url, old, COUNT)
    before = databases.sql(url, "SELECT * FROM labels")
    done = re_embed(url, new)
    assert done.returncode == 0, done.stderr
    assert f'{COUNT} items have the embeddings of "mock-1" now, with 16 numbers' in done.stdout
    assert embedders_with_vectors(databases, url) == 1
    assert databases.sql(url, "SELECT * FROM labels") == before
    assert "re-embed" not in check(url)
    with Daemon(url, new.options()) as daemon:
        assert stored(daemon) == vectors(items, new)
        assert daemon.model()["version"] == 0
        (model,) = daemon.get("/v1/models")["models"]
        assert model["state"] == "rejected" and "another embedder" in model["reason"]


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_one_that_ends_in_the_middle_leaves_the_old_vectors_and_goes_on(
        url, old, new, databases, number):
    items = fill(url, old, COUNT)
    run_alone("import", "none.jsonl", "--db", url)
    gate = Gate(new, 17)  # the fingerprint, and a block: 512 texts in batches of 32
    process = subprocess.Popen([PROGRAM, "re-embed", "--db", url, *flags(new.options())],
                               env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                               text=True)
    wait_until(lambda: made(databases, url) == 256, "a block")
    process.send_signal(number)
    gate.open()
    process.communicate(timeout=PATIENCE)
    assert f"a re-embedding is not finished: 256 of {COUNT} items" in check(url)
    asked = len(new.requests)
    assert re_embed(url, new).returncode == 0
    again = {text for _, body in new.requests[asked:] for text in body["input"]}
    assert not again & {item["response"] for item in items[:256]}
    with Daemon(url, new.options()) as daemon:
        assert stored(daemon) == vectors(items, new)


def test_a_database_that_replicas_have_open_is_refused(url, old, new):
    with Daemon(url, old.options()) as daemon:
        daemon.add_items(distinct(2))
        done = run("re-embed", "--db", url, *flags(new.options()))
        assert done.returncode == 1 and "stop all replicas" in done.stderr
        assert "POST /v1/re-embed" in done.stderr
        assert stored(daemon) == vectors(distinct(2), old)


# ---- by replicas ----

def trains(daemon):
    return daemon.call("GET", "/readyz").json["replica"]["trains"]


def learner_and_other(one, other):
    wait_until(lambda: trains(one) or trains(other), "a replica that trains")
    return (one, other) if trains(one) else (other, one)


def has_ended(daemon):
    return daemon.process.poll() is not None


def test_the_replica_that_trains_does_it_and_the_others_start_again(url, old, new, databases):
    items = fill(url, old, COUNT)
    options = new.options(candidates="cross_prompt")
    with Daemon(url, options) as one, Daemon(url, options) as two:
        learner, other = learner_and_other(one, two)
        other.ok("POST", "/v1/re-embed", status=202)
        wait_until(lambda: has_ended(other), "the end of the replica that has the old vectors")
        assert other.process.returncode == 1
        assert "event=re-embedded-elsewhere" in other.log_text()
        assert stored(learner) == vectors(items, new)
        assert learner.wait_for_version(2)["labels"] == 30
        wait_until(lambda: embedders_with_vectors(databases, url) == 1, "the old ones to be deleted")
        with Daemon(url, options) as again:
            assert stored(again) == vectors(items, new)
            wait_until(lambda: again.model()["version"] == learner.model()["version"], "one model")
            ids = [item["id"] for item in items[:20]]
            found = [daemon.post("/v1/score", {"items": ids})["scores"] for daemon in (learner, again)]
            assert [row["reward"] for row in found[0]] == pytest.approx(
                [row["reward"] for row in found[1]], abs=1e-5)
            again.add_labels([label("late", "t5", "t9")])
    assert "re-embed" not in check(url)


def test_another_replica_goes_on_when_the_one_that_trains_is_killed(url, old, new, databases):
    items = fill(url, old, COUNT)
    gate = Gate(new, 6)  # the fingerprints of two replicas, and a block
    with Daemon(url, new.options()) as one, Daemon(url, new.options()) as two:
        learner, other = learner_and_other(one, two)
        learner.ok("POST", "/v1/re-embed", status=202)
        wait_until(lambda: made(databases, url) >= 64, "a block")
        learner.process.kill()
        learner.process.wait()
        gate.open()
        new.always = None
        wait_until(lambda: databases.sql(url, "SELECT embedder FROM serving_embedder") != "0",
                   "the switch by the other replica")
        assert stored(other) == vectors(items, new)
        assert len(other.list_all("labels")) == 30
