"""Embedding jobs: items that come with more texts than a request waits for."""

import concurrent.futures
import threading

import pytest

from client import Daemon, run, wait_until
from mock_embedder import DIMENSION, MockEmbedder, changed, closed_early, status
from test_embedding import apart, stored
from test_streamed_import import connect, head, working
from token_daemon import TokenDaemon, create

ENDED = ("done", "failed", "cancelled")
ASYNC = {"Prefer": "respond-async"}
DIGITS = 32  # of an id


def distinct(count, prefix="t"):
    """Items whose texts are all different, so that each is asked for once."""
    return [{"id": f"{prefix}{k}", "prompt_id": f"p{k}", "prompt": f"Question {prefix}{k}?",
             "response": f"Answer {prefix}{k}."} for k in range(count)]


@pytest.fixture
def mock():
    with MockEmbedder() as server:
        yield server


@pytest.fixture
def daemon(db, mock):
    with Daemon(db, mock.options()) as running:
        yield running


class Gate:
    """Lets an embedder answer some requests; the others wait until it opens, and closing it for good
    refuses them."""

    def __init__(self, mock, free):
        self.free, self.lock, self.opened = free, threading.Lock(), threading.Event()
        mock.always = self

    def __call__(self, handler, _):
        with self.lock:
            self.free -= 1
            is_free = self.free >= 0
        if not is_free:
            self.opened.wait()
        return False

    def open(self):
        self.opened.set()


def post(daemon, items, headers=None, status_code=202):
    response = daemon.call("POST", "/v1/items", {"items": items}, headers)
    assert response.status == status_code, response
    return response


def begin(daemon, items, headers=None):
    response = post(daemon, items, {**ASYNC, **(headers or {})})
    assert response.headers["Location"] == f"/v1/jobs/{response.json['id']}"
    return response.json["id"]


def job(daemon, identity):
    return daemon.get(f"/v1/jobs/{identity}")


def ended(daemon, identity, state="done"):
    def end():
        found = job(daemon, identity)
        return found if found["state"] in ENDED else None
    found = wait_until(end, "the end of the job")
    assert found["state"] == state, found
    return found


# ---- when there is a job ----

def test_many_texts_become_a_job_and_its_items_are_there_at_the_end(daemon, mock):
    items = distinct(300)
    response = post(daemon, items)
    assert "Preference-Applied" not in response.headers
    assert len(response.json["id"]) == DIGITS
    assert (response.json["items"], response.json["total"], response.json["error"]) == (300, 300, None)
    found = ended(daemon, response.json["id"])
    assert found["result"] == {"created": 300, "unchanged": 0}
    assert (found["done"], found["total"], found["error"]) == (300, 300, None)
    assert found["created_at"] <= found["started_at"] <= found["finished_at"]
    assert stored(daemon) == {item["id"]: apart(item) for item in items}
    assert sorted(mock.texts()[6:]) == sorted(t for i in items for t in (i["prompt"], i["response"]))
    for event in ("accepted", "ended"):
        wait_until(lambda e=event: f"event=embedding-job-{e}" in daemon.log_text(), "a line of the log")
    for count in ('fisherd_embedding_jobs_ended_total{state="done"} 1', "fisherd_embedding_jobs 0",
                  "fisherd_embedding_job_items_total 300"):
        wait_until(lambda c=count: f"{c}\n" in daemon.metrics(), count)


def test_few_texts_are_answered_at_once_unless_the_client_prefers_a_job(daemon):
    assert post(daemon, distinct(5, "a"), status_code=200).json == {"created": 5, "unchanged": 0}
    assert post(daemon, distinct(256, "b"), {"Prefer": "return=minimal, wait=5"},
                200).json["created"] == 256
    response = post(daemon, distinct(5, "c"), {"Prefer": "wait=9, Respond-Async; a=1"})
    assert response.headers["Preference-Applied"] == "respond-async"
    ended(daemon, response.json["id"])
    again = post(daemon, distinct(5, "c"), ASYNC, 200)  # nothing is left to embed
    assert again.json == {"created": 0, "unchanged": 5}


def test_what_is_stored_or_given_is_not_asked_for(daemon, mock):
    daemon.add_items(distinct(40))
    asked = len(mock.texts())
    given = [{**item, "id": f"g{k}", "embedding": [k] * 2 * DIMENSION}
             for k, item in enumerate(distinct(20, "given"))]
    found = ended(daemon, begin(daemon, [*distinct(45), *given]))
    assert found["result"] == {"created": 25, "unchanged": 40}
    assert (found["items"], found["total"], found["done"]) == (65, 5, 5)
    assert len(mock.texts()) == asked + 10
    assert stored(daemon)["g7"] == [7.0] * 2 * DIMENSION


