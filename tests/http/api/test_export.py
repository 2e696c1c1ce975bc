"""GET /v1/export: the shapes of the formats, filters, moments and pages."""

import csv
import io
import json
import pathlib
import re

import pytest

from client import Daemon, label, labels_by_first_number

PAGE = "/v1/export"


def export(daemon, **query):
    """All pages of one moment: (text, the cursor after it)."""
    text, cursor = "", query.pop("cursor", None)
    while True:
        parameters = {**query, **({"cursor": cursor} if cursor is not None else {})}
        response = daemon.call("GET", PAGE + "?" + "&".join(f"{k}={v}" for k, v in parameters.items()))
        assert response.status == 200, response
        text += response.body.decode()
        cursor = response.headers["X-Next-Cursor"]
        if response.headers["X-Has-More"] == "false":
            assert re.fullmatch(r"\d+", cursor)
            return text, cursor


def rows(daemon, **query):
    return [json.loads(line) for line in export(daemon, **query)[0].splitlines()]


def refusal(daemon, query):
    response = daemon.call("GET", f"{PAGE}?{query}")
    assert response.status == 400, response
    return response.json["detail"]


@pytest.fixture
def answered(daemon):
    """Labels of all kinds: 1 a, 2 b, 3 tie, 4 skip, 5 corrected from a to b, 6 retracted."""
    daemon.add_labels([
        label("one", "p0-r0", "p0-r1", "a", comment='so, "good"\nit is', duration_ms=1500),
        label("two", "p0-r2", "p0-r1", "b", annotator="bob"),
        label("three", "p1-r0", "p1-r1", "tie"),
        label("four", "p1-r2", "p1-r3", "skip"),
        label("five", "p2-r0", "p2-r1", "a"),
        label("six", "p2-r2", "p2-r3", "a")])
    daemon.ok("PUT", "/v1/labels/five", {"preference": "b"})
    daemon.ok("DELETE", "/v1/labels/six")
    return daemon


# ---- preferences ----

def test_preferences_are_everything_known_about_a_label(answered):
    found = rows(answered)
    assert [row["id"] for row in found] == ["one", "two", "three", "five"]
    created = found[0].pop("created_at")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", created)
    assert found[0] == {
        "id": "one", "annotator": "anna", "preference": "a", "a": "p0-r0", "b": "p0-r1",
        "prompt_id": "p0", "prompt_id_b": None, "prompt": "Question 0?", "prompt_b": None,
        "response_a": "Answer 0.", "response_b": "Answer 1.", "arm": None, "p": None, "gain": None,
        "strategy": None, "model_version": None, "left": None,
        "assignment": None, "duration_ms": 1500, "comment": 'so, "good"\nit is', "revision": 0,
        "sequence": 1}


def test_a_correction_takes_the_place_of_the_answer(answered):
    five = rows(answered)[-1]
    assert (five["preference"], five["revision"], five["sequence"]) == ("b", 1, 7)


def test_skips_and_retractions_come_when_they_are_asked_for(answered):
    assert [row["id"] for row in rows(answered, include="skips")] == \
        ["one", "two", "three", "four", "five"]
    everything = rows(answered, include="all")
    assert {row["id"]: row["preference"] for row in everything}["six"] == "retracted"
    assert len(everything) == 6


def test_texts_can_be_left_out(answered):
    for row in rows(answered, texts="false"):
        assert not {"prompt", "prompt_b", "response_a", "response_b"} & set(row)
        assert row["prompt_id"]


def test_ties_can_be_left_out(answered):
    assert [row["id"] for row in rows(answered, ties="drop")] == ["one", "two", "five"]


def test_a_pair_across_prompts_names_both(daemon):
    daemon.add_labels([label("one", "p0-r0", "p1-r1")])
    row, = rows(daemon)
    assert (row["prompt_id"], row["prompt_id_b"]) == ("p0", "p1")
    assert (row["prompt"], row["prompt_b"]) == ("Question 0?", "Question 1?")


def test_only_the_labels_of_one_annotator(answered):
    assert [row["id"] for row in rows(answered, annotator="bob")] == ["two"]
    assert rows(answered, annotator="carol") == []


def test_since_is_the_time_of_the_newest_revision(answered):
    five = rows(answered)[-1]
    later = rows(answered, since=five["created_at"])
    assert "five" in [row["id"] for row in later]
    assert rows(answered, since="2100-01-01T00:00:00Z") == []


# ---- how a pair was chosen ----

