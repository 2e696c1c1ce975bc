"""What the model knows of length and style: shown, and left out of scores and selections."""

import importlib.util
import json
import math
import pathlib

import numpy
import pytest

from client import Daemon, label
from test_metrics import parse, value

ROOT = pathlib.Path(__file__).parents[3]
DIMENSION, PROMPTS, RESPONSES = 6, 12, 5
WORDS = "the cat sat on a mat, and then: it slept. Why? (Nobody knows)\n- one\n- two".split(" ")
TEXT = 10


def module_of(path):
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


script = module_of(ROOT / "docs/load_weights.py")
golden = module_of(ROOT / "tests/golden/text_features.py")


def items_with_texts(seed=7, prefix="i"):
    """Some responses are empty, and some items lack the score."""
    draw = numpy.random.default_rng(seed)
    items = []
    for i in range(PROMPTS * RESPONSES):
        words = [] if i % 23 == 5 else draw.choice(WORDS, size=int(draw.integers(1, 60)))
        item = {"id": f"{prefix}{i}", "prompt_id": f"p{i % PROMPTS}", "prompt": "Where is the cat?",
                "response": " ".join(words),
                "embedding": [float(x) for x in draw.normal(size=DIMENSION).astype("<f4")]}
        if i % 7:
            item["scores"] = {"judge": float(draw.normal() * 3 + 2)}
        items.append(item)
    return items


def labels_by_length(items, count, seed=3):
    draw = numpy.random.default_rng(seed)
    labels = []
    for k in range(count):
        prompt = int(draw.integers(PROMPTS))
        a, b = draw.choice(RESPONSES, 2, replace=False) * PROMPTS + prompt
        gap = sum(math.log(1 + len(items[i]["response"])) * sign for i, sign in ((a, 1), (b, -1)))
        gap += items[a]["embedding"][0] - items[b]["embedding"][0]
        won = draw.random() < 1 / (1 + math.exp(-gap))
        labels.append(label(f"l{k}", items[a]["id"], items[b]["id"], "a" if won else "b"))
    return labels


def raw_extras(items, with_scores=True):
    """The numbers of the texts by another implementation, then the score."""
    return numpy.array([golden.features(item["prompt"], item["response"]) +
                        [item.get("scores", {}).get("judge", math.nan) if with_scores else math.nan]
                        for item in items])


@pytest.fixture(scope="module")
def items():
    return items_with_texts()


@pytest.fixture(scope="module")
def taught(tmp_path_factory, items):
    options = {"hidden-layers": 0, "held-out": 0}
    with Daemon(tmp_path_factory.mktemp("style") / "fisherd.db", options) as daemon:
        daemon.add_items(items)
        daemon.add_labels(labels_by_length(items, 200))
        daemon.train()
        yield daemon


def load_weights(daemon, folder):
    (folder / "model.safetensors").write_bytes(daemon.call("GET", "/v1/model/weights").body)
    return script.load(folder / "model.safetensors")


def features_of(weights, items):
    metadata, tensors = weights
    placed = script.place(tensors, raw_extras(items), [item["prompt_id"] for item in items])
    return script.features(metadata, tensors, [item["embedding"] for item in items], placed)


@pytest.fixture(scope="module")
def weights(taught, tmp_path_factory):
    return load_weights(taught, tmp_path_factory.mktemp("weights"))


@pytest.fixture(scope="module")
def features(weights, items):
    return features_of(weights, items)


def without_text(rows):
    rows = rows.copy()
    rows[:, DIMENSION:DIMENSION + TEXT] = 0
    return rows


def expected_of(weights, rows):
    """Rewards and standard deviations of rows of features, or of their differences."""
    _, tensors = weights
    beta = numpy.concatenate([tensors["beta"], tensors["extras.beta"]])
    return rows @ beta, numpy.sqrt(numpy.einsum("ij,jk,ik->i", rows, tensors["covariance"], rows))


def column(answers, name):
    return numpy.array([answer[name] for answer in answers])


