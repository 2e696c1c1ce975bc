"""GET /v1/labels with filters, GET /v1/labels/{id}, and items of one prompt."""

import itertools
import math

import pytest

from client import Daemon, label, plane_items, wait_until

ITEMS = plane_items()
ANNOTATORS = ["anna", "ben", "cleo"]


def follow(daemon, path, name, limit):
    """All rows, page by page; a page of a filter may be empty."""
    rows, cursor = [], None
    while True:
        page = daemon.get(f"{path}&limit={limit}" + (f"&cursor={cursor}" if cursor else ""))
        assert len(page[name]) <= limit
        rows += page[name]
        cursor = page["next_cursor"]
        if cursor is None:
            return rows


@pytest.fixture(scope="module")
def labelled(tmp_path_factory):
    """Labels of three annotators about all pairs within prompts, some corrected or retracted."""
    with Daemon(tmp_path_factory.mktemp("labels") / "fisherd.db") as daemon:
        daemon.add_items(ITEMS)
        pairs = [(a["id"], b["id"]) for a, b in itertools.combinations(ITEMS, 2)
                 if a["prompt_id"] == b["prompt_id"]]
        daemon.add_labels([label(f"l{i}", a, b, annotator=ANNOTATORS[i % 3])
                           for i, (a, b) in enumerate(pairs)])
        daemon.ok("PUT", "/v1/labels/l1", {"preference": "b"})
        daemon.ok("DELETE", "/v1/labels/l4")
        daemon.add_labels([label("across", "p0-r0", "p2-r3", annotator="ben")])
        yield daemon


FILTERS = [
    ("annotator=ben", lambda row: row["annotator"] == "ben"),
    ("prompt_id=p1", lambda row: "p1" in (row["a"][:2], row["b"][:2])),
    ("prompt_id=p2", lambda row: "p2" in (row["a"][:2], row["b"][:2])),
    ("a=p0-r0", lambda row: row["a"] == "p0-r0"),
    ("b=p0-r3", lambda row: row["b"] == "p0-r3"),
    ("a=p0-r0&b=p0-r2", lambda row: (row["a"], row["b"]) == ("p0-r0", "p0-r2")),
    ("a=p0-r0&annotator=ben&prompt_id=p2", lambda row: row["id"] == "across"),
    ("annotator=nobody", lambda row: False),
    ("prompt_id=none", lambda row: False),
    ("a=none", lambda row: False),
    ("b=none", lambda row: False),
    ("since=0", lambda row: True),
    ("since=4000000000000", lambda row: False),
]


@pytest.mark.parametrize("limit", [1, 2, 100])
@pytest.mark.parametrize(("query", "is_wanted"), FILTERS)
def test_a_filter_gives_its_revisions_in_order_on_pages_of_any_size(labelled, query, is_wanted,
                                                                    limit):
    everything = labelled.list_all("labels")
    assert len(everything) == 21
    assert follow(labelled, f"/v1/labels?{query}", "labels", limit) == \
        [row for row in everything if is_wanted(row)]


def test_since_takes_the_time_of_a_revision(labelled):
    everything = labelled.list_all("labels")
    for row in everything:
        time = row["created_at"]
        assert follow(labelled, f"/v1/labels?since={time}", "labels", 5) == \
            [other for other in everything if other["created_at"] >= time]


def test_a_label_is_read_by_its_newest_revision(labelled):
    newest = {row["id"]: row for row in labelled.list_all("labels")}
    assert newest["l1"]["revision"] == 1 and newest["l4"]["preference"] == "retracted"
    for identity, row in newest.items():
        assert labelled.get(f"/v1/labels/{identity}") == row


def test_an_unknown_label_is_not_found(labelled):
    response = labelled.call("GET", "/v1/labels/none")
    assert response.status == 404 and response.json["code"] == "not_found"
    assert labelled.call("GET", "/v1/labels/l1?x=1").status == 400


@pytest.mark.parametrize("limit", [1, 3, 100])
def test_items_of_a_prompt_are_listed_in_order(labelled, limit):
    for prompt in ("p0", "p1", "p2", "none"):
        rows = follow(labelled, f"/v1/items?prompt_id={prompt}", "items", limit)
        assert rows == [row for row in labelled.list_all("items") if row["prompt_id"] == prompt]
    assert "embedding" in labelled.get("/v1/items?prompt_id=p1&embeddings=true")["items"][0]


def test_how_a_pair_was_chosen_is_told_with_its_labels(daemon):
    def two():
        """Pairs get ready one after another; those that are out come again."""
        given = daemon.post("/v1/assignments", {"annotator": "anna", "count": 2})["assignments"]
        return given if len(given) == 2 else None
    given = wait_until(two, "two pairs")
    first, second = ((one["id"], one["a"]["id"], one["b"]["id"]) for one in given)
    daemon.add_labels([
        label("shown", first[1], first[2], assignment=first[0]),
        label("turned", second[2], second[1], assignment=second[0]),
        label("free", "p0-r0", "p1-r0"),
    ])
    rows = {row["id"]: row for row in daemon.list_all("labels")}
    for name, one, p in (("shown", given[0], given[0]["why"]["p"]),
                         ("turned", given[1], 1 - given[1]["why"]["p"])):
        row, why = rows[name], one["why"]
        assert (row["arm"], row["strategy"], row["model_version"]) == \
            (one["arm"], why["strategy"], why["model_version"])
        assert math.isclose(row["p"], p, abs_tol=1e-9)
        assert row["gain"] == pytest.approx(why["gain"], rel=1e-9)  # a control pair has none
    unknown = ("arm", "p", "gain", "strategy", "model_version")
    assert [rows["free"][name] for name in unknown] == [None] * 5
    daemon.ok("PUT", "/v1/labels/shown", {"preference": "tie"})
    corrected = daemon.get("/v1/labels/shown")
    assert corrected["revision"] == 1
    assert [corrected[name] for name in unknown] == [rows["shown"][name] for name in unknown]
