"""The memory of the worst responses: for every route of routes.def, several at once stay within the
option `memory`."""

import concurrent.futures
import json
import pathlib
import re

import pytest

from client import Daemon, SANITIZER, label

MIB = 1 << 20
MEMORY = 96   # MiB; the option
BESIDE = 48   # MiB beside it: what the engine, SQLite and the allocator hold
AT_ONCE = 8

TEXT = "\x01" * 30000 + "x" * (MIB - 30000)
DIMENSION = 8
LARGE, SMALL, NAMES = 48, 20000, 3000

ROUTES_FILE = pathlib.Path(__file__).parents[3] / "src/http/api/routes.def"
ROUTES = dict(re.findall(r'^ROUTE\("(\w+)", "(\w+)"', ROUTES_FILE.read_text(), re.MULTILINE))


def identity(i):
    return f"small-{i:05}" + "i" * 60


def embedding(i):
    return [(i * 37 + d * d * 11) % 101 / 50 - 1 for d in range(DIMENSION)]


PAIRS = [{"a": identity(i), "b": identity(i + 1), "id": f"pair-{i}"} for i in range(SMALL - 1)]

# {route: (path, body)}; a body that is bytes is sent as it is.
WORST = {
    "items_add": ("/v1/items", {"items": [
        {"id": f"new-{i}", "prompt_id": "new", "prompt": "y" * MIB, "embedding": embedding(i),
         "metadata": {"a": "b" * 60000}, "response": "a " * (MIB // 2 if i == 0 else 9)}
        for i in range(20)]}),
    "items_list": ("/v1/items?limit=1000&embeddings=true", None),
    "item_get": ("/v1/items/large-0?embedding=true", None),
    "jobs": ("/v1/jobs?limit=1000", None),
    "job": ("/v1/jobs/none", None),
    "job_cancel": ("/v1/jobs/none", None),
    "item_scores_set": ("/v1/items/large-0/scores", {f"score-{i}": i / 7 for i in range(16)}),
    "scores_set": ("/v1/scores", {"items": [
        {"id": identity(i), "scores": {f"score-{s}": i / 7 + s for s in range(16)}}
        for i in range(4000)]}),
    "score": ("/v1/score", {"items": [identity(i % SMALL) for i in range(100000)]}),
    "reward": ("/v1/reward?prompt_end=a", {"query": ["y" * 4000 + "a"] * 4000}),
    "selections": ("/v1/selections", {"batch_size": SMALL - 1, "strategy": "dopt", "explain": True,
                                      "copy_distance": 0, "pairs": PAIRS}),
    "strategies": ("/v1/strategies", None),
    "labels_add": ("/v1/labels", {"labels": [
        label(f"repeated-{i}", identity(i), identity(i + 1), comment="c" * 300) for i in range(7000)]}),
    "labels_list": ("/v1/labels?limit=1000", None),
    "label_get": ("/v1/labels/label-0", None),
    "export": ("/v1/export?format=preferences&limit=10000", None),
    "export_card": ("/v1/export/card?names=true", None),
    "events": ("/v1/events?cursor=0&limit=1000", None),
    "label_correct": ("/v1/labels/label-0", {"preference": "b", "comment": "d" * 60000}),
    "label_retract": ("/v1/labels/label-1", None),
    "import": ("/v1/import", [
        {"id": f"imported-{i}", "prompt_id": "imported", "prompt": "y" * MIB, "embedding": embedding(i),
         "metadata": {"a": "b" * 60000}, "response": "a " * (MIB // 2 if i == 0 else 9)}
        for i in range(100)]),
    "assign": ("/v1/assignments", {"annotator": "anna", "count": 100}),
    "assignment_renew": ("/v1/assignments/none/renew", {}),
    "assignment_return": ("/v1/assignments/none", None),
    "leases": ("/v1/leases?limit=1000", None),
    "leases_end": ("/v1/leases?annotator=nobody", None),
    "progress": ("/v1/progress?annotator=anna", None),
    "stats": ("/v1/stats?buckets=1000&names=1000", None),
    "model": ("/v1/model", None),
    "train": ("/v1/model/train", {"from": "scratch"}),
    "weights": ("/v1/model/weights", None),
    "models": ("/v1/models?limit=1000", None),
    "model_version": ("/v1/models/1", None),
    "version_weights": ("/v1/models/1/weights", None),
    "model_activate": ("/v1/models/1/activate", None),
    "project": ("/v1/project", None),
    "project_change": ("/v1/project", {"scores": {f"score-{i}": {"trust": "trusted"}
                                                  for i in range(16)}}),
    "label_studio_health": ("/v1/label-studio/health", None),
    "label_studio_setup": ("/v1/label-studio/setup", {"schema": "<Pairwise" + "x" * 900000}),
    "label_studio_predict": ("/v1/label-studio/predict", {"tasks": [
        {"id": i, "data": {"item1": identity(i % SMALL), "item2": identity((i + 1) % SMALL)}}
        for i in range(9000)]}),  # with more, several at once may refuse each other
    "label_studio_webhook": ("/v1/label-studio/webhook", {
        "action": "ANNOTATIONS_CREATED",
        "annotation": [{"id": i, "task": i, "result": [{"value": {"selected": "left"}}]}
                       for i in range(6000)],
        "task": [{"id": i, "data": {"item1": identity(i), "item2": identity(i + 1)}}
                 for i in range(6000)]}),
    "session": ("/v1/session", None),
    "session_begin": ("/v1/session", {"token": "x" * 256}),
    "session_end": ("/v1/session", None),
    "backup": ("/v1/admin/backup", {"name": "copy.db"}),
    "livez": ("/livez", None),
    "healthz": ("/healthz", None),
    "readyz": ("/readyz", None),
    "metrics": ("/metrics", None),
    "openapi": ("/openapi.json", None),
    "page": ("/", None),
    "ops": ("/ops", None),
    "data": ("/data", None),
    "static": ("/static/label.js", None),
}


def size(daemon, name):
    status = pathlib.Path(f"/proc/{daemon.process.pid}/status").read_text()
    return int(re.search(rf"{name}:\s+(\d+) kB", status)[1]) / 1024


@pytest.fixture(scope="module")
def full(tmp_path_factory):
    """A daemon with large and with many items, labels with long comments, and many annotators."""
    options = {"memory": MEMORY, "request-memory": MEMORY, "selections-at-once": 2, "transfers-at-once": 2,
               "hidden-width": 64, "ready": 8}
    with Daemon(tmp_path_factory.mktemp("full") / "fisherd.db", options) as daemon:
        for i in range(LARGE):
            daemon.add_items([{"id": f"large-{i}", "prompt_id": "large", "prompt": TEXT,
                               "response": f"{TEXT[:-3]}{i:03}", "embedding": embedding(i)}])
        for start in range(0, SMALL, 5000):
            daemon.add_items([{"id": identity(i), "prompt_id": f"small-{i}",
                               "embedding": embedding(i)} for i in range(start, start + 5000)])
        for i in range(LARGE - 1):
            daemon.add_labels([label(f"label-{i}", f"large-{i}", f"large-{i + 1}",
                                     comment="c" * (MIB - 1))])
        for start in range(0, NAMES, 3000):
            daemon.add_labels([label(f"many-{i}", identity(i), identity(i + 2),
                                     annotator=f"annotator-{i}" + "n" * 100)
                               for i in range(start, start + 3000)])
        daemon.train()
        yield daemon


def test_every_route_has_a_case():
    assert set(WORST) == set(ROUTES)


@pytest.mark.skipif(SANITIZER is not None, reason="a sanitizer has memory of its own")
@pytest.mark.parametrize("route", list(WORST))
def test_the_worst_responses_stay_within_the_memory(full, route):
    path, body = WORST[route]
    text = None if body is None else json.dumps(body)
    pathlib.Path(f"/proc/{full.process.pid}/clear_refs").write_text("5")
    before = size(full, "VmRSS")
    with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
        def call(_):
            try:
                response = full.call(ROUTES[route], path, raw=text)
            except ConnectionError:  # refused before all of the body was sent
                return 503, 0
            return response.status, len(response.body)
        responses = list(pool.map(call, range(2 * AT_ONCE)))
    more = size(full, "VmHWM") - before
    statuses = {status for status, _ in responses}
    print(f"{route}: {more:.0f} MiB, {sorted(statuses)}, {max(n for _, n in responses)} bytes")
    assert more < MEMORY + BESIDE
    assert statuses & {200, 202, 404, 409}, responses
    assert statuses <= {200, 202, 404, 409, 413, 503}, responses
    assert full.call("GET", "/livez").status == 200
