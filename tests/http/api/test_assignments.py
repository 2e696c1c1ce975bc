"""Assignments over the API."""

import http.client
import itertools
import random
import re
import sqlite3
import threading
from collections import Counter
from contextlib import closing
from datetime import datetime

import pytest

from client import PATIENCE, Daemon, label, plane_items, run, wait_until

SECRET = "made by the better model"


def ask(daemon, annotator="anna", **more):
    return daemon.post("/v1/assignments", {"annotator": annotator, **more})


def ask_one(daemon, annotator="anna", **more):
    found = ask(daemon, annotator, **more)["assignments"]
    assert len(found) == 1
    return found[0]


def answer_to(assignment, preference="a", annotator="anna", identity=None):
    return label(identity or f"answer-{assignment['id']}", assignment["a"]["id"],
                 assignment["b"]["id"], preference, annotator=annotator,
                 assignment=assignment["id"])


def seconds(time_text):
    return datetime.fromisoformat(time_text.replace("Z", "+00:00")).timestamp()


def pair_of(assignment):
    return frozenset((assignment["a"]["id"], assignment["b"]["id"]))


def label_all(daemon, annotator="anna"):
    count = 0
    while found := ask(daemon, annotator, count=10)["assignments"]:
        daemon.add_labels([answer_to(one, annotator=annotator) for one in found])
        count += len(found)
    return count


# ---- shapes ----

def test_an_assignment_has_texts_and_says_why(daemon, items):
    assignment = ask_one(daemon)
    assert set(assignment) == {"id", "a", "b", "expires_at", "arm", "why"}
    assert set(assignment["why"]) == {"strategy", "gain", "p", "model_version"}
    by_id = {item["id"]: item for item in items}
    for side in "ab":
        shown = assignment[side]
        assert shown == {m: by_id[shown["id"]][m] for m in ("id", "prompt_id", "prompt",
                                                            "response")}
    assert assignment["a"]["prompt_id"] == assignment["b"]["prompt_id"]
    assert assignment["a"]["id"] != assignment["b"]["id"]
    assert assignment["arm"] in ("active", "control")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", assignment["expires_at"])
    assert 0 < assignment["why"]["p"] < 1 and assignment["why"]["model_version"] == 0
    assert re.fullmatch(r"[ac][0-9a-f]{3}-[0-9a-f]{48}", assignment["id"])


def test_annotators_never_see_metadata(empty, items):
    empty.add_items([{**item, "metadata": {"source": SECRET}} for item in items])
    response = empty.call("POST", "/v1/assignments", {"annotator": "anna", "count": 20})
    assert response.status == 200 and response.json["assignments"]
    assert SECRET not in response.body.decode() and "metadata" not in response.body.decode()
    renewed = empty.call("POST", f"/v1/assignments/{response.json['assignments'][0]['id']}/renew", {})
    assert renewed.status == 200 and SECRET not in renewed.body.decode()


def test_items_without_texts_go_out_as_they_are(empty):
    empty.add_items([{"id": f"i{i}", "prompt_id": "p", "embedding": [i, 1]} for i in range(2)])
    assignment = ask_one(empty)
    assert assignment["a"]["prompt"] is None and assignment["b"]["response"] is None


def test_asking_again_gives_the_same_assignments_and_others_get_other_pairs(daemon):
    first = ask_one(daemon)
    assert ask_one(daemon) == first
    more = ask(daemon, count=3)["assignments"]
    assert more[0] == first
    others = ask(daemon, "bert", count=3)["assignments"]
    assert not {pair_of(one) for one in more} & {pair_of(one) for one in others}


def test_count_is_1_by_default_and_at_most_100(daemon):
    assert len(ask(daemon)["assignments"]) == 1
    given = ask(daemon, "bert", count=100)["assignments"]
    assert 1 <= len({pair_of(one) for one in given}) == len(given) <= 17


# ---- wrong input ----

@pytest.mark.parametrize("body, pointer", [
    ({}, "/annotator"),
    ({"count": 1}, "/annotator"),
    *(({"annotator": value}, "/annotator") for value in ("", 7, None, [], "a\nb", "x" * 257)),
    *(({"annotator": "anna", "count": value}, "/count")
      for value in (0, 101, -1, 1.5, "1", None, True, 2**62)),
    *(({"annotator": "anna", "lease_seconds": value}, "/lease_seconds")
      for value in (0, 0.5, -1, 604801, 1e300, "60", None, True)),
    ({"annotator": "anna", "annotater": 1}, "/annotater"),
    ({"annotator": "anna", "strategy": "greedy"}, "/strategy")])
def test_a_wrong_request_gets_a_problem_with_a_pointer(shared, body, pointer):
    response = shared.call("POST", "/v1/assignments", body)
    assert response.status == 422, response
    assert response.headers["Content-Type"] == "application/problem+json"
    assert response.json["errors"][0]["pointer"] == pointer
    assert response.json["status"] == 422 and response.json["request_id"]
    assert shared.get("/v1/stats")["queue"]["open_leases"] == 0


