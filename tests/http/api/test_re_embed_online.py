"""`POST /v1/re-embed`: a daemon that serves gives all items the vectors of its embedder."""

import threading

import pytest

from client import PATIENCE, Daemon, label, wait_until
from mock_embedder import MockEmbedder, status
from test_embedding import stored
from test_jobs import Gate, distinct
from test_re_embed import check, everything_else, fill, made, query, vectors

COUNT = 200  # more than three blocks of 64
BLOCK = 64


@pytest.fixture
def old():
    with MockEmbedder() as server:
        yield server


@pytest.fixture
def new():
    with MockEmbedder(dimension=8, salt="new") as server:
        yield server


def begin(daemon):
    return daemon.ok("POST", "/v1/re-embed", status=202)


def state(daemon):
    return daemon.get("/v1/re-embed")["state"]


def wait_until_idle(daemon):
    wait_until(lambda: state(daemon) == "idle", "the end of the re-embedding")


def wait_for_vectors(daemon, expected):
    """The switch is final: from then on these serve."""
    wait_until(lambda: state(daemon) == "idle" and stored(daemon) == expected, "the new vectors")


def rewards(daemon, items):
    scores = daemon.post("/v1/score", {"items": [item["id"] for item in items]})["scores"]
    return [score["reward"] for score in scores]


def test_the_old_vectors_serve_until_the_new_ones_do_with_a_model_of_their_own(db, old, new):
    items = fill(db, old, COUNT)
    before = everything_else(db)
    gate = Gate(new, 5)  # the fingerprint, and a block: 128 texts in batches of 32
    with Daemon(db, new.options(candidates="cross_prompt")) as daemon:
        assert daemon.get("/v1/re-embed") == {
            "state": "idle", "embedder": None, "items": COUNT, "made": 0, "error": None}
        known = rewards(daemon, items)
        begun = begin(daemon)
        assert begun["embedder"]["dimension"] == 16 and begun["items"] == COUNT
        wait_until(lambda: daemon.get("/v1/re-embed")["made"] == BLOCK, "a block")
        assert begin(daemon)["made"] == BLOCK  # it goes on
        assert stored(daemon) == vectors(items, old)
        assert rewards(daemon, items) == known and daemon.model()["version"] == 1
        daemon.add_labels([label("during", "t5", "t9")])
        assert daemon.post("/v1/assignments", {"annotator": "eve"})["assignments"]
        assert daemon.call("POST", "/v1/items", {"items": distinct(1, "x")}).status == 409
        late = distinct(3, "late")
        daemon.add_items([{**item, "embedding": vectors([item], old)[item["id"]]} for item in late])
        gate.open()
        wait_for_vectors(daemon, vectors(items + late, new))
        model = daemon.wait_for_version(2)
        assert model["version"] == 2 and model["labels"] == 31
        assert daemon.get("/v1/model")["embedder"]["dimension"] == 16
        found = {row["version"]: row["state"] for row in daemon.get("/v1/models")["models"]}
        assert found == {1: "rejected", 2: "active"}
        assert daemon.call("POST", "/v1/models/1/activate").status == 409
        served = rewards(daemon, items)
        assert served != known
        daemon.add_items([{**distinct(1, "x")[0], "prompt_id": "of its own"}])
        assert daemon.select(batch_size=4, generate={"mode": "cross_prompt"})["pairs"]
        assert daemon.post("/v1/score", {"items": [{"prompt": "a", "response": "b"}]})["scores"]
    after = everything_else(db)
    assert before["labels"] == after["labels"][:30] and len(after["labels"]) == 31
    assert before["items"] == after["items"][:COUNT]
    assert query(db, "SELECT count(DISTINCT embedder) FROM item_embeddings") == [(1,)]
    assert "re-embed" not in check(db)
    with Daemon(db, new.options(candidates="cross_prompt")) as again:
        assert rewards(again, items) == pytest.approx(served, abs=1e-5)


