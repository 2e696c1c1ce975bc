"""Training, and what the API says about the model."""

import itertools
import math
import random
import re

import pytest

from client import SMALL_MODEL, Daemon, labels_by_first_number, plane_items, wait_until


def test_a_new_daemon_has_an_untrained_model(shared):
    model = shared.model()
    assert model["version"] == 0
    assert model["labels"] == 0


def test_training_by_request_publishes_a_new_version(daemon, items):
    daemon.add_labels(labels_by_first_number(items, 66))
    request = {"batch_size": 5, "seed": 1, "pairs": [
        {"a": a["id"], "b": b["id"]} for a, b in itertools.combinations(items, 2)]}
    before = daemon.select(**request)
    assert before["model_version"] == 0

    model = daemon.train()
    assert model["version"] == 1
    assert model["labels"] == model["labels_used"] == 66
    assert 0 < model["train_loss"] < 0.6
    after = daemon.select(**request)
    assert after["model_version"] == 1
    assert [pair["p"] for pair in after["pairs"]] != [pair["p"] for pair in before["pairs"]]
    assert daemon.post("/v1/score", {"items": ["p0-r0"]})["model_version"] == 1
    assert daemon.train()["version"] == 2


def test_figures_of_unseen_answers_are_reported(daemon):
    items = plane_items(prompts=6, responses=6)[12:]
    daemon.add_items(items)
    daemon.add_labels(labels_by_first_number(items, 250))
    model = daemon.train()
    assert 0.5 < model["held_out_accuracy"] <= 1
    assert model["held_out_loss"] > 0
    assert model["labels_used"] == 250
    assert 200 <= model["held_out_labels"] <= 250


def test_the_exam_and_what_choosing_taught_are_told(db):
    with Daemon(db, {"hidden-layers": 0}) as daemon:
        items = plane_items(prompts=6, responses=6)[12:]
        daemon.add_items(items)
        before = daemon.model()["progress"]
        assert before["exam"] is None and before["choosing"] is None
        daemon.add_labels(labels_by_first_number(items, 250))
        daemon.train()  # a version serves a moment before its exam is told
        wait_until(lambda: daemon.model()["progress"]["exam"], "the exam")
        progress = daemon.model()["progress"]
        exam = progress["exam"]
        assert exam["answers"] == 250
        labels = [stage["labels"] for stage in exam["stages"]]
        assert len(labels) == 4 and labels == sorted(labels) and labels[-1] == 200
        for stage in exam["stages"]:
            assert math.isclose(stage["difference"], stage["loss"] - exam["stages"][-1]["loss"],
                                abs_tol=1e-9)
            assert stage["stddev"] >= 0
        assert exam["stages"][0]["difference"] > 0
        assert progress["choosing"] is None, "nobody labelled pairs drawn at random"
        assert progress["expected_improvement_high"] >= progress["expected_improvement"] >= 0


def test_the_length_of_responses_is_a_baseline(db):
    items = [{**item, "prompt": "?", "response": "a" * (2 + 9 * (item["embedding"][0] > 0))}
             for item in plane_items(prompts=6, responses=6)]
    with Daemon(db, {"hidden-layers": 0}) as daemon:
        daemon.add_items(items)
        daemon.add_labels(labels_by_first_number(items, 200))
        model = daemon.train()
        assert model["length_labels"] == 200
        assert 0 < model["length_loss"] < 0.69
        assert 0.5 < model["length_accuracy"] <= 1
        told = float(re.search(r"^fisherd_model_length_accuracy (\S+)$", daemon.metrics(),
                               re.MULTILINE).group(1))
        assert math.isclose(told, model["length_accuracy"], rel_tol=1e-4)


def test_held_out_has_no_effect_and_the_log_says_so(db, items):
    with Daemon(db, {"held-out": 0.3}) as daemon:
        daemon.add_items(items)
        daemon.add_labels(labels_by_first_number(items, 66))
        assert daemon.train()["held_out_labels"] == 66
        daemon.wait_for_log("option-without-effect")


