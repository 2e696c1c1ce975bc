"""What one replica does alone, trainings and embedding jobs, is asked for at any of them."""

import signal

import pytest

from client import Daemon, plane_items, wait_until
from mock_embedder import MockEmbedder
from shared_database import fixture_databases  # noqa: F401
from test_jobs import Gate, begin, distinct, ended, job
from test_replicas import OPTIONS, ask, label, take
from test_replicas import replicas, url  # noqa: F401  pylint: disable=unused-import

WISH = "SELECT convert_from(bytes, 'UTF8') FROM shared_files WHERE name = 'training-wish'"


def learner_first(replicas):
    """The one that trains, and the other."""
    def find():
        trains = [ask(daemon, "GET", "/readyz")["replica"]["trains"] for daemon in replicas]
        return replicas if trains == [True, False] else \
            replicas[::-1] if trains == [False, True] else None
    return wait_until(find, "one that trains")


def answer(daemon, first, n):
    for k in range(first, first + n):
        assignment, = take(daemon, "anna")
        ask(daemon, "POST", "/v1/labels", label(f"l{k}", "anna", assignment))


def train(daemon, body=None):
    assert ask(daemon, "POST", "/v1/model/train", body) == {"status": "accepted"}


def model_of(daemon):
    return ask(daemon, "GET", "/v1/model")


def wait_for_version(daemons, version):
    for daemon in daemons:
        wait_until(lambda d=daemon: model_of(d)["version"] == version, f"version {version}")


def test_a_training_is_asked_for_at_a_replica_that_does_not_train(databases, url, replicas):
    learner, other = learner_first(replicas)
    ask(other, "POST", "/v1/items", {"items": plane_items()})
    for version in (1, 2):
        answer(other, 6 * version, 6)
        train(other)
        wait_for_version(replicas, version)
        assert model_of(learner)["labels_used"] == 6 * version  # also the newest, of the other
    wait_until(lambda: databases.sql(url, WISH) == "", "the end of the wish")
    train(learner)
    wait_for_version(replicas, 3)


def test_without_labels_no_replica_takes_a_training(replicas):
    ask(replicas[0], "POST", "/v1/items", {"items": plane_items()})
    for daemon in replicas:
        response = daemon.call("POST", "/v1/model/train")
        assert response.status == 409, response
        assert response.json["code"] == "nothing_to_learn"


def test_a_training_that_was_asked_for_outlives_the_replica_that_trains(databases, url, replicas):
    learner, other = learner_first(replicas)
    ask(other, "POST", "/v1/items", {"items": plane_items()})
    answer(other, 0, 12)
    learner.process.send_signal(signal.SIGSTOP)
    train(other, {"from": "scratch"})
    train(other, {"from": "warm"})
    assert databases.sql(url, WISH) == "scratch"  # both are one
    learner.process.kill()
    learner.process.wait()
    wait_for_version([other], 1)
    wait_until(lambda: databases.sql(url, WISH) == "", "the end of the wish")
    assert model_of(other)["version"] == 1


def test_a_stored_version_is_activated_at_any_replica(replicas):
    ask(replicas[0], "POST", "/v1/items", {"items": plane_items()})
    for version in (1, 2):
        answer(replicas[0], 6 * version, 6)
        train(replicas[1])
        wait_for_version(replicas, version)
    for k, daemon in enumerate(replicas):
        assert ask(daemon, "POST", f"/v1/models/{1 + k}/activate")["version"] == 1 + k
        wait_for_version(replicas, 1 + k)


@pytest.fixture(name="embedding")
def fixture_embedding(url):
    """Two replicas, that which trains first, and their embedder."""
    with MockEmbedder() as mock:
        options = {**OPTIONS, **mock.options()}
        with Daemon(url, options) as one, Daemon(url, options) as two:
            yield *learner_first((one, two)), mock


def test_an_embedding_job_of_any_replica_is_worked_on_and_seen_by_all(embedding):
    learner, other, _ = embedding
    identity = begin(other, distinct(20))
    for daemon in (other, learner):
        assert ended(daemon, identity)["result"]["created"] == 20
    for daemon in (other, learner):
        wait_until(lambda d=daemon: model_of(d)["items"] == 20, "the items")


def test_an_embedding_job_is_cancelled_at_a_replica_that_does_not_work_on_it(embedding):
    learner, other, mock = embedding
    gate = Gate(mock, 2)
    try:
        identity = begin(learner, distinct(200))
        wait_until(lambda: job(other, identity)["state"] == "running", "the job")
        assert other.call("DELETE", f"/v1/jobs/{identity}").status in (200, 204)
        assert job(learner, identity)["state"] == "cancelled"
    finally:
        gate.open()
    later = begin(other, distinct(3, "later"))
    assert ended(other, later)["result"]["created"] == 3
    assert job(learner, identity)["state"] == "cancelled"
    assert model_of(learner)["items"] == 3


def test_a_replica_that_hung_while_it_worked_on_a_job_does_not_spoil_it_for_the_next(embedding):
    learner, other, mock = embedding
    gate = Gate(mock, 5)
    identity = begin(learner, distinct(200))
    wait_until(lambda: job(other, identity)["done"] > 0, "some progress")
    learner.process.send_signal(signal.SIGSTOP)
    gate.open()
    try:
        assert ended(other, identity)["result"]["created"] == 200
    finally:
        learner.process.send_signal(signal.SIGCONT)
    later = begin(learner, distinct(3, "later"))
    assert ended(other, later)["result"]["created"] == 3
    assert ended(learner, identity)["result"]["created"] == 200
