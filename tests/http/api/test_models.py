"""Model versions: listed, activated, pruned."""

import itertools
import sqlite3
import threading

import pytest

from client import SMALL_MODEL, Daemon, labels_by_first_number, plane_items, wait_until

FIGURES = {
    "version", "trained_at", "train_seconds", "parent", "scratch", "labels_used", "iterations",
    "prior_precision", "train_loss", "held_out_labels", "held_out_loss", "held_out_accuracy",
    "held_out_accuracy_low", "held_out_accuracy_high", "held_out_calibration_error",
    "control_labels", "control_accuracy", "length_labels", "length_loss", "length_accuracy"}


@pytest.fixture
def taught(daemon, items):
    daemon.add_labels(labels_by_first_number(items, 66))
    return daemon


def trained(daemon, versions):
    for _ in range(versions):
        daemon.train()
    return daemon


def activate(daemon, version, status=200):
    return daemon.ok("POST", f"/v1/models/{version}/activate", status=status)


def rewards(daemon, items):
    response = daemon.post("/v1/score", {"items": [item["id"] for item in items]})
    return response["model_version"], [score["reward"] for score in response["scores"]]


def states(daemon):
    return [(model["version"], model["state"]) for model in daemon.get("/v1/models")["models"]]


def test_a_new_daemon_has_no_versions(shared):
    assert shared.get("/v1/models") == {"models": [], "next_before": None}
    model = shared.model()
    assert model["version"] == 0
    assert {name: model[name] for name in FIGURES - {"version"}} == {
        **dict.fromkeys(FIGURES - {"version"}), "labels_used": 0, "iterations": 0,
        "held_out_labels": 0, "control_labels": 0, "length_labels": 0}


def test_versions_are_listed_with_their_figures_the_newest_first(taught):
    trained(taught, 3)
    page = taught.get("/v1/models")
    assert page["next_before"] is None
    models = page["models"]
    assert [model["version"] for model in models] == [3, 2, 1]
    assert [model["state"] for model in models] == ["active", "stored", "stored"]
    assert [model["parent"] for model in models] == [2, 1, None]
    assert [model["scratch"] for model in models] == [False, False, True]
    told = taught.model()
    for model in models:
        assert set(model) == FIGURES | {"state", "reason"}
        assert model["reason"] is None
        assert model["labels_used"] == 66
        assert model["prior_precision"] > 0
        assert 0 <= model["held_out_accuracy_low"] <= model["held_out_accuracy"] \
            <= model["held_out_accuracy_high"] <= 1
        assert 0 <= model["held_out_calibration_error"] <= 0.5
        assert taught.get(f"/v1/models/{model['version']}") == model
    assert {name: told[name] for name in FIGURES} == {name: models[0][name] for name in FIGURES}


def test_versions_come_in_pages(taught):
    trained(taught, 5)
    seen, path = [], "/v1/models?limit=2"
    for expected in (4, 2, None):
        page = taught.get(path)
        seen += [model["version"] for model in page["models"]]
        assert page["next_before"] == expected
        path = f"/v1/models?limit=2&before={expected}"
    assert seen == [5, 4, 3, 2, 1]
    assert taught.get("/v1/models?before=1")["models"] == []
    assert len(taught.get("/v1/models?before=9007199254740992")["models"]) == 5


def test_an_activated_version_serves_at_once_and_after_a_restart(db, items):
    with Daemon(db) as daemon:
        daemon.add_items(items)
        daemon.add_labels(labels_by_first_number(items, 66))
        daemon.train()
        first = rewards(daemon, items)
        daemon.train()
        second = rewards(daemon, items)
        assert first[1] != second[1]

        response = activate(daemon, 1)
        assert (response["version"], response["state"]) == (1, "active")
        assert response == daemon.get("/v1/models/1")
        assert daemon.model()["version"] == 1
        assert rewards(daemon, items) == first
        assert states(daemon) == [(2, "stored"), (1, "active")]
        assert "fisherd_model_activations_total 1\n" in daemon.metrics()
        assert "fisherd_models_stored 2\n" in daemon.metrics()
        daemon.kill()
    with Daemon(db) as daemon:
        assert rewards(daemon, items) == first
        assert states(daemon) == [(2, "stored"), (1, "active")]
        activate(daemon, 2)
        assert rewards(daemon, items) == second
        activate(daemon, 1)
        daemon.ok("POST", "/v1/model/train", None, 202)
        assert daemon.wait_for_version(3)["parent"] == 1


def test_pairs_for_annotators_follow_the_version(db):
    items = plane_items(prompts=4, responses=8)
    with Daemon(db, {"control-fraction": 0, "candidates": "any"}) as daemon:
        daemon.add_items(items)
        daemon.add_labels(labels_by_first_number(items, 60))

        def wait_for_pairs_of(version):
            wait_until(lambda: [batch["model_version"] for batch in daemon.get("/v1/stats")[
                "batches"]][-1:] == [version], f"pairs that version {version} chose")
        trained(daemon, 2)
        wait_for_pairs_of(2)
        activate(daemon, 1)
        wait_for_pairs_of(1)
        # The statistics know a batch a moment before its pairs lie ready.
        names = (f"annotator-{i}" for i in itertools.count())
        wait_until(lambda: daemon.post("/v1/assignments", {"annotator": next(names)})["assignments"][0][
            "why"]["model_version"] == 1, "a pair that version 1 chose")