@pytest.mark.parametrize(("fraction", "arm"), [(0, "active"), (1, "control")])
def test_an_assigned_pair_has_its_arm_p_and_side(db, items, fraction, arm):
    with Daemon(db, {"control-fraction": fraction, "strategy": "greedy"}) as daemon:
        daemon.add_items(items)
        daemon.add_labels(labels_by_first_number(items, 20, "unassigned"))
        daemon.train()
        _, cursor = export(daemon)
        given = {}
        for i in range(12):
            assignments = daemon.post("/v1/assignments", {"annotator": "anna"})["assignments"]
            if not assignments:
                break
            one = assignments[0]
            a, b = one["a"]["id"], one["b"]["id"]
            flipped = i % 2 == 1  # a label may name the items in the other order
            given[f"label-{i}"] = (one, flipped)
            daemon.add_labels([label(f"label-{i}", b if flipped else a, a if flipped else b,
                                     assignment=one["id"])])
        found = rows(daemon, cursor=cursor)
        assert len(found) == len(given) > 6
        if arm == "active":  # control pairs may have been drawn before the model was trained
            assert any(abs(row["p"] - 0.5) > 0.01 for row in found)
        for row in found:
            one, flipped = given[row["id"]]
            why = one["why"]
            assert row["arm"] == arm
            assert row["p"] == pytest.approx(1 - why["p"] if flipped else why["p"], abs=1e-12)
            assert row["left"] == ("b" if flipped else "a")
            assert row["strategy"] == why["strategy"]
            assert row["model_version"] == why["model_version"]
            assert row["gain"] == (why["gain"] and pytest.approx(why["gain"]))
        other = "active" if arm == "control" else "control"
        assert [row["id"] for row in rows(daemon, arm=arm)] == list(given)
        assert rows(daemon, arm=other) == []


def test_an_assignment_of_another_pair_says_nothing(daemon):
    one = daemon.post("/v1/assignments", {"annotator": "anna"})["assignments"][0]
    daemon.add_labels([label("one", one["a"]["id"], one["b"]["id"], annotator="bob",
                             assignment=one["id"])])
    row, = rows(daemon)
    assert row["assignment"] == one["id"]
    assert row["arm"] is row["p"] is row["left"] is row["strategy"] is None
    assert rows(daemon, arm="active") == rows(daemon, arm="control") == []


# ---- trl ----

def test_trl_has_a_prompt_a_chosen_and_a_rejected_response(answered):
    assert rows(answered, format="trl") == [
        {"prompt": "Question 0?", "chosen": "Answer 0.", "rejected": "Answer 1."},
        {"prompt": "Question 0?", "chosen": "Answer 1.", "rejected": "Answer 2."},
        {"prompt": "Question 2?", "chosen": "Answer 1.", "rejected": "Answer 0."}]


def test_trl_says_a_tie_as_two_lines_when_it_is_kept(answered):
    found = rows(answered, format="trl", ties="keep")
    assert len(found) == 5
    assert found[2] == {"prompt": "Question 1?", "chosen": "Answer 0.", "rejected": "Answer 1."}
    assert found[3] == {"prompt": "Question 1?", "chosen": "Answer 1.", "rejected": "Answer 0."}


def test_trl_conversational_has_turns(answered):
    assert rows(answered, format="trl-conversational")[0] == {
        "prompt": [{"role": "user", "content": "Question 0?"}],
        "chosen": [{"role": "assistant", "content": "Answer 0."}],
        "rejected": [{"role": "assistant", "content": "Answer 1."}]}


LIST = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Why [is] it?"}]


@pytest.mark.parametrize(("prompt", "turns"), [
    ("\n\nHuman: Hi\n\nthere\n\nAssistant: Hello. \n\nHuman: And?\n\nAssistant:",
     [("user", "Hi\n\nthere"), ("assistant", "Hello."), ("user", "And?")]),
    ("\n\nHuman: Hi", [("user", "Hi")]),
    ("\n\nHuman:\n\nAssistant: No", [("user", ""), ("assistant", "No")]),
    ("Human: Hi", [("user", "Human: Hi")]),
    ("", [("user", "")]),
    (json.dumps(LIST), [(turn["role"], turn["content"]) for turn in LIST]),
    ("[1, 2]", [("user", "[1, 2]")]),
    ("[]", [("user", "[]")]),
    ('[{"role": "user"}]', [("user", '[{"role": "user"}]')]),
    ("[see", [("user", "[see")]),
])
def test_a_prompt_is_cut_into_its_turns(empty, prompt, turns):
    empty.add_items([{"id": f"i{i}", "prompt_id": "p", "prompt": prompt, "response": f"r{i}",
                      "embedding": [i, 1]} for i in range(2)])
    empty.add_labels([label("one", "i0", "i1")])
    row, = rows(empty, format="trl-conversational")
    assert [(turn["role"], turn["content"]) for turn in row["prompt"]] == turns