def test_enough_labels_start_a_training(db, items):
    with Daemon(db, {"retrain-labels": 10}) as daemon:
        daemon.add_items(items)
        labels = labels_by_first_number(items, 20)
        daemon.add_labels(labels[:9])
        assert daemon.model()["version"] == 0
        daemon.add_labels(labels[:9])
        assert daemon.model()["version"] == 0, "repeats do not count"
        daemon.add_labels(labels[9:10])
        assert daemon.wait_for_version(1)["labels_used"] == 10
        daemon.add_labels(labels[10:])
        assert daemon.wait_for_version(2)["labels_used"] == 20


def test_an_old_label_starts_a_training(db, items):
    with Daemon(db, {"retrain-seconds": 0.2}) as daemon:
        daemon.add_items(items)
        daemon.add_labels(labels_by_first_number(items, 20))
        assert daemon.wait_for_version(1)["labels_used"] == 20


def test_training_without_labels_is_refused(daemon):
    response = daemon.call("POST", "/v1/model/train")
    assert response.status == 409, response
    assert response.headers["Content-Type"].startswith("application/problem+json")
    assert daemon.model()["version"] == 0


def test_training_starts_from_the_serving_model_or_from_scratch(db, items):
    with Daemon(db, {"iterations": 300}) as daemon:
        daemon.add_items(items)
        daemon.add_labels(labels_by_first_number(items, 66))
        first = daemon.train()
        warm = daemon.train()
        scratch = daemon.train({"from": "scratch"})
        assert [(each["scratch"], each["parent"]) for each in (first, warm, scratch)] \
            == [(True, None), (False, 1), (True, None)]
        assert len({each["train_loss"] for each in (first, warm, scratch)}) == 3


def test_the_same_model_serves_after_a_restart(db, items):
    ids = {"items": [item["id"] for item in items]}
    request = {"batch_size": 5, "seed": 3, "generate": {"mode": "in_prompt", "pairs": 18}}
    with Daemon(db) as daemon:
        daemon.add_items(items)
        daemon.add_labels(labels_by_first_number(items, 66))
        daemon.train()
        model = daemon.train()
        scores = daemon.post("/v1/score", ids)
        selection = daemon.post("/v1/selections", {
            **request, "generate": {**request["generate"], "include_labelled": True}})
    with Daemon(db) as daemon:
        after = daemon.model()
        for member in ("version", "labels", "labels_used", "train_loss", "held_out_loss"):
            assert after[member] == model[member]
        again = daemon.post("/v1/score", ids)
        assert again["model_version"] == 2
        assert [s["reward"] for s in again["scores"]] == [s["reward"] for s in scores["scores"]]
        assert daemon.post("/v1/selections", {
            **request, "generate": {**request["generate"], "include_labelled": True}})["pairs"] \
            == selection["pairs"]
        assert daemon.train()["version"] == 3


def test_items_that_come_while_a_model_serves_are_scored_by_it(daemon, items):
    daemon.add_labels(labels_by_first_number(items, 66))
    daemon.train()
    more = plane_items(prompts=5)[12:]
    daemon.add_items(more)
    by_id = daemon.post("/v1/score", {"items": [item["id"] for item in more]})["scores"]
    inline = daemon.post("/v1/score", {
        "items": [{name: item[name] for name in ("embedding", "prompt", "response", "prompt_id")}
                  for item in more]})["scores"]
    for mine, its in zip(by_id, inline, strict=True):
        assert abs(mine["reward"] - its["reward"]) < 1e-4


def test_requests_are_answered_while_the_worker_trains(db):
    options = {**SMALL_MODEL, "hidden-width": 256, "hidden-layers": 3, "iterations": 1000000,
               "patience": 0}
    items = plane_items(prompts=20, responses=8, dimension=16)
    with Daemon(db, options) as daemon:
        daemon.add_items(items)
        daemon.add_labels(labels_by_first_number(items, 500))
        daemon.ok("POST", "/v1/model/train", None, 202)
        wait_until(lambda: daemon.model()["worker"]["state"] == "training", "training")
        assert daemon.select(batch_size=5, generate={"mode": "in_prompt", "pairs": 100})[
            "model_version"] == 0
        assert daemon.add_labels(labels_by_first_number(items, 10, "more"))["accepted"] == 10
        assert daemon.get("/v1/items?limit=3")["items"]
        assert daemon.model()["worker"]["state"] == "training"