@pytest.mark.parametrize("raw", [b"", b"{", b"[]", b"null", b'{"annotator":"a","annotator":"b"}'])
def test_a_body_that_is_not_a_json_object_is_refused(shared, raw):
    response = shared.call("POST", "/v1/assignments", raw=raw)
    assert response.status in (400, 422) and response.headers["Content-Type"] == \
        "application/problem+json"


@pytest.mark.parametrize("body, pointer", [
    ({"lease_seconds": 0}, "/lease_seconds"), ({"lease_seconds": 604801}, "/lease_seconds"),
    ({"lease_seconds": "1"}, "/lease_seconds"), ({"annotator": "anna"}, "/annotator"),
    ({"count": 1}, "/count")])
def test_a_wrong_renewal_is_refused_and_leaves_the_lease(daemon, body, pointer):
    assignment = ask_one(daemon)
    response = daemon.call("POST", f"/v1/assignments/{assignment['id']}/renew", body)
    assert response.status == 422 and response.json["errors"][0]["pointer"] == pointer
    assert ask_one(daemon) == assignment


def test_queries_are_refused(shared):
    assert shared.call("POST", "/v1/assignments?count=1", {"annotator": "a"}).status == 400
    assert shared.call("DELETE", "/v1/assignments/x?y=1").status == 400


def test_a_wrong_method_gives_the_allowed_ones(shared):
    for method, path in [("GET", "/v1/assignments"), ("GET", "/v1/assignments/x"),
                         ("GET", "/v1/assignments/x/renew"), ("PUT", "/v1/assignments/x")]:
        response = shared.call(method, path)
        assert response.status == 405 and response.headers["Allow"]


# ---- leases ----

def test_a_lease_that_is_not_open_is_not_found(daemon):
    assignment = ask_one(daemon)
    path = f"/v1/assignments/{assignment['id']}"
    daemon.add_labels([answer_to(assignment)])
    for method, where in [("DELETE", path), ("POST", f"{path}/renew"),
                          ("DELETE", "/v1/assignments/none"),
                          ("POST", "/v1/assignments/none/renew")]:
        response = daemon.call(method, where)
        assert response.status == 404, response
        assert response.headers["Content-Type"] == "application/problem+json"


def test_a_renewal_moves_the_expiry(daemon):
    assignment = ask_one(daemon, lease_seconds=30)
    for body in (None, {}, {"lease_seconds": 3600}):
        renewed = daemon.ok("POST", f"/v1/assignments/{assignment['id']}/renew", body)
        assert {**renewed, "expires_at": 0} == {**assignment, "expires_at": 0}
        assert renewed["expires_at"] > assignment["expires_at"]


def test_a_returned_pair_goes_to_the_next_annotator(empty):
    empty.add_items(plane_items(prompts=1, responses=2))
    first = ask_one(empty)
    assert ask(empty, "bert")["assignments"] == []
    assert empty.ok("DELETE", f"/v1/assignments/{first['id']}") == {"status": "returned"}
    assert pair_of(ask_one(empty, "bert")) == pair_of(first)


def test_the_response_gives_a_reason_when_no_pair_is_left(daemon):
    assert label_all(daemon) == 18
    response = daemon.call("POST", "/v1/assignments", {"annotator": "anna"})
    assert response.status == 200
    assert response.json["assignments"] == [] and response.json["reason"]
    assert int(response.headers["Retry-After"]) >= 1
    daemon.add_items([{"id": "late", "prompt_id": "p0", "response": "Late.", "embedding": [3, 1, 4, 1]}])
    response = daemon.call("POST", "/v1/assignments", {"annotator": "anna"})
    assert len(response.json["assignments"]) == 1 and response.json["reason"] is None
    assert response.headers["Retry-After"] is None


def test_without_items_the_response_is_503(empty):
    response = empty.call("POST", "/v1/assignments", {"annotator": "anna"})
    assert response.status == 503 and int(response.headers["Retry-After"]) >= 1
    assert "no items" in response.json["detail"]


# ---- options ----

@pytest.mark.parametrize("fraction, arms", [(0, {"active"}), (1, {"control"})])
def test_the_control_fraction_decides_the_arm(db, items, fraction, arms):
    with Daemon(db, {"control-fraction": fraction}) as daemon:
        daemon.add_items(items)
        given = [one for _ in range(3) for one in ask(daemon, count=5)["assignments"]]
        assert {one["arm"] for one in given} == arms
        daemon.add_labels([answer_to(one) for one in ask(daemon, count=5)["assignments"]])
        stats = daemon.get("/v1/stats")
        arm, = arms
        assert stats["arms"][arm]["labels"] == stats["labels"] > 0