def assert_close(found, expected):
    assert abs(found - expected).max() <= 1e-5 * (1 + abs(expected).max())


# ---- scores ----

def test_a_reward_comes_with_its_content(taught, items, weights, features):
    scores = taught.post("/v1/score", {"items": [item["id"] for item in items]})["scores"]
    for rows, name, deviation in ((features, "reward", "stddev"),
                                  (without_text(features), "content", "content_stddev")):
        rewards, stddevs = expected_of(weights, rows)
        assert_close(column(scores, name), rewards)
        assert_close(column(scores, deviation), stddevs)
    length = numpy.array([math.log(1 + len(item["response"])) for item in items])
    assert numpy.corrcoef(column(scores, "reward"), length)[0, 1] > 0.5
    assert abs(numpy.corrcoef(column(scores, "content"), length)[0, 1]) < 0.3


def test_an_inline_item_has_a_content_too(taught, weights):
    metadata, tensors = weights
    others = items_with_texts(seed=8)
    asked = [{name: item[name] for name in ("embedding", "prompt", "response")} for item in others]
    placed = script.place(tensors, raw_extras(others, with_scores=False))
    rows = script.features(metadata, tensors, [item["embedding"] for item in others], placed)
    scores = taught.post("/v1/score", {"items": asked})["scores"]
    assert_close(column(scores, "reward"), expected_of(weights, rows)[0])
    assert_close(column(scores, "content"), expected_of(weights, without_text(rows))[0])


def pairs_and_rows(items, features):
    draw = numpy.random.default_rng(1)
    numbers = [draw.choice(len(items), 2, replace=False) for _ in range(40)] + [(3, 3)]
    return ([[items[a]["id"], items[b]["id"]] for a, b in numbers],
            numpy.array([features[a] - features[b] for a, b in numbers]))


def test_a_pair_has_a_difference_with_its_own_deviation(taught, items, weights, features):
    pairs, rows = pairs_and_rows(items, features)
    answer = taught.post("/v1/score", {"pairs": pairs})
    assert answer["model_version"] == 1 and set(answer) == {"model_version", "pairs"}
    for part, names in ((rows, ("difference", "stddev", "p")),
                        (without_text(rows), ("content_difference", "content_stddev", "content_p"))):
        differences, stddevs = expected_of(weights, part)
        for name, expected in zip(names, (differences, stddevs, 1 / (1 + numpy.exp(-differences)))):
            assert_close(column(answer["pairs"], name), expected)


def test_pairs_come_in_every_form(taught, items):
    a, b, c = (items[i]["id"] for i in range(3))
    inline = {"embedding": items[2]["embedding"]}
    rows = taught.post("/v1/score", {"pairs": [[a, b], [b, inline]]})["pairs"]
    objects = [{"a": a, "b": b}, {"a": {"id": b}, "b": inline}]
    assert taught.post("/v1/score", {"pairs": objects})["pairs"] == rows
    columns = {"a": [a, b], "b": [b, inline]}
    assert taught.post("/v1/score", {"pairs": columns})["pairs"] == rows
    assert taught.post("/v1/score", {"pairs": []})["pairs"] == []
    swapped = taught.post("/v1/score", {"pairs": [[b, a]]})["pairs"][0]
    assert swapped["difference"] == -rows[0]["difference"]
    assert swapped["stddev"] == rows[0]["stddev"]
    assert math.isclose(swapped["p"], 1 - rows[0]["p"])
    assert c


def test_without_style_a_reward_is_its_content(taught, items, features):
    ids = [item["id"] for item in items]
    plain = taught.post("/v1/score", {"items": ids, "style": "include"})["scores"]
    assert plain == taught.post("/v1/score", {"items": ids})["scores"]
    for score, both in zip(taught.post("/v1/score", {"items": ids, "style": "exclude"})["scores"],
                           plain, strict=True):
        assert score == {"reward": both["content"], "stddev": both["content_stddev"],
                         "content": both["content"], "content_stddev": both["content_stddev"]}
    pairs, _ = pairs_and_rows(items, features)
    for pair in taught.post("/v1/score", {"pairs": pairs, "style": "exclude"})["pairs"]:
        assert (pair["difference"], pair["stddev"], pair["p"]) == \
            (pair["content_difference"], pair["content_stddev"], pair["content_p"])


