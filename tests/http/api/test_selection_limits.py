"""The limits of a batch: pairs per item, pairs per prompt, and near-copies."""

import itertools
from collections import Counter

import pytest

from client import (Daemon, RANDOM, RANKING, SEQUENTIAL, STRATEGIES, all_pairs, chosen,
                    labels_by_first_number, scattered_items)

ITEMS = scattered_items(prompts=4, responses=4, seed=5)
PAIRS = all_pairs(ITEMS)
SOURCES = {
    "pairs": {"pairs": PAIRS},
    "any": {"generate": {"mode": "all_pairs", "scope": "any"}},
    "in_prompt": {"generate": {"mode": "all_pairs", "scope": "in_prompt"}},
    "cross_prompt": {"generate": {"mode": "all_pairs", "scope": "cross_prompt"}},
    "sampled": {"generate": {"mode": "cross_prompt", "pairs": 1000, "contested": 1}},
}


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    with Daemon(tmp_path_factory.mktemp("trained") / "fisherd.db") as daemon:
        daemon.add_items(ITEMS)
        daemon.add_labels(labels_by_first_number(ITEMS, 9))
        daemon.train()
        yield daemon


def prompts_of(pair):
    return {item.split("-")[0] for item in pair}


def candidates(source):
    if source == "pairs":
        return {frozenset(pair.values()) for pair in PAIRS}
    scoped = [frozenset(pair.values()) for pair in PAIRS[9:] + PAIRS[:9]]
    labelled = {frozenset((x["a"], x["b"])) for x in labels_by_first_number(ITEMS, 9)}
    sizes = {"in_prompt": [1], "cross_prompt": [2], "sampled": [2], "any": [1, 2]}[source]
    return {pair for pair in scoped if len(prompts_of(pair)) in sizes} - labelled


def check_limits(selection, source, wanted, per_item=None, per_prompt=None):
    """Checks that the limits hold, and that a short batch has no room for any other pair."""
    batch = chosen(selection)
    assert len(batch) == len(selection["pairs"]) <= wanted
    assert batch <= candidates(source)
    items = Counter(item for pair in batch for item in pair)
    prompts = Counter(prompt for pair in batch for prompt in prompts_of(pair))
    assert not per_item or max(items.values()) <= per_item
    assert not per_prompt or max(prompts.values()) <= per_prompt
    if len(batch) == wanted:
        return
    for pair in candidates(source) - batch:
        assert ((per_item and any(items[item] >= per_item for item in pair)) or
                (per_prompt and any(prompts[p] >= per_prompt for p in prompts_of(pair)))), pair


def select(daemon, strategy, source, **more):
    if source not in ("pairs", "sampled"):
        assert daemon.select(batch_size=1, **SOURCES[source])["diagnostics"]["candidates"] == len(
            candidates(source))
    return daemon.select(strategy=strategy, **SOURCES[source], **more)


@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("limit", [1, 2, 5])
def test_no_item_is_in_more_pairs_than_allowed(trained, strategy, source, limit):
    for wanted in (6, 15):
        selection = select(trained, strategy, source, batch_size=wanted, max_per_item=limit)
        check_limits(selection, source, wanted, per_item=limit)
        assert selection["diagnostics"]["batch"]["max_item_uses"] <= limit


@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("limit", [1, 3])
def test_no_prompt_is_touched_by_more_pairs_than_allowed(trained, strategy, source, limit):
    for wanted in (5, 14):
        selection = select(trained, strategy, source, batch_size=wanted, max_per_prompt=limit)
        check_limits(selection, source, wanted, per_prompt=limit)


@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize("source", SOURCES)
def test_both_limits_hold_at_once(trained, strategy, source):
    selection = select(trained, strategy, source, batch_size=15, max_per_item=1, max_per_prompt=3,
                       copy_distance=0.3)
    check_limits(selection, source, 15, per_item=1, per_prompt=3)


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_limits_that_leave_fewer_pairs_than_wanted_give_fewer(trained, strategy):
    within = SOURCES["in_prompt"]
    within = {"generate": {**within["generate"], "include_labelled": True}}
    selection = trained.select(batch_size=24, strategy=strategy, max_per_prompt=1, **within)
    assert len(selection["pairs"]) == 4
    diagnostics = selection["diagnostics"]
    assert diagnostics["candidates"] == 24
    assert diagnostics["logdet_after"] <= diagnostics["logdet_bound"] + 1e-9
    assert sum(pair["gain"] for pair in selection["pairs"]) == pytest.approx(
        diagnostics["logdet_after"] - diagnostics["logdet_before"], rel=1e-6)
    assert len(trained.select(batch_size=24, strategy=strategy, max_per_item=3,
                              **within)["pairs"]) == 24


def test_an_embedding_of_a_request_belongs_to_no_prompt(trained):
    pairs = [{"a": {"embedding": item["embedding"]}, "b": ITEMS[0]["id"]} for item in ITEMS[1:]]
    assert len(trained.select(batch_size=9, pairs=pairs, max_per_prompt=9)["pairs"]) == 9
    inline = [{"a": {"embedding": a["embedding"]}, "b": {"embedding": b["embedding"]}}
              for a, b in itertools.islice(itertools.combinations(ITEMS, 2), 9)]
    assert len(trained.select(batch_size=9, pairs=inline, max_per_prompt=1)["pairs"]) == 9