def test_redundancy_gives_each_pair_to_that_number_of_annotators(db, items):
    with Daemon(db, {"redundancy": 2, "ready": 4}) as daemon:
        daemon.add_items(items)
        assert [label_all(daemon, name) for name in ("anna", "bert", "carl")] == [18, 18, 0]
        times = Counter(frozenset((row["a"], row["b"])) for row in daemon.list_all("labels"))
        assert len(times) == 18 and set(times.values()) == {2}


# ---- restarts ----

def test_labels_for_assignments_from_before_a_restart_are_accepted(db, items):
    with Daemon(db, {"control-fraction": 0.5}) as daemon:
        daemon.add_items(items)
        given = ask(daemon, count=6)["assignments"]
        assert given
    with Daemon(db) as daemon:
        assert daemon.add_labels([answer_to(one) for one in given]) == {
            "accepted": len(given), "duplicates": 0}
        stats = daemon.get("/v1/stats")
        for arm in ("active", "control"):
            assert stats["arms"][arm]["labels"] == sum(one["arm"] == arm for one in given)
        assert label_all(daemon) == 18 - len(given)
        assert label_all(daemon, "bert") == 0


def written_leases(db):
    """The leases are written behind: a crash keeps those that are in the database."""
    with closing(sqlite3.connect(f"file:{db}?mode=ro", uri=True, timeout=PATIENCE)) as connection:
        return {row[0] for row in connection.execute("SELECT id FROM assignments")}


def test_leases_survive_a_restart_and_a_kill(db, items):
    with Daemon(db) as daemon:
        daemon.add_items(items)
        given = ask(daemon, count=6)["assignments"]
        daemon.stop()
    with Daemon(db) as daemon:
        again = ask(daemon, count=6)["assignments"]
        assert [one["id"] for one in again] == [one["id"] for one in given]
        for one, other in zip(again, given):
            # Two readings of two clocks, between which a busy machine may do other work.
            assert abs(seconds(one["expires_at"]) - seconds(other["expires_at"])) < 60
        more = ask(daemon, annotator="bert", count=3)["assignments"]
        wait_until(lambda: {one["id"] for one in more} <= written_leases(db), "the leases on disk")
        daemon.kill()
    with Daemon(db) as daemon:
        for name, before in (("anna", given), ("bert", more)):
            now = ask(daemon, annotator=name, count=len(before))["assignments"]
            assert [(one["id"], one["a"], one["b"], one["arm"], one["why"]) for one in now] == [
                (one["id"], one["a"], one["b"], one["arm"], one["why"]) for one in before]


def test_a_made_up_assignment_counts_in_no_arm(daemon):
    given = ask(daemon)["assignments"][0]
    other_arm = {"a": "c", "c": "a"}[given["id"][0]]
    for i, made_up in enumerate(["a7ff-0123456789abcdef01234567", given["id"][:-1] + "x",
                                 other_arm + given["id"][1:]]):
        answer = {**answer_to(given), "id": f"forged-{i}", "assignment": made_up}
        assert daemon.add_labels([answer])["accepted"] == 1
    arms = daemon.get("/v1/stats")["arms"]
    assert arms["active"]["labels"] == arms["control"]["labels"] == 0
    for i in range(3):
        daemon.add_labels([{**answer_to(given), "id": f"true-{i}"}])
    arms = daemon.get("/v1/stats")["arms"]
    assert arms["active"]["labels"] + arms["control"]["labels"] == 1


class Labeller(threading.Thread):
    """Takes assignments and answers them until the daemon is gone."""

    def __init__(self, daemon, name):
        super().__init__(daemon=True)
        self.tested, self.annotator = daemon, name
        self.random = random.Random(name)
        self.acknowledged, self.unsure = {}, {}

    def run(self):
        try:
            while True:
                for one in ask(self.tested, self.annotator, count=2)["assignments"]:
                    answer = answer_to(one, self.random.choice(["a", "b", "tie", "skip"]),
                                       self.annotator)
                    self.unsure[answer["id"]] = answer
                    self.tested.add_labels([answer])
                    self.acknowledged[answer["id"]] = self.unsure.pop(answer["id"])
        except (OSError, http.client.HTTPException):
            return


