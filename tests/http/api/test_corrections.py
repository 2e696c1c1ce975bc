"""Correcting and retracting labels over the API."""

import pytest

from client import Daemon, label, labels_by_first_number


def put(daemon, identity, preference, **more):
    return daemon.ok("PUT", f"/v1/labels/{identity}", {"preference": preference, **more})


def delete(daemon, identity):
    return daemon.ok("DELETE", f"/v1/labels/{identity}")


@pytest.fixture
def labelled(daemon):
    daemon.add_labels([label("l0", "p0-r0", "p0-r1", "a", comment="sure", duration_ms=9),
                       label("l1", "p1-r0", "p1-r1", "b")])
    return daemon


def test_a_correction_is_a_new_row_of_the_history(labelled):
    assert put(labelled, "l0", "b") == {"id": "l0", "preference": "b", "revision": 1}
    assert put(labelled, "l0", "skip", comment="no idea", duration_ms=11)["revision"] == 2
    rows = labelled.list_all("labels", 1)
    assert [(r["id"], r["revision"], r["preference"], r["comment"], r["duration_ms"])
            for r in rows] == [("l0", 0, "a", "sure", 9), ("l1", 0, "b", None, None),
                               ("l0", 1, "b", "sure", 9), ("l0", 2, "skip", "no idea", 11)]


def test_the_same_correction_again_changes_nothing(labelled):
    for _ in range(3):
        assert put(labelled, "l0", "tie", comment="both")["revision"] == 1
        assert put(labelled, "l1", "b")["revision"] == 0
    assert len(labelled.list_all("labels")) == 3


def test_a_retraction_takes_the_label_back_and_a_correction_brings_it_again(labelled):
    assert labelled.model()["labels"] == 2
    before = labelled.model()["logdet"] if "logdet" in labelled.model() else None
    for _ in range(2):
        assert delete(labelled, "l0") == {"id": "l0", "preference": "retracted", "revision": 1}
    assert labelled.model()["labels"] == 1
    assert labelled.get("/v1/stats")["labels"] == 1
    assert put(labelled, "l0", "a")["revision"] == 2
    assert labelled.model()["labels"] == 2
    if before is not None:
        assert labelled.model()["logdet"] == pytest.approx(before, rel=1e-6)


def test_an_unknown_label_is_not_found(labelled):
    for method, body in [("PUT", {"preference": "a"}), ("DELETE", None)]:
        response = labelled.call(method, "/v1/labels/nobody", body)
        assert response.status == 404 and response.headers["Content-Type"] == \
            "application/problem+json"
    assert len(labelled.list_all("labels")) == 2


@pytest.mark.parametrize("body, pointer", [
    ({}, "/preference"),
    *(({"preference": value}, "/preference")
      for value in ("retracted", "c", "", "A", 1, None, ["a"])),
    *(({"preference": "b", "duration_ms": value}, "/duration_ms")
      for value in (-1, 1.5, "1", 2**60)),
    *(({"preference": "b", "comment": value}, "/comment") for value in (7, [])),
    ({"preference": "b", "annotator": "bert"}, "/annotator"),
    ({"preference": "b", "a": "p0-r1"}, "/a"),
    ({"preference": "b", "more": 1}, "/more")])
def test_a_wrong_correction_points_at_what_is_wrong_and_changes_nothing(labelled, body, pointer):
    response = labelled.call("PUT", "/v1/labels/l0", body)
    assert response.status == 422, response
    assert response.headers["Content-Type"] == "application/problem+json"
    assert response.json["errors"][0]["pointer"] == pointer
    assert len(labelled.list_all("labels")) == 2


def test_null_leaves_the_comment_and_the_duration(labelled):
    put(labelled, "l0", "b", comment=None, duration_ms=None)
    row = labelled.list_all("labels")[-1]
    assert row["comment"] == "sure" and row["duration_ms"] == 9


def test_comments_come_back_as_they_were_sent(daemon):
    comments = ["", "größer 比較 مقارنة", "<script>alert(1)</script>", "a\nb\t\"c\"", "x" * 5000]
    daemon.add_labels([label(f"l{i}", "p0-r0", "p0-r1", comment=comment)
                       for i, comment in enumerate(comments)])
    assert [row["comment"] for row in daemon.list_all("labels")] == comments
    response = daemon.call("POST", "/v1/labels", {"labels": [
        label("l0", "p0-r0", "p0-r1", comment="other")]})
    assert response.status == 409


def test_a_repeat_of_the_first_label_is_still_a_duplicate_after_a_correction(labelled):
    put(labelled, "l1", "a")
    assert labelled.add_labels([label("l1", "p1-r0", "p1-r1", "b")]) == {
        "accepted": 0, "duplicates": 1}
    assert labelled.list_all("labels")[-1]["preference"] == "a"


def test_ids_with_awkward_characters_can_be_corrected(daemon):
    daemon.add_labels([label("ä b:c?d", "p0-r0", "p0-r1")])
    assert put(daemon, "%C3%A4%20b:c%3Fd", "b") == {
        "id": "ä b:c?d", "preference": "b", "revision": 1}


def test_corrections_outlive_the_daemon_and_the_next_training_follows(db, tmp_path, items):
    wrong = labels_by_first_number(items, 40)
    right = [{**one, "preference": "b" if one["preference"] == "a" else "a"} for one in wrong]
    scores = []
    for path, first in [(db, wrong), (tmp_path / "right.db", right)]:
        with Daemon(path) as daemon:
            daemon.add_items(items)
            daemon.add_labels(first)
            if first is wrong:
                for one in right:
                    put(daemon, one["id"], one["preference"])
            history = daemon.list_all("labels")
        with Daemon(path) as daemon:
            assert daemon.list_all("labels") == history
            assert daemon.train()["labels_used"] == 40
            scores.append(daemon.post("/v1/score", {"items": [i["id"] for i in items]})["scores"])
    assert [s["reward"] for s in scores[0]] == [s["reward"] for s in scores[1]]


def test_a_retracted_pair_goes_out_again(empty):
    empty.add_items([{"id": f"i{i}", "prompt_id": "p", "embedding": [i, 1]} for i in range(2)])
    empty.add_labels([label("l", "i0", "i1")])
    assert empty.post("/v1/assignments", {"annotator": "bert"})["assignments"] == []
    delete(empty, "l")
    assert len(empty.post("/v1/assignments", {"annotator": "bert"})["assignments"]) == 1
