"""The query of the statistics over the API."""

import pytest

from client import label


@pytest.mark.parametrize("query, words", [
    ("buckets=%2B5", '"buckets" must be an integer from 1 to 1000'),
    ("buckets=%205", '"buckets" must be an integer'),
    ("buckets=0", '"buckets" must be an integer'),
    ("buckets=1001", '"buckets" must be an integer'),
    ("from=-1", '"from" must be a time such as 2026-05-01T06:07:54Z, or milliseconds from 0'),
    ("from=yesterday", '"from" must be a time'),
    ("from=2026-02-31T00:00:00Z", '"from" must be a time'),
    ("to=0", '"to" must be a time such as 2026-05-01T06:07:54Z, or milliseconds from 1'),
    ("names=1001", '"names" must be an integer from 0 to 1000'),
    ("from=5&to=5", '"from" must be less than "to"'),
    ("from=1&from=2", '"from" is given twice'),
    ("since=1", '"since" is unknown here')])
def test_the_problem_names_a_wrong_parameter(shared, query, words):
    response = shared.call("GET", f"/v1/stats?{query}")
    assert response.status == 400
    assert response.json["detail"].startswith(f"query parameter {words}")


def test_buckets_divide_the_time_and_an_annotator_may_be_chosen(daemon):
    daemon.add_labels([label("l1", "p0-r0", "p0-r1"),
                       label("l2", "p0-r0", "p0-r2", annotator="bert"),
                       label("l3", "p0-r0", "p0-r3", "b")])
    stats = daemon.get("/v1/stats?from=0&to=9000000000000&buckets=3&annotator=bert")
    assert stats["labels"] == stats["all"]["labels"] == stats["all"]["a"] == 1
    assert [row["annotator"] for row in stats["annotators"]] == ["bert"]
    assert len(stats["series"]) == 3
    assert sum(bucket["labels"].get("bert", 0) for bucket in stats["series"]) == 1
    assert all(set(bucket["labels"]) <= {"bert"} and bucket["others"] == 0
               for bucket in stats["series"])
    nobody = daemon.get("/v1/stats?annotator=z")
    assert nobody["labels"] == nobody["all"]["labels"] == 0 and nobody["annotators"] == []
    assert all(arm["labels"] == 0 for arm in nobody["arms"].values())


def test_the_arms_of_one_annotator_count_only_their_answers(daemon):
    for name in ("anna", "bert"):
        given = daemon.post("/v1/assignments", {"annotator": name})["assignments"][0]
        daemon.add_labels([label(name, given["a"]["id"], given["b"]["id"], annotator=name,
                                 assignment=given["id"])])
    for query, n in (("", 2), ("?annotator=anna", 1), ("?annotator=z", 0)):
        arms = daemon.get(f"/v1/stats{query}")["arms"]
        assert arms["active"]["labels"] + arms["control"]["labels"] == n


def test_times_of_responses_are_taken_as_parameters(daemon):
    daemon.add_labels([label("l1", "p0-r0", "p0-r1")])
    stats = daemon.get("/v1/stats")
    again = daemon.get(f"/v1/stats?from={stats['from']}&to={stats['to']}")
    assert again["labels"] == 1 and (again["from"], again["to"]) == (stats["from"], stats["to"])
    for begin in ("2026-05-01T06:07:54.872Z", "2026-05-01T08:07:54.872%2B02:00", "1777615674872"):
        assert daemon.get(f"/v1/stats?from={begin}")["from"] == "2026-05-01T06:07:54.872Z"


def test_the_busiest_annotators_are_listed_and_the_others_are_counted(daemon):
    daemon.add_labels([label(f"l{i}-{k}", "p0-r0", "p0-r1", annotator=f"ann-{i:03}")
                       for i in range(150) for k in range(1 + (i == 149))])
    for query, listed in (("", 100), ("?names=0", 0), ("?names=7&buckets=1000", 7),
                          ("?names=1000&buckets=1000", 150)):
        stats = daemon.get(f"/v1/stats{query}")
        assert stats["labels"] == 151
        assert len(stats["annotators"]) == listed
        assert stats["others"]["annotators"] == 150 - listed
        assert sum(row["labels"] for row in stats["annotators"]) + stats["others"]["labels"] == 151
        assert listed == 0 or stats["annotators"][0]["annotator"] == "ann-149"
        columns = set().union(*(bucket["labels"] for bucket in stats["series"]))
        assert len(columns) == min(listed, 10000 // len(stats["series"]))
        assert sum(sum(bucket["labels"].values()) + bucket["others"]
                   for bucket in stats["series"]) == 151


def test_many_names_do_not_make_a_long_response(daemon):
    """Names of full length, which the worst response has most of."""
    for start in range(0, 20000, 2000):
        daemon.add_labels([label(f"l{i}", "p0-r0", "p0-r1", annotator=f"{i:05}" + "x" * 251)
                           for i in range(start, start + 2000)])
    response = daemon.call("GET", "/v1/stats?names=1000&buckets=1000&from=0")
    assert response.status == 200 and response.json["labels"] == 20000
    assert len(response.body) < 4 << 20
    assert daemon.get("/v1/stats")["others"]["annotators"] == 19900
