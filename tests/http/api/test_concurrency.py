"""Many clients at once, while models are trained and replaced."""

import threading
from concurrent.futures import ThreadPoolExecutor

from client import PATIENCE, Daemon, label, plane_items

ROUNDS = 40


def add_items(daemon, worker):
    for i in range(ROUNDS):
        items = [{"id": f"w{worker}-{i}-{k}", "prompt_id": f"w{worker}-{i % 5}",
                  "embedding": [worker, i / 10, k, (i * k) % 7]} for k in range(5)]
        assert daemon.add_items(items) == {"created": 5, "unchanged": 0}
        assert daemon.get(f"/v1/items/w{worker}-{i}-4")["dimension"] == 4


def add_labels(daemon, worker):
    version = 0
    for i in range(ROUNDS):
        batch = daemon.select(batch_size=3, seed=worker * ROUNDS + i, generate={
            "mode": "in_prompt", "pairs": 50, "include_labelled": True})
        assert batch["model_version"] >= version, "the model went back"
        version = batch["model_version"]
        labels = [label(f"l{worker}-{i}-{k}", pair["a"], pair["b"], "ab"[i % 2])
                  for k, pair in enumerate(batch["pairs"])]
        assert daemon.add_labels(labels) == {"accepted": 3, "duplicates": 0}


def score(daemon, worker):
    version = 0
    for i in range(ROUNDS):
        response = daemon.post("/v1/score", {"items": ["p0-r0", {"embedding": [1, 2, 3, worker]}]})
        assert response["model_version"] >= version
        version = response["model_version"]
        again = daemon.post("/v1/score", {"items": ["p0-r0", "p0-r0"]})["scores"]
        assert again[0] == again[1]


def read(daemon, worker):
    items = labels = 0
    for _ in range(ROUNDS):
        rows = daemon.list_all("items", 50), daemon.list_all("labels", 50)
        assert len(rows[0]) >= items and len(rows[1]) >= labels, "rows went away"
        items, labels = map(len, rows)
        daemon.metrics()
        daemon.model()


def repeat(daemon, worker):
    """The same labels from several clients: each is accepted exactly once."""
    accepted = 0
    for i in range(ROUNDS):
        done = daemon.add_labels([label(f"same-{i}-{k}", "p0-r0", f"p1-r{k}") for k in range(4)])
        assert done["accepted"] + done["duplicates"] == 4
        accepted += done["accepted"]
    return accepted


def test_many_clients_at_once_get_right_answers(db):
    with Daemon(db, {"retrain-labels": 20, "iterations": 30}) as daemon:
        daemon.add_items(plane_items())
        jobs = [add_items, add_labels, score, read, repeat] * 2
        with ThreadPoolExecutor(len(jobs)) as pool:
            running = [pool.submit(job, daemon, worker) for worker, job in enumerate(jobs)]
            results = [one.result(PATIENCE) for one in running]
        assert sum(count for count in results if count is not None) == 4 * ROUNDS
        assert len(daemon.list_all("items", 1000)) == 12 + 2 * 5 * ROUNDS
        assert len(daemon.list_all("labels", 1000)) == (2 * 3 + 4) * ROUNDS
        model = daemon.model()
        assert model["labels"] == (2 * 3 + 4) * ROUNDS
        daemon.wait_for_version(1)


def test_of_many_claims_to_an_id_one_wins(db, items):
    with Daemon(db) as daemon:
        daemon.add_items(items)
        start = threading.Barrier(8)

        def claim(worker):
            start.wait()
            return [daemon.call("POST", "/v1/labels", {"labels": [
                label(f"l{i}", "p0-r0", "p0-r1", annotator=f"w{worker}")]}).status
                for i in range(20)]
        with ThreadPoolExecutor(8) as pool:
            responses = list(pool.map(claim, range(8)))
        for per_id in zip(*responses):
            assert sorted(per_id) == [200] + [409] * 7
        assert len(daemon.list_all("labels")) == 20
