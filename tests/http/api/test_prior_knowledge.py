"""Scores and trusts count without another request: at zero answers, and in a trained model."""

import pytest

from client import Daemon, labels_by_first_number, plane_items, wait_until

ITEMS = plane_items(4, 4)
JUDGE = {item["id"]: float((7 * i + i // 4) % 5) for i, item in enumerate(ITEMS)}


def scored(items, values=None):
    return [{**item, "scores": {"judge": (values or JUDGE)[item["id"]]}} for item in items]


def rows(values):
    return {"items": [{"id": name, "scores": {"judge": value}} for name, value in values.items()]}


def trust(daemon, value):
    return daemon.ok("PATCH", "/v1/project", {"scores": {"judge": {"trust": value}}})


def rewards(daemon, items=ITEMS):
    ids = [item["id"] for item in items]
    found = daemon.post("/v1/score", {"items": ids})
    return dict(zip(ids, (score["reward"] for score in found["scores"]), strict=True))


def agreement(found, values):
    """1 if the rewards order the responses of each prompt as the values do, -1 if the other way
    round, 0 if all are equal; None otherwise."""
    signs = set()
    for a in ITEMS:
        for b in ITEMS:
            if a["prompt_id"] == b["prompt_id"] and values[a["id"]] > values[b["id"]]:
                apart = found[a["id"]] - found[b["id"]]
                signs.add(0 if apart == 0 else 1 if apart > 0 else -1)
    return signs.pop() if len(signs) == 1 else None


def wait_for_agreement(daemon, values, sign):
    """A slow machine makes the model again a little later."""
    wait_until(lambda: agreement(rewards(daemon), values) == sign, f"agreement of {sign}")


@pytest.mark.parametrize("model", ["linear", "network"])
@pytest.mark.parametrize("posted", ["with the items", "later"])
def test_a_trusted_score_orders_items_at_zero_answers(db, model, posted):
    with Daemon(db, {"model": model, "refit": "yes"}) as daemon:
        if posted == "later":
            daemon.add_items(ITEMS)
            trust(daemon, "trusted")
            daemon.ok("PUT", "/v1/scores", rows(JUDGE))
        else:
            daemon.add_items(scored(ITEMS))
            trust(daemon, "trusted")
        wait_for_agreement(daemon, JUDGE, 1)
        trust(daemon, "inverted")
        wait_for_agreement(daemon, JUDGE, -1)
        trust(daemon, "unknown")
        wait_for_agreement(daemon, JUDGE, 0)
        trust(daemon, "trusted")
    with Daemon(db, {"model": model}) as daemon:
        wait_for_agreement(daemon, JUDGE, 1)


@pytest.mark.parametrize("model", ["linear", "network"])
def test_a_better_length_orders_items_at_zero_answers(db, model):
    lengths = {item["id"]: float((5 * i + i // 4) % 7) for i, item in enumerate(ITEMS)}
    items = [{**item, "prompt": "Why?", "response": "a" * (3 + 2 * int(lengths[item["id"]]))}
             for item in ITEMS]
    with Daemon(db, {"model": model, "refit": "yes"}) as daemon:
        daemon.add_items(items)
        for known, sign in (("longer", 1), ("shorter", -1), ("unknown", 0), ("longer", 1)):
            daemon.ok("PATCH", "/v1/project", {"better_length": known})
            wait_for_agreement(daemon, lengths, sign)
        content = daemon.post("/v1/score", {"items": [item["id"] for item in items]})["scores"]
        assert {score["content"] for score in content} == {0.0}
    with Daemon(db, {"model": model}) as daemon:
        wait_for_agreement(daemon, lengths, 1)


def test_changed_scores_count_at_zero_answers(db):
    with Daemon(db, {"model": "linear"}) as daemon:
        daemon.add_items(scored(ITEMS))
        trust(daemon, "trusted")
        other = {name: -value for name, value in JUDGE.items()}
        daemon.ok("PUT", "/v1/scores", rows(other))
        wait_for_agreement(daemon, other, 1)
        for name in JUDGE:
            daemon.ok("PUT", f"/v1/items/{name}/scores", {"judge": JUDGE[name]})
        wait_for_agreement(daemon, JUDGE, 1)
        daemon.ok("PUT", "/v1/scores", rows(dict.fromkeys(JUDGE)))
        wait_for_agreement(daemon, JUDGE, 0)


def test_an_untrained_model_with_scores_keeps_what_answers_told_it(db):
    with Daemon(db, {"model": "linear", "refit": "yes"}) as daemon:
        daemon.add_items(scored(ITEMS))
        plain = rewards(daemon)
        daemon.add_labels(labels_by_first_number(ITEMS, 30))
        wait_until(lambda: daemon.model()["labels_fitted"] == 30, "a refit")
        told = rewards(daemon)
        assert told != plain
        daemon.add_items([{**ITEMS[0], "id": "another"}])
        assert rewards(daemon) == told
        daemon.ok("PUT", "/v1/scores", rows({"p0-r0": 9.0}))
        wait_until(lambda: rewards(daemon) not in (told, plain), "what the score changes")
        wait_until(lambda: daemon.model()["labels_fitted"] == 30, "another refit")
        assert rewards(daemon) != plain


def test_a_trust_reaches_a_trained_model_by_a_refit(db):
    with Daemon(db, {"model": "linear", "refit": "yes"}) as daemon:
        daemon.add_items(scored(ITEMS))
        daemon.add_labels(labels_by_first_number(ITEMS, 20))
        daemon.train()
        before = rewards(daemon)
        trust(daemon, "trusted")
        wait_until(lambda: rewards(daemon) != before, "other rewards")
        assert daemon.model()["version"] == 1
        trust(daemon, "unknown")
        wait_until(lambda: rewards(daemon) == pytest.approx(before, abs=1e-3), "rewards of before")


def test_scores_of_new_items_count_in_a_trained_model(db):
    with Daemon(db, {"model": "linear", "text-features": "off"}) as daemon:
        daemon.add_items(scored(ITEMS))
        trust(daemon, "trusted")
        daemon.add_labels(labels_by_first_number(ITEMS, 20))
        daemon.train()
        new = [{**ITEMS[0], "id": f"new{i}", "prompt_id": "new", "scores": {"judge": float(i)}}
               for i in range(3)]
        daemon.add_items(new)
        found = rewards(daemon, new)
        assert len(set(found.values())) == 3


@pytest.mark.parametrize(("option", "value"), [("retrain-seconds", 0.2), ("retrain-labels", 10)])
def test_changed_scores_make_a_trained_model_train_again(db, option, value):
    with Daemon(db, {"model": "linear", option: value}) as daemon:
        daemon.add_items(ITEMS)
        daemon.add_labels(labels_by_first_number(ITEMS, 9))
        if option == "retrain-labels":
            daemon.train()
        else:
            daemon.wait_for_version(1)
        version = daemon.model()["version"]
        before = rewards(daemon)
        daemon.ok("PUT", "/v1/scores", rows(JUDGE))
        daemon.wait_for_version(version + 1)
        trust(daemon, "trusted")
        daemon.ok("PUT", "/v1/scores", rows({name: value + 1 for name, value in JUDGE.items()}))
        daemon.wait_for_version(version + 2)
        assert rewards(daemon) != before


def test_a_trusted_score_that_items_miss_is_named_in_the_log(db):
    with Daemon(db) as daemon:
        daemon.add_items(ITEMS)
        daemon.ok("PUT", "/v1/scores", rows({**JUDGE, "p0-r0": None}))
        daemon.ok("PUT", "/v1/scores", {"items": [
            {"id": name, "scores": {"full": 1, "other": None if name == "p1-r1" else 2}}
            for name in JUDGE]})
        daemon.ok("PATCH", "/v1/project", {
            "scores": {"judge": {"trust": "inverted"}, "full": {"trust": "trusted"}}})
    warnings = [line for line in daemon.log if "scores-missing" in line]
    assert len(warnings) == 1, warnings
    assert "score=judge missing=1 items=16" in warnings[0]


def test_scores_do_not_train_a_model_that_never_was(db):
    with Daemon(db, {"model": "linear", "retrain-labels": 10, "refit": "yes"}) as daemon:
        daemon.add_items(ITEMS)
        daemon.add_labels(labels_by_first_number(ITEMS, 9))
        daemon.ok("PUT", "/v1/scores", rows(JUDGE))
        wait_until(lambda: daemon.model()["labels_fitted"] == 9, "a refit")
        assert daemon.model()["version"] == 0 and daemon.model()["worker"]["state"] == "idle"


def inline(item, **more):
    return {"embedding": item["embedding"], "prompt_id": item["prompt_id"], **more}


def test_an_inline_item_with_the_scores_of_a_stored_one_has_its_reward(db):
    with Daemon(db, {"model": "linear"}) as daemon:
        daemon.add_items(scored(ITEMS))
        trust(daemon, "trusted")
        wait_for_agreement(daemon, JUDGE, 1)
        same = [inline(item, scores={"judge": JUDGE[item["id"]]}) for item in ITEMS]
        found = daemon.post("/v1/score", {"items": same})["scores"]
        stored = rewards(daemon)
        assert [score["reward"] for score in found] == pytest.approx(list(stored.values()), abs=1e-6)
        assert len({score["reward"] for score in found}) > 1
        without = [inline(ITEMS[0]), inline(ITEMS[0], scores={"judge": None}),
                   inline(ITEMS[0], scores=None), inline(ITEMS[0], scores={"another": 3})]
        assert len({score["reward"] for score in
                    daemon.post("/v1/score", {"items": without})["scores"]}) == 1
        best = max(range(4), key=lambda i: JUDGE[ITEMS[i]["id"]])
        worst = min(range(4), key=lambda i: JUDGE[ITEMS[i]["id"]])
        pair = daemon.post("/v1/score", {"pairs": [[same[best], same[worst]]]})["pairs"][0]
        assert pair["p"] > 0.5


@pytest.mark.parametrize("reference, at, word", [
    ({"embedding": [1, 2, 3, 4], "scores": {"judge": "high"}}, "/items/0/scores/judge", "number"),
    ({"embedding": [1, 2, 3, 4], "scores": {"judge": 1e7}}, "/items/0/scores/judge", "1e+06"),
    ({"embedding": [1, 2, 3, 4], "scores": [1]}, "/items/0/scores", "object"),
    ({"embedding": [1, 2, 3, 4], "scores": {str(i): i for i in range(17)}}, "/items/0/scores", "16"),
    ({"id": "p0-r0", "scores": {"judge": 1}}, "/items/0/scores", "id"),
])
def test_wrong_scores_of_an_inline_item_are_named(daemon, reference, at, word):
    response = daemon.call("POST", "/v1/score", {"items": [reference]})
    assert response.status == 422
    error = response.json["errors"][0]
    assert error["pointer"] == at and word in error["detail"]
