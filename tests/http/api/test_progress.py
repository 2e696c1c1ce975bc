"""An annotator's own counts and the project's, and nothing about others."""

import pytest

from client import label
from token_daemon import TokenDaemon, create


def test_own_counts_and_those_of_the_project(daemon):
    daemon.add_labels([label("l1", "p0-r0", "p0-r1"), label("l2", "p0-r0", "p0-r2", "skip"),
                       label("l3", "p1-r0", "p1-r1", annotator="bert"),
                       label("l4", "p1-r0", "p1-r2", "tie")])
    everything = {"annotator": "anna", "own": {"labels": 3, "since": 3}, "project": {"labels": 4}}
    assert daemon.get("/v1/progress?annotator=anna") == everything
    assert daemon.get("/v1/progress?annotator=anna&from=0") == everything
    later = daemon.get("/v1/progress?annotator=anna&from=9000000000000")
    assert later == {**everything, "own": {"labels": 3, "since": 0}}
    nobody = daemon.get("/v1/progress?annotator=carl")
    assert nobody["own"] == {"labels": 0, "since": 0} and nobody["project"] == {"labels": 4}
    daemon.call("PUT", "/v1/labels/l1", {"preference": "tie"})
    assert daemon.get("/v1/progress?annotator=anna") == everything
    daemon.call("DELETE", "/v1/labels/l1")
    assert daemon.get("/v1/progress?annotator=anna")["own"]["labels"] == 2
    assert daemon.get("/v1/progress?annotator=anna")["project"]["labels"] == 3
    assert daemon.get("/v1/stats?from=0")["labels"] == 3


@pytest.mark.parametrize("query, words", [
    ("", '"annotator" is required'), ("?from=-1&annotator=a", '"from" must be a time'),
    ("?annotator=a&names=1", '"names" is unknown here')])
def test_the_problem_names_a_wrong_parameter(shared, query, words):
    response = shared.call("GET", f"/v1/progress{query}")
    assert response.status == 400
    assert response.json["detail"].startswith(f"query parameter {words}")


def test_a_token_of_role_annotator_learns_nothing_about_others(db, items):
    tokens = {name: create(db, role, name)[0]
              for name, role in (("anna", "annotator"), ("bert", "annotator"), ("f", "frontend"))}
    with TokenDaemon(db) as daemon:
        assert daemon.ask("POST", "/v1/items", tokens["f"], {"items": items}).status == 200
        for i, name in enumerate(["anna", "bert", "bert"]):
            sent = {"labels": [label(f"l{i}", "p0-r0", f"p0-r{i + 1}", annotator=name)]}
            assert daemon.ask("POST", "/v1/labels", tokens["f"], sent).status == 200
        own = {"annotator": "anna", "own": {"labels": 1, "since": 1}, "project": {"labels": 3}}
        for query in ("", "?annotator=anna"):
            assert daemon.ask("GET", f"/v1/progress{query}", tokens["anna"]).json == own
        other = daemon.ask("GET", "/v1/progress?annotator=bert", tokens["anna"])
        assert other.status == 403 and "own" not in other.json
        assert "annotator" in other.json["detail"]
        assert daemon.ask("GET", "/v1/progress?annotator=bert", tokens["f"]).json["own"] == {
            "labels": 2, "since": 2}
        assert daemon.ask("GET", "/v1/progress?annotator=anna").status == 401
        assert daemon.ask("GET", "/v1/stats", tokens["anna"]).status == 403
