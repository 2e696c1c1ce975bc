"""What a selection reports about its batch: certificate, explanation and statistics."""

import itertools
import math
from collections import Counter

import pytest

from client import Daemon, STRATEGIES, all_pairs, labels_by_first_number, scattered_items

ITEMS = scattered_items(prompts=5, responses=4, seed=9)
PAIRS = all_pairs(ITEMS)
FEW = PAIRS[::16][:12]
ROUNDING = 2e-6  # nats; features are single precision
FIGURES = {"logdet_after", "d_efficiency", "distinct_items", "mean_item_uses", "max_item_uses",
           "mean_v", "mean_reward_difference", "sd_reward_difference", "mean_max_cosine"}


@pytest.fixture(scope="module", params=["untrained", "trained"])
def model(tmp_path_factory, request):
    """A daemon with an untrained model, and one with a model of forty labels."""
    with Daemon(tmp_path_factory.mktemp("model") / "fisherd.db") as daemon:
        daemon.add_items(ITEMS)
        if request.param == "trained":
            daemon.add_labels(labels_by_first_number(ITEMS, 40))
            daemon.train()
        yield daemon


def diagnostics(daemon, **request):
    return daemon.select(**request)["diagnostics"]


def rewards(daemon):
    ids = [item["id"] for item in ITEMS]
    scores = daemon.post("/v1/score", {"items": ids})["scores"]
    return dict(zip(ids, (score["reward"] for score in scores), strict=True))


# ---- certificate ----

@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize("size", [1, 5, 40])
def test_a_tight_certificate_is_at_most_the_tangent(model, strategy, size):
    request = {"batch_size": size, "strategy": strategy, "pairs": PAIRS, "seed": 3}
    tangent = model.select(**request, certify="tangent")
    tight = model.select(**request, certify="tight")
    plain = model.select(**request)
    assert tangent["pairs"] == tight["pairs"] == plain["pairs"]
    first, second = tangent["diagnostics"], tight["diagnostics"]
    assert plain["diagnostics"]["logdet_bound"] == first["logdet_bound"]
    assert second["logdet_bound"] <= first["logdet_bound"] + 1e-9
    assert second["logdet_bound"] >= second["logdet_after"] - 1e-9
    assert second["d_efficiency"] >= first["d_efficiency"] * (1 - 1e-9)


def test_a_tight_certificate_says_more_of_a_random_batch(model):
    request = {"batch_size": 10, "strategy": "random", "pairs": PAIRS, "seed": 3,
               "prior_precision": 0.001}
    tight = diagnostics(model, **request, certify="tight")["logdet_bound"]
    assert tight < diagnostics(model, **request)["logdet_bound"] - 1


@pytest.mark.parametrize("scope", ["in_prompt", "cross_prompt", "any"])
def test_a_certificate_of_all_pairs_is_at_most_the_tangent(model, scope):
    request = {"batch_size": 8, "strategy": "random", "seed": 3,
               "generate": {"mode": "all_pairs", "scope": scope}}
    tight = diagnostics(model, **request, certify="tight")
    assert tight["logdet_after"] <= tight["logdet_bound"]
    assert tight["logdet_bound"] <= diagnostics(model, **request)["logdet_bound"]
    best = diagnostics(model, **{**request, "strategy": "greedy"})
    assert best["logdet_after"] <= tight["logdet_bound"] + 1e-9


@pytest.mark.parametrize("certify", ["tangent", "tight"])
def test_no_two_pairs_have_more_information_than_the_bound(model, certify):
    known = [diagnostics(model, batch_size=2, pairs=list(pairs))["logdet_after"]
             for pairs in itertools.combinations(FEW, 2)]
    best, worst = max(known), min(known)
    for strategy in STRATEGIES:
        response = diagnostics(model, batch_size=2, strategy=strategy, pairs=FEW, certify=certify)
        assert response["logdet_bound"] >= best - ROUNDING, strategy
        for batch in (response, response["random_batch"]):
            assert worst - ROUNDING <= batch["logdet_after"] <= best + ROUNDING, strategy
    assert diagnostics(model, batch_size=2, strategy="exchange", pairs=FEW)[
        "logdet_after"] == pytest.approx(best, abs=1e-6)