def test_without_text_features_content_is_the_reward(db, items):
    with Daemon(db, {"hidden-layers": 0, "text-features": "off"}) as daemon:
        daemon.add_items(items)
        daemon.add_labels(labels_by_length(items, 30))
        daemon.train()
        for score in daemon.post("/v1/score", {"items": [items[0]["id"]]})["scores"]:
            assert (score["reward"], score["stddev"]) == (score["content"], score["content_stddev"])
        model = daemon.model()
        assert model["text_features"] == {"on": False, "features": []}
        assert [block["name"] for block in model["blocks"]] == ["embedding", "score"]


@pytest.mark.parametrize("body, pointer", [
    ({}, "/items"),
    ({"items": ["i0"], "pairs": [["i0", "i1"]]}, "/pairs"),
    ({"pairs": "i0"}, "/pairs"),
    ({"pairs": [["i0"]]}, "/pairs/0"),
    ({"pairs": [["i0", "i1"], ["i0", "nobody"]]}, "/pairs/1/1"),
    ({"pairs": [{"a": "nobody", "b": "i0"}]}, "/pairs/0/a"),
    ({"pairs": {"a": ["i0"], "b": ["nobody"]}}, "/pairs/b/0"),
    ({"pairs": [{"a": "i0", "b": {"embedding": [1]}}]}, "/pairs/0/b"),
    ({"pairs": [["i0", "i1"]] * 100001}, "/pairs"),
    ({"items": ["i0"], "style": "some"}, "/style"),
    ({"items": ["i0"], "style": True}, "/style"),
])
def test_wrong_questions_are_refused(taught, body, pointer):
    response = taught.call("POST", "/v1/score", body)
    assert response.status == 422, response
    assert response.json["errors"][0]["pointer"] == pointer


# ---- the model ----

def test_the_model_tells_its_coefficients(taught, items, weights):
    model, (metadata, tensors) = taught.model(), weights
    deviations = numpy.sqrt(numpy.diag(tensors["covariance"]))[DIMENSION:]
    text = model["text_features"]
    assert text["on"] is True
    assert [feature["name"] for feature in text["features"]] == \
        [extra["name"] for extra in json.loads(metadata["extras"])][:TEXT]
    assert_close(column(text["features"], "coefficient"), tensors["extras.beta"][:TEXT])
    assert_close(column(text["features"], "stddev"), deviations[:TEXT])
    raw = raw_extras(items)[:, 0]
    full = raw > 0
    z = numpy.clip((raw - raw[full].mean()) / raw[full].std(), -3.5, 3.5)
    inside = sum(((z[rows] - z[rows].mean()) ** 2).sum() for rows in prompts_of(items, full))
    freedom = sum(len(rows) - 1 for rows in prompts_of(items, full))
    spread = math.sqrt(inside / freedom) * raw[full].std()
    length = text["features"][0]
    assert length["name"] == "log_length" and length["coefficient"] > 0
    assert math.isclose(length["twice_the_length"], length["coefficient"] * math.log(2) / spread,
                        rel_tol=1e-5)
    assert math.isclose(length["twice_the_length_stddev"] / length["twice_the_length"],
                        length["stddev"] / length["coefficient"], rel_tol=1e-9)
    assert model["scores"]["judge"]["trust"] == "unknown"
    assert model["scores"]["judge"]["missing"] == sum("scores" not in item for item in items)
    assert_close(model["scores"]["judge"]["coefficient"], tensors["extras.beta"][TEXT])
    assert_close(model["scores"]["judge"]["stddev"], deviations[TEXT])


