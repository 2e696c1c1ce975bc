"""People whose requests go to several daemons at one PostgreSQL database: redundancy, quotas, ended
access, corrections and retractions."""

import concurrent.futures
import itertools

import pytest

from client import plane_items, wait_until
from shared_database import fixture_databases  # noqa: F401
from token_daemon import TokenDaemon, create, revoke

OPTIONS = {"retrain-labels": 0, "retrain-seconds": 0, "refit": "no", "lease-seconds": 600,
           "max-skips": 1, "leases-per-annotator": 3, "redundancy": 2}
NAMES = ("anna", "bert", "carl", "dora")


class World:
    def __init__(self, url, daemons, databases):
        self.url = url
        self.daemons = daemons
        self.databases = databases
        self.admin, _ = create(url, "admin", "me")
        self.tokens = {name: create(url, "annotator", name) for name in NAMES}

    def ask(self, at, name, method, path, body=None, allowed=(200, 201)):
        token = self.admin if name == "me" else self.tokens[name][0]
        response = self.daemons[at].ask(method, path, token, body)
        assert response.status in allowed, response
        return response.json if response.body else None

    def add_items(self, items):
        self.ask(0, "me", "POST", "/v1/items", {"items": items})

    def take(self, at, name, count=1):
        return self.ask(at, name, "POST", "/v1/assignments", {"count": count})["assignments"]

    def answer(self, at, name, identity, assignment, preference="a"):
        return self.ask(at, name, "POST", "/v1/labels", {"labels": [
            {"id": identity, "preference": preference, "assignment": assignment["id"],
             "a": assignment["a"]["id"], "b": assignment["b"]["id"]}]})

    def leases(self, at, name):
        return self.ask(at, "me", "GET", f"/v1/leases?annotator={name}")["leases"]


@pytest.fixture
def world(databases):
    url = databases.new()
    create(url, "admin", "first")
    with (TokenDaemon(url, OPTIONS) as one, TokenDaemon(url, OPTIONS) as two,
          TokenDaemon(url, OPTIONS) as three):
        yield World(url, (one, two, three), databases)


@pytest.fixture
def pair(world):
    """A world with one pair."""
    world.add_items(plane_items()[:2])
    return world


def test_a_pair_goes_to_as_many_people_as_redundancy_says_whichever_daemon_they_ask(pair):
    first, = pair.take(0, "anna")
    second, = pair.take(1, "bert")
    assert pair.take(2, "carl") == []
    pair.answer(1, "anna", "l1", first)
    assert all(pair.take(at, name) == [] for at in range(3) for name in ("anna", "carl"))
    assert pair.ask(2, "bert", "DELETE", f"/v1/assignments/{second['id']}")
    third, = pair.take(0, "carl")
    assert pair.take(1, "bert") == pair.take(2, "dora") == []
    pair.answer(2, "carl", "l2", third, "b")
    assert all(pair.take(at, name) == [] for at in range(3) for name in NAMES)
    assert pair.ask(1, "dora", "POST", "/v1/assignments", {})["reason_code"] == "all_answered"


def test_skips_of_all_daemons_count_together(pair):
    for at, name in enumerate(("anna", "bert")):
        pair.answer(at, name, name, pair.take(at, name)[0], "skip")
    for at in range(3):
        assert pair.take(at, "carl") == []
    pair.ask(2, "anna", "PUT", "/v1/labels/anna", {"preference": "a"})  # she knows after all
    got, = pair.take(0, "carl")
    pair.answer(1, "carl", "carl", got)
    for at in range(3):
        assert pair.take(at, "dora") == []


def test_nobody_holds_more_than_the_quota_at_all_daemons_together(world):
    world.add_items(plane_items(6, 5))
    with concurrent.futures.ThreadPoolExecutor(12) as pool:
        hands = list(pool.map(lambda k: world.take(k % 3, "anna", 1 + k % 5), range(24)))
    open_ = world.databases.sql(world.url, "SELECT id FROM assignments WHERE ended_ms IS NULL"
                                           " AND annotator = 'anna'").split()
    assert len(open_) == 3
    assert {one["id"] for hand in hands for one in hand} <= set(open_)
    for at in range(3):
        assert [one["id"] for one in world.take(at, "anna", 100)] == [
            one["id"] for one in world.take(0, "anna", 100)]