@pytest.mark.parametrize("name", ["trl", "trl-conversational"])
def test_pairs_without_texts_or_across_prompts_are_left_out(empty, name):
    empty.add_items([
        {"id": "bare", "prompt_id": "p", "embedding": [1, 0]},
        {"id": "asked", "prompt_id": "p", "prompt": "?", "response": "x", "embedding": [2, 1]},
        {"id": "other", "prompt_id": "q", "prompt": "??", "response": "y", "embedding": [3, 5]},
        {"id": "same", "prompt_id": "p", "prompt": "?", "response": "z", "embedding": [4, 3]}])
    empty.add_labels([label("one", "bare", "asked"), label("two", "asked", "other"),
                      label("three", "asked", "same")])
    row, = rows(empty, format=name)
    assert "z" in json.dumps(row)
    assert len(rows(empty)) == 3


# ---- label-studio, argilla, arena ----

def test_label_studio_has_tasks_with_a_pairwise_annotation(answered):
    one, two, five = rows(answered, format="label-studio")
    created = one["annotations"][0].pop("created_at")
    assert created.endswith("Z")
    assert one == {
        "data": {"prompt": "Question 0?", "text1": "Answer 0.", "text2": "Answer 1."},
        "meta": {"label": "one", "annotator": "anna", "item1": "p0-r0", "item2": "p0-r1"},
        "annotations": [{
            "result": [{"from_name": "pw", "to_name": "pw", "type": "pairwise",
                        "value": {"selected": "left"}}],
            "was_cancelled": False, "lead_time": 1.5}]}
    assert two["annotations"][0]["result"][0]["value"] == {"selected": "right"}
    assert "lead_time" not in five["annotations"][0]
    tie = rows(answered, format="label-studio", ties="keep")[2]["annotations"][0]["result"]
    assert tie == [{"from_name": "tie", "to_name": "text1", "type": "choices",
                    "value": {"choices": ["tie"]}}]


def test_argilla_has_records_with_a_response(answered):
    found = rows(answered, format="argilla")
    assert found[0] == {
        "id": "one",
        "fields": {"prompt": "Question 0?", "response_a": "Answer 0.", "response_b": "Answer 1."},
        "metadata": {"item_a": "p0-r0", "item_b": "p0-r1"}, "suggestions": {},
        "responses": {"preference": [{"value": "a", "user_id": "anna"}]}, "vectors": {}}
    assert [row["responses"]["preference"][0]["value"] for row in found] == ["a", "b", "tie", "b"]
    one = answered.post("/v1/assignments", {"annotator": "anna"})["assignments"][0]
    answered.add_labels([label("last", one["a"]["id"], one["b"]["id"], assignment=one["id"])])
    metadata = rows(answered, format="argilla")[-1]["metadata"]
    assert metadata["arm"] in ("active", "control") and 0 < metadata["p"] < 1


def test_arena_has_battles(empty):
    empty.add_items([
        {"id": "x", "prompt_id": "p", "prompt": json.dumps(LIST), "response": "So.",
         "metadata": {"model": "small"}, "embedding": [1, 2]},
        {"id": "y", "prompt_id": "p", "prompt": json.dumps(LIST), "response": "Thus.",
         "metadata": {"model": 7}, "embedding": [2, 1]}])
    empty.add_labels([label("one", "x", "y"), label("two", "y", "x", "a"), label("three", "x", "y", "tie")])
    found = rows(empty, format="arena")
    stamp = found[0].pop("tstamp")
    assert 1.7e9 < stamp < 1e10
    assert found[0] == {
        "question_id": "one", "model_a": "small", "model_b": "unknown", "winner": "model_a",
        "judge": "anna", "turn": 1, "anony": True, "language": "unknown",
        "conversation_a": [*LIST, {"role": "assistant", "content": "So."}],
        "conversation_b": [*LIST, {"role": "assistant", "content": "Thus."}]}
    assert [(row["model_a"], row["winner"]) for row in found[1:]] == \
        [("unknown", "model_a"), ("small", "tie")]


# ---- csv ----

