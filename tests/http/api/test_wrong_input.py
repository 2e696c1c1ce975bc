"""Every wrong body gets a problem document that points at the mistake, and changes nothing."""

import json

import pytest

from client import label

ITEM = {"id": "new", "prompt_id": "p0", "embedding": [1, 2, 3, 4]}
LABEL = label("new", "p0-r0", "p0-r1")
PAIR = {"a": "p0-r0", "b": "p0-r1"}
SELECTION = {"batch_size": 1, "pairs": [PAIR]}
IN_PROMPT = {"batch_size": 1, "generate": {"mode": "in_prompt", "pairs": 5}}


def without(record, member):
    return {k: v for k, v in record.items() if k != member}


def generate(**changes):
    return {"batch_size": 1, "generate": {"mode": "in_prompt", "pairs": 5, **changes}}


def generate_all(**changes):
    return {"batch_size": 1, "generate": {"mode": "all_pairs", **changes}}


def items_cases():
    path = "/v1/items"
    yield path, {"items": {}}, "/items"
    yield path, {"items": None}, "/items"
    yield path, {"items": "p0-r0"}, "/items"
    yield path, {}, "/items"
    yield path, {"items": [ITEM], "more": 1}, "/more"
    yield path, {"items": [7]}, "/items/0"
    yield path, {"items": [ITEM, None]}, "/items/1"
    for member in ("id", "prompt_id", "embedding"):
        yield path, {"items": [without(ITEM, member)]}, f"/items/0/{member}"
    for member in ("id", "prompt_id", "prompt", "response"):
        for value in (7, True, ["x"], {"x": 1}):
            yield path, {"items": [{**ITEM, member: value}]}, f"/items/0/{member}"
    for member in ("id", "prompt_id"):
        for value in ("", None, "x" * 5000, "a\nb", "a\x7f"):
            yield path, {"items": [{**ITEM, member: value}]}, f"/items/0/{member}"
    for value in (7, None, {}, True):
        yield path, {"items": [{**ITEM, "embedding": value}]}, "/items/0/embedding"
    for value in ([], [1, 2, 3], [1, 2, 3, 4, 5]):
        yield path, {"items": [{**ITEM, "embedding": value}]}, "/items/0/embedding"
    for value in ("1", None, True, [1], {}, 1e39, -1e39, 1.1e6):
        yield path, {"items": [{**ITEM, "embedding": [1, 2, value, 4]}]}, "/items/0/embedding/2"
    yield path, {"items": [{**ITEM, "golden": 1}]}, "/items/0/golden"
    yield path, {"items": [{**ITEM, "a/b~c": 1}]}, "/items/0/a~1b~0c"


def score_cases():
    path = "/v1/score"
    yield path, {}, "/items"
    yield path, {"items": "p0-r0"}, "/items"
    yield path, {"items": [7]}, "/items/0"
    yield path, {"items": ["p0-r0", "nobody"]}, "/items/1"
    yield path, {"items": [{}]}, "/items/0/embedding"
    yield path, {"items": [{"embedding": [1, 2, 3]}]}, "/items/0"
    yield path, {"items": [{"embedding": [1, 2, 3, 1e39]}]}, "/items/0/embedding/3"
    yield path, {"items": [{"embedding": [1, 2, 3, "4"]}]}, "/items/0/embedding/3"
    yield path, {"items": [{"embedding": [1, 2, 3, 4], "more": 1}]}, "/items/0/more"


