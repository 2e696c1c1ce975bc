"""Two daemons at one PostgreSQL database, used as if they were one."""

import collections
import concurrent.futures
import itertools

import pytest

from client import Daemon, plane_items, wait_until
from shared_database import fixture_databases  # noqa: F401

OPTIONS = {"retrain-labels": 0, "retrain-seconds": 0, "refit": "no", "lease-seconds": 600}


@pytest.fixture
def url(databases):
    return databases.new()


@pytest.fixture
def replicas(url):
    with Daemon(url, OPTIONS) as one, Daemon(url, OPTIONS) as other:
        yield one, other


def ask(daemon, method, path, body=None):
    response = daemon.call(method, path, body)
    assert response.status in (200, 201, 202), response.body
    return response.json if response.body else None


def take(daemon, annotator, count=1):
    return ask(daemon, "POST", "/v1/assignments",
               {"annotator": annotator, "count": count})["assignments"]


def label(identity, annotator, assignment):
    return {"labels": [{"id": identity, "annotator": annotator, "preference": "a",
                        "assignment": assignment["id"], "a": assignment["a"]["id"],
                        "b": assignment["b"]["id"]}]}


def pair_of(assignment):
    return frozenset((assignment["a"]["id"], assignment["b"]["id"]))


def history(daemon):
    return ask(daemon, "GET", "/v1/labels?limit=1000")["labels"]


def test_items_of_one_are_paired_at_the_other_and_answered_at_any(replicas):
    one, other = replicas
    ask(one, "POST", "/v1/items", {"items": plane_items()})
    first, = take(other, "anna")
    assert [a["id"] for a in take(one, "anna")] == [first["id"]]  # open leases first, anywhere
    ask(one, "POST", "/v1/labels", label("l1", "anna", first))
    again = ask(other, "POST", "/v1/labels", label("l1", "anna", first))
    assert (again["accepted"], again["duplicates"]) == (0, 1)
    second, = take(other, "anna")
    assert pair_of(second) != pair_of(first)
    for daemon in replicas:
        wait_until(lambda d=daemon: [row["id"] for row in history(d)] == ["l1"], "the label")
        wait_until(lambda d=daemon: ask(d, "GET", "/v1/model")["labels"] == 1, "its snapshot")


def test_a_label_finds_items_that_the_other_replica_was_just_sent(replicas):
    one, other = replicas
    for k in range(20):
        items = [{**item, "id": f"{k}-{item['id']}"} for item in plane_items()[:2]]
        ask(one, "POST", "/v1/items", {"items": items})
        ask(other, "POST", "/v1/labels",
            {"labels": [{"id": f"l{k}", "annotator": "anna", "preference": "b",
                         "a": items[0]["id"], "b": items[1]["id"]}]})
    wait_until(lambda: [row["id"] for row in history(one)] == [f"l{k}" for k in range(20)],
               "all labels")


def test_people_at_two_replicas_never_get_the_same_pair_and_every_answer_is_there_once(replicas):
    ask(replicas[0], "POST", "/v1/items", {"items": plane_items()})
    people = [f"person-{k}" for k in range(8)]

    def work(k):
        seen = []
        turns = itertools.cycle(replicas[k % 2:] + replicas[:k % 2])
        for n in range(6):
            for assignment in take(next(turns), people[k]):
                body = label(f"{k}-{n}", people[k], assignment)
                for daemon in (next(turns), next(turns)):  # a retry at the other one
                    ask(daemon, "POST", "/v1/labels", body)
                seen.append(pair_of(assignment))
        return seen

    with concurrent.futures.ThreadPoolExecutor(len(people)) as pool:
        pairs = [pair for seen in pool.map(work, range(len(people))) for pair in seen]
    assert len(pairs) > len(people)
    assert max(collections.Counter(pairs).values()) == 1
    for daemon in replicas:
        wait_until(lambda d=daemon: len(history(d)) == len(pairs), "all answers")
        assert len({row["id"] for row in history(daemon)}) == len(pairs)
    assert history(replicas[0]) == history(replicas[1])


def test_a_lease_is_renewed_and_returned_at_the_other_replica(replicas):
    one, other = replicas
    ask(one, "POST", "/v1/items", {"items": plane_items()[:2]})
    first, = take(one, "anna")
    assert take(other, "bert") == []
    assert one.call("DELETE", "/v1/assignments/unknown").status == 404
    later = other.call("POST", f"/v1/assignments/{first['id']}/renew", {"lease_seconds": 3600})
    assert later.status == 200, later.body
    assert other.call("DELETE", f"/v1/assignments/{first['id']}").status in (200, 204)
    assert pair_of(take(one, "bert")[0]) == pair_of(first)


def test_a_replica_that_is_killed_takes_nothing_along(url, replicas):
    one, other = replicas
    ask(one, "POST", "/v1/items", {"items": plane_items()})
    first, = take(one, "anna")
    ask(one, "POST", "/v1/labels", label("l1", "anna", first))
    second, = take(one, "anna")
    one.process.kill()
    one.process.wait()
    assert [a["id"] for a in take(other, "anna")] == [second["id"]]
    ask(other, "POST", "/v1/labels", label("l2", "anna", second))
    with Daemon(url, OPTIONS) as again:
        assert [row["id"] for row in history(again)] == ["l1", "l2"]
        third, = take(again, "anna")
        assert pair_of(third) not in (pair_of(first), pair_of(second))


def test_both_serve_the_model_that_one_of_them_trained(replicas):
    ask(replicas[0], "POST", "/v1/items", {"items": plane_items()})
    for n in range(12):
        assignment, = take(replicas[n % 2], "anna")
        ask(replicas[n % 2], "POST", "/v1/labels", label(f"l{n}", "anna", assignment))
    ask(replicas[0], "POST", "/v1/model/train")
    for daemon in replicas:
        wait_until(lambda d=daemon: ask(d, "GET", "/v1/model")["version"] == 1, "version 1")
    models = [ask(daemon, "GET", "/v1/model") for daemon in replicas]
    assert models[0]["logdet"] == pytest.approx(models[1]["logdet"], rel=1e-9)
