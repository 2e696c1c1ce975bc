"""The project: its settings, their versions, and how many items miss a score."""

import concurrent.futures

import pytest

from client import Daemon, run, wait_until
from token_daemon import TokenDaemon, create

NOTHING = {"version": 0, "author": None, "changed_at": None, "items": 12, "better_length": "unknown",
           "scores": {}}


def trust(**names):
    return {"scores": {name: {"trust": value} for name, value in names.items()}}


def patch(daemon, body, match=None):
    return daemon.call("PATCH", "/v1/project", body, {"If-Match": match} if match else None)


def trusts(daemon):
    return {name: score["trust"] for name, score in daemon.get("/v1/project")["scores"].items()}


def test_a_new_project_has_the_defaults(daemon):
    response = daemon.call("GET", "/v1/project")
    assert response.json == NOTHING
    assert response.headers["ETag"] == '"0"'
    assert "script-src" not in response.headers["Content-Security-Policy"]


def test_the_trust_in_a_score_is_changed(daemon):
    response = patch(daemon, trust(judge="trusted", old="inverted"))
    assert response.status == 200 and response.headers["ETag"] == '"1"'
    assert response.json["version"] == 1 and response.json["author"] is None
    assert response.json["changed_at"].startswith("20")
    assert response.json == daemon.get("/v1/project")
    assert trusts(daemon) == {"judge": "trusted", "old": "inverted"}
    assert patch(daemon, trust(judge="inverted")).json["version"] == 2
    assert trusts(daemon) == {"judge": "inverted", "old": "inverted"}


def test_a_patch_is_merged(daemon):
    patch(daemon, trust(a="trusted", b="trusted", c="inverted"))
    patch(daemon, {"scores": {"a": None, "b": {"trust": None}, "c": {}}})
    assert trusts(daemon) == {"c": "inverted"}
    patch(daemon, {"scores": None})
    assert trusts(daemon) == {}


def test_what_is_known_of_the_length_is_changed_apart_from_the_scores(daemon):
    patch(daemon, trust(judge="trusted"))
    assert patch(daemon, {"better_length": "longer"}).json["version"] == 2
    project = patch(daemon, {"better_length": "shorter"}).json
    assert project["better_length"] == "shorter" and trusts(daemon) == {"judge": "trusted"}
    assert patch(daemon, trust(judge="unknown")).json["better_length"] == "shorter"
    assert patch(daemon, {"better_length": "shorter"}).json["version"] == 4
    assert patch(daemon, {"better_length": None}).json["better_length"] == "unknown"


def test_what_is_known_of_the_length_survives_a_restart(db):
    for state in ("unknown", "longer"):
        with Daemon(db) as daemon:
            assert daemon.get("/v1/project")["better_length"] == state
            patch(daemon, {"better_length": "longer"})


def test_a_patch_that_changes_nothing_makes_no_version(daemon):
    patch(daemon, trust(judge="trusted"))
    for body in ({}, {"scores": {}}, trust(judge="trusted"), trust(other="unknown"),
                 {"scores": {"none": None}}):
        response = patch(daemon, body)
        assert response.status == 200 and response.json["version"] == 1, body


def test_items_that_miss_a_score_are_counted(daemon):
    daemon.ok("PUT", "/v1/scores", {"items": [
        {"id": f"p{p}-r{r}", "scores": {"judge": p, **({"old": r} if r else {})}}
        for p in range(3) for r in range(4)]})
    patch(daemon, trust(old="trusted", later="inverted"))
    assert daemon.get("/v1/project")["scores"] == {
        "judge": {"trust": "unknown", "items": 12, "missing": 0},
        "old": {"trust": "trusted", "items": 9, "missing": 3},
        "later": {"trust": "inverted", "items": 0, "missing": 12},
    }
    daemon.ok("PUT", "/v1/items/p0-r0/scores", {"judge": None})
    daemon.add_items([{"id": "new", "prompt_id": "p", "embedding": [1, 2, 3, 4]}])
    assert daemon.get("/v1/project")["scores"]["judge"] == {
        "trust": "unknown", "items": 11, "missing": 2}


