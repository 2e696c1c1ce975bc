"""Selections over the API: strategies, candidates, sampling."""

import base64
import itertools
import math

import pytest

from client import STRATEGIES, all_pairs, chosen, float32, label, labels_by_first_number


def in_prompt(items):
    return {frozenset((a["id"], b["id"])) for a, b in itertools.combinations(items, 2)
            if a["prompt_id"] == b["prompt_id"]}


def check_diagnostics(selection, candidates, features=18):
    diagnostics = selection["diagnostics"]
    assert set(diagnostics) >= {"logdet_before", "logdet_after", "logdet_bound", "d_efficiency",
                                "candidates", "distinct_items", "elapsed_ms"}
    assert diagnostics["candidates"] == candidates
    assert diagnostics["logdet_before"] <= diagnostics["logdet_after"] + 1e-9
    assert diagnostics["logdet_after"] <= diagnostics["logdet_bound"] + 1e-9
    expected = math.exp((diagnostics["logdet_after"] - diagnostics["logdet_bound"]) / features)
    assert math.isclose(diagnostics["d_efficiency"], expected, rel_tol=1e-6)
    assert 0 < diagnostics["d_efficiency"] <= 1 + 1e-9
    most = diagnostics["logdet_bound"] - diagnostics["logdet_before"]
    if diagnostics["gain_share"] is not None:
        share = (diagnostics["logdet_after"] - diagnostics["logdet_before"]) / most
        assert math.isclose(diagnostics["gain_share"], min(share, 1), rel_tol=1e-5, abs_tol=1e-6)
    else:
        assert most <= 1e-12
    gained = sum(pair["gain"] for pair in selection["pairs"])
    assert math.isclose(gained, diagnostics["logdet_after"] - diagnostics["logdet_before"],
                        rel_tol=1e-5, abs_tol=1e-7)
    assert diagnostics["elapsed_ms"] >= 0


def check_batch(selection, pairs):
    assert selection["model_version"] == 1
    assert len(selection["pairs"]) == 9
    assert len({pair["index"] for pair in selection["pairs"]}) == 9
    for pair in selection["pairs"]:
        assert {"a": pair["a"], "b": pair["b"]} == pairs[pair["index"]]
        assert 0 <= pair["p"] <= 1 and pair["gain"] >= 0
    items_in_batch = set().union(*chosen(selection))
    assert selection["diagnostics"]["distinct_items"] == len(items_in_batch)
    check_diagnostics(selection, len(pairs))


def test_every_strategy_chooses_distinct_pairs_of_the_candidates(daemon, items):
    daemon.add_labels(labels_by_first_number(items, 30))
    daemon.train()
    pairs = all_pairs(items)
    names = daemon.strategies()
    assert set(STRATEGIES) <= set(names)
    for strategy in names:
        selection = daemon.select(batch_size=9, strategy=strategy, seed=5, pairs=pairs)
        assert selection["strategy"] == strategy
        check_batch(selection, pairs)


def test_i_opt_is_the_default_strategy(shared, items):
    assert shared.select(batch_size=2, pairs=all_pairs(items))["strategy"] == "i-opt"


def test_greedy_gains_most_with_its_first_pair_and_never_more_later(daemon, items):
    pairs = all_pairs(items)
    batch = daemon.select(batch_size=30, strategy="greedy", pairs=pairs)["pairs"]
    gains = [pair["gain"] for pair in batch]
    assert all(earlier >= later - 1e-9 for earlier, later in zip(gains, gains[1:]))
    alone = [daemon.select(batch_size=1, pairs=[pair])["pairs"][0]["gain"] for pair in pairs]
    assert math.isclose(gains[0], max(alone), rel_tol=1e-6)


def test_greedy_knows_more_than_random_choice(daemon, items):
    pairs = all_pairs(items)
    greedy = daemon.select(batch_size=10, strategy="greedy", pairs=pairs)["diagnostics"]
    for seed in range(5):
        other = daemon.select(batch_size=10, strategy="random", seed=seed, pairs=pairs)
        assert greedy["logdet_after"] > other["diagnostics"]["logdet_after"]


