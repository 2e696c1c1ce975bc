"""POST /v1/score with JSON lines both ways."""

import base64
import json

import pytest

import mock_embedder
from client import Daemon, float32, labels_by_first_number, plane_items
from mock_embedder import MockEmbedder

LINES = {"Content-Type": "application/x-ndjson"}


@pytest.fixture(scope="module")
def taught(tmp_path_factory):
    items = plane_items()
    with Daemon(tmp_path_factory.mktemp("lines") / "fisherd.db") as daemon:
        daemon.add_items(items)
        daemon.add_labels(labels_by_first_number(items, 40))
        daemon.train()
        yield daemon


def post(daemon, text, path="/v1/score", headers=None):
    return daemon.call("POST", path, raw=text, headers=headers or LINES)


def lines_of(response):
    assert response.status == 200, response
    assert response.headers["Content-Type"] == "application/x-ndjson"
    assert response.body == b"" or response.body.endswith(b"\n")
    return [json.loads(line) for line in response.body.splitlines()]


def ask(daemon, lines, **more):
    return lines_of(post(daemon, "".join(f"{line}\n" for line in lines), **more))


def scores(daemon, items, **members):
    return [{**score, "model_version": 1}
            for score in daemon.post("/v1/score", {"items": items, **members})["scores"]]


def row(k):
    return [k / 700, -k / 300, 0.5, k % 5]


def test_each_line_has_its_score_in_order_over_many_blocks(taught):
    items = []
    for k in range(1000):
        numbers = row(k)
        items.append({"embedding": numbers} if k % 3 == 0 else
                     {"embedding": base64.b64encode(float32(numbers)).decode()} if k % 3 == 1 else
                     {"id": f"p{k % 3}-r{k % 4}"})
    assert ask(taught, map(json.dumps, items)) == scores(taught, items)


def test_a_wrong_line_has_an_error_and_the_rest_goes_on(taught):
    good = {"embedding": row(3)}
    wrong = {
        2: ('{"embedding":[1,2', "", "malformed JSON"),
        5: ('{"embedding":[1,2]}', "", "2 numbers"),
        6: ('{"id":"nobody"}', "", "nobody"),
        7: ('{"embedding":[1,"2",3,4]}', "/embedding/1", "number"),
        300: ('{"embedding":"AAA"}', "/embedding", "base64"),
        301: ('{"response":"text"}', "/embedding", "required"),
        302: ('"p0-r0"', "", "object"),
        700: ('{"id":"p0-r0","embedding":[1,2,3,4]}', "/embedding", "together"),
    }
    lines = [wrong[k][0] if k in wrong else json.dumps(good) for k in range(1, 801)]
    (expected,) = scores(taught, [good])
    answers = ask(taught, lines)
    assert len(answers) == 800
    for number, answer in enumerate(answers, 1):
        if number not in wrong:
            assert answer == expected
            continue
        _, pointer, word = wrong[number]
        error = answer["error"]
        assert set(answer) == {"error"} and set(error) == {"line", "pointer", "detail"}
        assert error["line"] == number and error["pointer"] == pointer and word in error["detail"], error


def test_a_block_of_wrong_lines_is_a_block_of_errors(taught):
    answers = ask(taught, ['{"id":"nobody"}'] * 300 + ["{"] * 300)
    assert [answer["error"]["line"] for answer in answers] == list(range(1, 601))


def test_blank_lines_and_carriage_returns_do_not_count(taught):
    line = json.dumps({"embedding": row(1)})
    (expected,) = scores(taught, [{"embedding": row(1)}])
    response = post(taught, f"\n{line}\r\n  \t\r\n\n{line}\n{{\r\n{line}")
    answers = lines_of(response)
    assert answers[:2] == [expected] * 2 and answers[3] == expected and len(answers) == 4
    assert answers[2]["error"]["line"] == 6


def test_no_lines_are_no_scores(taught):
    assert lines_of(post(taught, "\n")) == []


def test_the_style_is_a_parameter(taught):
    item = {"embedding": row(1), "prompt": "Why?", "response": "For a reason, and for another one."}
    for style in ("include", "exclude"):
        assert ask(taught, [json.dumps(item)], path=f"/v1/score?style={style}") == scores(taught, [item], style=style)
    assert post(taught, "{}", path="/v1/score?style=loud").status == 400
    assert post(taught, "{}", path="/v1/score?limit=1").status == 400


@pytest.mark.parametrize("path,kind,status", [
    ("/v1/score", "application/x-ndjson; charset=utf-8", 200),
    ("/v1/score", "Application/X-NDJSON", 200),
    ("/v1/score", "application/x-ndjsonx", 415),
    ("/v1/score", "text/plain", 415),
    ("/v1/selections", "application/x-ndjson", 415),
    ("/v1/items", "application/x-ndjson", 415),
])
def test_only_scores_take_lines(taught, path, kind, status):
    line = json.dumps({"embedding": row(1)})
    assert post(taught, f"{line}\n{line}\n", path, {"Content-Type": kind}).status == status


def test_nothing_is_scored_before_there_are_items(empty):
    assert post(empty, '{"embedding":[1]}').status == 503


# ---- texts ----

def test_lines_of_texts_are_embedded_block_by_block(db):
    with MockEmbedder() as mock, Daemon(db, mock.options()) as daemon:
        daemon.add_items([{"id": f"t{k}", "prompt_id": "p", "prompt": "Q?", "response": f"A {k}"}
                          for k in range(4)])
        before = len(mock.requests)
        lines = [json.dumps({"prompt": "Q?", "response": f"A {k}"}) for k in range(600)]
        lines[300], lines[301] = '{"prompt":"Q?"}', '{"prompt":"Q?","response":""}'
        answers = ask(daemon, lines)
        assert [k for k, answer in enumerate(answers) if "error" in answer] == [300, 301]
        stored = daemon.post("/v1/score", {"items": [f"t{k}" for k in range(4)]})["scores"]
        for k in range(4):
            assert abs(answers[k]["reward"] - stored[k]["reward"]) < 1e-5
        asked = [text for _, body in mock.requests[before:] for text in body["input"]]
        assert sorted({text for text in asked if text.startswith("A ")}) == sorted(
            f"A {k}" for k in range(600) if k not in (300, 301))


def test_a_failing_embedder_fails_the_request(db):
    with MockEmbedder() as mock, Daemon(db, {**mock.options(), "embedding-retries": 0}) as daemon:
        daemon.add_items([{"id": "t", "prompt_id": "p", "prompt": "Q?", "response": "A"}])
        mock.always = mock_embedder.status(400)
        response = post(daemon, '{"prompt":"Q?","response":"B"}\n')
        assert response.status in (502, 503), response


def test_the_blocks_of_a_long_file_do_not_add_up_in_memory(db):
    """Embedding 256 texts of 512 numbers takes ten MB, and there are thirty blocks."""
    options = {"embedding-url": "builtin:hash", "memory": 64, "request-memory": 64}
    with Daemon(db, options) as daemon:
        daemon.add_items([{"id": f"t{k}", "prompt_id": "p", "prompt": "Q?", "response": f"An answer {k}"}
                          for k in range(4)])
        answers = ask(daemon, [json.dumps({"prompt": "Q?", "response": f"Answer {k}"}) for k in range(8000)])
        assert len(answers) == 8000 and all("reward" in answer for answer in answers)
