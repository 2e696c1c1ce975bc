"""Scores that people had before anyone answered: with items, later, in bulk, and from metadata."""

import contextlib
import json
import sqlite3
import subprocess

import pytest

from client import (PATIENCE, PROGRAM, Daemon, environment, flags, labels_by_first_number,
                    plane_items, run)

NAMES_FULL = 'the score "s16" would be one too many: a project has at most 16 names of scores'


def item(identity="x", **more):
    return {"id": identity, "prompt_id": "p", "embedding": [1, 2, 3, 4], **more}


def scores(daemon, identity="x"):
    return daemon.get(f"/v1/items/{identity}")["scores"]


def put(daemon, body, identity="p0-r0"):
    return daemon.call("PUT", f"/v1/items/{identity}/scores", body)


def all_scores(daemon):
    return {row["id"]: row["scores"] for row in daemon.list_all("items")}


# ---- setting ----

def test_scores_come_with_an_item_and_go_with_it(empty):
    given = {"judge": 7.1, "old_rm": -0.3, "name with ü / ~": 1e6, "count": 3}
    empty.add_items([item(scores=given), item("y", scores={}), item("z", scores=None), item("w")])
    assert scores(empty) == given
    assert all_scores(empty) == {"x": given, "y": {}, "z": {}, "w": {}}


def test_an_item_that_is_sent_again_is_unchanged_and_its_scores_are_set(empty):
    empty.add_items([item(scores={"judge": 1, "old": 2})])
    assert empty.add_items([item(scores={"judge": 5})]) == {"created": 0, "unchanged": 1}
    assert scores(empty) == {"judge": 5, "old": 2}
    assert empty.add_items([item()]) == {"created": 0, "unchanged": 1}
    assert scores(empty) == {"judge": 5, "old": 2}
    assert empty.add_items([item(scores={"judge": 6}), item(scores={"judge": 7})])["unchanged"] == 2
    assert scores(empty) == {"judge": 7, "old": 2}


def test_other_content_is_a_conflict_that_sets_no_score(empty):
    empty.add_items([item(scores={"judge": 1})])
    changed = [item("new", scores={"judge": 2}), item(prompt_id="q", scores={"judge": 3})]
    assert empty.call("POST", "/v1/items", {"items": changed}).status == 409
    assert all_scores(empty) == {"x": {"judge": 1}}


def test_scores_of_an_item_are_set_changed_and_withdrawn(daemon):
    assert put(daemon, {"judge": 0.1, "old": 2}).json == {"changed": 2, "unchanged": 0}
    assert put(daemon, {"judge": 0.1, "old": 3}).json == {"changed": 1, "unchanged": 1}
    assert scores(daemon, "p0-r0") == {"judge": 0.1, "old": 3}
    assert put(daemon, {"judge": None, "never": None}).json == {"changed": 1, "unchanged": 1}
    assert scores(daemon, "p0-r0") == {"old": 3}
    assert put(daemon, {}).json == {"changed": 0, "unchanged": 0}
    assert list(daemon.get("/v1/project")["scores"]) == ["judge", "old"]


def test_an_item_in_a_path_is_named_as_elsewhere(empty):
    empty.add_items([item("a/b ü")])
    assert put(empty, {"judge": 1}, "a%2Fb%20%C3%BC").status == 200
    assert scores(empty, "a%2Fb%20%C3%BC") == {"judge": 1}
    missing = put(empty, {"judge": 1}, "nothing")
    assert missing.status == 404 and missing.json["detail"] == "there is no item with this id"


def test_many_items_get_scores_at_once(daemon, items):
    rows = [{"id": row["id"], "scores": {"judge": i / 3, "old": -i}}
            for i, row in enumerate(items)]
    assert daemon.ok("PUT", "/v1/scores", {"items": rows}) == {"changed": 24, "unchanged": 0}
    assert daemon.ok("PUT", "/v1/scores", {"items": rows}) == {"changed": 0, "unchanged": 24}
    assert all_scores(daemon) == {row["id"]: row["scores"] for row in rows}
    twice = [{"id": "p0-r0", "scores": {"judge": value}} for value in (1, 2)]
    assert daemon.ok("PUT", "/v1/scores", {"items": twice})["changed"] == 2
    assert scores(daemon, "p0-r0")["judge"] == 2
    assert daemon.ok("PUT", "/v1/scores", {"items": []}) == {"changed": 0, "unchanged": 0}


def test_scores_outlive_a_restart_and_a_crash(db):
    with Daemon(db) as daemon:
        daemon.add_items([item(scores={"judge": 0.1, "old": 2}), item("y", scores={"old": 3})])
        assert put(daemon, {"judge": 1 / 3, "old": None}, "x").status == 200
    expected = {"x": {"judge": 1 / 3}, "y": {"old": 3}}
    with Daemon(db) as daemon:
        assert all_scores(daemon) == expected
        assert put(daemon, {"late": -1e-9}, "y").status == 200
        daemon.kill()
    with Daemon(db) as daemon:
        assert all_scores(daemon) == {**expected, "y": {"old": 3, "late": -1e-9}}
        assert list(daemon.get("/v1/project")["scores"]) == ["judge", "old", "late"]
    assert "is sound" in run("check", "--db", db).stdout