def test_exchange_knows_no_less_than_greedy(model):
    for size in (3, 8, 30):
        greedy, exchange = (diagnostics(model, batch_size=size, strategy=strategy, pairs=PAIRS)
                            for strategy in ("greedy", "exchange"))
        assert exchange["logdet_after"] >= greedy["logdet_after"] - 1e-9


# ---- explanation ----

@pytest.mark.parametrize("source", [
    {"pairs": PAIRS}, {"generate": {"mode": "all_pairs", "scope": "any", "include_labelled": True}},
    {"generate": {"mode": "cross_prompt", "pairs": 50}}], ids=["pairs", "all_pairs", "sampled"])
@pytest.mark.parametrize("strategy", STRATEGIES)
def test_an_explanation_agrees_with_the_probability_and_the_gain(model, source, strategy):
    request = {"batch_size": 12, "strategy": strategy, "seed": 4, **source}
    selection = model.select(**request, explain=True)
    pairs = selection["pairs"]
    for pair in pairs:
        assert math.isclose(pair["v"], pair["p"] * (1 - pair["p"]), rel_tol=1e-5, abs_tol=1e-12)
        assert pair["leverage"] > 0
        assert pair["gain"] <= math.log1p(pair["v"] * pair["leverage"]) + 1e-6
        assert 0 <= pair["entropy_rank"] < selection["diagnostics"]["candidates"]
    assert len({pair["entropy_rank"] for pair in pairs}) == 12
    assert math.isclose(pairs[0]["gain"], math.log1p(pairs[0]["v"] * pairs[0]["leverage"]),
                        rel_tol=1e-4)
    plain = model.select(**request)
    assert all(set(pair) == {"a", "b", "index", "p", "gain"} for pair in plain["pairs"])
    explained = [{k: pair[k] for k in ("a", "b", "index", "p", "gain")} for pair in pairs]
    assert explained == plain["pairs"]
    assert model.select(**request, explain=False)["pairs"] == plain["pairs"]


def test_the_leverage_is_that_before_the_first_pick(model):
    selection = model.select(batch_size=30, pairs=PAIRS, explain=True)
    for pair in selection["pairs"][::7]:
        alone = model.select(batch_size=1, pairs=[PAIRS[pair["index"]]], explain=True)["pairs"][0]
        assert math.isclose(pair["leverage"], alone["leverage"], rel_tol=1e-5)
        assert math.isclose(alone["gain"], math.log1p(pair["v"] * pair["leverage"]), rel_tol=1e-5)


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_the_entropy_ranks_of_all_candidates_are_a_permutation(model, strategy):
    selection = model.select(batch_size=len(PAIRS), strategy=strategy, pairs=PAIRS, explain=True)
    ranked = sorted(selection["pairs"], key=lambda pair: pair["entropy_rank"])
    assert [pair["entropy_rank"] for pair in ranked] == list(range(len(PAIRS)))
    doubt = [abs(pair["p"] - 0.5) for pair in ranked]
    assert all(earlier <= later + 1e-6 for earlier, later in zip(doubt, doubt[1:]))


def test_entropy_picks_by_entropy_rank(model):
    selection = model.select(batch_size=25, strategy="entropy", pairs=PAIRS, explain=True,
                             copy_distance=0)
    assert [pair["entropy_rank"] for pair in selection["pairs"]] == list(range(25))
    pool = model.select(batch_size=25, strategy="entropy", explain=True, copy_distance=0, generate={
        "mode": "all_pairs", "scope": "any", "include_labelled": True})
    assert [pair["entropy_rank"] for pair in pool["pairs"]] == list(range(25))


# ---- figures ----

def check_ranges(figures, size):
    assert set(figures) == FIGURES
    assert 2 <= figures["distinct_items"] <= min(2 * size, len(ITEMS))
    assert 1 <= figures["mean_item_uses"] <= figures["max_item_uses"] <= size
    assert 0 < figures["mean_v"] <= 0.25
    assert figures["mean_reward_difference"] >= 0 and figures["sd_reward_difference"] >= 0
    assert 0 <= figures["mean_max_cosine"] <= 1
    assert 0 <= figures["d_efficiency"] <= 1 + 1e-9


