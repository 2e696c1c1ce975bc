"""A selection from all pairs gives the same batch as from a list of them."""

import itertools
import math

import pytest

from client import (Daemon, LIST_ONLY, RANKING, SEQUENTIAL, STRATEGIES, all_pairs, chosen, label,
                    labels_by_first_number, scattered_items)

ITEMS = scattered_items(prompts=6, responses=5, seed=3)
LABELS = labels_by_first_number(ITEMS, 25)
SAME = [SEQUENTIAL, RANKING]
SCOPES = {"in_prompt": 60, "cross_prompt": 375, "any": 435}


@pytest.fixture(scope="module", params=["untrained", "trained"])
def model(tmp_path_factory, request):
    with Daemon(tmp_path_factory.mktemp("model") / "fisherd.db") as daemon:
        daemon.add_items(ITEMS)
        if request.param == "trained":
            daemon.add_labels(LABELS)
            daemon.train()
        yield daemon


@pytest.fixture
def fresh(empty):
    empty.add_items(ITEMS)
    return empty


def everything(scope, **more):
    return {"generate": {"mode": "all_pairs", "scope": scope, **more}}


def is_in(scope, a, b):
    same = a.split("-")[0] == b.split("-")[0]
    return scope == "any" or same is (scope == "in_prompt")


def listed(scope, without=()):
    """The same pairs as a list, in the order of the prompts."""
    out = {frozenset((pair["a"], pair["b"])) for pair in without}
    ordered = all_pairs(sorted(ITEMS, key=lambda item: item["id"]))
    return {"pairs": [pair for pair in ordered
                      if is_in(scope, **pair) and frozenset(pair.values()) not in out]}


def answered(daemon):
    return LABELS if daemon.model()["labels"] else []


def check_same(from_pool, from_list):
    assert chosen(from_pool) == chosen(from_list)
    mine, its = from_pool["diagnostics"], from_list["diagnostics"]
    assert mine["candidates"] == its["candidates"]
    for name in ("logdet_before", "logdet_after", "logdet_bound"):
        assert math.isclose(mine[name], its[name], rel_tol=1e-5, abs_tol=1e-6), name
    for name, value in its["batch"].items():
        assert math.isclose(mine["batch"][name], value, rel_tol=1e-4, abs_tol=1e-6), name
    assert all(pair["index"] is None for pair in from_pool["pairs"])


@pytest.mark.parametrize("strategy", SAME)
@pytest.mark.parametrize("scope", SCOPES)
def test_all_pairs_give_the_batch_of_the_list(model, strategy, scope):
    for size in (1, 6, 25):
        request = {"batch_size": size, "strategy": strategy}
        check_same(model.select(**request, **everything(scope)),
                   model.select(**request, **listed(scope, answered(model))))


@pytest.mark.parametrize("strategy", SAME)
@pytest.mark.parametrize("scope", SCOPES)
@pytest.mark.parametrize("options", [
    {"max_per_item": 1}, {"max_per_prompt": 3}, {"max_per_item": 2, "max_per_prompt": 5},
    {"copy_distance": 0}, {"copy_distance": 0.4}, {"prior_precision": 5},
    {"certify": "tight"}], ids=str)
def test_options_have_the_same_effect_on_all_pairs_as_on_a_list(model, strategy, scope, options):
    request = {"batch_size": 14, "strategy": strategy, **options}
    check_same(model.select(**request, **everything(scope)),
               model.select(**request, **listed(scope, answered(model))))


@pytest.mark.parametrize("strategy", SAME)
@pytest.mark.parametrize("scope", SCOPES)
@pytest.mark.parametrize("member", ["exclude", "pending"])
def test_excluded_and_pending_pairs_have_the_same_effect_on_all_pairs_as_on_a_list(model, strategy, scope, member):
    out = listed(scope)["pairs"][3:50:4]
    request = {"batch_size": 12, "strategy": strategy, member: out}
    check_same(model.select(**request, **everything(scope)),
               model.select(**request, **listed(scope, [*answered(model), *out])))


