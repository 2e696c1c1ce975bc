"""Adding and listing labels over the API."""

import pytest

from client import Daemon, label, plane_items


def test_labels_are_accepted_once_and_a_repeat_is_harmless(daemon):
    labels = [label(f"l{i}", "p0-r0", f"p1-r{i}", preference)
              for i, preference in enumerate(["a", "b", "tie", "skip"])]
    assert daemon.add_labels(labels) == {"accepted": 4, "duplicates": 0}
    assert daemon.add_labels(labels) == {"accepted": 0, "duplicates": 4}
    new = label("l4", "p2-r0", "p2-r1")
    assert daemon.add_labels([labels[0], new, labels[3]]) == {"accepted": 1, "duplicates": 2}
    assert [row["id"] for row in daemon.list_all("labels")] == ["l0", "l1", "l2", "l3", "l4"]


def test_a_label_comes_back_as_it_was_sent(daemon):
    sent = label("ä \"1\" \\", "p0-r1", "p2-r3", "tie", assignment="as-1", duration_ms=2500)
    daemon.add_labels([sent])
    row, = daemon.list_all("labels")
    assert {member: row[member] for member in sent} == sent


def test_a_pair_may_be_answered_many_times(daemon):
    labels = [label(f"l{i}", "p0-r0", "p0-r1", "ab"[i % 2], annotator=f"annotator {i}")
              for i in range(10)]
    assert daemon.add_labels(labels)["accepted"] == 10
    assert len(daemon.list_all("labels", 3)) == 10


@pytest.mark.parametrize("member, value", [
    ("a", "p1-r2"), ("b", "p1-r2"), ("preference", "b"), ("annotator", "bert"),
    ("assignment", "as-2"), ("duration_ms", 7)])
def test_the_same_id_with_other_content_is_a_conflict(daemon, member, value):
    first = label("l0", "p0-r0", "p0-r1", assignment="as-1", duration_ms=3)
    daemon.add_labels([first])
    response = daemon.call("POST", "/v1/labels", {"labels": [
        label("new", "p0-r2", "p0-r3"), {**first, member: value}]})
    assert response.status == 409, response
    assert response.json["errors"][0]["pointer"].startswith("/labels/1")
    assert [row["id"] for row in daemon.list_all("labels")] == ["l0"], "all or nothing"
    assert daemon.add_labels([first]) == {"accepted": 0, "duplicates": 1}


def test_one_id_twice_in_a_request_must_be_the_same_answer(daemon):
    first = label("l", "p0-r0", "p0-r1")
    response = daemon.call("POST", "/v1/labels", {"labels": [first, {**first, "preference": "b"}]})
    assert response.status == 409, response
    assert daemon.list_all("labels") == []
    assert daemon.add_labels([first, first]) == {"accepted": 1, "duplicates": 1}


def test_a_wrong_label_among_good_ones_changes_nothing(daemon):
    labels = [label(f"l{i}", "p0-r0", "p0-r1") for i in range(20)]
    labels[17]["b"] = "nobody"
    response = daemon.call("POST", "/v1/labels", {"labels": labels})
    assert response.status == 422
    assert response.json["errors"][0]["pointer"] == "/labels/17/b"
    assert "nobody" in response.body.decode()
    assert daemon.list_all("labels") == []


def test_a_label_is_accepted_whatever_its_assignment_is(daemon):
    assert daemon.add_labels([label("l", "p0-r0", "p0-r1", assignment="long gone")]) == {
        "accepted": 1, "duplicates": 0}


def test_pages_show_every_label_once_in_the_order_of_arrival(daemon):
    sent = [label(f"l{i}", "p0-r0", f"p{1 + i % 2}-r{i % 4}") for i in range(25)]
    daemon.add_labels(sent)
    for limit in (1, 7, 25, 100):
        assert [row["id"] for row in daemon.list_all("labels", limit)] == \
            [row["id"] for row in sent]
    page = daemon.get("/v1/labels?limit=10")
    daemon.add_labels([label("late", "p0-r0", "p0-r1")])
    rest = daemon.get(f"/v1/labels?limit=100&cursor={page['next_cursor']}")["labels"]
    assert [row["id"] for row in rest] == [f"l{i}" for i in range(10, 25)] + ["late"]


def test_labels_outlive_the_daemon(db, items):
    sent = [label(f"l{i}", "p0-r0", "p0-r1", p) for i, p in enumerate(["a", "b", "tie", "skip"])]
    with Daemon(db) as daemon:
        daemon.add_items(items)
        daemon.add_labels(sent)
        before = daemon.list_all("labels")
        model = daemon.model()
    with Daemon(db) as daemon:
        assert daemon.list_all("labels") == before
        assert daemon.add_labels(sent) == {"accepted": 0, "duplicates": 4}
        assert daemon.model()["labels"] == model["labels"] == 3, "a skip teaches nothing"


def test_a_page_of_long_comments_ends_early(db):
    with Daemon(db, {"memory": 32}) as daemon:
        daemon.add_items(plane_items())
        for i in range(6):
            daemon.add_labels([label(f"l{i}", "p0-r0", "p0-r1", comment=500000 * "c")])
        page = daemon.get("/v1/labels?limit=1000")
        assert len(page["labels"]) == 3 and page["next_cursor"]
        assert [row["id"] for row in daemon.list_all("labels", 1000)] == [f"l{i}" for i in range(6)]
