"""Scores of items over the API."""

import base64
import math

from client import Daemon, float32, labels_by_first_number


def scores(daemon, items):
    return daemon.post("/v1/score", {"items": items})


def test_an_untrained_model_scores_too(shared):
    response = scores(shared, ["p0-r0", "p2-r3"])
    assert response["model_version"] == 0
    assert len(response["scores"]) == 2
    for score in response["scores"]:
        assert math.isfinite(score["reward"]) and score["stddev"] >= 0


def test_ids_and_embeddings_mix_and_keep_their_order(daemon, items):
    daemon.add_labels(labels_by_first_number(items, 40))
    daemon.train()
    by_id = scores(daemon, [item["id"] for item in items])
    texts = [{name: item[name] for name in ("prompt_id", "prompt", "response")} for item in items]
    whole = [{"embedding": item["embedding"], **text} for item, text in zip(items, texts)]
    inline = scores(daemon, whole)
    encoded = scores(daemon, [
        {"embedding": base64.b64encode(float32(item["embedding"])).decode(), **text}
        for item, text in zip(items, texts)])
    mixed = scores(daemon, [item["id"] if i % 2 else whole[i] for i, item in enumerate(items)])
    assert by_id["model_version"] == 1
    assert len({round(score["reward"], 6) for score in by_id["scores"]}) > 6
    for other in (inline, encoded, mixed):
        assert other["model_version"] == 1
        for mine, its in zip(by_id["scores"], other["scores"], strict=True):
            assert math.isclose(mine["reward"], its["reward"], rel_tol=1e-4, abs_tol=1e-5)
            assert math.isclose(mine["stddev"], its["stddev"], rel_tol=1e-3, abs_tol=1e-5)


def test_labels_make_the_model_surer_and_righter(db, items):
    with Daemon(db, {"model": "linear", "prior-precision": 0.001}) as daemon:
        daemon.add_items(items)
        before = scores(daemon, [item["id"] for item in items])
        daemon.add_labels(labels_by_first_number(items, 66))
        daemon.train()
        after = scores(daemon, [item["id"] for item in items])
    rewards = [score["reward"] for score in after["scores"]]
    pairs = [(i, j) for i in range(12) for j in range(12)
             if items[i]["embedding"][0] > items[j]["embedding"][0]]
    right = sum(rewards[i] > rewards[j] for i, j in pairs) / len(pairs)
    assert right > 0.8
    assert sum(s["stddev"] for s in after["scores"]) < sum(s["stddev"] for s in before["scores"])


def test_the_same_item_may_be_scored_twice(shared):
    response = scores(shared, ["p0-r0", "p0-r0"])["scores"]
    assert response[0] == response[1]


def test_nothing_can_be_scored_before_there_are_items(empty):
    response = empty.call("POST", "/v1/score", {"items": [{"embedding": [1, 2]}]})
    assert response.status in (409, 422, 503), response
    assert response.headers["Content-Type"].startswith("application/problem+json")