def selection_cases():
    path = "/v1/selections"
    yield path, {}, "/batch_size"
    yield path, {"batch_size": 1}, ""
    yield path, without(SELECTION, "batch_size"), "/batch_size"
    for value in (0, -1, 1.5, "1", None, True, [1], 2, 2**31, 2**62):
        yield path, {**SELECTION, "batch_size": value}, "/batch_size"
    yield path, {**SELECTION, **IN_PROMPT}, "/generate"
    for value in ("", "d-opt", "GREEDY", 7, None, ["greedy"]):
        yield path, {**SELECTION, "strategy": value}, "/strategy"
    for value in (-1, 1.5, "1", True, []):
        yield path, {**SELECTION, "seed": value}, "/seed"
    yield path, {**SELECTION, "more": 1}, "/more"
    for value in ({}, None, "p0-r0", 7):
        yield path, {**SELECTION, "pairs": value}, "/pairs"
    yield path, {"batch_size": 1, "pairs": []}, "/batch_size|/pairs"
    for value in (7, None, [], ["p0-r0"], "p0-r0"):
        yield path, {**SELECTION, "pairs": [PAIR, value]}, "/pairs/1"
    for side in "ab":
        yield path, {**SELECTION, "pairs": [PAIR, without(PAIR, side)]}, f"/pairs/1/{side}"
        for value in (7, None, [], True, "nobody", ""):
            yield path, {**SELECTION, "pairs": [PAIR, {**PAIR, side: value}]}, f"/pairs/1/{side}"
        for value in ([1, 2, 3], [1, 2, 3, 4, 5], []):
            yield (path, {**SELECTION, "pairs": [PAIR, {**PAIR, side: {"embedding": value}}]},
                   f"/pairs/1/{side}")
        yield (path, {**SELECTION, "pairs": [PAIR, {**PAIR, side: {"embedding": [1, 2, 3, 1e39]}}]},
               f"/pairs/1/{side}/embedding/3")
    yield path, {**SELECTION, "pairs": [PAIR, {"a": "p0-r0", "b": "p0-r0"}]}, "/pairs/1"
    yield path, {**SELECTION, "pairs": [{**PAIR, "id": 7}]}, "/pairs/0/id"
    yield path, {**SELECTION, "pairs": [{**PAIR, "c": "p0-r2"}]}, "/pairs/0/c"
    for value in ([], None, "in_prompt", 7):
        yield path, {"batch_size": 1, "generate": value}, "/generate"
    for value in ("somehow", 7, None):
        yield path, generate(mode=value), "/generate/mode"
    yield path, {"batch_size": 1, "generate": {"pairs": 5}}, "/generate/mode"
    for member in ("prompts", "responses_per_prompt", "pairs"):
        for value in (-1, 1.5, "5", True, 2**62):
            yield path, generate(**{member: value}), f"/generate/{member}"
    yield path, generate(pairs=0), "/generate/pairs"
    for value in (1, "true", None):
        yield path, generate(include_labelled=value), "/generate/include_labelled"
    yield path, generate(more=1), "/generate/more"
    yield from option_cases(path)
    yield path, {**generate(), "batch_size": 6}, "/batch_size"


def option_cases(path):
    inline = {"a": {"embedding": [1, 2, 3, 4]}, "b": "p0-r0"}
    for member in ("pending", "exclude"):
        for value in (7, None, {}, "p0-r0", True):
            yield path, {**SELECTION, member: value}, f"/{member}"
        for value in (7, None, [], "p0-r0"):
            yield path, {**SELECTION, member: [value]}, f"/{member}/0"
        for side in "ab":
            yield path, {**SELECTION, member: [without(PAIR, side)]}, f"/{member}/0/{side}"
            for value in ("nobody", "", 7, None, {"embedding": [1, 2, 3]}):
                yield path, {**SELECTION, member: [{**PAIR, side: value}]}, f"/{member}/0"
        yield path, {**SELECTION, member: [PAIR, {"a": "p0-r0", "b": "p0-r0"}]}, f"/{member}/1/b"
        yield path, {**SELECTION, member: [{**PAIR, "c": "p0-r2"}]}, f"/{member}/0/c"
        yield path, {**SELECTION, member: [PAIR]}, "/pairs"
    yield path, {**SELECTION, "exclude": [inline]}, "/exclude/0"
    yield (path, {**SELECTION, "pending": [{**inline, "a": {"embedding": [1, 2, 3, 1e39]}}]},
           "/pending/0/a/embedding/3")
    for member in ("max_per_item", "max_per_prompt"):
        for value in (0, -1, 1.5, "1", None, True, [], 2**32, 2**62):
            yield path, {**SELECTION, member: value}, f"/{member}"
    for value in (0, -1, 1e-10, 1.1e9, "1", None, True):
        yield path, {**SELECTION, "prior_precision": value}, "/prior_precision"
    for value in (-0.01, 0.991, 1, "0", None, True):
        yield path, {**SELECTION, "copy_distance": value}, "/copy_distance"
    for member in ("target", "certify"):
        for value in ("", "tighter", 7, None, True, ["tight"]):
            yield path, {**SELECTION, member: value}, f"/{member}"
    for value in (1, "true", None, []):
        yield path, {**SELECTION, "explain": value}, "/explain"
    yield path, {**SELECTION, "seed": 2**53 + 1}, "/seed"
    for value in ("somewhere", "", 7, None, True):
        yield path, generate_all(scope=value), "/generate/scope"
    for mode in ("in_prompt", "cross_prompt"):
        yield path, generate(mode=mode, scope="any"), "/generate/scope"
    yield path, generate_all(pairs=5), "/generate/pairs"
    yield path, {**generate_all(scope="any"), "batch_size": 67}, "/batch_size"
    yield path, {**SELECTION, **generate_all()}, "/generate"