def test_the_probability_follows_from_the_rewards(daemon, items):
    daemon.add_labels(labels_by_first_number(items, 66))
    daemon.train()
    selection = daemon.select(batch_size=66, strategy="random", pairs=all_pairs(items))
    rewards = dict(zip([item["id"] for item in items], (
        score["reward"] for score in daemon.post(
            "/v1/score", {"items": [item["id"] for item in items]})["scores"]), strict=True))
    for pair in selection["pairs"]:
        expected = 1 / (1 + math.exp(rewards[pair["b"]] - rewards[pair["a"]]))
        assert math.isclose(pair["p"], expected, rel_tol=1e-4)


def test_ids_of_pairs_come_back(shared, items):
    pairs = [{**pair, "id": f"pair {i}"} for i, pair in enumerate(all_pairs(items))]
    for pair in shared.select(batch_size=66, pairs=pairs)["pairs"]:
        assert pair["id"] == f"pair {pair['index']}"


def test_ids_and_inline_embeddings_mix(shared, items):
    def inline(item):
        return {name: item[name] for name in ("embedding", "prompt", "response", "prompt_id")}
    def encoded(item):
        return {**inline(item), "embedding": base64.b64encode(float32(item["embedding"])).decode()}
    forms = [lambda item: item["id"], inline, encoded]
    plain = all_pairs(items)
    mixed = [{"a": forms[i % 3](a), "b": forms[i // 3 % 3](b)}
             for i, (a, b) in enumerate(itertools.combinations(items, 2))]
    expected = shared.select(batch_size=20, seed=1, pairs=plain)
    selection = shared.select(batch_size=20, seed=1, pairs=mixed)
    for mine, its in zip(expected["pairs"], selection["pairs"], strict=True):
        assert math.isclose(mine["p"], its["p"], rel_tol=1e-4)
        assert math.isclose(mine["gain"], its["gain"], rel_tol=1e-3, abs_tol=1e-6)
    for pair in selection["pairs"]:
        for side in "ab":
            if isinstance(mixed[pair["index"]][side], str):
                assert pair[side] == mixed[pair["index"]][side]


def test_an_inline_item_need_not_be_stored(shared):
    selection = shared.select(batch_size=1, pairs=[
        {"a": {"embedding": [0.5, 1, 2, 3]}, "b": {"embedding": [3, 2, 1, 0.5]}}])
    assert selection["pairs"][0]["index"] == 0
    assert len(shared.list_all("items")) == 12


def test_in_prompt_pairs_stay_within_a_prompt(shared, items):
    selection = shared.select(batch_size=18, generate={"mode": "in_prompt", "pairs": 1000})
    assert chosen(selection) == in_prompt(items)
    check_diagnostics(selection, 18)


def test_cross_prompt_pairs_join_two_prompts(shared, items):
    selection = shared.select(batch_size=48, generate={"mode": "cross_prompt", "pairs": 1000})
    assert len(chosen(selection)) == 48
    assert not chosen(selection) & in_prompt(items)


def test_generate_respects_the_numbers_of_prompts_responses_and_pairs(shared):
    selection = shared.select(batch_size=3, generate={
        "mode": "in_prompt", "prompts": 1, "responses_per_prompt": 3, "pairs": 100,
        "contested": 1})
    assert selection["diagnostics"]["candidates"] == 3
    assert len({pair["a"].split("-")[0] for pair in selection["pairs"]}) == 1
    for contested, left in ((1, 5), (0.5, 3), (0.01, 2)):  # never fewer than the batch
        selection = shared.select(batch_size=2, generate={
            "mode": "in_prompt", "pairs": 5, "contested": contested})
        assert selection["diagnostics"]["candidates"] == left


@pytest.mark.parametrize("mode, total", [("in_prompt", 18), ("cross_prompt", 48)])
def test_generate_leaves_out_labelled_pairs_unless_asked(daemon, items, mode, total):
    generate = {"mode": mode, "pairs": 1000}
    some = daemon.select(batch_size=10, generate=generate)["pairs"]
    answered = [label(f"l{i}", pair["a"], pair["b"], preference)
                for i, (pair, preference) in enumerate(zip(some, itertools.cycle("ab")))]
    answered[3]["preference"] = "tie"
    answered[4]["a"], answered[4]["b"] = answered[4]["b"], answered[4]["a"]
    daemon.add_labels(answered)
    rest = daemon.select(batch_size=total - 10, generate=generate)
    assert rest["diagnostics"]["candidates"] == total - 10
    assert not chosen(rest) & chosen({"pairs": some})
    everything = daemon.select(batch_size=total, generate={**generate, "include_labelled": True})
    assert len(chosen(everything)) == total

    response = daemon.call("POST", "/v1/selections", {
        "batch_size": total - 9, "generate": generate})
    assert response.status == 422
    assert response.json["errors"][0]["pointer"] == "/batch_size"


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_the_same_seed_gives_the_same_batch(shared, strategy):
    request = {"batch_size": 5, "strategy": strategy, "generate": {
        "mode": "cross_prompt", "prompts": 2, "responses_per_prompt": 3, "pairs": 8}}
    first, second = (shared.select(seed=77, **request) for _ in range(2))
    assert first["pairs"] == second["pairs"]
    others = [shared.select(seed=seed, **request)["pairs"] for seed in range(6)]
    assert any(other != first["pairs"] for other in others)


def test_without_a_seed_random_batches_differ(shared, items):
    batches = {tuple(pair["index"] for pair in shared.select(
        batch_size=10, strategy="random", pairs=all_pairs(items))["pairs"]) for _ in range(5)}
    assert len(batches) > 1


def test_a_selection_changes_nothing(daemon, items):
    first = daemon.select(batch_size=10, seed=1, pairs=all_pairs(items))
    second = daemon.select(batch_size=10, seed=1, pairs=all_pairs(items))
    assert first["pairs"] == second["pairs"]
    assert first["diagnostics"]["logdet_before"] == second["diagnostics"]["logdet_before"]


def test_stored_labels_count_in_the_next_batch(daemon, items):
    pairs = all_pairs(items)
    first = daemon.select(batch_size=10, seed=1, pairs=pairs)
    daemon.add_labels([label(f"l{i}", pair["a"], pair["b"])
                       for i, pair in enumerate(first["pairs"])])
    second = daemon.select(batch_size=10, seed=1, pairs=pairs)
    assert math.isclose(second["diagnostics"]["logdet_before"],
                        first["diagnostics"]["logdet_after"], rel_tol=1e-5)
    assert second["pairs"][0]["gain"] < first["pairs"][0]["gain"]


def test_a_skipped_pair_carries_no_information(daemon, items):
    pairs = all_pairs(items)
    before = daemon.select(batch_size=1, pairs=pairs)["diagnostics"]["logdet_before"]
    daemon.add_labels([label("l", items[0]["id"], items[1]["id"], "skip")])
    after = daemon.select(batch_size=1, pairs=pairs)["diagnostics"]["logdet_before"]
    assert before == after


def test_identical_items_still_give_a_batch(empty):
    empty.add_items([{"id": f"i{i}", "prompt_id": "p", "embedding": [1, 1]} for i in range(5)])
    for strategy in STRATEGIES:
        selection = empty.select(batch_size=4, strategy=strategy, generate={
            "mode": "in_prompt", "pairs": 10})
        assert len(selection["pairs"]) == 4
        assert all(abs(pair["p"] - 0.5) < 1e-6 and abs(pair["gain"]) < 1e-6 for pair in selection["pairs"])
