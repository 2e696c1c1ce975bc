"""/v1/label-studio: the calls of Label Studio. The payloads are what Label Studio 1.23.2 sent for a
project of three tasks, recorded on 2026-12-01, with its tokens taken out."""

import base64
import copy
import json
import math
import pathlib
import random

import pytest

from client import Daemon, labels_by_first_number
from token_daemon import TokenDaemon

ROOT = "/v1/label-studio"
PAYLOADS = json.loads((pathlib.Path(__file__).parent / "label_studio_payloads.json").read_text())


def payload(name):
    return copy.deepcopy(PAYLOADS[name])


def webhook(daemon, body):
    result = daemon.post(f"{ROOT}/webhook", body)
    assert result.pop("status") == "ok"
    return result


def done(accepted=0, corrected=0, retracted=0):
    return {"accepted": accepted, "corrected": corrected, "retracted": retracted}


def predict(daemon, *data):
    tasks = [{"id": i, "data": one, "project": 1} for i, one in enumerate(data)]
    return daemon.post(f"{ROOT}/predict", {"tasks": tasks})["results"]


def history(daemon):
    return [(row["id"], row["preference"], row["revision"]) for row in daemon.list_all("labels")]


def annotated(selected, identity=7, task=1, data=None, **more):
    """What the webhook sends about one annotation."""
    body = payload("annotation_created_left")
    body["annotation"].update(id=identity, task=task, **more)
    body["annotation"]["result"][0]["value"] = {"selected": selected}
    body["task"].update(id=task, data=data or {"item1": "p0-r0", "item2": "p0-r1"})
    return body


@pytest.fixture
def texts(db):
    """A daemon that embeds texts by the words in them."""
    with Daemon(db, {"embedding-url": "builtin:hash"}) as daemon:
        yield daemon


# ---- connecting ----

def test_the_connection_is_checked_by_health_and_setup(daemon):
    assert daemon.get(f"{ROOT}/health") == {"status": "UP", "model_class": "fisherd"}
    assert daemon.post(f"{ROOT}/setup", payload("setup")) == {"model_version": "fisherd-0"}


def test_setup_refuses_a_project_without_pairs_and_does_not_log_its_token(db):
    with Daemon(db, {"log-level": "debug"}) as daemon:
        body = payload("setup")
        body["access_token"] = "secret-of-label-studio"
        body["schema"] = '<View><Text name="t" value="$t"/></View>'
        response = daemon.call("POST", f"{ROOT}/setup", body)
        assert response.status == 422
        assert response.json["errors"][0]["pointer"] == "/schema"
        assert "<Pairwise" in response.json["detail"]
        daemon.stop()
        assert "secret-of-label-studio" not in daemon.log_text()


# ---- predictions ----

def test_recorded_tasks_get_a_score_and_become_items(texts):
    results = texts.post(f"{ROOT}/predict", payload("predict"))
    assert results["model_version"] == "fisherd-0"
    assert len(results["results"]) == 3
    for result in results["results"]:
        assert result["result"] == [] and result["model_version"] == "fisherd-0"
        assert 0 < result["score"] <= 1
    stored = texts.get("/v1/items")["items"]
    assert [(row["prompt"], row["response"]) for row in stored] == \
        [(f"q{i}", f"{side} {i}") for i in range(3) for side in ("one", "two")]
    assert len({row["prompt_id"] for row in stored}) == 3
    assert len({row["id"] for row in stored}) == 6
    texts.post(f"{ROOT}/predict", payload("predict"))
    assert texts.get("/v1/items")["items"] == stored


def test_the_score_is_lowest_for_the_pair_that_tells_most(daemon, items):
    daemon.add_labels(labels_by_first_number(items, 20))
    daemon.train()
    pairs = [("p0-r0", "p0-r1"), ("p0-r2", "p0-r3"), ("p1-r0", "p1-r2"), ("p2-r1", "p2-r3")]
    results = predict(daemon, *[{"item1": a, "item2": b} for a, b in pairs])
    known = daemon.post("/v1/score", {"pairs": [list(pair) for pair in pairs]})["pairs"]
    for result, pair in zip(results, known):
        gain = math.log(1 + pair["p"] * (1 - pair["p"]) * pair["stddev"] ** 2)
        assert result["score"] == pytest.approx(math.exp(-gain), rel=1e-6)
        assert result["model_version"] == "fisherd-1"
    best = daemon.select(batch_size=1, strategy="greedy", pairs=[list(pair) for pair in pairs])["pairs"][0]
    lowest = min(range(len(pairs)), key=lambda i: results[i]["score"])
    assert pairs[lowest] == (best["a"], best["b"])