def test_one_that_is_killed_goes_on_by_itself_with_what_is_missing(db, old, new):
    items = fill(db, old, COUNT)
    gate = Gate(new, 5)
    daemon = Daemon(db, new.options())
    begin(daemon)
    wait_until(lambda: made(db) == BLOCK, "a block")
    daemon.kill()
    gate.open()
    new.always = None
    with Daemon(db, old.options()) as before:
        assert stored(before) == vectors(items, old) and before.model()["version"] == 1
        wait_until(lambda: state(before) == "waiting", "a word about the other embedder")
        assert "configured one is another" in before.get("/v1/re-embed")["error"]
        assert "re-embedding-unfinished" in before.log_text()
    asked = len(new.requests)
    with Daemon(db, new.options()) as later:
        wait_for_vectors(later, vectors(items, new))
        assert later.wait_for_version(2)["labels"] == 30
    again = {text for _, body in new.requests[asked:] for text in body["input"]}
    assert not again & {text for item in items[:BLOCK] for text in (item["prompt"], item["response"])}
    assert "re-embed" not in check(db)


def test_one_that_is_given_up_leaves_the_old_vectors(db, old, new):
    items = fill(db, old, COUNT)
    gate = Gate(new, 5)
    with Daemon(db, new.options()) as daemon:
        begin(daemon)
        wait_until(lambda: made(db) == BLOCK, "a block")
        assert daemon.ok("DELETE", "/v1/re-embed")["state"] == "idle"
        gate.open()
        assert daemon.ok("DELETE", "/v1/re-embed")["embedder"] is None
        wait_until(lambda: query(db, "SELECT count(*) FROM item_embeddings") == [(COUNT,)],
                   "what is left over to be deleted")
        assert stored(daemon) == vectors(items, old) and daemon.model()["version"] == 1
        new.always = None
        begin(daemon)
        wait_for_vectors(daemon, vectors(items, new))


def test_without_labels_an_untrained_model_serves_the_new_vectors(db, old, new):
    items = distinct(20)
    with Daemon(db, old.options()) as daemon:
        daemon.add_items(items)
    with Daemon(db, new.options(candidates="cross_prompt")) as daemon:
        begin(daemon)
        wait_for_vectors(daemon, vectors(items, new))
        assert daemon.model()["version"] == 0
        assert daemon.select(batch_size=4, generate={"mode": "cross_prompt"})["pairs"]
        daemon.add_labels([label("l0", "t0", "t1")])
        daemon.train()
        assert daemon.model()["version"] == 1


@pytest.mark.parametrize("case", ["no embedder", "no items", "the same", "no response"])
def test_what_cannot_be_re_embedded_is_refused_and_changes_nothing(db, old, new, case):
    items = distinct(3)
    if case == "no response":
        items[1] = {**items[1], "response": None, "embedding": [1.0] * 12}
    with Daemon(db, old.options()) as daemon:
        if case != "no items":
            daemon.add_items(items)
    options = {"no embedder": {}, "the same": old.options()}.get(case, new.options())
    words = {"no embedder": "embedding-url", "no items": "there are no items",
             "the same": "already", "no response": 'the first is "t1"'}
    with Daemon(db, options) as daemon:
        refused = daemon.call("POST", "/v1/re-embed")
        assert refused.status == 409 and words[case] in refused.json["detail"]
        assert state(daemon) == "idle"
    assert made(db) == 0


def test_a_failing_embedder_is_waited_for(db, old, new):
    items = fill(db, old, COUNT, labels=4)
    with Daemon(db, new.options(**{"embedding-retries": 0})) as daemon:
        new.faults = [None] * 5
        new.always = status(500)
        begin(daemon)
        wait_until(lambda: state(daemon) == "waiting", "a word about the failure")
        wait_until(lambda: "500" in (daemon.get("/v1/re-embed")["error"] or ""), "the status")
        assert daemon.get("/v1/re-embed")["made"] == BLOCK
        assert stored(daemon) == vectors(items, old)
        new.always = None
        wait_for_vectors(daemon, vectors(items, new))