def test_the_leases_of_somebody_whose_access_ended_are_open_to_others_at_all_daemons(pair):
    held, = pair.take(0, "anna")
    pair.take(1, "bert")
    assert pair.take(2, "carl") == []
    revoke(pair.url, pair.tokens["anna"][1])
    for at in range(3):
        wait_until(lambda at=at: pair.leases(at, "anna") == [], "the end of the lease")
        wait_until(lambda at=at: pair.daemons[at].ask(
            "POST", "/v1/assignments", pair.tokens["anna"][0], {}).status == 401, "closed doors")
        assert len(pair.leases(at, "bert")) == 1
    assert len(pair.take(2, "carl")) == 1
    late = {"id": "late", "annotator": "anna", "preference": "a", "assignment": held["id"],
            "a": held["a"]["id"], "b": held["b"]["id"]}
    assert pair.ask(1, "me", "POST", "/v1/labels", {"labels": [late]})["accepted"] == 1


def test_an_admin_ends_the_leases_of_somebody_at_any_daemon(world):
    world.add_items(plane_items())
    for at in range(3):
        world.take(at, "anna", at + 1)
    held = len(world.leases(2, "anna"))
    assert held > 0
    assert world.ask(1, "me", "DELETE", "/v1/leases?annotator=anna") == {"returned": held}
    for at in range(3):
        wait_until(lambda at=at: world.leases(at, "anna") == [], "the end of the leases")
        assert world.ask(at, "me", "DELETE", "/v1/leases?annotator=anna") == {"returned": 0}


def test_while_the_database_is_out_of_reach_nobody_is_told_that_leases_ended(world):
    world.add_items(plane_items())
    held = world.take(0, "anna", 2)
    world.databases.server.stop()
    try:
        response = world.daemons[1].ask("DELETE", "/v1/leases?annotator=anna", world.admin)
        assert response.status == 503, response
    finally:
        world.databases.server.start()

    def returned():
        response = world.daemons[1].ask("DELETE", "/v1/leases?annotator=anna", world.admin)
        return response.json if response.status == 200 else None
    assert wait_until(returned, "the database") == {"returned": len(held)}


def test_an_answer_is_corrected_and_retracted_at_other_daemons_than_it_was_sent_to(world):
    world.add_items(plane_items())
    expected = []
    for n, order in enumerate(itertools.permutations(range(3))):
        first, second, third = order
        held, = world.take(first, "anna")
        world.answer(first, "anna", f"l{n}", held)
        path = f"/v1/labels/l{n}"
        for at in (second, second, third):  # the same again changes nothing
            assert world.ask(at, "anna", "PUT", path, {"preference": "b"})["revision"] == 1
        world.ask(second, "bert", "PUT", path, {"preference": "a"}, (404,))
        world.ask(third, "bert", "DELETE", path, None, (404,))
        assert world.ask(third, "anna", "DELETE", path)["revision"] == 2
        again = world.answer(second, "anna", f"l{n}", held)  # the outbox of a page
        assert (again["accepted"], again["duplicates"]) == (0, 1)
        if n % 2:
            assert world.ask(first, "anna", "PUT", path, {"preference": "tie"})["revision"] == 3
        expected += [(f"l{n}", "a"), (f"l{n}", "b"), (f"l{n}", "retracted")]
        expected += [(f"l{n}", "tie")] if n % 2 else []
    for at in range(3):
        def history(at=at):
            rows = world.ask(at, "me", "GET", "/v1/labels?limit=1000")["labels"]
            return [(row["id"], row["preference"]) for row in rows]
        wait_until(lambda h=history: h() == expected, "the whole history")
        wait_until(lambda at=at: world.ask(at, "me", "GET", "/v1/model")["labels"] == 3, "ties")
        assert world.ask(at, "me", "GET", "/v1/stats")["labels"] == 3
        assert world.ask(at, "anna", "GET", "/v1/progress")["own"]["labels"] == 3


def test_a_pair_whose_answer_was_retracted_elsewhere_goes_out_again(pair):
    for at, name in enumerate(("anna", "bert")):
        pair.answer(at, name, name, pair.take(at, name)[0])
    assert pair.take(2, "carl") == []
    assert pair.ask(2, "anna", "DELETE", "/v1/labels/anna")
    got, = pair.take(1, "carl")
    assert pair.take(0, "dora") == []
    pair.ask(0, "anna", "PUT", "/v1/labels/anna", {"preference": "b"})  # two answers again
    assert pair.ask(2, "carl", "DELETE", f"/v1/assignments/{got['id']}")
    for at in range(3):
        assert pair.take(at, "dora") == []