def test_more_tasks_than_are_embedded_at_once_get_scores(texts):
    data = [{"prompt": f"q{i}", "text1": f"yes {i}", "text2": f"no {i}"} for i in range(300)]
    data.insert(150, {"prompt": "q1", "text1": "yes 1", "text2": "yes 1"})
    results = predict(texts, *data)
    assert len(results) == 301
    assert results[150]["score"] == 1  # a pair of equal texts tells nothing
    assert len(texts.list_all("items", 1000)) == 600


def test_items_and_texts_may_stand_side_by_side(texts):
    predict(texts, {"prompt": "q", "text1": "a", "text2": "b"})
    a, b = (row["id"] for row in texts.get("/v1/items")["items"])
    by_id, by_text = predict(texts, {"item1": a, "item2": b, "text1": "shown"},
                             {"prompt": "q", "text1": "a", "text2": "b"})
    assert by_id == by_text


def test_texts_of_one_prompt_or_of_one_prompt_id_are_responses_to_it(texts):
    predict(texts, {"prompt": "q", "text1": "a", "text2": "b"}, {"prompt": "q", "text1": "a", "text2": "c"},
            {"text1": "x", "text2": "y"}, {"prompt_id": "mine", "prompt": "q", "text1": "a", "text2": "b"})
    rows = texts.get("/v1/items")["items"]
    assert [row["response"] for row in rows] == ["a", "b", "c", "x", "y", "a", "b"]
    assert len({row["prompt_id"] for row in rows[:3]}) == 1
    assert rows[3]["prompt"] is None and rows[3]["prompt_id"] == rows[4]["prompt_id"]
    assert [row["prompt_id"] for row in rows[5:]] == ["mine", "mine"]


GOOD = {"prompt": "q", "text1": "a", "text2": "b"}


@pytest.mark.parametrize(("data", "pointer", "words"), [
    (None, "/tasks/1/data", "object"),
    ([], "/tasks/1/data", "object"),
    ({}, "/tasks/1/data", "item1"),
    ({"text1": "a"}, "/tasks/1/data", "text2"),
    ({"text1": "a", "text2": 7}, "/tasks/1/data/text2", "text"),
    ({"text1": "a", "text2": "b", "prompt": ["turn"]}, "/tasks/1/data/prompt", "text"),
    ({"text1": "a", "text2": "b", "prompt_id": ""}, "/tasks/1/data/prompt_id", "empty"),
    ({"text1": "a", "text2": "b", "prompt_id": "x\n"}, "/tasks/1/data/prompt_id", "control"),
    ({"text1": "a", "text2": ""}, "/tasks/1/data/text2", "empty"),
    ({"item1": "nothing", "item2": "none"}, "/tasks/1/data/item1", "no item"),
    ({"item1": 5, "item2": "none"}, "/tasks/1/data/item1", "text"),
])
def test_wrong_data_are_refused_with_a_pointer(texts, data, pointer, words):
    body = {"tasks": [{"id": 1, "data": GOOD}, {"id": 2, "data": data}]}
    response = texts.call("POST", f"{ROOT}/predict", body)
    assert response.status == 422, response
    assert response.json["errors"][0]["pointer"] == pointer
    assert words in response.json["detail"]


def test_texts_need_an_embedder(daemon):
    response = daemon.call("POST", f"{ROOT}/predict", payload("predict"))
    assert response.status == 422
    assert response.json["errors"][0]["pointer"] == "/tasks/0/data"
    assert "no embedder" in response.json["detail"]


@pytest.mark.parametrize(("path", "body", "pointer"), [
    ("predict", {}, "/tasks"), ("predict", {"tasks": {}}, "/tasks"),
    ("setup", {}, "/schema"), ("setup", {"schema": 5}, "/schema"),
    ("webhook", {}, "/action"), ("webhook", {"action": 1}, "/action"),
    ("webhook", {"action": "ANNOTATION_CREATED"}, "/annotation"),
    ("webhook", {"action": "ANNOTATION_CREATED", "annotation": {"id": 1, "result": []}}, "/task"),
    ("webhook", {"action": "ANNOTATIONS_DELETED"}, "/annotations"),
    ("webhook", {"action": "ANNOTATIONS_DELETED", "annotations": [{"id": 1}, {}]}, "/annotations/1/id"),
])
def test_wrong_bodies_are_refused_with_a_pointer(shared, path, body, pointer):
    response = shared.call("POST", f"{ROOT}/{path}", body)
    assert response.status == 422, response
    assert response.json["errors"][0]["pointer"] == pointer


def test_no_tasks_have_no_predictions(shared):
    assert predict(shared) == []


# ---- annotations ----