@pytest.mark.parametrize("scope", SCOPES)
def test_strategies_that_need_a_list_get_the_same_from_all_pairs(model, scope):
    for size in (1, 9):
        request = {"batch_size": size, "strategy": LIST_ONLY, "seed": 2}
        check_same(model.select(**request, **everything(scope)),
                   model.select(**request, **listed(scope, answered(model))))


@pytest.mark.parametrize("strategy", SAME)
def test_ties_end_alike_from_all_pairs_and_the_list(db, strategy):
    items = [{"id": f"p{i // 3}-r{i % 3}", "prompt_id": f"p{i // 3}",
              "embedding": [i // 4, i % 4]} for i in range(12)]
    with Daemon(db, {"hidden-layers": 0}) as daemon:
        daemon.add_items(items)
        for size in (1, 4, 13, 66):
            request = {"batch_size": size, "strategy": strategy}
            mine = daemon.select(**request, **everything("any"))
            its = daemon.select(**request, pairs=all_pairs(items))
            assert math.isclose(mine["diagnostics"]["logdet_after"],
                                its["diagnostics"]["logdet_after"], rel_tol=1e-5, abs_tol=1e-5)
            assert chosen(mine) == chosen(its)


@pytest.mark.parametrize("scope, total", SCOPES.items())
@pytest.mark.parametrize("strategy", STRATEGIES)
def test_a_batch_can_be_all_of_all_pairs(fresh, scope, total, strategy):
    selection = fresh.select(batch_size=total, strategy=strategy, **everything(scope))
    assert selection["diagnostics"]["candidates"] == total
    assert chosen(selection) == {frozenset(pair.values()) for pair in listed(scope)["pairs"]}
    assert len(selection["pairs"]) == total
    too_many = fresh.call("POST", "/v1/selections", {
        "batch_size": total + 1, "strategy": strategy, **everything(scope)})
    assert too_many.status == 422
    error = too_many.json["errors"][0]
    assert error["pointer"] == "/batch_size" and str(total) in error["detail"]


@pytest.mark.parametrize("scope", SCOPES)
def test_labelled_pairs_are_left_out_of_all_pairs_unless_asked(fresh, scope):
    inside = listed(scope)["pairs"][:40:5]
    fresh.add_labels([label(f"l{i}", *(
        (pair["b"], pair["a"]) if i % 2 else (pair["a"], pair["b"])), preference)
        for i, (pair, preference) in enumerate(zip(inside, itertools.cycle(["a", "tie"])))])
    left = SCOPES[scope] - len(inside)
    rest = fresh.select(batch_size=left, **everything(scope))
    assert not chosen(rest) & {frozenset(pair.values()) for pair in inside}
    assert rest["diagnostics"]["candidates"] == len(chosen(rest)) == left
    both = fresh.select(batch_size=1, **everything(scope, include_labelled=True))
    assert both["diagnostics"]["candidates"] == SCOPES[scope]
    fewer = fresh.select(batch_size=1, exclude=inside[:3], **everything(
        scope, include_labelled=True))
    assert fewer["diagnostics"]["candidates"] == SCOPES[scope] - 3
    twice = fresh.select(batch_size=1, exclude=inside[:3], pending=inside[1:4], **everything(scope))
    assert twice["diagnostics"]["candidates"] == left


@pytest.mark.parametrize("scope, prompts, responses, total", [
    ("in_prompt", 2, None, 20), ("in_prompt", None, 3, 18), ("in_prompt", 4, 2, 4),
    ("cross_prompt", 2, None, 25), ("cross_prompt", None, 1, 15), ("cross_prompt", 3, 2, 12),
    ("any", 1, None, 10), ("any", 2, 2, 6), ("any", 100, 100, 435)])
def test_all_pairs_respect_the_numbers_of_prompts_and_responses(
        fresh, scope, prompts, responses, total):
    limits = {"prompts": prompts, "responses_per_prompt": responses}
    limits = {name: number for name, number in limits.items() if number}
    selection = fresh.select(batch_size=total, seed=8, **everything(scope, **limits))
    assert selection["diagnostics"]["candidates"] == len(chosen(selection)) == total
    items = set().union(*chosen(selection))
    by_prompt = [len(list(group)) for _, group in itertools.groupby(
        sorted(items), key=lambda item: item.split("-")[0])]
    assert len(by_prompt) <= (prompts or 6) and max(by_prompt) <= (responses or 5)
    again = fresh.select(batch_size=total, seed=8, **everything(scope, **limits))
    assert again["pairs"] == selection["pairs"]


def test_all_pairs_are_within_prompts_by_default(fresh):
    selection = fresh.select(batch_size=60, generate={"mode": "all_pairs"})
    assert chosen(selection) == {frozenset(pair.values()) for pair in listed("in_prompt")["pairs"]}


@pytest.mark.parametrize("mode", ["in_prompt", "cross_prompt", "all_pairs"])
def test_nothing_can_be_generated_from_an_empty_table(empty, mode):
    response = empty.call("POST", "/v1/selections", {"batch_size": 1, "generate": {"mode": mode}})
    assert response.status == 503 and "no items" in response.json["detail"], response


def test_random_pairs_of_a_pool_are_drawn_evenly(fresh):
    counts = {pair: 0 for pair in (frozenset(x.values()) for x in listed("in_prompt")["pairs"])}
    for seed in range(400):
        for pair in chosen(fresh.select(batch_size=6, strategy="random", seed=seed,
                                        **everything("in_prompt"))):
            counts[pair] += 1
    # 2,400 draws over 60 pairs; chi squared of 59 degrees of freedom is above 120 once in 10^6.
    assert sum((count - 40) ** 2 / 40 for count in counts.values()) < 120


# ---- more pairs than a list may have ----

@pytest.fixture(scope="module")
def large(tmp_path_factory):
    with Daemon(tmp_path_factory.mktemp("large") / "fisherd.db") as daemon:
        daemon.add_items(scattered_items(prompts=110, responses=10, dimension=2))
        yield daemon


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_any_pool_says_whether_a_strategy_takes_more_pairs_than_a_list(large, strategy):
    takes_any = {row["name"]: row["any_pool"] for row in large.get("/v1/strategies")["strategies"]}
    request = {"batch_size": 20, "strategy": strategy, **everything("any")}
    response = large.call("POST", "/v1/selections", request)
    if takes_any[strategy]:
        assert response.status == 200, response
        assert response.json["diagnostics"]["candidates"] == 604450
        assert len(chosen(response.json)) == 20
        return
    assert response.status == 422, response
    error = response.json["errors"][0]
    assert error["pointer"] == "/strategy"
    for word in (strategy, "524288", "604450"):
        assert word in error["detail"]
    fewer = large.select(**{**request, **everything("any", prompts=30)})
    assert fewer["diagnostics"]["candidates"] == 44850


@pytest.mark.parametrize("scope", ["cross_prompt", "any"])
def test_greedy_from_a_large_pool_knows_as_much_as_it_claims(large, scope):
    selection = large.select(batch_size=30, strategy="greedy", certify="tight", **everything(scope))
    pairs = [{"a": pair["a"], "b": pair["b"]} for pair in selection["pairs"]]
    again = large.select(batch_size=30, pairs=pairs)
    assert math.isclose(again["diagnostics"]["logdet_after"],
                        selection["diagnostics"]["logdet_after"], rel_tol=1e-6, abs_tol=1e-6)
    sample = large.select(batch_size=30, generate={"mode": "cross_prompt", "pairs": 20000})
    assert sample["diagnostics"]["logdet_after"] <= selection["diagnostics"]["logdet_bound"]