def labels_cases():
    path = "/v1/labels"
    yield path, {}, "/labels"
    yield path, {"labels": {}}, "/labels"
    yield path, {"labels": [LABEL], "more": 1}, "/more"
    yield path, {"labels": [7]}, "/labels/0"
    for member in ("id", "a", "b", "preference", "annotator"):
        yield path, {"labels": [LABEL, without(LABEL, member)]}, f"/labels/1/{member}"
        for value in (7, None, [], {}, ""):
            yield path, {"labels": [{**LABEL, member: value}]}, f"/labels/0/{member}"
    for value in ("c", "A", "retracted", "both"):
        yield path, {"labels": [{**LABEL, "preference": value}]}, "/labels/0/preference"
    for side in "ab":
        yield path, {"labels": [{**LABEL, side: "nobody"}]}, f"/labels/0/{side}"
    yield path, {"labels": [{**LABEL, "b": LABEL["a"]}]}, "/labels/0"
    for value in (-1, 1.5, "1", True, 2**62):
        yield path, {"labels": [{**LABEL, "duration_ms": value}]}, "/labels/0/duration_ms"
    for value in (7, [], True):
        yield path, {"labels": [{**LABEL, "assignment": value}]}, "/labels/0/assignment"
    yield path, {"labels": [{**LABEL, "id": "x" * 5000}]}, "/labels/0/id"
    for value in (7, [], {}):
        yield path, {"labels": [{**LABEL, "comment": value}]}, "/labels/0/comment"


def train_cases():
    for value in (1, "cold", None):
        yield "/v1/model/train", {"from": value}, "/from"
    yield "/v1/model/train", {"more": 1}, "/more"


CASES = [*items_cases(), *score_cases(), *selection_cases(), *labels_cases(), *train_cases()]
PATHS = ["/v1/items", "/v1/score", "/v1/selections", "/v1/labels"]


def check_problem(response, status):
    assert response.status == status, response
    assert response.headers["Content-Type"].startswith("application/problem+json")
    problem = response.json
    assert isinstance(problem["type"], str) and problem["title"]
    assert problem["status"] == status
    assert problem["detail"] or problem.get("errors")
    for error in problem.get("errors", []):
        assert error["pointer"] == "" or error["pointer"].startswith("/")
        assert error["detail"]
    return problem


def contents(daemon):
    """All metrics but the gain of pairs for annotators, which are chosen in the background."""
    model = daemon.model()
    for member in ("gain_per_label", "gain_trend"):
        del model["progress"][member]
    return daemon.list_all("items"), daemon.list_all("labels"), model


@pytest.fixture(autouse=True, scope="module")
def nothing_changes(shared):
    before = contents(shared)
    yield
    assert contents(shared) == before


@pytest.mark.parametrize("path, body, pointer", CASES, ids=lambda value: json.dumps(value)[:70])
def test_the_problem_points_at_wrong_content(shared, path, body, pointer):
    response = shared.call("POST", path, body)
    errors = check_problem(response, 422)["errors"]
    assert any(errors[0]["pointer"] == wanted or
               wanted.count("/") in (0, 2, 3) and errors[0]["pointer"].startswith(wanted + "/")
               for wanted in pointer.split("|")), response


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("body", [[], "text", 7, None, True])
def test_a_body_that_is_not_an_object_is_refused(shared, path, body):
    response = shared.call("POST", path, raw=json.dumps(body))
    assert response.status in (400, 422), response
    check_problem(response, response.status)


def nested(depth):
    return b'{"items":' + b"[" * depth + b"]" * depth + b"}"