def test_check_compares_models_with_the_scores_of_their_time(db):
    """Pairs of two prompts, so later items matter too; the change of a model stands for damage."""
    items = plane_items()
    with Daemon(db, {"retrain-labels": 0}) as daemon:
        daemon.add_items([{**row, "scores": {"judge": i * i % 7}} for i, row in enumerate(items)])
        daemon.add_labels(labels_by_first_number(items, 40))
        daemon.train()
        daemon.ok("PUT", "/v1/scores", {"items": [
            {"id": row["id"], "scores": {"judge": -i}} for i, row in enumerate(items)]})
        daemon.add_items([{**items[0], "id": "later", "scores": {"judge": 30}}])
        daemon.train()
    checked = run("check", "--db", db)
    assert checked.returncode == 0, checked.stderr
    assert "is sound" in checked.stdout and "was not checked" not in checked.stdout

    with contextlib.closing(sqlite3.connect(db, isolation_level=None)) as connection:
        connection.execute("UPDATE models SET logdet = logdet + 0.1, created_ms ="
                           " (SELECT max(set_ms) FROM item_scores) WHERE version = 2")
    checked = run("check", "--db", db)
    assert checked.returncode == 0, checked.stderr
    assert "model 2 was not checked: items or scores came while it was trained" in checked.stdout
    with contextlib.closing(sqlite3.connect(db, isolation_level=None)) as connection:
        connection.execute("UPDATE models SET created_ms = created_ms + 3600000 WHERE version = 2")
    checked = run("check", "--db", db)
    assert checked.returncode == 1, checked
    assert "model 2 recorded information of log det" in checked.stderr


def test_annotators_do_not_see_scores(daemon):
    put(daemon, {"judge": 7})
    assigned = daemon.post("/v1/assignments", {"annotator": "anna", "count": 5})["assignments"]
    assert assigned and "judge" not in json.dumps(assigned)


# ---- what is refused ----