def test_a_recorded_annotation_is_a_label_until_it_is_deleted(texts):
    texts.post(f"{ROOT}/predict", payload("predict"))
    items = texts.get("/v1/items")["items"]
    assert webhook(texts, payload("annotation_created_left")) == done(accepted=1)
    row = texts.get("/v1/labels")["labels"][0]
    assert row.pop("created_at")
    assert row == {"id": "label-studio-1", "a": items[0]["id"], "b": items[1]["id"], "preference": "a",
                   "annotator": "label-studio-user-1", "assignment": None, "duration_ms": 3250,
                   "comment": None, "revision": 0, "arm": None, "p": None, "gain": None,
                   "strategy": None, "model_version": None}
    assert webhook(texts, payload("annotation_updated")) == done(corrected=1)
    assert webhook(texts, payload("annotation_created_cancelled")) == done(accepted=1)
    assert webhook(texts, payload("annotation_created_tie")) == done(accepted=1)
    assert webhook(texts, payload("annotations_deleted")) == done(retracted=1)
    assert history(texts) == [
        ("label-studio-1", "a", 0), ("label-studio-1", "b", 1), ("label-studio-2", "skip", 0),
        ("label-studio-3", "tie", 0), ("label-studio-1", "retracted", 2)]


def test_an_annotation_of_texts_that_were_never_predicted_is_a_label_too(texts):
    assert webhook(texts, payload("annotation_created_left")) == done(accepted=1)
    assert len(texts.get("/v1/items")["items"]) == 2


def test_repeats_change_nothing(daemon):
    assert webhook(daemon, annotated("left")) == done(accepted=1)
    assert webhook(daemon, annotated("left")) == done()
    update = {**annotated("right"), "action": "ANNOTATION_UPDATED"}
    for _ in range(2):
        webhook(daemon, update)
    assert history(daemon) == [("label-studio-7", "a", 0), ("label-studio-7", "b", 1)]
    deletion = {"action": "ANNOTATIONS_DELETED", "annotations": [{"id": 7}, {"id": 8}]}
    assert webhook(daemon, deletion) == done(retracted=1)
    webhook(daemon, deletion)
    assert len(history(daemon)) == 3


def test_an_update_back_to_the_first_answer_counts(daemon):
    webhook(daemon, annotated("left"))
    for selected in "right", "left":
        assert webhook(daemon, {**annotated(selected), "action": "ANNOTATION_UPDATED"}) == done(corrected=1)
    assert [preference for _, preference, _ in history(daemon)] == ["a", "b", "a"]


def test_an_update_of_what_never_came_is_a_label(daemon):
    assert webhook(daemon, {**annotated("right"), "action": "ANNOTATION_UPDATED"}) == done(accepted=1)
    assert history(daemon) == [("label-studio-7", "b", 0)]


def test_many_annotations_come_at_once(daemon):
    body = annotated("left")
    webhook(daemon, body)
    data = [{"item1": "p0-r0", "item2": "p0-r1"}, {"item1": "p1-r0", "item2": "p1-r1"},
            {"item1": "p2-r2", "item2": "p2-r0"}]
    many = {"action": "ANNOTATIONS_CREATED", "project": body["project"],
            "annotation": [annotated(side, identity, task)["annotation"] for identity, task, side in (
                (7, 1, "right"), (8, 3, "left"), (9, 2, "right"))],
            "task": [{**body["task"], "id": i + 1, "data": data[i]} for i in range(3)]}
    assert webhook(daemon, many) == done(accepted=2, corrected=1)
    rows = daemon.get("/v1/labels")["labels"][1:]
    assert [(row["id"], row["a"], row["preference"]) for row in rows] == [
        ("label-studio-7", "p0-r0", "b"), ("label-studio-8", "p2-r2", "a"),
        ("label-studio-9", "p1-r0", "b")]


@pytest.mark.parametrize(("result", "preference"), [
    ([], "skip"),
    ([{"type": "pairwise", "value": {"selected": "left"}},
      {"type": "choices", "value": {"choices": ["tie"]}}], "tie"),
    ([{"type": "choices", "value": {"choices": ["tie"]}},
      {"type": "pairwise", "value": {"selected": "left"}}], "tie"),
    ([{"type": "choices", "value": {"choices": ["fluent"]}},
      {"type": "pairwise", "value": {"selected": "right"}}], "b"),
    ([{"type": "textarea", "value": {"text": ["so"]}}, 5, {}], "skip"),
])
def test_results_of_other_controls_are_left_alone(daemon, result, preference):
    body = annotated("left")
    body["annotation"]["result"] = result
    webhook(daemon, body)
    assert history(daemon) == [("label-studio-7", preference, 0)]


@pytest.mark.parametrize(("completed_by", "annotator"), [
    (12, "label-studio-user-12"), ({"id": 12, "email": "a@example.org"}, "label-studio-user-12"),
    (None, "label-studio")])
def test_the_annotator_is_the_user_of_label_studio(daemon, completed_by, annotator):
    webhook(daemon, annotated("left", completed_by=completed_by))
    assert daemon.get("/v1/labels")["labels"][0]["annotator"] == annotator