MALFORMED = {
    "nothing": b"",
    "blanks": b"  \n",
    "no JSON": b"items",
    "a missing brace": b'{"items":[',
    "something after the end": b'{"items":[]} x',
    "a trailing comma": b'{"items":[],}',
    "single quotes": b"{'items':[]}",
    "NaN": b'{"items":[{"embedding":[1,2,3,NaN]}]}',
    "Infinity": b'{"items":[{"embedding":[1,2,3,Infinity]}]}',
    "minus Infinity": b'{"items":[{"embedding":[1,2,3,-Infinity]}]}',
    "a number that no double holds": b'{"items":[{"embedding":[1,2,3,1e999]}]}',
    "an integer of forty digits": b'{"batch_size":' + b"1" * 40 + b"}",
    "a leading zero": b'{"batch_size":01}',
    "a hexadecimal number": b'{"batch_size":0x1}',
    "a duplicate key": b'{"items":[],"items":[]}',
    "a duplicate key deep inside": b'{"items":[{"id":"x","metadata":{"k":1,"k":1}}]}',
    "bad UTF-8": b'{"items":["\xff\xfe"]}',
    "overlong UTF-8": b'{"items":["\xc0\xaf"]}',
    "a surrogate in UTF-8": b'{"items":["\xed\xa0\x80"]}',
    "a lone surrogate": b'{"items":["\\ud800"]}',
    "a NUL character": b'{"items":["\\u0000"]}',
    "a control character": b'{"items":["\x01"]}',
    "UTF-16": '{"items":[]}'.encode("utf-16"),
    "a byte order mark": b'\xef\xbb\xbf{"items":[]}',
    "arrays nested 40 deep": nested(40),
    "arrays nested 2,000 deep": nested(2000),
    "arrays nested 100,000 deep": nested(100000),
    "objects nested 100 deep": b'{"items":' * 100 + b"1" + b"}" * 100,
    "brackets that never close": b"[" * 50000,
}


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("name", MALFORMED)
def test_a_malformed_body_is_refused(shared, path, name):
    check_problem(shared.call("POST", path, raw=MALFORMED[name]), 400)


def test_a_parse_error_says_where_it_is(shared):
    response = shared.call("POST", "/v1/items", raw=b'{\n"items": [}\n')
    assert "line 2" in check_problem(response, 400)["detail"], response


def test_the_problem_of_an_unknown_strategy_names_the_strategies(shared):
    response = shared.call("POST", "/v1/selections", {**SELECTION, "strategy": "magic"})
    text = check_problem(response, 422)["errors"][0]["detail"]
    for name in shared.strategies():
        assert name in text
    assert "magic" in text


@pytest.mark.parametrize("member", [
    "pending", "exclude", "max_per_item", "max_per_prompt", "prior_precision", "copy_distance",
    "target", "certify", "explain"])
def test_a_member_given_twice_is_refused(shared, member):
    body = json.dumps(SELECTION)[:-1] + f', "{member}": 1, "{member}": 1}}'
    response = shared.call("POST", "/v1/selections", raw=body)
    assert "duplicate" in check_problem(response, 400)["detail"]


def test_the_problem_of_a_wrong_dimension_names_both(shared):
    response = shared.call("POST", "/v1/items", {"items": [{**ITEM, "embedding": [1] * 7}]})
    text = check_problem(response, 422)["errors"][0]["detail"]
    assert "7" in text and "4" in text


def test_the_problem_of_too_large_a_batch_names_both_numbers(shared):
    response = shared.call("POST", "/v1/selections", {**SELECTION, "batch_size": 23})
    text = check_problem(response, 422)["errors"][0]["detail"]
    assert "23" in text and "1" in text


def test_input_in_a_problem_is_escaped_and_cut(shared):
    wild = "\"<script>\u2028\n" + "x" * 3000
    response = shared.call("POST", "/v1/selections", {**SELECTION, "strategy": wild})
    problem = check_problem(response, 422)
    assert len(response.body) < 3000
    assert "<script>" in problem["errors"][0]["detail"]


@pytest.mark.parametrize("length", range(30, 42))
def test_a_problem_stays_valid_text_where_input_is_cut(shared, length):
    response = shared.call("POST", "/v1/selections", {**SELECTION, "strategy": "x" * length + "é€𝄞" * 90})
    check_problem(response, 422)
    response = shared.call("POST", "/v1/score", {"items": ["x" * (length + 220) + "é€𝄞" * 50]})
    check_problem(response, 422)
