"""Many embeddings in one request for scores: they are read without a tree, to the same effect."""

import base64
import json

import pytest

from client import Daemon, float32, labels_by_first_number, plane_items

PADDED = " " * 1024  # short bodies are always read as a tree


@pytest.fixture(scope="module")
def taught(tmp_path_factory):
    items = plane_items()
    with Daemon(tmp_path_factory.mktemp("bulk") / "fisherd.db") as daemon:
        daemon.add_items(items)
        daemon.add_labels(labels_by_first_number(items, 40))
        daemon.train()
        yield daemon


def encoded(numbers):
    return base64.b64encode(float32(numbers)).decode()


def rows(count=30):
    return [[k / 7, -k / 3, 0.5, k % 5] for k in range(count)]


def post(daemon, text):
    return daemon.call("POST", "/v1/score", raw=text)


@pytest.mark.parametrize("style", ["include", "exclude"])
def test_the_short_way_gives_what_the_tree_gives(taught, style):
    by_tree = taught.post("/v1/score", {"items": [{"embedding": row} for row in rows()],
                                        "style": style})
    items = ",".join(f'{{ "embedding" :\n"{encoded(row)}"\t}}' for row in rows())
    for text in (f'{{"items":[{items}],"style":"{style}"}}', f'{{"style":"{style}","items":[{items}]}}',
                 f' {{ "items" : [ {items} ] , "style" : "{style}" }} \r\n'):
        assert len(text) > 1024
        response = post(taught, text)
        assert response.status == 200, response
        assert response.json == by_tree


def test_items_of_other_forms_may_stand_between_embeddings(taught):
    items = [{"embedding": encoded(row)} for row in rows()]
    items[3], items[20] = "p0-r0", {"id": "p1-r2"}
    items[5] = {"embedding": encoded(rows()[5]), "prompt": "Why?", "response": "For a reason."}
    mixed = taught.post("/v1/score", {"items": items})["scores"]
    assert mixed[3] == taught.post("/v1/score", {"items": ["p0-r0"]})["scores"][0]
    plain = taught.post("/v1/score", {"items": [{"embedding": encoded(row)} for row in rows()]})["scores"]
    assert [k for k, (one, other) in enumerate(zip(mixed, plain)) if one != other] in ([3, 20], [3, 5, 20])


@pytest.mark.parametrize("items,rest,status,pointer", [
    ('{"embedding":"AAAA"}', "", 422, "/items/30/embedding"),
    ('{"embedding":"AACAPwAAgD8AAIA/"}', "", 422, "/items/30"),
    ('{"embedding":"AADAfwAAgD8AAIA/AACAPw=="}', "", 422, "/items/30/embedding"),
    ('{"embedding":"AACAPwAAgD8AAIA/AACAPw=="}', ',"style":"loud"', 422, "/style"),
    ('{"embedding":"AACAPwAAgD8AAIA/AACAPw=="}', ',"items":[]', 400, ""),
    ('{"embedding":"AACAPwAAgD8AAIA/AACAPw=="}', ',"pairs":[]', 422, "/pairs"),
    ('{"embedding":"AACAPwAAgD8AAIA/AACAPw=="}', ',', 400, ""),
    ('{"embedding":"AACAPwAAgD8AAIA/AACAPw=="},', "", 400, ""),
    ('{"embedding":"AACAPwAAgD8AAIA/AACAPw==","embedding":"AACAPw=="}', "", 400, ""),
    ('{"embedding":"AACAPwAAgD8AAIA/AACAPw=="', "", 400, ""),
    ('{"embeddings":"AACAPwAAgD8AAIA/AACAPw=="}', "", 422, "/items/30/embeddings"),
])
def test_what_is_wrong_is_told_as_for_a_short_body(taught, items, rest, status, pointer):
    before = ",".join(json.dumps({"embedding": encoded(row)}) for row in rows())
    response = post(taught, f'{{"items":[{before},{items}]{rest}}}')
    assert response.status == status, response
    if status == 422:
        assert [error["pointer"] for error in response.json["errors"]] == [pointer]
    cut = f'{{"items":[{before}'
    for end in ("", "]", "]}}", ",", ']}{"items":[]}'):
        assert post(taught, cut + end).status == 400


def test_an_embedding_may_be_escaped(taught):
    """JSON may write a slash with a backslash; only the tree knows."""
    items = ",".join(json.dumps({"embedding": "AACAPwAAgD8AAIA/AACAPw=="}).replace("/", "\\/")
                     for _ in range(30))
    plain = taught.post("/v1/score", {"items": [{"embedding": [1, 1, 1, 1]}]})["scores"]
    assert post(taught, f'{{"items":[{items}]}}').json["scores"] == plain * 30


def test_no_embeddings_are_no_scores(taught):
    assert post(taught, f'{{"items":[]{PADDED}}}').json["scores"] == []