def test_scores_and_metadata_come_with_a_job(daemon):
    items = [{**item, "metadata": {"b": k, "a": [1.5, None]}, "scores": {"judge": k / 4}}
             for k, item in enumerate(distinct(3))]
    ended(daemon, begin(daemon, items))
    for item in items:
        found = daemon.get(f"/v1/items/{item['id']}")
        assert (found["metadata"], found["scores"]) == (item["metadata"], item["scores"])
    assert post(daemon, items, status_code=200).json == {"created": 0, "unchanged": 3}


def test_nothing_of_a_job_shows_before_its_end(daemon, mock):
    gate = Gate(mock, 7)  # the fingerprint, and some batches
    identity = begin(daemon, distinct(200))
    found = wait_until(lambda: (j := job(daemon, identity))["done"] > 0 and j, "some progress")
    assert (found["state"], found["total"], found["finished_at"]) == ("running", 200, None)
    assert 0 < found["done"] < 200 and found["result"] is None
    assert daemon.get("/v1/items")["items"] == []
    assert "fisherd_embedding_jobs 1" in daemon.metrics()
    gate.open()
    ended(daemon, identity)
    assert len(daemon.list_all("items")) == 200


def test_other_requests_are_answered_while_a_job_runs(daemon, mock):
    daemon.add_items([{"id": f"v{k}", "prompt_id": "p", "embedding": [k % 3, k % 5] * DIMENSION}
                      for k in range(8)])
    gate = Gate(mock, 1)
    identity = begin(daemon, distinct(100))
    wait_until(lambda: job(daemon, identity)["state"] == "running", "the job to run")
    assert len(daemon.post("/v1/assignments", {"annotator": "anna"})["assignments"]) == 1
    daemon.post("/v1/score", {"items": ["v1"]})
    gate.open()
    ended(daemon, identity)


# ---- lists ----

def test_jobs_are_listed_the_newest_first(daemon):
    identities = []
    for k in range(5):
        identities.append(begin(daemon, distinct(2, f"n{k}-")))
        ended(daemon, identities[-1])
    pages, cursor = [], ""
    while cursor is not None:
        page = daemon.get(f"/v1/jobs?limit=2{cursor}")
        pages.append([row["id"] for row in page["jobs"]])
        cursor = page.get("next_cursor") and f"&cursor={page['next_cursor']}"
    assert [len(page) for page in pages] == [2, 2, 1]
    assert sum(pages, []) == identities[::-1]
    assert daemon.get("/v1/jobs")["jobs"][0] == job(daemon, identities[-1])


@pytest.mark.parametrize("query", ["limit=0", "limit=1001", "cursor=0", "cursor=x", "state=done"])
def test_a_wrong_query_is_refused(daemon, query):
    assert daemon.call("GET", f"/v1/jobs?{query}").status == 400


@pytest.mark.parametrize("method", ["GET", "DELETE"])
def test_a_job_that_is_not_there_is_404(daemon, method):
    assert daemon.call(method, "/v1/jobs/" + DIGITS * "0").status == 404


# ---- what is refused before anything is stored ----

def wrong(change):
    items = distinct(300)
    items[123] = {**items[123], **change}
    return items


@pytest.mark.parametrize(("items", "status_code", "pointer"), [
    (wrong({"response": ""}), 422, "/items/123/embedding"),
    (wrong({"prompt_id": ""}), 422, "/items/123/prompt_id"),
    (wrong({"response": "x" * (1 << 20) + "y"}), 422, "/items/123/response"),
    (wrong({"embedding": [1.0]}), 422, "/items/123/embedding"),
    (wrong({"embedding": [1e39] * 2 * DIMENSION}), 422, "/items/123/embedding/0"),
    (wrong({"scores": {"": 1}}), 422, "/items/123/scores"),
    (wrong({"scores": {f"s{k}": k for k in range(10)}}), 422, "/items/123/scores"),
    (wrong({"id": "t5"}), 409, "/items/123/id"),
    (wrong({"id": "old"}), 409, "/items/123/id"),
    (wrong({"extra": 1}), 422, "/items/123/extra"),
])
def test_a_wrong_item_is_refused_and_there_is_no_job(daemon, items, status_code, pointer):
    daemon.add_items([{"id": "old", "prompt_id": "p", "response": "Old.",
                       "scores": {f"old{k}": k for k in range(10)}}])
    response = daemon.call("POST", "/v1/items", {"items": items})
    assert response.status == status_code, response
    assert response.json["errors"][0]["pointer"].startswith(pointer)
    assert daemon.get("/v1/jobs")["jobs"] == []
    assert len(daemon.get("/v1/items")["items"]) == 1