WRONG = {
    "a text": ({"judge": "7"}, "/judge", "must be a number from -1e+06 to 1e+06"),
    "true": ({"judge": True}, "/judge", "must be a number from -1e+06 to 1e+06"),
    "a list": ({"judge": [1]}, "/judge", "must be a number from -1e+06 to 1e+06"),
    "too large": ({"judge": 1000001}, "/judge", "must be a number from -1e+06 to 1e+06"),
    "a huge integer": ({"judge": 2**62}, "/judge", "must be a number from -1e+06 to 1e+06"),
    "the second": ({"good": 1, "bad/~": {}}, "/bad~1~0", "must be a number from -1e+06 to 1e+06"),
    "no name": ({"": 1}, "/", "the name of a score must not be empty"),
    "a long name": ({"n" * 65: 1}, "/" + "n" * 65,
                    "the name of a score has 65 bytes; at most 64 are allowed"),
    "a control character": ({"a\u0001": 1}, "/a\u0001",
                            "the name of a score must not hold control characters, marks of "
                            "direction or separators of lines"),
    "17 scores": ({f"s{i}": i for i in range(17)}, "", "has 17 scores; at most 16 are allowed"),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_score_is_named_and_changes_nothing(shared, name):
    wrong, pointer, detail = WRONG[name]
    good = {"id": "p0-r1", "scores": {"fresh": 1}}
    calls = [
        ("PUT", "/v1/items/p0-r0/scores", wrong, ""),
        ("PUT", "/v1/scores", {"items": [good, {"id": "p0-r0", "scores": wrong}]},
         "/items/1/scores"),
        ("POST", "/v1/items", {"items": [item(scores={"fresh": 1}), item("y", scores=wrong)]},
         "/items/1/scores"),
    ]
    for method, path, body, before in calls:
        response = shared.call(method, path, body)
        assert response.status == 422, response
        assert response.json["errors"] == [{"pointer": before + pointer, "detail": detail}]
    assert shared.get("/v1/project")["scores"] == {}
    assert len(shared.list_all("items")) == 12


@pytest.mark.parametrize(("body", "pointer", "detail"), [
    ({}, "/items", "is required"),
    ({"items": {}}, "/items", "must be a list"),
    ({"items": [], "more": 1}, "/more", 'unknown member "more"'),
    ({"items": [1]}, "/items/0", "must be an object"),
    ({"items": [{"scores": {}}]}, "/items/0/id", "is required"),
    ({"items": [{"id": "p0-r0"}]}, "/items/0/scores", "is required"),
    ({"items": [{"id": "p0-r0", "scores": None}]}, "/items/0/scores", "must be an object"),
    ({"items": [{"id": "p0-r0", "scores": {}, "trust": 1}]}, "/items/0/trust",
     'unknown member "trust"'),
    ({"items": [{"id": "p0-r0", "scores": {"a": 1}}, {"id": "nothing", "scores": {"a": 1}}]},
     "/items/1/id", 'item "nothing" does not exist'),
    ({"items": [{"id": "p0-r0", "scores": {}}] * 20001}, "/items",
     "has 20001 elements; must have 0 to 20000"),
])
def test_a_wrong_list_of_scores_is_named_and_changes_nothing(shared, body, pointer, detail):
    response = shared.call("PUT", "/v1/scores", body)
    assert response.status == 422, response
    assert response.json["errors"] == [{"pointer": pointer, "detail": detail}]
    assert shared.get("/v1/project")["scores"] == {}


@pytest.mark.parametrize("raw", ['{"judge": 1, "judge": 2}', '{"judge": NaN}', '{"judge": 1e999}',
                                 '{"judge": Infinity}', "[", ""])
def test_a_body_that_is_not_json_is_refused(shared, raw):
    response = shared.call("PUT", "/v1/items/p0-r0/scores", raw=raw)
    assert response.status == 400, response
    bulk = f'{{"items":[{{"id":"p0-r0","scores":{raw}}}]}}'
    assert shared.call("PUT", "/v1/scores", raw=bulk).status == 400
    assert shared.get("/v1/project")["scores"] == {}


def test_a_list_is_not_an_object_of_scores(shared):
    response = shared.call("PUT", "/v1/items/p0-r0/scores", raw="[1]")
    assert response.status == 422 and response.json["errors"][0]["detail"] == (
        "the body must be a JSON object")


def test_a_project_has_at_most_16_names_of_scores(daemon):
    assert put(daemon, {f"s{i}": i for i in range(12)}).status == 200
    more = {f"s{i}": i for i in range(12, 17)}
    response = put(daemon, more)
    assert response.status == 422
    assert response.json["errors"] == [{"pointer": "", "detail": NAMES_FULL}]
    rows = [{"id": "p0-r1", "scores": {"s0": 1}}, {"id": "p0-r2", "scores": more}]
    response = daemon.call("PUT", "/v1/scores", {"items": rows})
    assert response.json["errors"] == [{"pointer": "/items/1/scores", "detail": NAMES_FULL}]
    response = daemon.call("POST", "/v1/items", {"items": [item(scores=more)]})
    assert response.json["errors"] == [{"pointer": "/items/0/scores", "detail": NAMES_FULL}]
    assert len(daemon.get("/v1/project")["scores"]) == 12
    assert len(daemon.list_all("items")) == 12
    more.pop("s16")
    assert put(daemon, more).status == 200
    assert len(daemon.get("/v1/project")["scores"]) == 16
    assert put(daemon, {"s16": 1}).status == 422
    assert put(daemon, {"s15": 9}).status == 200


# ---- metadata ----

def test_numbers_in_metadata_become_scores_of_new_items(db):
    with Daemon(db, {"score-metadata": "judge, old_rm"}) as daemon:
        metadata = {"judge": 7, "old_rm": -0.5, "length": 12}
        daemon.add_items([
            item("all", metadata=metadata),
            item("other kinds", metadata={"judge": "7", "old_rm": True}),
            item("none", metadata={"length": 3}),
            item("both", metadata=metadata, scores={"judge": 1, "old_rm": None}),
        ])
        expected = {"all": {"judge": 7, "old_rm": -0.5}, "other kinds": {}, "none": {},
                    "both": {"judge": 1}}
        assert all_scores(daemon) == expected
        put(daemon, {"judge": 3}, "all")
        assert daemon.add_items([item("all", metadata=metadata)])["unchanged"] == 1
        assert scores(daemon, "all") == {"judge": 3, "old_rm": -0.5}
        response = daemon.call("POST", "/v1/items", {"items": [item(metadata={"judge": 1e7})]})
        assert response.json["errors"] == [
            {"pointer": "/items/0/metadata/judge", "detail": "must be a number from -1e+06 to 1e+06"}]
        assert len(daemon.list_all("items")) == 4


def test_without_the_option_metadata_is_metadata_only(empty):
    empty.add_items([item(metadata={"judge": 7})])
    assert scores(empty) == {}


@pytest.mark.parametrize(("keys", "words"), [
    ("a" * 65, "at most 64"), (",".join(f"s{i}" for i in range(17)), "at most 16 scores"),
    ("a\u0001", "control characters")])
def test_keys_that_cannot_name_a_score_are_refused(db, keys, words):
    done = subprocess.run([PROGRAM, "serve", *flags({"db": db, "score-metadata": keys})],
                          env=environment(), capture_output=True, text=True, timeout=PATIENCE,
                          check=False)
    assert done.returncode == 1 and words in done.stderr, done.stderr


# ---- many at once ----

def test_a_large_list_of_scores_is_set_soon(empty):
    items = [{"id": f"i{i}", "prompt_id": f"p{i // 4}", "embedding": [i % 7, i % 5]}
             for i in range(20000)]
    empty.add_items(items)
    rows = [{"id": row["id"], "scores": {"judge": i / 7, "old": -i / 3}}
            for i, row in enumerate(items)]
    assert empty.ok("PUT", "/v1/scores", {"items": rows})["changed"] == 40000
    assert empty.get("/v1/project")["scores"]["judge"] == {
        "trust": "unknown", "items": 20000, "missing": 0}
    assert scores(empty, "i19999") == {"judge": 19999 / 7, "old": -19999 / 3}
