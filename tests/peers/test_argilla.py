"""Argilla's official client reads what fisherd exports, and the example takes pairs out and brings
responses back. Its server needs a search engine that PyPI does not have: fake_argilla.py stands in."""

import json
import re
import uuid

import argilla as rg
import argilla_sync
import fake_argilla
import pytest

from client import label
from conftest import ROOT

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


# ---- the client's calls ----

KEY = "a-key"


@pytest.fixture
def argilla(embedded, monkeypatch):
    with fake_argilla.running(["owner", "anna", "bert"], KEY) as server:
        for name, value in (("FISHERD_URL", f"http://{embedded.host}:{embedded.port}"),
                            ("ARGILLA_API_URL", server.url), ("ARGILLA_API_KEY", KEY)):
            monkeypatch.setenv(name, value)
        yield server


def sync(monkeypatch, direction, *more):
    monkeypatch.setattr("sys.argv", ["argilla_sync.py", direction, "--dataset", "pairs", *more])
    argilla_sync.main()


def answers(daemon):
    rows = {row["id"]: row for row in daemon.get("/v1/labels")["labels"]}
    return sorted((row["a"], row["b"], row["preference"], row["annotator"]) for row in rows.values())


def test_pairs_go_out_to_the_server_and_responses_come_back(embedded, argilla, monkeypatch, capsys):
    sync(monkeypatch, "out", "--count", "4")
    assert [(one["name"], one["status"]) for one in argilla.datasets] == [("pairs", "ready")]
    assert [one["name"] for one in argilla.settings["fields"]] == argilla_sync.FIELDS
    assert {one["name"] for one in argilla.settings["metadata-properties"]} == set(argilla_sync.METADATA)
    assert len(argilla.records) == 4
    one, two, three, _ = argilla.records
    argilla.answer(one, "anna", "a")
    argilla.answer(one, "bert", "tie")
    argilla.answer(two, "anna", "b")
    argilla.answer(three, "anna", "b", "draft")
    argilla.answer(three, "bert", "b", "discarded")

    def pair(record):
        return record["metadata"]["item_a"], record["metadata"]["item_b"]
    for _ in range(2):
        sync(monkeypatch, "in")
        assert capsys.readouterr().out.endswith("3 responses in\n")
        assert answers(embedded) == sorted([(*pair(one), "a", "anna"), (*pair(one), "tie", "bert"),
                                            (*pair(two), "b", "anna")])
    argilla.answer(two, "anna", "a")
    sync(monkeypatch, "in")
    assert (*pair(two), "a", "anna") in answers(embedded) and len(answers(embedded)) == 3


def test_more_pairs_join_those_that_are_there(argilla, monkeypatch):
    sync(monkeypatch, "out", "--count", "2")
    argilla.answer(argilla.records[0], "anna", "a")
    first = [record["external_id"] for record in argilla.records]
    sync(monkeypatch, "in")
    sync(monkeypatch, "out", "--count", "2")
    assert len(argilla.datasets) == 1
    assert [record["external_id"] for record in argilla.records][:2] == first
    assert argilla.records[0]["responses"] and len({r["external_id"] for r in argilla.records}) >= 3


def test_an_export_goes_into_a_data_set_as_the_guide_says(embedded, argilla, monkeypatch, tmp_path):
    rows = embedded.get("/v1/items?limit=3")["items"]
    embedded.add_labels([label("one", rows[0]["id"], rows[1]["id"], "b", annotator="anna"),
                         label("two", rows[0]["id"], rows[2]["id"], "tie", annotator="bert")])
    guide = (ROOT / "docs/EXPORT.md").read_text(encoding="utf-8")
    (script,) = re.findall(r"((?:    .*\n)*?    import json, argilla as rg\n(?:    .*\n)+)", guide)
    script = re.sub("^    ", "", script, flags=re.M)
    script = script.replace("https://argilla.example", argilla.url).replace("\"…\"", repr(KEY))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "records.jsonl").write_bytes(embedded.call("GET", "/v1/export?format=argilla").body)
    exec(compile(script, "EXPORT.md", "exec"), {})  # pylint: disable=exec-used
    assert [(record["responses"][0]["user_id"], record["responses"][0]["values"]["preference"]["value"])
            for record in argilla.records] == [(argilla.user_id("anna"), "b"), (argilla.user_id("bert"), "tie")]