def test_csv_has_the_same_values(answered):
    text, _ = export(answered, format="csv", include="all")
    assert text.count("\r\n") == 7
    found = list(csv.DictReader(io.StringIO(text, newline="")))
    expected = rows(answered, include="all")
    assert list(found[0]) == list(expected[0])
    for row, other in zip(found, expected, strict=True):
        for name, value in other.items():
            shown = "" if value is None else str(value).lower() if isinstance(value, bool) else str(value)
            assert row[name] == shown


def test_csv_names_its_columns_once(answered):
    whole, _ = export(answered, format="csv")
    paged, _ = export(answered, format="csv", limit=1)
    assert paged == whole
    response = answered.call("GET", f"{PAGE}?format=csv")
    assert response.headers["Content-Type"] == "text/csv; charset=utf-8"


# ---- moments and pages ----

@pytest.mark.parametrize("limit", [1, 2, 3, 100])
def test_pages_join_to_the_whole(answered, limit):
    assert export(answered, limit=limit) == export(answered)


def test_there_is_a_cursor_after_the_last_row_too(answered):
    _, cursor = export(answered)
    assert cursor == "8"
    assert export(answered, cursor=cursor) == ("", "8")
    answered.add_labels([label("seven", "p0-r0", "p0-r3")])
    answered.ok("PUT", "/v1/labels/one", {"preference": "b"})
    later = rows(answered, cursor=cursor)
    assert [(row["id"], row["preference"]) for row in later] == [("seven", "a"), ("one", "b")]


def test_an_empty_daemon_has_a_cursor(empty):
    assert export(empty) == ("", "0")


def test_the_pages_of_a_moment_do_not_see_what_comes_later(answered):
    first = answered.call("GET", f"{PAGE}?limit=1")
    assert (first.headers["X-Has-More"], first.headers["X-Next-Cursor"]) == ("true", "1-8")
    answered.ok("PUT", "/v1/labels/two", {"preference": "tie"})
    answered.add_labels([label("seven", "p0-r0", "p0-r3")])
    found = rows(answered, cursor="1-8")
    assert [(row["id"], row["preference"]) for row in found] == \
        [("two", "b"), ("three", "tie"), ("five", "b")]


def test_a_cursor_of_a_moment_that_has_not_come_is_one_of_now(answered):
    assert [row["id"] for row in rows(answered, cursor="2-9999")] == ["three", "five"]
    assert rows(answered, cursor="9999") == []


def test_lines_are_ndjson_and_head_has_the_cursor(answered):
    response = answered.call("HEAD", PAGE)
    assert response.headers["Content-Type"] == "application/x-ndjson"
    assert response.headers["X-Next-Cursor"] == "8"


# ---- wrong input ----

@pytest.mark.parametrize(("query", "detail"), [
    ("format=parquet", '"format" must be one of preferences, trl, trl-conversational'),
    ("arm=both", '"arm" must be active or control'),
    ("ties=half", '"ties" must be keep or drop'),
    ("texts=no", '"texts" must be true or false'),
    ("include=none", '"include" must be counting, skips or all'),
    ("format=trl&texts=false", '"texts" must be true in a format that is made of texts'),
    ("format=trl&include=skips", '"include" must be counting in a format that cannot say a skip'),
    ("since=today", '"since" must be a time'),
    ("limit=0", '"limit" must be an integer from 1 to 10000'),
    ("limit=10001", '"limit" must be an integer'),
    ("cursor=x", '"cursor" must be the X-Next-Cursor'),
    ("cursor=1-", '"cursor" must be the X-Next-Cursor'),
    ("cursor=1-2-3", '"cursor" must be the X-Next-Cursor'),
    ("cursor=-1", '"cursor" must be the X-Next-Cursor'),
    ("cursor=99999999999999999999", '"cursor" must be the X-Next-Cursor'),
    ("cursor=", '"cursor" must be the X-Next-Cursor'),
    ("columns=a", '"columns" is unknown here'),
])
def test_a_wrong_parameter_is_named(shared, query, detail):
    assert detail in refusal(shared, query)


# ---- the documents ----

def test_the_documents_name_every_format_and_column():
    top = pathlib.Path(__file__).parents[3]
    source = top / "src/formats/export"
    formats = re.findall(r'^FORMAT\(\w+, "([^"]+)"', (source / "export_formats.def").read_text(), re.M)
    columns = re.findall(r"^COLUMN\((\w+),", (source / "export_columns.def").read_text(), re.M)
    assert len(formats) == 7 and len(columns) == 23
    described = (top / "docs/EXPORT.md").read_text()
    called = (top / "docs/API.md").read_text()
    assert not [name for name in formats if f"`{name}`" not in described or f"`{name}`" not in called]
    assert not [name for name in columns if f"`{name}`" not in described]
