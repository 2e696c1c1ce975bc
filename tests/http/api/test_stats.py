"""The query of the statistics over the API."""

import pytest

from client import label


@pytest.mark.parametrize("query, words", [
    ("buckets=%2B5", '"buckets" must be an integer from 1 to 1000'),
    ("buckets=%205", '"buckets" must be an integer'),
    ("buckets=0", '"buckets" must be an integer'),
    ("buckets=1001", '"buckets" must be an integer'),
    ("from=-1", '"from" must be an integer from 0 to'),
    ("from=yesterday", '"from" must be an integer'),
    ("to=0", '"to" must be an integer from 1 to'),
    ("from=5&to=5", '"from" must be less than "to"'),
    ("from=1&from=2", '"from" is given twice'),
    ("since=1", '"since" is unknown here')])
def test_the_problem_names_a_wrong_parameter(shared, query, words):
    response = shared.call("GET", f"/v1/stats?{query}")
    assert response.status == 400
    assert response.json["detail"].startswith(f"query parameter {words}")


def test_buckets_divide_the_time_and_an_annotator_may_be_chosen(daemon):
    daemon.add_labels([label("l1", "p0-r0", "p0-r1"),
                       label("l2", "p0-r0", "p0-r2", annotator="bert")])
    stats = daemon.get("/v1/stats?from=0&to=9000000000000&buckets=3&annotator=bert")
    assert stats["labels"] == 2
    assert [row["annotator"] for row in stats["annotators"]] == ["bert"]
    assert len(stats["series"]) == 3
    assert sum(bucket["labels"].get("bert", 0) for bucket in stats["series"]) == 1
