"""From texts to a reward model: a real embedder, 300 texts in, 50 votes, the export, and a logistic
regression in NumPy on what was exported, which shares nothing with fisherd but these files."""

import base64
import json

import numpy as np

from client import Daemon
from conftest import add_texts, corpus, embedding_options

VOTES = 50


def vote(daemon, quality, count):
    """An annotator who prefers what the corpus calls better."""
    for i in range(count):
        one = daemon.post("/v1/assignments", {"annotator": "anna"})["assignments"][0]
        a, b = one["a"]["id"], one["b"]["id"]
        preference = "tie" if quality[a] == quality[b] else "a" if quality[a] > quality[b] else "b"
        daemon.add_labels([{"id": f"vote-{i}", "a": a, "b": b, "preference": preference,
                            "annotator": "anna", "assignment": one["id"]}])


def embeddings(daemon):
    rows = daemon.list_all("items", 100)
    vectors, prompts = {}, {}
    for row in rows:
        full = daemon.get(f"/v1/items/{row['id']}?embedding=true")
        vectors[row["id"]] = np.frombuffer(base64.b64decode(full["embedding"]), "<f4").astype(float)
        prompts[row["id"]] = row["prompt_id"]
    return vectors, prompts


def fit(differences, targets, penalty):
    """Bradley-Terry by Newton's method, with a Gaussian prior, in the span of the differences."""
    _, _, basis = np.linalg.svd(differences, full_matrices=False)
    d = differences @ basis.T
    beta = np.zeros(d.shape[1])
    for _ in range(50):
        p = 1 / (1 + np.exp(-d @ beta))
        gradient = d.T @ (targets - p) - penalty * beta
        hessian = d.T @ (d * (p * (1 - p))[:, None]) + penalty * np.eye(len(beta))
        beta += np.linalg.solve(hessian, gradient)
    assert np.abs(gradient).max() < 1e-6
    return basis.T @ beta


def test_a_logistic_regression_on_the_export_scores_as_fisherd_does(tmp_path, embedding_server):
    items = corpus(300)
    quality = {item["id"]: item["metadata"]["quality"] for item in items}
    options = {**embedding_options(embedding_server), "model": "linear", "components": 0,
               "text-features": "off", "refit": "yes"}
    with Daemon(tmp_path / "fisherd.db", options) as daemon:
        add_texts(daemon, items)
        assert daemon.model()["items"] == 300
        vote(daemon, quality, VOTES)
        daemon.train()
        response = daemon.call("GET", "/v1/export?format=preferences")
        exported = [json.loads(line) for line in response.body.splitlines()]
        vectors, prompts = embeddings(daemon)
        model = daemon.model()
        pairs = [[a, b] for a in vectors for b in vectors if a < b and prompts[a] == prompts[b]]
        ours = np.array([pair["difference"]
                         for pair in daemon.post("/v1/score", {"pairs": pairs})["pairs"]])

    assert len(exported) == VOTES
    x = np.array(list(vectors.values()))
    scale = 1 / x.std(0)
    z = {identity: vector * scale for identity, vector in vectors.items()}
    differences = np.array([z[row["a"]] - z[row["b"]] for row in exported])
    targets = np.array([{"a": 1, "b": 0, "tie": 0.5}[row["preference"]] for row in exported])
    beta = fit(differences, targets, model["prior_precision"] or 1)
    theirs = np.array([(z[a] - z[b]) @ beta for a, b in pairs])
    correlation = np.corrcoef(ours, theirs)[0, 1]
    same = np.mean(np.sign(ours) == np.sign(theirs))
    print(f"{len(pairs)} pairs: correlation {correlation:.4f}, the same order {same:.4f}")
    assert correlation > 0.95 and same > 0.85  # pairs of nearly equal rewards may differ