def test_a_model_predicts_what_more_labels_would_bring(db):
    items = plane_items(prompts=8, responses=8, dimension=6)
    labels = random.Random(1).sample(labels_by_first_number(items, 2000), 600)
    with Daemon(db, {"hidden-layers": 0}) as daemon:
        daemon.add_items(items)
        before = daemon.model()["progress"]
        assert before["curve"] == [] and before["expected_improvement"] is None
        assert before["stop_recommended"] is False
        assert before["stop_reason"] == "no model was trained yet"
        assert before["selection_warning"] is None
        for count in (150, 300, 450, 600):
            daemon.add_labels(labels[count - 150:count])
            daemon.train()
        progress = wait_until(
            lambda: (found := daemon.model()["progress"])["curve"][-1]["version"] == 4 and found,
            "the last version on the curve")
        assert [point["labels"] for point in progress["curve"]] == [150, 300, 450, 600]
        stored = daemon.get("/v1/models")["models"][::-1]
        for point, version in zip(progress["curve"], stored, strict=True):
            for member in ("version", "held_out_labels", "held_out_loss", "held_out_accuracy"):
                assert point[member] == version[member]
        assert progress["expected_improvement"] >= 0
        assert progress["expected_improvement_high"] >= progress["expected_improvement"]
        assert progress["expected_loss_at_double"] >= 0
        assert "0 of 100" not in progress["stop_reason"]
        assert progress["arms"]["control"] == {
            "held_out_labels": 0, "held_out_accuracy": None, "held_out_accuracy_low": None,
            "held_out_accuracy_high": None}
        assert wait_until(lambda: daemon.model()["progress"]["gain_per_label"], "a batch") > 0
        assert "fisherd_gain_per_label " in daemon.metrics()
    with Daemon(db, {"stop-below": 100}) as daemon:
        after = daemon.model()["progress"]
        assert after["curve"] == progress["curve"]
        assert after["expected_loss_at_double"] == progress["expected_loss_at_double"]
        accuracies = [point["held_out_accuracy"] for point in after["curve"]]
        assert after["stop_recommended"] is True, (after["stop_reason"], accuracies)
        assert re.search(r"^fisherd_stop_recommended 1$", daemon.metrics(), re.MULTILINE)


@pytest.mark.parametrize("kind, layers, features", [("linear", 0, 4), ("network", 1, 8)])
def test_the_kind_and_the_prior_of_a_model_are_shown_and_selections_take_them(
        db, items, kind, layers, features):
    request = {"batch_size": 1, "pairs": [{"a": "p0-r0", "b": "p1-r0"}]}
    with Daemon(db, {"model": kind, "text-features": "off"}) as daemon:
        daemon.add_items(items)
        daemon.add_labels(labels_by_first_number(items, 66))
        model = daemon.train()
        assert (model["shape"]["hidden_layers"], model["features"]) == (layers, features)
        prior = model["prior_precision"]
        assert prior > 0 and prior != features
        plain = daemon.select(**request)["diagnostics"]["logdet_before"]
        given = daemon.select(**request, prior_precision=prior)["diagnostics"]["logdet_before"]
        assert math.isclose(plain, given, rel_tol=1e-6)  # features are single precision
        assert plain < daemon.select(**request, prior_precision=2 * prior)[
            "diagnostics"]["logdet_before"]


def test_a_training_request_says_where_training_begins(db, items):
    with Daemon(db, {"retrain": "scratch"}) as daemon:
        daemon.add_items(items)
        daemon.add_labels(labels_by_first_number(items, 66))
        for body, parent in ((None, None), ({"from": "warm"}, 1), ({"from": "scratch"}, None),
                             ({"from": "auto"}, 3), (None, None)):
            model = daemon.train(body)
            assert (model["parent"], model["scratch"]) == (parent, parent is None)
