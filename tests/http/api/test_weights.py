"""Models as safetensors files, which docs/load_weights.py reads."""

import importlib.util
import json
import pathlib
import struct

import numpy
import pytest

from client import Daemon, labels_by_first_number, send_raw, statuses

SCRIPT = pathlib.Path(__file__).parents[3] / "docs" / "load_weights.py"
DIMENSION = 24


def script():
    spec = importlib.util.spec_from_file_location("load_weights", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def uneven_items(prompts=8, responses=6, dimension=DIMENSION, seed=1):
    """Columns with different means and spreads; the last one is constant."""
    draw = numpy.random.default_rng(seed)
    means, spreads = draw.normal(size=dimension) * 3, numpy.exp(draw.normal(size=dimension))
    rows = draw.normal(size=(prompts * responses, dimension)) * spreads + means
    rows[:, -1] = 0.25
    return [{"id": f"i{i}", "prompt_id": f"p{i % prompts}",
             "embedding": [float(x) for x in row.astype("<f4")]} for i, row in enumerate(rows)]


def download(daemon, path="/v1/model/weights"):
    response = daemon.call("GET", path)
    assert response.status == 200, response
    return response


def header_of(body):
    (size,) = struct.unpack_from("<Q", body)
    return size, json.loads(body[8:8 + size])


@pytest.fixture(scope="module")
def teacher(tmp_path_factory):
    with Daemon(tmp_path_factory.mktemp("weights") / "fisherd.db", {"components": 5}) as daemon:
        items = uneven_items()
        daemon.add_items(items)
        daemon.add_labels(labels_by_first_number(items, 300))
        daemon.train()
        daemon.train()
        yield daemon


@pytest.mark.parametrize("shape", [
    {"hidden-layers": 0},
    {"hidden-layers": 0, "components": 7},
    {"hidden-layers": 1, "hidden-width": 9, "components": 7},
    {"hidden-layers": 3, "hidden-width": 64, "iterations": 50},
], ids=["linear", "linear-components", "components", "three-layers"])
@pytest.mark.parametrize("taught", [False, True], ids=["untrained", "trained"])
def test_the_script_gives_the_scores_of_the_daemon(db, tmp_path, shape, taught):
    module, items = script(), uneven_items()
    others = [item["embedding"] for item in uneven_items(seed=2)]
    with Daemon(db, shape) as daemon:
        daemon.add_items(items)
        if taught:
            daemon.add_labels(labels_by_first_number(items, 300))
            daemon.train()
        for embeddings, asked in (
                ([item["embedding"] for item in items], [item["id"] for item in items]),
                (others, [{"embedding": embedding} for embedding in others])):
            scores = daemon.post("/v1/score", {"items": asked})["scores"]
            expected = numpy.array([score["reward"] for score in scores])
            path = tmp_path / "model.safetensors"
            path.write_bytes(download(daemon).body)
            found = module.score(*module.load(path), numpy.array(embeddings))
            assert abs(found - expected).max() <= 1e-5 * expected.std()
            unsure = numpy.array([score["stddev"] for score in scores])
            assert abs(module.stddev(*module.load(path), embeddings) - unsure).max() <= 1e-5 * unsure.max()


def test_the_file_follows_the_safetensors_format(teacher):
    body = download(teacher).body
    size, header = header_of(body)
    assert size % 8 == 0
    assert body[8:9] == b"{"
    assert body[8:8 + size].rstrip(b" ").endswith(b"}")
    metadata = header.pop("__metadata__")
    assert metadata == {
        "format_version": "1", "architecture": "reward-mlp", "inputs": str(DIMENSION),
        "components": "5", "hidden_layers": "1", "hidden_width": "8", "activation": "gelu-erf",
        "model_version": "2", "labels": "300", "prior_precision": metadata["prior_precision"],
        "extras": "[]", "blocks": metadata["blocks"]}
    assert float(metadata["prior_precision"]) == teacher.model()["prior_precision"]
    assert {name: (about["dtype"], about["shape"]) for name, about in header.items()} == {
        "input.mean": ("F64", [DIMENSION]), "input.scale": ("F32", [DIMENSION]),
        "projection": ("F32", [DIMENSION, 5]), "layers.0.weight": ("F32", [8, 5]),
        "layers.0.bias": ("F32", [8]), "beta": ("F32", [8]), "covariance": ("F64", [8, 8]),
        "design": ("F64", [8, 8])}
    at = 0
    for about in header.values():
        begin, end = about["data_offsets"]
        assert begin == at, "no holes, in the order of the header"
        assert end - begin == {"F32": 4, "F64": 8}[about["dtype"]] * numpy.prod(about["shape"])
        at = end
    assert len(body) == 8 + size + at


def test_the_download_has_a_name_and_an_etag_that_follows_the_model(teacher):
    response = download(teacher)
    assert response.headers["Content-Type"] == "application/octet-stream"
    assert response.headers["Content-Disposition"] == \
        'attachment; filename="fisherd-model-2.safetensors"'
    assert response.headers["Content-Security-Policy"] == "default-src 'none'; frame-ancestors 'none'"
    tag = response.headers["ETag"]
    again = send_raw(teacher, f"GET /v1/model/weights HTTP/1.1\r\nHost: x\r\n"
                     f"If-None-Match: {tag}\r\nConnection: close\r\n\r\n".encode())
    assert statuses(again) == [304]
    assert again.endswith(b"\r\n\r\n") and f"ETag: {tag}".encode() in again
    other = teacher.call("GET", "/v1/models/1/weights", headers={"If-None-Match": tag})
    assert other.status == 200
    assert other.headers["ETag"] != tag
    head = teacher.call("HEAD", "/v1/model/weights")
    assert (head.status, head.body, head.headers["ETag"]) == (200, b"", tag)
    assert int(head.headers["Content-Length"]) == len(response.body)


def test_a_stored_version_is_exported_as_it_served(teacher, tmp_path):
    module, items = script(), uneven_items()
    teacher.ok("POST", "/v1/models/1/activate")
    scores = teacher.post("/v1/score", {"items": [item["id"] for item in items]})["scores"]
    teacher.ok("POST", "/v1/models/2/activate")
    path = tmp_path / "model.safetensors"
    path.write_bytes(download(teacher, "/v1/models/1/weights").body)
    metadata, tensors = module.load(path)
    assert metadata["model_version"] == "1"
    expected = numpy.array([score["reward"] for score in scores])
    found = module.score(metadata, tensors, [item["embedding"] for item in items])
    assert abs(found - expected).max() <= 1e-5 * expected.std()


def test_each_answer_makes_the_exported_model_surer(db, tmp_path):
    """Before the next training the covariance of the last one is too wide; the design is not."""
    module, items = script(), uneven_items()
    embeddings = [item["embedding"] for item in items]
    with Daemon(db, {"model": "linear"}) as daemon:
        daemon.add_items(items)
        answers = labels_by_first_number(items, 300)
        daemon.add_labels(answers[:100])
        daemon.train()

        def deviations():
            path = tmp_path / "model.safetensors"
            path.write_bytes(download(daemon).body)
            metadata, tensors = module.load(path)
            scores = daemon.post("/v1/score", {"items": [item["id"] for item in items]})["scores"]
            found = module.stddev(metadata, tensors, embeddings)
            assert abs(found - [score["stddev"] for score in scores]).max() <= 1e-5 * found.max()
            del tensors["design"]
            return found, module.stddev(metadata, tensors, embeddings)
        before, trained = deviations()
        assert abs(before - trained).max() <= 1e-4 * before.max()
        daemon.add_labels(answers[100:])
        after, trained = deviations()
        assert after.mean() < 0.95 * before.mean() and (after <= trained + 1e-9).all()


def test_the_file_names_the_embedder_of_the_items(db, tmp_path):
    with Daemon(db, {"embedding-url": "builtin:hash"}) as daemon:
        daemon.add_items([{"id": f"i{k}", "prompt_id": "p", "prompt": "Why?", "response": f"Because {k}"}
                          for k in range(4)])
        (tmp_path / "model").write_bytes(download(daemon).body)
        metadata, _ = script().load(tmp_path / "model")
        embedder = json.loads(metadata["embedder"])
        assert embedder == daemon.model()["embedder"] and embedder["name"] == "builtin:hash"
        assert set(embedder) == {"name", "template", "dimension", "fingerprint"}


def test_without_items_the_export_is_503(empty):
    response = empty.call("GET", "/v1/model/weights")
    assert response.status == 503, response
    assert response.headers["Retry-After"]
    assert empty.call("GET", "/v1/models/1/weights").status == 404