def test_another_embedder_is_refused_before_there_is_a_job(db, daemon):
    daemon.add_items(distinct(2))
    daemon.stop()
    with MockEmbedder(salt="other") as other, Daemon(db, other.options()) as later:
        response = post(later, distinct(2, "new"), ASYNC, 409)
        assert "gives other vectors" in response.json["detail"]
        assert later.get("/v1/jobs")["jobs"] == []


def test_more_than_256_texts_of_a_score_are_refused(daemon, mock):
    texts = [{"response": f"r{k}"} for k in range(257)]
    assert daemon.call("POST", "/v1/score", {"items": texts}).status == 422
    assert mock.requests == []


# ---- limits ----

def test_waiting_jobs_are_limited_in_number_and_bytes(db, mock):
    options = mock.options(**{"embedding-jobs": 2, "embedding-job-size": 0.01})  # 10,485 bytes
    gate = Gate(mock, 1)
    with Daemon(db, options) as daemon:
        large = [{**distinct(1)[0], "response": "x" * 11000}]
        refused = post(daemon, large, ASYNC, 503)
        assert "10485 bytes" in refused.json["detail"] and refused.headers["Retry-After"]
        jobs = [begin(daemon, distinct(2, name)) for name in "ab"]
        assert "there may be 2" in post(daemon, distinct(2, "c"), ASYNC, 503).json["detail"]
        assert len(daemon.get("/v1/jobs")["jobs"]) == 2
        daemon.ok("DELETE", f"/v1/jobs/{jobs[1]}")
        third = begin(daemon, distinct(2, "c"))
        gate.open()
        for identity in (jobs[0], third):
            ended(daemon, identity)


def test_a_job_has_so_many_vectors_at_most_that_they_fit_into_memory(db):
    with MockEmbedder() as mock, Daemon(db, mock.options()) as daemon:
        mock.vector = lambda _: [1.0] * 8192
        refused = post(daemon, distinct(4097), status_code=422)
        assert "4097" in refused.json["detail"] and "4096" in refused.json["detail"]
        assert daemon.get("/v1/jobs")["jobs"] == [] and len(mock.texts()) == 6


def test_a_job_takes_its_memory_at_the_end_from_that_of_requests(db, mock):
    """An import holds 32 of 44 MiB for as long as it is open."""
    items = [{**item, "response": item["response"] + "x" * 60000} for item in distinct(100)]
    options = {"memory": 44, "stream-seconds": 86400, "embedding-batch": 100}
    with Daemon(db, mock.options(**options)) as daemon:
        gate = Gate(mock, 1)
        identity = begin(daemon, items)
        with connect(daemon) as upload:
            upload.sendall(head("Content-Length: 100000"))
            wait_until(lambda: working(daemon) == 1, "the import")
            gate.open()
            wait_until(lambda: "the memory" in (job(daemon, identity)["error"] or ""), "a word")
            assert job(daemon, identity)["done"] == 100 and stored(daemon) == {}
        ended(daemon, identity)
        assert len(daemon.list_all("items")) == 100


def test_a_job_that_never_fits_into_the_memory_fails_and_says_so(db, mock):
    mock.vector = lambda _: [1.0] * 8192
    with Daemon(db, mock.options(memory=8)) as daemon:
        found = ended(daemon, begin(daemon, distinct(130)), "failed")
        assert "more than the option memory has" in found["error"] and stored(daemon) == {}


# ---- cancelling ----

def test_a_cancelled_job_adds_nothing_and_the_next_one_runs(daemon, mock):
    gate = Gate(mock, 5)
    first, second = begin(daemon, distinct(200)), begin(daemon, distinct(3, "s"))
    wait_until(lambda: job(daemon, first)["done"] > 0, "some progress")
    found = daemon.ok("DELETE", f"/v1/jobs/{first}")
    assert found["state"] == "cancelled" and found["finished_at"]
    assert daemon.ok("DELETE", f"/v1/jobs/{first}")["state"] == "cancelled"
    gate.open()
    ended(daemon, second)
    assert sorted(stored(daemon)) == ["s0", "s1", "s2"]
    assert daemon.call("DELETE", f"/v1/jobs/{second}").status == 409
    assert job(daemon, first)["state"] == "cancelled"
    assert run("check", "--db", daemon.db).returncode == 0