@pytest.mark.parametrize("lead_time", [None, 0, -1, 1e300, "long"])
def test_a_strange_lead_time_is_unknown(daemon, lead_time):
    webhook(daemon, annotated("left", lead_time=lead_time))
    assert daemon.get("/v1/labels")["labels"][0]["duration_ms"] is None


@pytest.mark.parametrize(("data", "pointer"), [
    ({"item1": "p0-r0", "item2": "none"}, "/task/data/item2"),
    ({"item1": "p0-r0", "item2": "p0-r0"}, "/task/data/item2"),
    ({"prompt": "q"}, "/task/data")])
def test_a_label_of_wrong_items_is_refused_with_a_pointer(daemon, data, pointer):
    response = daemon.call("POST", f"{ROOT}/webhook", annotated("left", data=data))
    assert response.status == 422 and response.json["errors"][0]["pointer"] == pointer
    assert history(daemon) == []


def places(value, parent=None, key=None):
    """Every (list or object, key) in a document."""
    if parent is not None:
        yield parent, key
    members = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, member in list(members):
        yield from places(member, value, name)


def test_payloads_that_were_changed_anywhere_never_fail_the_daemon(texts):
    draw = random.Random(7)
    strange = [None, True, 0, -1, 2 ** 63 - 1, 1e308, "", "x" * 300, "\x7f", [], {}, [[]], [{}], {"id": "1"}]
    paths = {"setup": "setup", "predict": "predict"}
    answers = set()
    for _ in range(300):
        name = draw.choice(list(PAYLOADS))
        body = payload(name)
        for _ in range(draw.choice([1, 1, 2, 5])):
            parent, key = draw.choice(list(places(body)))
            parent[key] = copy.deepcopy(draw.choice(strange))
        answers.add(texts.call("POST", f"{ROOT}/{paths.get(name, 'webhook')}", body).status)
    assert answers == {200, 422}
    assert predict(texts, GOOD)[0]["score"] > 0


@pytest.mark.parametrize("action", ["PROJECT_UPDATED", "TASKS_CREATED", "LABEL_LINK_CREATED", "NEW_ONE"])
def test_other_actions_are_taken_and_change_nothing(shared, action):
    assert webhook(shared, {"action": action, "project": {"id": 1}, "more": [1]}) == done()
    assert webhook(shared, payload("start_training")) == done()
    assert history(shared) == []


# ---- access ----

def basic(password, user="label-studio"):
    return {"Authorization": "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()}


def test_a_token_may_come_as_a_password(secured):
    for sent in basic(secured.tokens["frontend"]), basic(secured.tokens["admin"], ""):
        assert secured.ask("GET", f"{ROOT}/health", headers=sent).status == 200
        assert secured.ask("POST", f"{ROOT}/webhook", body=payload("start_training"), headers=sent).status == 200


@pytest.mark.parametrize("sent", [
    "Basic", "Basic ", "Basic !", "Basic {token}", "Basic " + base64.b64encode(b"user").decode(),
    "Basic " + base64.b64encode(b"user:").decode(), "Basic " + base64.b64encode(b"a:" + 600 * b"b").decode(),
    "Basic " + base64.b64encode(b"user:fisherd_0123456789ab_x").decode()])
def test_a_wrong_password_is_refused(secured, sent):
    headers = {"Authorization": sent.format(token=secured.tokens["admin"])}
    assert secured.ask("GET", f"{ROOT}/health", headers=headers).status == 401


def test_a_password_counts_on_these_paths_alone(secured):
    assert secured.ask("GET", "/v1/items", headers=basic(secured.tokens["admin"])).status == 401


def test_a_password_of_an_annotator_is_not_enough(secured):
    assert secured.ask("GET", f"{ROOT}/health", headers=basic(secured.tokens["annotator"])).status == 403


def test_a_page_of_another_site_cannot_use_a_password_that_a_browser_keeps(secured):
    for header in {"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}:
        sent = {**basic(secured.tokens["frontend"]), **header}
        response = secured.ask("POST", f"{ROOT}/webhook", body=payload("start_training"), headers=sent)
        assert response.status == 403


def test_corrections_are_in_the_audit_log(fresh):
    assert isinstance(fresh, TokenDaemon)
    sent = basic(fresh.tokens["frontend"])
    one = fresh.ask("POST", "/v1/assignments", fresh.tokens["annotator"], {}).json["assignments"][0]
    data = {"item1": one["a"]["id"], "item2": one["b"]["id"]}
    for selected in "left", "right":
        body = {**annotated(selected, data=data), "action": "ANNOTATION_UPDATED"}
        assert fresh.ask("POST", f"{ROOT}/webhook", body=body, headers=sent).status == 200
    fresh.stop()
    assert fresh.log_text().count("action=label_studio_webhook") == 1
