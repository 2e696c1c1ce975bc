"""Problem documents: stable codes, and all that is wrong with a body at once."""

import pathlib
import re

import pytest

from client import Daemon, label, plane_items, send_raw

ROOT = pathlib.Path(__file__).resolve().parents[3]
CODE = re.compile(r'^CODE\((\w+), "(\w+)", (\d{3}), "(.+)"\)$', re.MULTILINE)


def codes():
    """The rows of problem_codes.def: the status of each code."""
    rows = CODE.findall((ROOT / "src/http/json/problem_codes.def").read_text())
    assert len(rows) > 30
    return {code: int(status) for _, code, status, _ in rows}


@pytest.fixture(scope="module")
def daemon(tmp_path_factory):
    with Daemon(tmp_path_factory.mktemp("problems") / "fisher.db") as daemon:
        daemon.add_items(plane_items())
        yield daemon


def pointers(response):
    assert response.status == 422, response
    return [error["pointer"] for error in response.json["errors"]]


def test_the_documents_name_each_code_with_its_status():
    rows = dict(re.findall(r"^\| `(\w+)` \| (\d{3}) \|", (ROOT / "docs/API.md").read_text(),
                           re.MULTILINE))
    assert {code: int(status) for code, status in rows.items()} == codes()


@pytest.mark.parametrize("method, path, body, code", [
    ("GET", "/v1/items?limit=0", None, "wrong_query"),
    ("GET", "/nothing", None, "unknown_path"),
    ("GET", "/static/nothing", None, "unknown_path"),
    ("DELETE", "/v1/items", None, "method_not_allowed"),
    ("GET", "/v1/items/nothing", None, "not_found"),
    ("GET", "/v1/labels/nothing", None, "not_found"),
    ("POST", "/v1/items", {}, "invalid_content"),
    ("POST", "/v1/items", {"items": [{**plane_items()[0], "prompt_id": "other"}]}, "id_taken"),
    ("POST", "/v1/model/train", None, "nothing_to_learn"),
    ("POST", "/v1/admin/backup", None, "conflict"),
])
def test_a_refusal_has_its_code(daemon, method, path, body, code):
    response = daemon.call(method, path, body)
    assert response.json["code"] == code
    assert response.json["status"] == response.status == codes()[code]


def test_refusals_of_bytes_have_their_codes(daemon):
    assert daemon.call("POST", "/v1/items", raw="{").json["code"] == "malformed_json"
    assert daemon.call("POST", "/v1/items", raw="{}", headers={"Content-Type": "text/plain"}) \
        .json["code"] == "wrong_media_type"
    assert daemon.call("POST", "/v1/assignments", raw=b" " * 5000).json["code"] == "body_too_large"
    for request, code in [
            (b"GET /livez HTTP/1.1\r\n\r\n", b"malformed_request"),
            (b"CONNECT localhost:80 HTTP/1.1\r\nHost: localhost\r\n\r\n", b"unknown_method"),
            (b"GET /livez HTTP/3.0\r\nHost: localhost\r\n\r\n", b"unknown_http_version"),
            (b"GET /" + b"x" * 20000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n", b"target_too_long")]:
        assert b'"code":"' + code + b'"' in send_raw(daemon, request), request


def test_all_wrong_members_of_an_item_are_told_at_once(daemon):
    wrong = {"id": "", "prompt": 3, "embedding": [], "metadata": 1, "colour": "red",
             "scores": {"judge": "good", "": 1}}
    response = daemon.call("POST", "/v1/items", {"items": [plane_items()[0], wrong]})
    assert set(pointers(response)) == {
        "/items/1/colour", "/items/1/id", "/items/1/prompt_id", "/items/1/prompt",
        "/items/1/embedding", "/items/1/metadata", "/items/1/scores/judge", "/items/1/scores/"}
    assert response.json["detail"] == response.json["errors"][0]["detail"]


def test_at_most_twenty_faults_are_told_and_the_first_ones(daemon):
    labels = [label(f"l{i}", "p0-r0", "p0-r1", "left") for i in range(30)]
    assert pointers(daemon.call("POST", "/v1/labels", {"labels": labels})) == [
        f"/labels/{i}/preference" for i in range(20)]


def test_all_unknown_items_of_labels_are_told(daemon):
    labels = [label("l1", "p0-r0", "p0-r1"), label("l2", "p0-r0", "x"), label("l3", "y", "p0-r1"),
              label("l4", "p0-r0", "p0-r0")]
    assert pointers(daemon.call("POST", "/v1/labels", {"labels": labels})) == [
        "/labels/1/b", "/labels/2/a", "/labels/3/b"]
    assert daemon.get("/v1/labels")["labels"] == []


@pytest.mark.parametrize("path, method, body, expected", [
    ("/v1/selections", "POST",
     {"batch_size": 0, "seed": -1, "pending": [[1, 2]], "exclude": [["p0-r0", {"embedding": [1]}]],
      "generate": {"mode": "all", "pairs": 0}, "style": "bold"},
     ["/batch_size", "/seed", "/style", "/pending/0/0", "/pending/0/1", "/exclude/0",
      "/generate/mode", "/generate/pairs"]),
    ("/v1/selections", "POST", {"batch_size": 1, "pairs": {"a": [1, "x"], "b": ["y", 2]}},
     ["/pairs/a/0", "/pairs/b/1"]),
    ("/v1/selections", "POST", {"batch_size": 1, "pairs": [{"a": 1, "b": 2}, {"a": "x"}]},
     ["/pairs/0/a", "/pairs/0/b", "/pairs/1/b"]),
    ("/v1/selections", "POST", {"batch_size": "many"}, ["/batch_size", ""]),
    ("/v1/score", "POST", {"items": [1, "p0-r0", {"embedding": "?", "prompt": 4}, {}]},
     ["/items/0", "/items/2/embedding", "/items/2/prompt", "/items/3/embedding"]),
    ("/v1/scores", "PUT", {"items": [{"id": 1, "scores": 1}, {"scores": {"j": "x", "k": []}}]},
     ["/items/0/id", "/items/0/scores", "/items/1/id", "/items/1/scores/j", "/items/1/scores/k"]),
    ("/v1/items/p0-r0/scores", "PUT", {"j": "x", "k": []}, ["/j", "/k"]),
    ("/v1/assignments", "POST", {"annotator": 1, "count": 0, "lease_seconds": 0, "n": 1},
     ["/n", "/annotator", "/count", "/lease_seconds"]),
    ("/v1/project", "PATCH", {"scores": {"a": {"trust": 1}, "b": {"x": 1}, "c": 1}, "name": 1},
     ["/scores/a/trust", "/scores/b/x", "/scores/c", "/name"]),
])
def test_all_wrong_members_of_a_body_are_told_at_once(daemon, path, method, body, expected):
    assert pointers(daemon.call(method, path, body)) == expected