def prompts_of(items, wanted):
    for prompt in range(PROMPTS):
        rows = [i for i in range(prompt, len(items), PROMPTS) if wanted[i]]
        if len(rows) > 1:
            yield numpy.array(rows)


def test_the_model_tells_which_blocks_matter(taught, weights):
    model, (metadata, _) = taught.model(), weights
    blocks = model["blocks"]
    assert [(block["name"], block.get("score"), block["columns"]) for block in blocks] == [
        ("embedding", None, DIMENSION), ("log_length", None, 1), ("style", None, 9),
        ("score", "judge", 1)]
    assert blocks[0]["probability"] == blocks[3]["probability"] == 1
    assert blocks[1]["probability"] > 0.9, "answers follow the length"
    assert 0 <= blocks[2]["probability"] <= 1
    assert all(block["precision"] > 0 for block in blocks)
    stored = json.loads(metadata["blocks"])
    assert [block["first"] for block in stored] == [0, DIMENSION, DIMENSION + 1, DIMENSION + TEXT]
    for told, block in zip(blocks, stored, strict=True):
        assert all(told[name] == block[name] for name in told)
    assert model["design_effect"] >= 1
    assert model["side"]["stddev"] > 0


def test_the_metrics_tell_them_too(taught):
    model, (_, samples) = taught.model(), parse(taught.metrics())
    found = {name: value(samples, f"fisherd_{name}") for name in ("design_effect", "side_effect")}
    assert math.isclose(found["design_effect"], model["design_effect"], rel_tol=1e-6)
    assert math.isclose(found["side_effect"], model["side"]["effect"], rel_tol=1e-6, abs_tol=1e-9)
    for block in model["blocks"][1:3]:
        assert math.isclose(value(samples, "fisherd_text_probability", block=block["name"]),
                            block["probability"], rel_tol=1e-6)


def test_a_daemon_without_items_knows_nothing(empty):
    model = empty.model()
    assert model["text_features"] == {"on": False, "features": []}
    assert model["blocks"] == [] and model["scores"] == {}
    assert model["side"] == {"effect": None, "stddev": None}
    assert model["design_effect"] is None


# ---- the file ----

def test_the_script_tells_how_unsure_the_model_is(weights, taught, items):
    scores = taught.post("/v1/score", {"items": [item["id"] for item in items]})["scores"]
    embeddings = [item["embedding"] for item in items]
    placed = script.place(weights[1], raw_extras(items), [item["prompt_id"] for item in items])
    for style, name in (("include", "stddev"), ("exclude", "content_stddev")):
        assert_close(script.stddev(*weights, embeddings, placed, style=style), column(scores, name))


def test_the_script_leaves_style_out(weights, taught, items, features):
    metadata, tensors = weights
    scores = taught.post("/v1/score", {"items": [item["id"] for item in items]})["scores"]
    embeddings = [item["embedding"] for item in items]
    placed = features[:, DIMENSION:]
    assert_close(script.score(metadata, tensors, embeddings, placed), column(scores, "reward"))
    assert_close(script.score(metadata, tensors, embeddings, placed, style="exclude"),
                 column(scores, "content"))
    assert list(script.is_text(metadata)) == [True] * TEXT + [False]
    assert json.loads(metadata["extras"])[TEXT] == {"name": "score", "score": "judge"}
    assert list(tensors["extras.id"]) == list(range(TEXT)) + [100]


@pytest.mark.parametrize("shape", [
    {"model": "network", "hidden-layers": 1, "hidden-width": 9, "components": 4},
    {"model": "linear", "components": 4}], ids=["network", "components"])
def test_the_script_scores_texts_by_other_models_too(db, tmp_path, items, shape):
    with Daemon(db, {"held-out": 0, "iterations": 50, **shape}) as daemon:
        daemon.add_items(items)
        daemon.add_labels(labels_by_length(items, 100))
        daemon.train()
        metadata, tensors = load_weights(daemon, tmp_path)
        placed = script.place(tensors, raw_extras(items), [item["prompt_id"] for item in items])
        scores = daemon.post("/v1/score", {"items": [item["id"] for item in items]})["scores"]
        for style, name in (("include", "reward"), ("exclude", "content")):
            found = script.score(metadata, tensors, [item["embedding"] for item in items], placed,
                                 style=style)
            assert_close(found, column(scores, name))