def test_an_item_without_a_response_that_comes_meanwhile_is_named(db, old, new):
    items = fill(db, old, COUNT, labels=4)
    gate = Gate(new, 5)
    with Daemon(db, new.options()) as daemon:
        begin(daemon)
        wait_until(lambda: made(db) == BLOCK, "a block")
        daemon.add_items([{"id": "bare", "prompt_id": "p", "embedding": [0.5] * 12}])
        gate.open()
        wait_until(lambda: '"bare" has no "response"' in (daemon.get("/v1/re-embed")["error"] or ""),
                   "the item")
        assert len(stored(daemon)["t0"]) == 12
        assert daemon.ok("DELETE", "/v1/re-embed")["state"] == "idle"
        assert stored(daemon)["t0"] == vectors(items, old)["t0"]


def test_a_job_waits_for_the_switch_and_is_embedded_by_the_new_embedder(db, old, new):
    items = fill(db, old, COUNT, labels=4)
    gate = Gate(new, 5)
    daemon = Daemon(db, new.options())
    begin(daemon)
    wait_until(lambda: made(db) == BLOCK, "a block")
    daemon.kill()
    asked = Gate(old, 1)
    daemon = Daemon(db, old.options())
    daemon.ok("POST", "/v1/items", {"items": distinct(10, "job")}, 202,
              headers={"Prefer": "respond-async"})
    daemon.kill()
    gate.open()
    asked.open()
    new.always = None
    with Daemon(db, new.options()) as later:
        wait_until(lambda: later.get("/v1/jobs")["jobs"][0]["state"] == "done", "the job")
        wait_for_vectors(later, vectors(items + distinct(10, "job"), new))


def test_answers_scores_and_selections_go_on_during_the_switch(db, old, new):
    items = fill(db, old, COUNT)
    seen, ends = [], threading.Event()

    def work(daemon, number):
        for k in range(100000):
            if ends.is_set():
                return
            answers = [
                daemon.call("POST", "/v1/labels", {"labels": [
                    label(f"w{number}-{k}", f"t{k % COUNT}", f"t{(k + 7) % COUNT}")]}),
                daemon.call("POST", "/v1/score", {"items": ["t0", "t1"]}),
                daemon.call("POST", "/v1/assignments", {"annotator": f"ann{number}"}),
                daemon.call("POST", "/v1/selections", {
                    "batch_size": 2, "generate": {"mode": "cross_prompt"}})]
            seen.extend(answer.status for answer in answers)

    with Daemon(db, new.options(candidates="cross_prompt", refit="yes")) as daemon:
        threads = [threading.Thread(target=work, args=(daemon, number)) for number in range(2)]
        for thread in threads:
            thread.start()
        begin(daemon)
        wait_for_vectors(daemon, vectors(items, new))
        ends.set()
        for thread in threads:
            thread.join(PATIENCE)
        assert set(seen) <= {200, 201}, set(seen)
        assert len(daemon.list_all("labels", 1000)) == 30 + len(seen) // 4
        assert daemon.wait_for_version(2)["version"] == 2
    assert "sound" in check(db)


def test_items_that_keep_coming_until_the_switch_get_their_vectors(db, old, new):
    """From the switch on, embeddings of the old embedder are refused."""
    items = fill(db, old, COUNT, labels=4)
    late, accepted = distinct(400, "late"), []

    def add(daemon):
        for item in late:
            embedded = {**item, "embedding": vectors([item], old)[item["id"]]}
            if daemon.call("POST", "/v1/items", {"items": [embedded]}).status != 200:
                return
            accepted.append(item)

    with Daemon(db, new.options()) as daemon:
        thread = threading.Thread(target=add, args=(daemon,))
        begin(daemon)
        thread.start()
        wait_until_idle(daemon)
        thread.join(PATIENCE)
        wait_for_vectors(daemon, vectors(items + accepted, new))
        assert daemon.wait_for_version(2)["version"] == 2
    assert "sound" in check(db) and "re-embed" not in check(db)