# ---- the embedder fails ----

def test_a_job_waits_while_the_embedder_is_away(db):
    with MockEmbedder() as mock:
        mock.always = status(500)
        with Daemon(db, mock.options(**{"embedding-retries": 0})) as daemon:
            identity = begin(daemon, distinct(3))
            found = wait_until(lambda: (j := job(daemon, identity))["error"] and j, "the error")
            assert "500" in found["error"] and found["state"] in ("queued", "running")
            assert found["finished_at"] is None
            mock.always = None
            assert ended(daemon, identity)["error"] is None
            wait_until(lambda: "event=embedding-job-waits" in daemon.log_text(), "a line of the log")
            assert len(stored(daemon)) == 3


@pytest.mark.parametrize(("fault", "word"), [
    (status(400, document={"error": {"message": "too long"}}), "400"),
    (changed(lambda rows: rows[1:]), "vectors"),
    (changed(lambda rows: [{**row, "embedding": [1e300] * DIMENSION} for row in rows]), ""),
])
def test_a_job_fails_whose_texts_can_never_be_embedded(daemon, mock, fault, word):
    daemon.add_items(distinct(1, "first"))  # the fingerprint is there
    mock.always = fault
    found = ended(daemon, begin(daemon, distinct(3)), "failed")
    assert word in found["error"] and found["result"] is None
    mock.always = None
    assert list(stored(daemon)) == ["first0"]
    ended(daemon, begin(daemon, distinct(3)))


def test_answers_that_break_off_are_asked_for_again(daemon, mock):
    mock.faults = [None, closed_early, status(429, {"Retry-After": "0"}), status(503)]
    ended(daemon, begin(daemon, distinct(30)))
    assert len(stored(daemon)) == 30


def test_a_conflict_that_comes_later_fails_the_job_and_adds_nothing(daemon, mock):
    gate = Gate(mock, 1)
    identity = begin(daemon, distinct(5))
    wait_until(lambda: job(daemon, identity)["state"] == "running", "the job to run")
    daemon.add_items([{**distinct(1)[0], "response": "Other", "embedding": [1] * 2 * DIMENSION}])
    gate.open()
    assert '"t0"' in ended(daemon, identity, "failed")["error"]
    assert list(stored(daemon)) == ["t0"]


def test_an_item_that_came_meanwhile_keeps_its_vector(daemon, mock):
    gate = Gate(mock, 1)
    identity = begin(daemon, distinct(5))
    wait_until(lambda: job(daemon, identity)["state"] == "running", "the job to run")
    daemon.add_items([{**distinct(1)[0], "embedding": [1] * 2 * DIMENSION}])
    gate.open()
    assert ended(daemon, identity)["result"] == {"created": 4, "unchanged": 1}
    assert stored(daemon)["t0"] == [1.0] * 2 * DIMENSION


# ---- restarts ----

@pytest.mark.parametrize("end", ["kill", "stop"])
def test_a_job_goes_on_after_a_restart_and_asks_only_for_what_is_missing(db, mock, end):
    items = distinct(200)
    gate = Gate(mock, 9)  # the fingerprint, and two blocks of four batches
    daemon = Daemon(db, mock.options())
    identity = begin(daemon, items)
    wait_until(lambda: job(daemon, identity)["done"] == 128, "two blocks")
    getattr(daemon, end)()
    gate.open()
    asked = len(mock.requests)
    mock.always = None
    with Daemon(db, mock.options()) as later:
        found = ended(later, identity)
        assert found["result"] == {"created": 200, "unchanged": 0}
        assert stored(later) == {item["id"]: apart(item) for item in items}
    again = [t for _, body in mock.requests[asked:] for t in body["input"]]
    missing = {t for item in items[128:] for t in (item["prompt"], item["response"])}
    assert missing <= set(again)
    assert not {t for item in items[:128] for t in (item["prompt"], item["response"])} & set(again)
    assert run("check", "--db", db).returncode == 0


def test_vectors_of_another_embedder_are_not_mixed_into_a_job(db, mock):
    items = distinct(200)
    gate = Gate(mock, 9)
    daemon = Daemon(db, mock.options())
    identity = begin(daemon, items)
    wait_until(lambda: job(daemon, identity)["done"] == 128, "two blocks")
    daemon.kill()
    gate.open()
    with MockEmbedder(salt="other") as other, Daemon(db, other.options()) as later:
        ended(later, identity)
        vectors = stored(later)
        assert vectors["t0"] != apart(items[0]) and len(vectors) == 200
        assert len(other.texts()) >= 400