# ---- selections ----

class Known:
    """What a selection knows, in NumPy: the rows of all items, and the posterior times D."""

    def __init__(self, daemon, items, features, weights, exclude):
        _, tensors = weights
        self.beta = numpy.concatenate([tensors["beta"], tensors["extras.beta"]])
        self.sigma = tensors["covariance"] / daemon.model()["design_effect"]
        self.features, self.number = features, {item["id"]: i for i, item in enumerate(items)}
        self.target_features = without_text(features) if exclude else features

    def differences(self, pairs, features):
        return numpy.array([features[self.number[a]] - features[self.number[b]] for a, b in pairs])

    def weights(self, rows):
        p = 1 / (1 + numpy.exp(-rows @ self.beta))
        return p * (1 - p)

    def check_i_opt(self, pairs, batch):
        """Each pick has the largest gain after those before it, where each candidate is a target."""
        x, t = self.differences(pairs, self.features), self.differences(pairs, self.target_features)
        v, w, sigma = self.weights(x), self.weights(t), self.sigma.copy()
        w = w / (1 + w * numpy.einsum("ij,jk,ik->i", t, sigma, t))
        target = (t * w[:, None]).T @ t
        for i, pick in enumerate(batch):
            moved = x @ sigma
            leverages = (moved * x).sum(1)
            gains = numpy.einsum("ij,jk,ik->i", moved, target, moved) * v / (1 + v * leverages)
            gains[batch[:i]] = -1
            # What the model exports is float32, so gains are known to 1e-6: enough for a tie.
            assert gains[pick] >= (1 - 1e-6) * gains.max(), (i, gains[pick], gains.max())
            best = moved[pick]
            sigma -= numpy.outer(best, best) * (v / (1 + v * leverages))[pick]

    def knowledge_gradient(self, pairs, prompts):
        """The best candidate for the choice of the best item in each prompt."""
        x = self.differences(pairs, self.features)
        v, leverages = self.weights(x), numpy.einsum("ij,jk,ik->i", x, self.sigma, x)
        p = 1 / (1 + numpy.exp(-x @ self.beta / numpy.sqrt(1 + math.pi * leverages / 8)))
        gains = numpy.zeros(len(pairs))
        for rows in prompts:
            phi = self.target_features[rows]
            rewards = phi @ self.beta
            step = (phi - phi[rewards.argmax()]) @ self.sigma @ x.T / (1 + v * leverages)
            won = (rewards[:, None] + step * (1 - p)).max(0)
            lost = (rewards[:, None] - step * p).max(0)
            gains += p * won + (1 - p) * lost - rewards.max()
        assert gains.max() > 1e-6, gains.max()
        return int(gains.argmax())


def candidates(items):
    """Pairs across prompts, so that each counts the same in any style."""
    draw = numpy.random.default_rng(5)
    pairs = set()
    while len(pairs) < 300:
        a, b = (int(i) for i in draw.integers(len(items), size=2))
        if a % PROMPTS != b % PROMPTS:
            pairs.add((items[a]["id"], items[b]["id"]))
    return sorted(pairs)


def test_i_opt_may_leave_style_out_of_its_targets(taught, items, features, weights):
    pairs, batches = candidates(items), {}
    for style in ("include", "exclude"):
        known = Known(taught, items, features, weights, style == "exclude")
        batch = taught.select(batch_size=8, pairs=[list(pair) for pair in pairs], style=style,
                              target="candidates", strategy="i-opt", copy_distance=0)
        batches[style] = [pair["index"] for pair in batch["pairs"]]
        known.check_i_opt(pairs, batches[style])
    assert batches["include"] != batches["exclude"]


