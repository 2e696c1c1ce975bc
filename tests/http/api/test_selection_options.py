"""The options of a selection: excluded and pending pairs, prior, target."""

import math

import pytest

from client import (Daemon, LIST_ONLY, RANDOM, RANKING, SAMPLING, SEQUENTIAL, STRATEGIES, all_pairs,
                    chosen, label, labels_by_first_number, scattered_items)

ITEMS = scattered_items(prompts=4, responses=3)
PAIRS = all_pairs(ITEMS)
ALL = {"mode": "all_pairs", "scope": "any"}
SAMPLE = {"mode": "cross_prompt", "pairs": 1000}


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A daemon with a model, and labels of seven pairs."""
    with Daemon(tmp_path_factory.mktemp("trained") / "fisherd.db") as daemon:
        daemon.add_items(ITEMS)
        daemon.add_labels(labels_by_first_number(ITEMS, 7))
        daemon.train()
        yield daemon


@pytest.fixture
def fresh(empty):
    empty.add_items(ITEMS)
    return empty


def turned(pair):
    return {"a": pair["b"], "b": pair["a"]}


def refused(daemon, **request):
    response = daemon.call("POST", "/v1/selections", request)
    assert response.status == 422, response
    assert daemon.call("GET", "/readyz").status == 200
    return response.json["errors"][0]


def before(daemon, **request):
    request = {"batch_size": 1, "pairs": PAIRS, **request}
    return daemon.select(**request)["diagnostics"]["logdet_before"]


# ---- strategies ----

def test_the_strategies_are_listed_with_what_they_pick(trained):
    response = trained.get("/v1/strategies")
    assert set(response) == {"strategies", "default"}
    any_pool = {strategy["name"]: strategy["any_pool"] for strategy in response["strategies"]}
    assert all(any_pool[name] for name in (RANKING, SEQUENTIAL, RANDOM))
    assert not any(any_pool[name] for name in (SAMPLING, LIST_ONLY))
    for strategy in response["strategies"]:
        assert set(strategy) == {"name", "description", "any_pool"}
        assert strategy["description"].endswith(".")
    assert response["default"] == "i-opt"


def test_the_default_strategy_is_the_configured_one(db):
    with Daemon(db, {"strategy": "coreset"}) as daemon:
        daemon.add_items(ITEMS)
        assert daemon.get("/v1/strategies")["default"] == "coreset"
        assert daemon.select(batch_size=2, pairs=PAIRS)["strategy"] == "coreset"


@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize("source", [
    {"pairs": PAIRS}, {"generate": SAMPLE}, {"generate": {"mode": "in_prompt", "pairs": 9}},
    {"generate": ALL}], ids=["pairs", "cross_prompt", "in_prompt", "all_pairs"])
def test_every_strategy_chooses_from_every_source(trained, strategy, source):
    selection = trained.select(batch_size=5, strategy=strategy, **source)
    assert selection["strategy"] == strategy
    assert len(chosen(selection)) == 5


@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize("source", [{"pairs": PAIRS}, {"generate": SAMPLE}, {"generate": ALL}],
                         ids=["pairs", "cross_prompt", "all_pairs"])
def test_the_seed_in_the_response_gives_the_same_batch(trained, strategy, source):
    request = {"batch_size": 6, "strategy": strategy, **source}
    first = trained.select(**request)
    again = trained.select(seed=first["seed"], **request)
    assert again["seed"] == first["seed"]
    assert again["pairs"] == first["pairs"]
    assert trained.select(seed=12, **request)["seed"] == 12


@pytest.mark.parametrize("strategy", [RANDOM, SAMPLING])
def test_strategies_that_draw_differ_between_seeds(trained, strategy):
    batches = {frozenset(chosen(trained.select(
        batch_size=6, strategy=strategy, seed=seed, pairs=PAIRS))) for seed in range(8)}
    assert len(batches) > 4


# ---- exclude ----

@pytest.mark.parametrize("strategy", STRATEGIES)
def test_excluded_pairs_are_not_chosen_and_the_index_counts_all(trained, strategy):
    out = [PAIRS[0], turned(PAIRS[3]), PAIRS[40], turned(PAIRS[65]), PAIRS[0]]
    selection = trained.select(batch_size=66, strategy=strategy, pairs=PAIRS, exclude=out)
    assert selection["diagnostics"]["candidates"] == 62
    assert {pair["index"] for pair in selection["pairs"]} == set(range(66)) - {0, 3, 40, 65}
    for pair in selection["pairs"]:
        assert {"a": pair["a"], "b": pair["b"]} == PAIRS[pair["index"]]


def test_an_id_of_a_pair_stays_with_it_where_others_are_excluded(trained):
    named = [{**pair, "id": f"pair {i}"} for i, pair in enumerate(PAIRS)]
    for pair in trained.select(batch_size=20, pairs=named, exclude=PAIRS[:9])["pairs"]:
        assert named[pair["index"]] == {"a": pair["a"], "b": pair["b"], "id": pair["id"]}


@pytest.mark.parametrize("generate, total", [
    (SAMPLE, 54), (ALL, 66), ({"mode": "in_prompt"}, 12), ({"mode": "all_pairs"}, 12)])
@pytest.mark.parametrize("member", ["exclude", "pending"])
def test_excluded_and_pending_pairs_are_not_generated(fresh, generate, total, member):
    first = fresh.select(batch_size=5, generate=generate)["pairs"]
    out = [turned(pair) if i % 2 else {"a": pair["a"], "b": pair["b"]}
           for i, pair in enumerate(first)]
    rest = fresh.select(batch_size=total - 5, generate=generate, **{member: out})
    assert rest["diagnostics"]["candidates"] == total - 5
    assert not chosen(rest) & chosen({"pairs": first})
    assert len(chosen(rest)) == total - 5


@pytest.mark.parametrize("member", ["exclude", "pending"])
def test_a_list_whose_pairs_are_all_excluded_is_refused(trained, member):
    out = {member: [PAIRS[2], turned(PAIRS[1])]}
    assert refused(trained, batch_size=1, pairs=PAIRS[1:3], **out)["pointer"] == "/pairs"


def test_excluded_pairs_carry_no_information(trained):
    assert before(trained, exclude=PAIRS[10:30]) == before(trained)


def test_exclude_takes_only_known_ids(trained):
    request = {"batch_size": 1, "pairs": PAIRS}
    wrong = {"a": "nobody", "b": ITEMS[0]["id"]}
    inline = {"a": {"embedding": ITEMS[1]["embedding"]}, "b": ITEMS[0]["id"]}
    assert refused(trained, **request, exclude=[wrong])["pointer"] == "/exclude/0/a"
    assert refused(trained, **request, exclude=[PAIRS[3], inline])["pointer"] == "/exclude/1"


# ---- pending ----

def test_pending_pairs_count_as_if_they_were_answered(fresh):
    request = {"batch_size": 8, "pairs": PAIRS, "seed": 1}
    first = fresh.select(**request)
    out = [{"a": pair["a"], "b": pair["b"]} for pair in first["pairs"]]
    pending = fresh.select(**request, pending=out)
    assert not chosen(pending) & chosen(first)
    assert math.isclose(pending["diagnostics"]["logdet_before"],
                        first["diagnostics"]["logdet_after"], rel_tol=1e-9)
    fresh.add_labels([label(f"l{i}", pair["b"], pair["a"]) for i, pair in enumerate(out)])
    labelled = fresh.select(**request, exclude=out)
    assert math.isclose(pending["diagnostics"]["logdet_before"],
                        labelled["diagnostics"]["logdet_before"], rel_tol=1e-9)
    for mine, its in zip(pending["pairs"], labelled["pairs"], strict=True):
        assert mine["index"] == its["index"]
        assert math.isclose(mine["gain"], its["gain"], rel_tol=1e-6)


def test_a_copy_of_a_pending_pair_gains_less(fresh):
    prior = {"prior_precision": 0.001}  # so that one label is most of the information
    best = fresh.select(batch_size=1, pairs=PAIRS, **prior)["pairs"][0]
    where = {item["id"]: item["embedding"] for item in ITEMS}
    fresh.add_items([{"id": f"copy-{side}", "prompt_id": "copies",
                      "embedding": where[best[side]]} for side in "ab"])
    pairs = [*PAIRS, {"a": "copy-b", "b": "copy-a"}]
    alone = fresh.select(batch_size=1, pairs=pairs[-1:], **prior)["pairs"][0]["gain"]
    assert math.isclose(alone, best["gain"], rel_tol=1e-6)
    pending = [{"a": best["a"], "b": best["b"]}]
    gains = {pair["index"]: pair["gain"] for pair in fresh.select(
        batch_size=1, pairs=pairs[-1:], pending=pending, **prior)["pairs"]}
    assert gains[0] < 0.2 * alone
    after = fresh.select(batch_size=1, pairs=pairs, pending=pending, **prior)["pairs"][0]
    assert after["index"] not in (best["index"], len(PAIRS))


def test_pending_pairs_may_have_embeddings_of_their_own(trained):
    ids = [PAIRS[2], PAIRS[50]]
    where = {item["id"]: {"embedding": item["embedding"]} for item in ITEMS}
    inline = [{"a": where[PAIRS[2]["a"]], "b": PAIRS[2]["b"]},
              {"a": where[PAIRS[50]["a"]], "b": where[PAIRS[50]["b"]]}]
    assert before(trained) + 1e-3 < before(trained, pending=ids)
    assert math.isclose(before(trained, pending=inline), before(trained, pending=ids),
                        rel_tol=1e-6)


def test_an_unknown_pending_item_is_refused(trained):
    wrong = {"a": ITEMS[0]["id"], "b": "nobody"}
    error = refused(trained, batch_size=1, pairs=PAIRS, pending=[wrong])
    assert error["pointer"] == "/pending/0/b" and "nobody" in error["detail"]


def test_pending_and_excluded_pairs_are_forgotten_after_the_response(trained):
    plain = trained.select(batch_size=9, pairs=PAIRS, seed=1)
    trained.select(batch_size=9, pairs=PAIRS, pending=PAIRS[:20], exclude=PAIRS[20:40])
    again = trained.select(batch_size=9, pairs=PAIRS, seed=1)
    assert again["pairs"] == plain["pairs"]


# ---- prior ----

@pytest.mark.parametrize("precision", [1e-9, 1e-3, 0.5, 1, 30, 1e9])
def test_the_prior_is_the_information_of_a_model_that_knows_nothing(fresh, precision):
    features = fresh.model()["features"]
    assert math.isclose(before(fresh, prior_precision=precision), features * math.log(precision),
                        rel_tol=1e-9, abs_tol=1e-9)


def test_the_prior_of_a_request_holds_only_for_that_request(trained):
    plain = before(trained)
    prior = trained.model()["prior_precision"]
    assert before(trained, prior_precision=2 * prior) > plain
    assert before(trained) == plain
    assert math.isclose(before(trained, prior_precision=prior), plain, rel_tol=1e-6)


def test_a_larger_prior_leaves_less_to_gain(trained):
    gains = [trained.select(batch_size=1, strategy="greedy", pairs=PAIRS,
                            prior_precision=precision)["pairs"][0]["gain"]
             for precision in (1e-6, 1e-3, 1, 1e3)]
    assert gains == sorted(gains, reverse=True) and gains[-1] < 0.1 * gains[0]


# ---- bad states ----

@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize("state", ["no labels", "a model", "one question", "one embedding"])
def test_a_batch_can_be_all_of_the_candidates(empty, strategy, state):
    rows = ITEMS[:1] * 6 if state == "one embedding" else ITEMS[:6]
    empty.add_items([{**row, "id": f"i{i}"} for i, row in enumerate(rows)])
    items = [{**row, "id": f"i{i}"} for i, row in enumerate(rows)]
    if state == "a model":
        empty.add_labels(labels_by_first_number(items, 15))
        empty.train()
    pairs = all_pairs(items)
    pairs = pairs[:3] if state == "one question" else pairs
    selection = empty.select(batch_size=len(pairs), strategy=strategy, pairs=pairs, explain=True,
                             certify="tight")
    assert {pair["index"] for pair in selection["pairs"]} == set(range(len(pairs)))
    for pair in selection["pairs"]:
        assert all(math.isfinite(pair[name]) for name in ("p", "gain", "v", "leverage"))
        assert pair["gain"] >= 0
    told = {**selection["diagnostics"], "gain_share": 0}  # null where nothing can be gained
    assert None not in told.values()


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_one_candidate_is_chosen_whatever_it_is(trained, strategy):
    selection = trained.select(batch_size=1, strategy=strategy, pairs=[PAIRS[0]])
    assert [pair["index"] for pair in selection["pairs"]] == [0]


@pytest.mark.parametrize("target", ["in_prompt", "candidates"])
@pytest.mark.parametrize("strategy", ["i-opt", "knowledge-gradient"])
def test_strategies_with_targets_accept_each_target(trained, strategy, target):
    selection = trained.select(batch_size=9, strategy=strategy, pairs=PAIRS, target=target)
    assert len(chosen(selection)) == 9


def test_the_default_target_of_i_opt_is_within_prompts(trained):
    across = [pair for pair in PAIRS if pair["a"][:2] != pair["b"][:2]]
    plain, within, candidates = (
        [pair["index"] for pair in trained.select(
            batch_size=12, strategy="i-opt", seed=1, pairs=across, **more)["pairs"]]
        for more in ({}, {"target": "in_prompt"}, {"target": "candidates"}))
    assert plain == within != candidates