def test_jobs_wait_where_no_embedder_is_configured(db, mock):
    gate = Gate(mock, 1)
    daemon = Daemon(db, mock.options())
    identity = begin(daemon, distinct(3))
    daemon.kill()
    gate.open()
    with Daemon(db) as without:
        assert job(without, identity)["state"] in ("queued", "running")
        assert "fisherd_embedding_jobs 1" in without.metrics()
        assert without.ok("DELETE", f"/v1/jobs/{identity}")["state"] == "cancelled"


def test_a_daemon_stops_soon_in_the_middle_of_a_job(db, mock):
    gate = Gate(mock, 1)
    daemon = Daemon(db, mock.options())
    identity = begin(daemon, distinct(3))
    wait_until(lambda: job(daemon, identity)["state"] == "running", "the job to run")
    daemon.stop()  # it exits with 0, and not at its limit
    assert "event=stopped" in daemon.log_text()
    gate.open()


# ---- idempotency ----

def keyed(key):
    return {"Idempotency-Key": key}


def test_a_key_gives_the_same_job_and_another_body_is_refused(daemon):
    first = begin(daemon, distinct(3), keyed('"k-1"'))
    assert begin(daemon, distinct(3), keyed("k-1")) == first  # with quotes or without
    ended(daemon, first)
    assert begin(daemon, distinct(3), keyed("k-1")) == first
    response = post(daemon, distinct(4), {**ASYNC, **keyed("k-1")}, 422)
    assert "another body" in response.json["detail"]
    assert len(daemon.get("/v1/jobs")["jobs"]) == 1
    assert job(daemon, first)["idempotency_key"] == "k-1"


def test_a_key_gives_the_same_response_also_after_a_restart(db, mock):
    with Daemon(db, mock.options()) as daemon:
        assert post(daemon, distinct(3), keyed("k"), 200).json == {"created": 3, "unchanged": 0}
        assert post(daemon, distinct(3), keyed("k"), 200).json == {"created": 3, "unchanged": 0}
        assert post(daemon, distinct(3), status_code=200).json == {"created": 0, "unchanged": 3}
    with Daemon(db) as daemon:
        assert post(daemon, distinct(3), keyed("k"), 200).json == {"created": 3, "unchanged": 0}
        found = daemon.get("/v1/jobs")["jobs"]
        assert [row["state"] for row in found] == ["done"]
    assert run("check", "--db", db).returncode == 0


def test_a_request_that_was_refused_leaves_its_key_free(daemon):
    post(daemon, [{"id": "x"}], keyed("k"), 422)
    assert post(daemon, distinct(2), keyed("k"), 200).json["created"] == 2


def test_a_key_whose_request_is_being_answered_is_a_conflict(daemon, mock):
    daemon.add_items(distinct(1, "first"))
    gate = Gate(mock, 0)
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        first = pool.submit(post, daemon, distinct(2), keyed("k"), 200)
        wait_until(lambda: mock.at_once > 0 or len(mock.requests) > 2, "the first request")
        assert post(daemon, distinct(2), keyed("k"), 409)
        gate.open()
        assert first.result().json["created"] == 2


@pytest.mark.parametrize("key", ["", '""', '"open', '"in"side"', "ä".encode().decode("latin-1"), "x" * 256,
                                 '"a" b'])
def test_a_wrong_key_is_refused(daemon, key):
    assert post(daemon, distinct(1), keyed(key), 400)
    assert daemon.get("/v1/items")["items"] == []


# ---- roles ----

def test_a_key_belongs_to_its_token_and_a_job_names_it(db, mock):
    tokens = {}
    for name in ("one", "two"):
        tokens[name] = {"Authorization": f"Bearer {create(db, 'frontend', name)[0]}"}
    with TokenDaemon(db, mock.options()) as daemon:
        jobs = {}
        for name, header in tokens.items():
            response = post(daemon, distinct(2, name), {**ASYNC, **header, **keyed("k")})
            jobs[name] = response.json["id"]
            assert response.json["author"] == name
        assert jobs["one"] != jobs["two"]
        seen = daemon.call("GET", "/v1/jobs", headers=tokens["two"]).json["jobs"]
        assert {row["id"] for row in seen} == set(jobs.values())
