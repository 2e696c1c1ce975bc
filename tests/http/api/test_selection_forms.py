"""The forms of a list of pairs: objects, rows and columns choose the same, whether the list is long and
of plain ids, which is read without a tree, or not."""

import itertools
import json

import pytest

from client import Daemon, plane_items

ITEMS = plane_items(prompts=6)
PAIRS = [(a["id"], b["id"], f"pair {i}") for i, (a, b) in enumerate(itertools.combinations(ITEMS, 2))]


@pytest.fixture(scope="module")
def daemon(tmp_path_factory):
    with Daemon(tmp_path_factory.mktemp("forms") / "fisherd.db") as daemon:
        daemon.add_items(ITEMS)
        yield daemon


def objects(pairs):
    return [dict(zip(("a", "b", "id"), pair)) for pair in pairs]


def columns(pairs):
    names = ("a", "b", "id")[:len(pairs[0])]
    return {name: [pair[i] for pair in pairs] for i, name in enumerate(names)}


FORMS = {"objects": objects, "rows": lambda pairs: [list(pair) for pair in pairs], "columns": columns}


def select(daemon, body):
    text = body if isinstance(body, str) else json.dumps(body)
    response = daemon.call("POST", "/v1/selections", raw=text)
    result = response.json
    if response.status == 200:
        del result["diagnostics"]["elapsed_ms"]
    result.pop("request_id", None)
    return response.status, result


def request(form, pairs, **more):
    return {"batch_size": 5, "strategy": "greedy", "seed": 3, "pairs": FORMS[form](pairs), **more}


def slow(text):
    """The same body with an escape in it, so that it is parsed as a tree."""
    return text.replace('"p0-r1"', '"p0\\u002dr1"')


@pytest.mark.parametrize("with_ids", [True, False])
@pytest.mark.parametrize("count", [5, 8, len(PAIRS)])
def test_all_forms_choose_the_same(daemon, count, with_ids):
    pairs = [pair if with_ids else pair[:2] for pair in PAIRS[:count]]
    results = []
    for form in FORMS:
        text = json.dumps(request(form, pairs))
        results += [select(daemon, text), select(daemon, slow(text)), select(daemon, json.dumps(json.loads(text), indent=3))]
    assert results[0][0] == 200 and all(result == results[0] for result in results)
    assert ("id" in results[0][1]["pairs"][0]) == with_ids


def test_pending_and_excluded_pairs_take_all_forms(daemon):
    results = []
    for form in FORMS:
        make = FORMS[form]
        text = json.dumps(request(form, PAIRS, pending=make(PAIRS[40:90]), exclude=make(PAIRS[:40])))
        results += [select(daemon, text), select(daemon, slow(text))]
    assert results[0][0] == 200 and all(result == results[0] for result in results)
    assert results[0][1]["diagnostics"]["candidates"] == len(PAIRS) - 90


def test_forms_may_be_mixed_with_embeddings(daemon):
    pairs = objects(PAIRS[:100]) + [["p0-r0", {"embedding": [1, 2, 3, 4]}, "x"], {"a": "p0-r0", "b": "p0-r1"}]
    status, result = select(daemon, {"batch_size": 102, "strategy": "random", "pairs": pairs, "copy_distance": 0})
    assert status == 200 and len(result["pairs"]) == 102


@pytest.mark.parametrize("form, pointer", [
    ("objects", "/pairs/60/b"), ("rows", "/pairs/60/1"), ("columns", "/pairs/b/60")])
def test_a_fault_points_into_the_form(daemon, form, pointer):
    pairs = list(PAIRS)
    pairs[60] = (pairs[60][0], "nobody", "x")
    text = json.dumps(request(form, pairs))
    for body in (text, slow(text)):
        status, problem = select(daemon, body)
        assert status == 422 and problem["errors"][0]["pointer"] == pointer


@pytest.mark.parametrize("wrong, pointer", [
    ([["p0-r0"]], "/pairs/0"), ([["p0-r0", "p0-r1", "x", "y"]], "/pairs/0"), ([[]], "/pairs/0"),
    ([["p0-r0", 5]], "/pairs/0/1"), ([["p0-r0", "p0-r1", ""]], "/pairs/0/2"), ([], "/pairs"), ({}, "/pairs"), ({"b": []}, "/pairs/a"),
    ({"a": ["p0-r0"], "b": []}, "/pairs/b"), ({"a": [], "b": []}, "/pairs"),
    ({"a": ["p0-r0"], "b": ["p0-r1"], "id": []}, "/pairs/id"), ({"a": ["p0-r0"], "b": ["p0-r1"], "c": []}, "/pairs/c"),
    ({"a": ["p0-r0"], "b": [""]}, "/pairs/b/0"), ({"a": "p0-r0", "b": "p0-r1"}, "/pairs/a"), ("p0-r0", "/pairs"),
    (None, "/pairs"), (5, "/pairs"), ([["p0-r0", "\x7f"]], "/pairs/0/1"), ([["p0-r0", 257 * "x"]], "/pairs/0/1")])
@pytest.mark.parametrize("blanks", [0, 2000], ids=["short", "long"])
def test_wrong_forms_are_refused(daemon, wrong, pointer, blanks):
    text = json.dumps({"batch_size": 1, "pairs": wrong}) + blanks * " "
    status, problem = select(daemon, text)
    assert status == 422 and problem["errors"][0]["pointer"] == pointer, problem


@pytest.mark.parametrize("text", [
    '{"batch_size":1,"pairs":%s,}', '{"batch_size":1,"pairs":%s', '{"batch_size":1,"pairs":%s}}', '{"pairs":%s,"pairs":%s}',
    '{"batch_size":1 "pairs":%s}', '{"batch_size":1,"pairs":%s,"a":"\xff"}', '{"pairs":%s,"pending":%s,"pairs":[]}',
    '{"batch_size":1,"batch_size":1,"pairs":%s}', '{"batch_size":01,"pairs":%s}', '[{"pairs":%s}', '{"pairs":%s}x',
    '{"pairs":%s,"x":[[}', '{"pairs":%s,"x":"\\', '{"pairs":[%s', '{"pairs":%s]'])
@pytest.mark.parametrize("form", list(FORMS))
def test_what_is_not_json_is_refused(daemon, text, form):
    body = text.replace("%s", json.dumps(FORMS[form](PAIRS))).encode("latin-1")
    response = daemon.call("POST", "/v1/selections", raw=body)
    assert response.status == 400 and "JSON" in response.json["detail"], response


@pytest.mark.parametrize("end", ['"p0-r0",]', '"p0-r0" "p0-r1"]', '"p0-r0",,"p0-r1"]', '"p0-r0","p0-r1"', '"p0-r0","p0-r1"},',
                                 '"p0-r0",\'p0-r1\']', '"p0-r0","p0-r1\n"]', '"p0-r0","p0-r1\xc3"]'])
def test_a_row_that_is_not_json_is_refused(daemon, end):
    rows = json.dumps(FORMS["rows"](PAIRS))[:-1]
    body = f'{{"batch_size":1,"pairs":{rows},[{end}]}}'.encode("latin-1")
    response = daemon.call("POST", "/v1/selections", raw=body)
    assert response.status == 400 and "JSON" in response.json["detail"], response