def test_the_configured_limits_hold_until_a_request_has_its_own(db):
    with Daemon(db, {"max-per-item": 1, "max-per-prompt": 2}) as daemon:
        daemon.add_items(ITEMS)
        for source in SOURCES.values():
            selection = daemon.select(batch_size=12, **source)
            assert max(Counter(x for pair in chosen(selection) for x in pair).values()) == 1
            assert max(Counter(
                x for pair in chosen(selection) for x in prompts_of(pair)).values()) <= 2
            own = daemon.select(batch_size=12, max_per_item=3, max_per_prompt=9, **source)
            assert len(own["pairs"]) == 12


# ---- copies ----

def twin(item):
    return {**item, "id": "copy-" + item["id"]}


NEAR = [ITEMS[0], ITEMS[5], ITEMS[6], ITEMS[11]]
QUESTIONS = all_pairs(NEAR)
REPEATS = [{"a": "copy-" + pair["b"], "b": pair["a"]} for pair in QUESTIONS] + [
    {"a": "copy-" + pair["a"], "b": "copy-" + pair["b"]} for pair in QUESTIONS]


def question(pair):
    return frozenset(item.removeprefix("copy-") for item in pair.values())


@pytest.fixture(scope="module", params=[0, 1e-4], ids=["equal", "nearly equal"])
def copies(tmp_path_factory, request):
    """Trained, so that rewards differ; linear, so that different items stay different."""
    with Daemon(tmp_path_factory.mktemp("copies") / "fisherd.db", {"model": "linear"}) as daemon:
        daemon.add_items(ITEMS)
        daemon.add_items([{**twin(item), "embedding": [
            number + request.param for number in item["embedding"]]} for item in NEAR])
        daemon.add_labels(labels_by_first_number(ITEMS, 9))
        daemon.train()
        yield daemon


@pytest.mark.parametrize("strategy", [name for name in STRATEGIES if name != RANDOM])
def test_pairs_that_repeat_a_question_come_last(copies, strategy):
    mixed = REPEATS[:6] + QUESTIONS + REPEATS[6:]
    selection = copies.select(batch_size=18, strategy=strategy, pairs=mixed)
    asked = [question({"a": pair["a"], "b": pair["b"]}) for pair in selection["pairs"]]
    assert len(set(asked[:6])) == 6
    assert len(chosen(selection)) == 18
    fewer = copies.select(batch_size=6, strategy=strategy, pairs=mixed)
    assert len({question({"a": pair["a"], "b": pair["b"]}) for pair in fewer["pairs"]}) == 6


@pytest.mark.parametrize("strategy", [SEQUENTIAL, RANKING])
def test_copies_come_last_of_all_pairs_too(copies, strategy):
    everything = {"mode": "all_pairs", "scope": "any", "include_labelled": True}
    total = copies.select(batch_size=1, generate=everything)["diagnostics"]["candidates"]
    selection = copies.select(batch_size=total, strategy=strategy, generate=everything)
    asked = [question({"a": pair["a"], "b": pair["b"]}) for pair in selection["pairs"]]
    real = [pair for pair in asked if len(pair) == 2]
    distinct = len(set(real))
    assert distinct == 120
    assert len(set(real[:distinct])) == distinct


def test_without_a_copy_distance_copies_are_chosen_together(copies):
    mixed = QUESTIONS[:4] + REPEATS[:4] + REPEATS[6:10]
    selection = copies.select(batch_size=3, strategy=RANKING, pairs=mixed, copy_distance=0)
    assert len({question({"a": pair["a"], "b": pair["b"]}) for pair in selection["pairs"]}) == 1
    assert len(selection["pairs"]) == 3


def test_the_configured_copy_distance_holds_until_a_request_has_its_own(db):
    with Daemon(db, {"copy-distance": 0}) as daemon:
        daemon.add_items(ITEMS + [twin(item) for item in NEAR])
        daemon.add_labels(labels_by_first_number(ITEMS, 9))
        daemon.train()
        request = {"batch_size": 3, "strategy": "maxdiff", "pairs": QUESTIONS + REPEATS}
        for more, count in (({}, 1), ({"copy_distance": 0.02}, 3)):
            asked = {question({"a": pair["a"], "b": pair["b"]})
                     for pair in daemon.select(**request, **more)["pairs"]}
            assert len(asked) == count


@pytest.mark.parametrize("distance", [0, 1e-12, 0.5, 0.99])
@pytest.mark.parametrize("strategy", STRATEGIES)
def test_no_copy_distance_keeps_a_pair_out_of_a_batch_of_all(trained, strategy, distance):
    selection = trained.select(batch_size=len(PAIRS), strategy=strategy, pairs=PAIRS,
                               copy_distance=distance)
    assert len(chosen(selection)) == len(PAIRS)


def test_random_keeps_back_only_the_same_two_items(copies):
    same = [QUESTIONS[0], {"a": QUESTIONS[0]["b"], "b": QUESTIONS[0]["a"]}, QUESTIONS[0],
            QUESTIONS[1]]
    for seed in range(12):
        batch = chosen(copies.select(batch_size=2, strategy="random", seed=seed, pairs=same))
        assert len(batch) == 2
    mixed = [QUESTIONS[0], REPEATS[0], REPEATS[6]]
    batches = {frozenset(chosen(copies.select(
        batch_size=1, strategy="random", seed=seed, pairs=mixed))) for seed in range(40)}
    assert len(batches) == 3


def test_random_ends_where_the_limits_leave_no_more_of_a_large_pool(empty):
    empty.add_items(scattered_items(prompts=4, responses=100, dimension=4))
    selection = empty.select(batch_size=1000, strategy="random", max_per_prompt=9,
                             generate={"mode": "all_pairs", "scope": "any"})
    assert 18 <= len(selection["pairs"]) <= 36
