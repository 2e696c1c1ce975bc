"""Adding and listing items over the API."""

import base64
import math
import urllib.parse

import pytest

from client import Daemon, float32, plane_items


def test_items_are_created_once_and_a_repeat_is_harmless(empty):
    items = plane_items()
    assert empty.add_items(items) == {"created": 12, "unchanged": 0}
    assert empty.add_items(items) == {"created": 0, "unchanged": 12}
    assert empty.add_items(items[6:] + plane_items(prompts=4)[12:]) == {
        "created": 4, "unchanged": 6}
    assert len(empty.list_all("items")) == 16


def test_an_item_comes_back_as_it_was_sent(empty):
    item = {"id": "a.b ü?#%", "prompt_id": "p", "prompt": "Frage “1”?\n", "response": "𝄞 \"x\" \\",
            "embedding": [0.1, -3e-20, 987654.3, 0], "metadata": {"model": "m", "n": [1, 2.5, None]}}
    empty.add_items([item])
    path = "/v1/items/" + urllib.parse.quote(item["id"], safe="")
    got = empty.get(path)
    for member in ("id", "prompt_id", "prompt", "response", "metadata"):
        assert got[member] == item[member]
    assert got["dimension"] == 4 and "embedding" not in got
    with_embedding = empty.get(path + "?embedding=true")
    assert base64.b64decode(with_embedding["embedding"]) == float32(item["embedding"])
    assert empty.list_all("items") == [got]
    assert empty.get("/v1/items?embeddings=true")["items"] == [with_embedding]


def test_an_item_needs_no_text(empty):
    empty.add_items([{"id": "bare", "prompt_id": "p", "embedding": [1, 2]}])
    got = empty.get("/v1/items/bare")
    assert got["id"] == "bare" and got["prompt_id"] == "p"
    assert got.get("prompt") is None and got.get("response") is None


def test_base64_and_numbers_give_the_same_embedding(empty):
    items = plane_items()
    empty.add_items(items)
    encoded = [{**item, "embedding": base64.b64encode(float32(item["embedding"])).decode()}
               for item in items]
    assert empty.add_items(encoded) == {"created": 0, "unchanged": 12}


@pytest.mark.parametrize("text", [
    "AAAA",                                              # three bytes
    "AACAPwAAgD8AAIA/",                                  # three numbers instead of four
    "AACAPwAAgD8AAIA/AACAP!==",                          # not base64
    "AACAPwAAgD8AAIA/AACAPw",                            # without padding
    base64.b64encode(float32([1, 2, math.nan, 4])).decode(),
    base64.b64encode(float32([1, 2, 3, math.inf])).decode(),
    "",
])
def test_base64_that_is_not_a_finite_embedding_is_refused(daemon, text):
    response = daemon.call("POST", "/v1/items", {"items": [
        {"id": "new", "prompt_id": "p", "embedding": text}]})
    assert response.status == 422, response
    assert response.json["errors"][0]["pointer"].startswith("/items/0/embedding")
    assert daemon.call("GET", "/v1/items/new").status == 404


@pytest.mark.parametrize("member, value", [
    ("prompt_id", "other"), ("prompt", "Other?"), ("response", "Other."),
    ("embedding", [9, 9, 9, 9]), ("metadata", {"other": True})])
def test_the_same_id_with_other_content_is_a_conflict(daemon, items, member, value):
    changed = {**items[2], member: value}
    new = {"id": "new", "prompt_id": "p0", "embedding": [1, 2, 3, 4]}
    response = daemon.call("POST", "/v1/items", {"items": [new, items[0], changed]})
    assert response.status == 409, response
    assert response.json["errors"][0]["pointer"].startswith("/items/2")
    assert items[2]["id"] in response.body.decode()
    assert len(daemon.list_all("items")) == 12, "all or nothing"


def test_one_id_twice_in_a_request_must_be_the_same_item(empty):
    item = {"id": "x", "prompt_id": "p", "embedding": [1, 2]}
    response = empty.call("POST", "/v1/items", {"items": [item, {**item, "embedding": [1, 3]}]})
    assert response.status == 409, response
    assert empty.list_all("items") == []
    assert empty.add_items([item, item]) == {"created": 1, "unchanged": 1}


def test_a_wrong_item_among_good_ones_changes_nothing(daemon):
    good = [{"id": f"new-{i}", "prompt_id": "p0", "embedding": [i, 2, 3, 4]} for i in range(20)]
    good[13]["embedding"] = [1, 2, 3]
    response = daemon.call("POST", "/v1/items", {"items": good})
    assert response.status == 422
    assert response.json["errors"][0]["pointer"] == "/items/13/embedding"
    assert len(daemon.list_all("items")) == 12


def test_pages_show_every_item_once_in_the_order_of_arrival(daemon, items):
    expected = [item["id"] for item in items]
    for limit in (1, 5, 12, 100):
        assert [row["id"] for row in daemon.list_all("items", limit)] == expected
    first = daemon.get("/v1/items?limit=5")
    assert len(first["items"]) == 5
    assert daemon.get(f"/v1/items?limit=5&cursor={first['next_cursor']}")["items"][0]["id"] == \
        expected[5]


def test_pages_go_on_where_items_were_added_meanwhile(daemon, items):
    first = daemon.get("/v1/items?limit=12")
    more = plane_items(prompts=4)[12:]
    daemon.add_items(more)
    if first["next_cursor"] is not None:
        page = daemon.get(f"/v1/items?limit=12&cursor={first['next_cursor']}")
        assert [row["id"] for row in page["items"]] == [item["id"] for item in more]
    assert len(daemon.list_all("items", 7)) == 16


@pytest.mark.parametrize("query", [
    "limit=0", "limit=-1", "limit=x", "limit=", "limit=1.5", "limit=99999999999999999999",
    "cursor=!!", "cursor=-1", "limit=5x"])
@pytest.mark.parametrize("name", ["items", "labels"])
def test_a_wrong_page_is_refused(shared, name, query):
    response = shared.call("GET", f"/v1/{name}?{query}")
    assert response.status in (400, 422), response
    assert response.headers["Content-Type"].startswith("application/problem+json")


def test_items_outlive_the_daemon(db):
    with Daemon(db) as daemon:
        daemon.add_items(plane_items())
        before = daemon.list_all("items")
    with Daemon(db) as daemon:
        assert daemon.list_all("items") == before
        assert daemon.add_items(plane_items()) == {"created": 0, "unchanged": 12}


def test_metadata_has_a_limit_of_its_own(empty):
    def add(size):
        return empty.call("POST", "/v1/items", {"items": [
            {"id": "x", "prompt_id": "p", "embedding": [1], "metadata": {"a": "b" * size}}]})
    response = add(65536 - 7)
    assert response.status == 422
    assert response.json["errors"][0] == {
        "pointer": "/items/0/metadata", "detail": "has 65537 bytes; at most 65536 are allowed"}
    assert empty.get("/v1/items")["items"] == []
    assert add(65536 - 8).status == 200
