"""Argilla's own data classes read what fisherd exports, and the example brings responses back. Its
server needs a search engine that PyPI does not have, so no server runs here."""

import json
import uuid

import argilla as rg
import argilla_sync
import pytest

from client import label

ANNA = uuid.uuid4()


@pytest.fixture
def fisherd(embedded):
    return argilla_sync.Fisherd(f"http://{embedded.host}:{embedded.port}")


def test_an_exported_line_is_a_record(embedded):
    rows = embedded.get("/v1/items?limit=2")["items"]
    embedded.add_labels([label("one", rows[0]["id"], rows[1]["id"], "b", annotator=str(ANNA))])
    line = embedded.call("GET", "/v1/export?format=argilla").body
    record = rg.Record.from_dict(json.loads(line))
    assert record.fields["response_b"] == rows[1]["response"]
    assert record.metadata["item_a"] == rows[0]["id"]
    response, = record.responses["preference"]
    assert response.value == "b" and str(response.user_id) == str(ANNA)


def test_pairs_go_out_as_records(embedded, fisherd):
    records = argilla_sync.records_of(fisherd, 5)
    assert len(records) == 5 == len({record.id for record in records})
    for record in records:
        item = embedded.get(f"/v1/items/{record.metadata['item_a']}")
        assert record.fields["response_a"] == item["response"]
        assert set(record.fields.to_dict()) == set(argilla_sync.FIELDS)
        assert set(record.metadata.to_dict()) == set(argilla_sync.METADATA)


def answered(record, value, status="submitted"):
    """The record as it comes back."""
    copy = rg.Record(id=record.id, fields=record.fields.to_dict(), metadata=record.metadata.to_dict(),
                     responses=[rg.Response("preference", value, user_id=ANNA, status=status)])
    return argilla_sync.labels_of(copy, {str(ANNA): "anna"})


def test_responses_come_in_as_labels_once(embedded, fisherd):
    one, two, three = argilla_sync.records_of(fisherd, 3)
    labels = answered(one, "a") + answered(two, "tie")
    assert answered(three, "b", "draft") == []
    for _ in range(2):
        for each in labels:
            fisherd.label(each)
    fisherd.label(answered(one, "b")[0])
    rows = embedded.get("/v1/labels")["labels"]
    assert [(row["a"], row["preference"], row["annotator"], row["revision"]) for row in rows] == [
        (one.metadata["item_a"], "a", "anna", 0), (two.metadata["item_a"], "tie", "anna", 0),
        (one.metadata["item_a"], "b", "anna", 1)]