def test_kill_while_answering_loses_nothing_and_doubles_nothing(db):
    labellers = []
    items = plane_items(prompts=20, responses=8)
    for _ in range(3):
        with Daemon(db, {"retrain-labels": 20}) as daemon:
            daemon.add_items(items)
            now = [Labeller(daemon, f"annotator-{i}") for i in range(4)]
            for labeller in now:
                labeller.start()
            wait_until(lambda: sum(len(one.acknowledged) for one in now) >= 40, "answers")
            daemon.kill()
            for labeller in now:
                labeller.join(PATIENCE)
            labellers += now
    with Daemon(db) as daemon:
        rows = Counter(row["id"] for row in daemon.list_all("labels", 1000))
        assert set(rows.values()) == {1}
        sent = {}
        for labeller in labellers:
            assert set(labeller.acknowledged) <= set(rows)
            sent |= labeller.acknowledged | labeller.unsure
        daemon.add_labels(list(sent.values()))
        assert {row["id"] for row in daemon.list_all("labels", 1000)} == set(sent)
        had = Counter((row["annotator"], frozenset((row["a"], row["b"])))
                      for row in daemon.list_all("labels", 1000))
        # Leases end with the daemon, so a pair whose label was being sent may be assigned again.
        assert sum(count - 1 for count in had.values()) <= sum(len(one.unsure)
                                                               for one in labellers)
    assert run("check", "--db", db).returncode == 0


# ---- why nothing is left ----

def why(daemon, annotator="anna"):
    response = daemon.post("/v1/assignments", {"annotator": annotator})
    assert response["assignments"] == []
    assert response["reason"]
    return response["reason_code"]


def test_a_prompt_with_one_response_has_no_pairs(db, items):
    alone = [item for item in items if item["id"].endswith("r0")]
    with Daemon(db) as daemon:
        daemon.add_items(alone)
        assert why(daemon) == "no_pairs"
        daemon.add_items(items[:2])
        assert ask(daemon)["reason_code"] is None


def test_names_of_prompts_that_all_differ_have_no_pairs(db, items):
    for item in items:
        item["prompt_id"] = item["id"]
    with Daemon(db) as daemon:
        daemon.add_items(items)
        response = ask(daemon)
        assert response["reason_code"] == "no_pairs" and "prompt_id" in response["reason"]


def test_one_prompt_has_no_pairs_of_different_prompts(db, items):
    with Daemon(db, {"candidates": "cross_prompt"}) as daemon:
        daemon.add_items(items[:4])
        assert why(daemon) == "no_pairs"
        daemon.add_items(items)
        assert ask(daemon)["assignments"]


def test_the_reason_tells_pairs_of_others_from_answered_ones(db, items):
    with Daemon(db, {"max-skips": 1}) as daemon:
        daemon.add_items(items[:2])
        given = ask_one(daemon)
        assert why(daemon, "bert") == "held_by_others"
        daemon.add_labels([answer_to(given, "skip")])
        assert why(daemon) == "had_before"
        other = ask_one(daemon, "bert")
        daemon.add_labels([answer_to(other, "a", "bert", "second")])
        assert why(daemon) == why(daemon, "carl") == "all_answered"


def test_large_texts_end_a_list_of_assignments_early(db):
    with Daemon(db, {"memory": 64}) as daemon:
        for i in range(8):
            daemon.add_items([{"id": f"i{i}", "prompt_id": "p", "response": 600000 * str(i), "embedding": [i, 1]}])
        first = daemon.post("/v1/assignments", {"annotator": "anna", "count": 10})["assignments"]
        assert len(first) == 2
        again = daemon.post("/v1/assignments", {"annotator": "anna", "count": 10})["assignments"]
        assert [row["id"] for row in again] == [row["id"] for row in first]
        daemon.add_labels([label(f"l{i}", row["a"]["id"], row["b"]["id"], assignment=row["id"])
                           for i, row in enumerate(first)])
        others = daemon.post("/v1/assignments", {"annotator": "anna", "count": 10})["assignments"]
        assert len(others) == 2 and {row["id"] for row in others}.isdisjoint(row["id"] for row in first)


def test_while_the_last_of_very_many_pairs_are_looked_for_the_client_comes_back_soon(db):
    """45 labels short of 20,100 pairs; each response is pairs, or says why there are none."""
    with Daemon(db) as daemon:
        names = [f"i{k}" for k in range(201)]
        daemon.add_items([{"id": name, "prompt_id": "p", "embedding": [k % 17, k % 23, 1]}
                          for k, name in enumerate(names)])
        pairs = list(itertools.combinations(names, 2))
        for start in range(0, len(pairs) - 45, 10000):
            daemon.add_labels([label(f"l{k}", *pairs[k], annotator="all")
                               for k in range(start, min(start + 10000, len(pairs) - 45))])
        answered = 0
        while answered < 45:
            response = daemon.call("POST", "/v1/assignments", {"annotator": "anna"})
            if response.json["assignments"]:
                daemon.add_labels([answer_to(response.json["assignments"][0], identity=f"late-{answered}")])
                answered += 1
            else:
                assert response.json["reason_code"] == "searching", response.json
                assert response.headers["Retry-After"] == "1"
        wait_until(lambda: why(daemon, "bert") == "all_answered" or None, "the end of the search")
        assert daemon.call("POST", "/v1/assignments", {"annotator": "bert"}).headers["Retry-After"] == "5"