def test_old_versions_are_deleted_but_not_the_one_that_serves(db, items):
    with Daemon(db, {"models-kept": 2}) as daemon:
        daemon.add_items(items)
        daemon.add_labels(labels_by_first_number(items, 66))
        trained(daemon, 4)
        assert states(daemon) == [(4, "active"), (3, "stored")]
        assert "fisherd_models_stored 2\n" in daemon.metrics()
        assert daemon.call("GET", "/v1/models/2").status == 404
        activate(daemon, 2, status=404)
        activate(daemon, 3)
        assert states(daemon) == [(4, "stored"), (3, "active")]


def test_going_back_is_possible_while_a_training_runs_and_ends_with_it(db):
    options = {**SMALL_MODEL, "hidden-width": 64, "hidden-layers": 3, "patience": 0}
    items = plane_items(prompts=10, responses=8, dimension=16)
    with Daemon(db, {**options, "iterations": 20}) as daemon:
        daemon.add_items(items)
        daemon.add_labels(labels_by_first_number(items, 500))
        trained(daemon, 2)
    with Daemon(db, {**options, "iterations": 2000}) as daemon:
        daemon.ok("POST", "/v1/model/train", None, 202)
        wait_until(lambda: (model := daemon.model())["worker"]["state"] == "training" or
                   model["version"] == 3, "training, or its end")
        for version in (1, 2, 1, 2, 1):
            activate(daemon, version)
        model = daemon.model()
        if model["worker"]["state"] == "training":
            assert model["version"] == 1
        assert daemon.wait_for_version(3)["parent"] == 2


def test_versions_can_change_during_selections_and_scores(taught, items):
    trained(taught, 3)
    expected = {}
    for version in (1, 2, 3):
        activate(taught, version)
        expected[version] = rewards(taught, items)[1]
    failures, done = [], threading.Event()

    def look():
        request = {"batch_size": 3, "generate": {
            "mode": "cross_prompt", "pairs": 40, "include_labelled": True}}
        while not done.is_set():
            version, found = rewards(taught, items)
            if found != expected[version]:
                failures.append(version)
            response = taught.call("POST", "/v1/selections", request)
            if response.status != 200:
                failures.append(response)

    threads = [threading.Thread(target=look) for _ in range(3)]
    for thread in threads:
        thread.start()
    for version in itertools.islice(itertools.cycle((1, 2, 3)), 60):
        activate(taught, version)
    done.set()
    for thread in threads:
        thread.join()
    assert not failures


# ---- wrong requests ----

WRONG_VERSIONS = ["0", "-1", "01", "1.0", "1e0", "+1", "%201", "x", "newest", "4",
                  "9223372036854775807", "9223372036854775808", "18446744073709551617",
                  "9" * 200, "1%00", "%F0%9F%92%A9"]


@pytest.mark.parametrize("version", WRONG_VERSIONS)
def test_an_unknown_version_is_not_found(shared, version):
    for method, path in (("GET", ""), ("POST", "/activate"), ("GET", "/weights")):
        response = shared.call(method, f"/v1/models/{version}{path}")
        assert response.status == (400 if "%00" in version else 404), response
        assert response.headers["Content-Type"].startswith("application/problem+json")


@pytest.mark.parametrize("query", [
    "limit=0", "limit=1001", "limit=x", "limit=", "limit=-1", "limit=1&limit=2", "before=0",
    "before=x", "before=-1", "before=9007199254740993", "before=99999999999999999999", "before=1.5",
    "cursor=1", "embeddings=true", "more=1"])
def test_a_wrong_query_is_refused(shared, query):
    response = shared.call("GET", f"/v1/models?{query}")
    assert response.status == 400, response
    assert response.headers["Content-Type"].startswith("application/problem+json")


def test_other_routes_refuse_queries_and_bodies(taught):
    trained(taught, 1)
    for method, path in (("GET", "/v1/models/1"), ("POST", "/v1/models/1/activate"),
                         ("GET", "/v1/models/1/weights"), ("GET", "/v1/model/weights")):
        assert taught.call(method, f"{path}?limit=1").status == 400
        assert taught.call(method, path, {"a": 1}).status == 413
    assert states(taught) == [(1, "active")]


@pytest.mark.parametrize("path, allowed", [
    ("/v1/models", "GET, HEAD"), ("/v1/models/1", "GET, HEAD"),
    ("/v1/models/1/activate", "POST"), ("/v1/models/1/weights", "GET, HEAD"),
    ("/v1/model/weights", "GET, HEAD")])
def test_a_wrong_method_gives_the_allowed_methods(shared, path, allowed):
    for method in {"GET", "POST", "PUT", "DELETE"} - set(allowed.split(", ")):
        response = shared.call(method, path)
        assert response.status == 405, response
        assert response.headers["Allow"] == allowed


def test_a_version_that_does_not_fit_the_items_is_a_conflict(tmp_path):
    def made(name, dimension):
        items = plane_items(dimension=dimension)
        with Daemon(tmp_path / name) as daemon:
            daemon.add_items(items)
            daemon.add_labels(labels_by_first_number(items, 66))
            trained(daemon, 2)
        return tmp_path / name
    db, other = made("a.db", 4), made("b.db", 5)
    with sqlite3.connect(db) as connection:
        connection.execute("ATTACH ? AS other", (str(other),))
        connection.execute("UPDATE main.models SET bytes = (SELECT bytes FROM other.models"
                           " WHERE version = 1) WHERE version = 1")
        connection.commit()
        connection.execute("DETACH other")
    with Daemon(db) as daemon:
        response = daemon.call("POST", "/v1/models/1/activate")
        assert response.status == 409, response
        assert "5" in response.json["detail"] and "4" in response.json["detail"]
        assert daemon.model()["version"] == 2
        assert states(daemon) == [(2, "active"), (1, "stored")]