WRONG = [
    ({"name": "x"}, "/name", 'unknown member "name"'),
    ({"version": 1}, "/version", 'unknown member "version"'),
    ({"better_length": "long"}, "/better_length", 'must be "unknown", "longer" or "shorter"'),
    ({"better_length": 1}, "/better_length", 'must be "unknown", "longer" or "shorter"'),
    ({"scores": []}, "/scores", "must be an object or null"),
    ({"scores": {"judge": "trusted"}}, "/scores/judge", "must be an object or null"),
    ({"scores": {"judge": {"items": 3}}}, "/scores/judge/items", 'unknown member "items"'),
    ({"scores": {"judge": {"trust": "yes"}}}, "/scores/judge/trust",
     'must be "unknown", "trusted" or "inverted"'),
    ({"scores": {"judge": {"trust": True}}}, "/scores/judge/trust",
     'must be "unknown", "trusted" or "inverted"'),
    ({"scores": {"": {"trust": "trusted"}}}, "/scores/", "the name of a score must not be empty"),
    ({"scores": {"j" * 65: {}}}, "/scores/" + "j" * 65,
     "the name of a score has 65 bytes; at most 64 are allowed"),
    ({"scores": {f"s{i:02}": {"trust": "trusted"} for i in range(17)}}, "/scores/s16",
     "would be the settings of a 17th score; at most 16 are allowed"),
]


@pytest.mark.parametrize(("body", "pointer", "detail"), WRONG)
def test_a_wrong_patch_is_named_and_changes_nothing(shared, body, pointer, detail):
    body = {"scores": {"good": {"trust": "trusted"}}, **body}
    response = patch(shared, body)
    assert response.status == 422, response
    assert response.json["errors"] == [{"pointer": pointer, "detail": detail}]
    assert shared.get("/v1/project") == NOTHING


@pytest.mark.parametrize("raw", [
    '{"scores":{"a":{"trust":"trusted"},"a":{"trust":"inverted"}}}', "{", ""])
def test_a_patch_that_is_not_json_is_refused(shared, raw):
    assert shared.call("PATCH", "/v1/project", raw=raw).status == 400
    assert shared.get("/v1/project") == NOTHING


def test_a_query_is_refused(shared):
    assert shared.call("GET", "/v1/project?x=1").status == 400
    assert shared.call("PATCH", "/v1/project?x=1", {}).status == 400


def test_a_change_is_refused_where_another_one_came_first(daemon):
    assert patch(daemon, trust(a="trusted"), '"0"').status == 200
    for match in ('"0"', '"2"', "1", '"x"', '"0", "2"', "W/*"):
        response = patch(daemon, trust(b="trusted"), match)
        assert response.status == 412, (match, response)
        assert response.json["detail"] == "the project has another version than If-Match names"
    assert trusts(daemon) == {"a": "trusted"}
    version = 1
    for match in ('"{}"', 'W/"{}"', '"0", "{}" , "9"', "*"):
        version += 1
        response = patch(daemon, trust(a="inverted" if version % 2 == 0 else "trusted"),
                         match.format(version - 1))
        assert response.status == 200 and response.json["version"] == version, (match, response)


def test_changes_at_once_are_all_there(daemon):
    names = [f"s{i}" for i in range(16)]
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        responses = list(pool.map(lambda name: patch(daemon, trust(**{name: "trusted"})), names))
    assert {response.status for response in responses} == {200}
    assert trusts(daemon) == {name: "trusted" for name in names}
    assert daemon.get("/v1/project")["version"] == 16


def test_the_project_outlives_a_restart_and_a_crash(db):
    with Daemon(db) as daemon:
        patch(daemon, trust(judge="trusted"))
        before = daemon.get("/v1/project")
    with Daemon(db) as daemon:
        assert daemon.get("/v1/project") == before
        patch(daemon, trust(judge="inverted"))
        daemon.kill()
    with Daemon(db) as daemon:
        assert trusts(daemon) == {"judge": "inverted"}
        assert daemon.get("/v1/project")["version"] == 2
    assert "is sound" in run("check", "--db", db).stdout


def test_the_author_of_a_change_is_kept(db):
    token = create(db, "admin", "Änne")[0]
    with TokenDaemon(db) as daemon:
        response = daemon.ask("PATCH", "/v1/project", token, trust(judge="trusted"))
        assert response.json["author"] == "Änne"
        wait_until(lambda: "action=project_change" in daemon.log_text(), "the record")
    with TokenDaemon(db) as daemon:
        assert daemon.ask("GET", "/v1/project", token).json["author"] == "Änne"