@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize("size", [1, 15, 190])
def test_the_batch_statistics_match_its_pairs(model, strategy, size):
    selection = model.select(batch_size=size, strategy=strategy, pairs=PAIRS)
    found, batch = selection["diagnostics"], selection["diagnostics"]["batch"]
    check_ranges(batch, size)
    uses = Counter(item for pair in selection["pairs"] for item in (pair["a"], pair["b"]))
    assert batch["distinct_items"] == found["distinct_items"] == len(uses)
    assert batch["max_item_uses"] == max(uses.values())
    assert math.isclose(batch["mean_item_uses"], 2 * size / len(uses), rel_tol=1e-9)
    assert math.isclose(batch["logdet_after"], found["logdet_after"], rel_tol=1e-9)
    assert math.isclose(batch["d_efficiency"], found["d_efficiency"], rel_tol=1e-9)
    reward = rewards(model)
    gaps = [abs(reward[pair["a"]] - reward[pair["b"]]) for pair in selection["pairs"]]
    mean = sum(gaps) / size
    spread = math.sqrt(sum((gap - mean) ** 2 for gap in gaps) / size)
    doubt = sum(1 / (1 + math.exp(gap)) / (1 + math.exp(-gap)) for gap in gaps) / size
    assert math.isclose(batch["mean_reward_difference"], mean, rel_tol=1e-4, abs_tol=1e-6)
    assert math.isclose(batch["sd_reward_difference"], spread, rel_tol=1e-3, abs_tol=1e-5)
    assert math.isclose(batch["mean_v"], doubt, rel_tol=1e-4)


@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize("source", [{"pairs": PAIRS}, {"generate": {"mode": "all_pairs"}}],
                         ids=["pairs", "all_pairs"])
def test_the_diagnostics_compare_with_a_random_batch_of_the_same_size(model, strategy, source):
    for size in (1, 9, 18):
        found = diagnostics(model, batch_size=size, strategy=strategy, **source)
        check_ranges(found["random_batch"], size)
        assert found["logdet_before"] <= found["random_batch"]["logdet_after"]
        assert found["random_batch"]["logdet_after"] <= found["logdet_bound"] + 1e-9
        expected = math.exp((found["random_batch"]["logdet_after"] - found["logdet_bound"]) / 8)
        assert math.isclose(found["random_batch"]["d_efficiency"], expected, rel_tol=1e-6)


def test_a_batch_of_all_candidates_has_the_statistics_of_a_random_one(model):
    found = diagnostics(model, batch_size=len(PAIRS), pairs=PAIRS)
    for name in FIGURES:
        assert math.isclose(found["batch"][name], found["random_batch"][name], rel_tol=1e-6), name


def test_greedy_knows_more_than_the_random_batch_beside_it(model):
    for seed in range(6):
        found = diagnostics(model, batch_size=10, pairs=PAIRS, seed=seed)
        assert found["batch"]["logdet_after"] > found["random_batch"]["logdet_after"]


def test_pairs_of_one_direction_have_a_cosine_of_one(db):
    with Daemon(db, {"hidden-layers": 0, "components": 0}) as daemon:
        numbers = [0, 1, 3, 7, 15]
        daemon.add_items([{"id": f"i{number}", "prompt_id": "p", "embedding": [number, 2 * number]}
                          for number in numbers])
        found = diagnostics(daemon, batch_size=10, generate={"mode": "all_pairs"})
        assert math.isclose(found["batch"]["mean_max_cosine"], 1, abs_tol=1e-6)
        daemon.add_items([{"id": "x", "prompt_id": "q", "embedding": [2, -1]},
                          {"id": "y", "prompt_id": "q", "embedding": [0, 0]}])
        found = diagnostics(daemon, batch_size=2, pairs=[
            {"a": "i0", "b": "i1"}, {"a": "x", "b": "y"}])
        assert found["batch"]["mean_max_cosine"] < 0.999