def test_the_knowledge_gradient_may_leave_style_out(db, tmp_path, items):
    with Daemon(db, {"hidden-layers": 0, "held-out": 0}) as daemon:
        daemon.add_items(items)
        daemon.add_labels(labels_by_length(items, 12))
        daemon.train()
        weights = load_weights(daemon, tmp_path)
        compare_knowledge_gradients(daemon, items, features_of(weights, items), weights)


def compare_knowledge_gradients(taught, items, features, weights):
    pairs = [[a["id"], b["id"]] for i, a in enumerate(items) for b in items[i + PROMPTS::PROMPTS]]
    prompts = [range(prompt, len(items), PROMPTS) for prompt in range(PROMPTS)]
    found = {}
    for style in ("include", "exclude"):
        known = Known(taught, items, features, weights, style == "exclude")
        batch = taught.select(batch_size=1, pairs=pairs, style=style, target="candidates",
                              strategy="knowledge-gradient", copy_distance=0)
        found[style] = batch["pairs"][0]["index"]
        assert found[style] == known.knowledge_gradient(pairs, prompts), style
    assert found["include"] != found["exclude"]


@pytest.mark.parametrize("generate", [
    {"mode": "in_prompt"}, {"mode": "all_pairs"}, {"mode": "all_pairs", "scope": "any"}])
@pytest.mark.parametrize("strategy", ["i-opt", "knowledge-gradient"])
def test_generated_candidates_keep_their_style(taught, generate, strategy):
    batches = {}
    for style in ("include", "exclude", "exclude"):
        batch = taught.select(batch_size=5, seed=4, generate=generate, style=style,
                              strategy=strategy)
        batches.setdefault(style, []).append([(pair["a"], pair["b"]) for pair in batch["pairs"]])
    assert batches["exclude"][0] == batches["exclude"][1] != batches["include"][0]
    default = taught.select(batch_size=5, seed=4, generate=generate, strategy=strategy)
    assert [(pair["a"], pair["b"]) for pair in default["pairs"]] == batches["include"][0]


def test_other_strategies_ignore_the_style(taught):
    batches = [taught.select(batch_size=5, seed=4, generate={"mode": "all_pairs"}, style=style,
                             target="candidates", strategy="pa-dopt")["pairs"]
               for style in ("include", "exclude")]
    assert batches[0] == batches[1]


@pytest.mark.parametrize("more, pointer", [
    ({"style": "some"}, "/style"), ({"style": None}, "/style"),
    ({"style": "exclude", "target": "candidates", "strategy": "i-opt"}, "/target")])
def test_a_style_that_cannot_be_left_out_is_refused(taught, more, pointer):
    response = taught.call("POST", "/v1/selections",
                           {"batch_size": 1, "generate": {"mode": "all_pairs"}, **more})
    assert response.status == 422, response
    assert response.json["errors"][0]["pointer"] == pointer


def test_prompts_of_one_item_have_targets_too(db, items):
    alone = [{**item, "prompt_id": f"alone{i}"} for i, item in enumerate(items)]
    with Daemon(db, {"hidden-layers": 0}) as daemon:
        daemon.add_items(alone)
        for style in ("include", "exclude"):
            batch = daemon.select(batch_size=5, style=style, strategy="i-opt",
                                  generate={"mode": "all_pairs", "scope": "cross_prompt"})
            assert len(batch["pairs"]) == 5


def test_the_option_sets_the_style_of_assignments(db, items):
    with Daemon(db, {"hidden-layers": 0, "held-out": 0, "style": "exclude"}) as daemon:
        daemon.add_items(items)
        daemon.add_labels(labels_by_length(items, 60))
        daemon.train()
        asked = {"batch_size": 5, "seed": 4, "generate": {"mode": "all_pairs"}}
        assert daemon.select(**asked)["pairs"] == daemon.select(**asked, style="exclude")["pairs"]
        assert daemon.select(**asked)["pairs"] != daemon.select(**asked, style="include")["pairs"]
        assert len(daemon.post("/v1/assignments", {"annotator": "anna"})["assignments"]) == 1
