"""Texts in place of embeddings: items, scores and selections, by a server of embeddings that may
fail in every way."""

import concurrent.futures
import json
import os
import pathlib
import struct
import sys

import pytest

import mock_embedder
from client import PATIENCE, Daemon, SLOWNESS, run, wait_until
from mock_embedder import DIMENSION, MockEmbedder, changed, raw, status, vector

APART = 2 * DIMENSION


def text_items(count=6, prefix="t"):
    return [{"id": f"{prefix}{k}", "prompt_id": f"p{k // 3}", "prompt": f"Frage {k // 3}?",
             "response": f"Antwort „{k}“"} for k in range(count)]


def float32(values):
    return list(struct.unpack(f"<{len(values)}f", struct.pack(f"<{len(values)}f", *values)))


def stored(daemon):
    """The stored vectors by id."""
    import base64
    rows = daemon.get("/v1/items?limit=1000&embeddings=true")["items"]
    return {row["id"]: list(struct.unpack(f"<{row['dimension']}f",
                                          base64.b64decode(row["embedding"]))) for row in rows}


def apart(item):
    return float32(vector(item["prompt"]) + vector(item["response"]))


@pytest.fixture
def mock():
    with MockEmbedder() as server:
        yield server


@pytest.fixture
def daemon(db, mock):
    with Daemon(db, mock.options()) as running:
        yield running


def refused(daemon, status_code, *words, items=None):
    response = daemon.call("POST", "/v1/items", {"items": items or text_items()})
    assert response.status == status_code, response
    for word in words:
        assert word in response.json["detail"], response
    assert daemon.get("/v1/items")["items"] == []
    return response


# ---- what is asked for and stored ----

def test_texts_become_prompt_and_response_side_by_side(daemon, mock):
    items = text_items()
    assert daemon.add_items(items) == {"created": 6, "unchanged": 0}
    assert stored(daemon) == {item["id"]: apart(item) for item in items}
    path, body = mock.requests[-1]
    assert path == "/v1/embeddings"
    assert (body["model"], body["encoding_format"]) == ("mock-1", "float")
    assert len(mock.texts()) == len(set(mock.texts())), "each text is asked for once"


def test_an_item_that_is_there_is_not_embedded_again(daemon, mock):
    daemon.add_items(text_items(4))
    asked = len(mock.texts())
    mock.salt = "another vector each time"
    assert daemon.add_items(text_items(4)) == {"created": 0, "unchanged": 4}
    assert len(mock.texts()) == asked
    other = {**text_items(4)[2], "response": "Other"}
    response = daemon.call("POST", "/v1/items", {"items": [other]})
    assert response.status == 409 and len(mock.texts()) == asked


def test_items_with_and_without_embeddings_may_come_together(daemon):
    given = {**text_items(1, "g")[0], "embedding": [1.0] * APART}
    assert daemon.add_items([given, *text_items(2)]) == {"created": 3, "unchanged": 0}
    assert stored(daemon)["g0"] == [1.0] * APART


def test_the_same_items_at_the_same_time_are_added_once(daemon, mock):
    mock.delay = 0.05
    numbers = iter(range(10 ** 6))
    mock.vector = lambda text: [v + next(numbers) * 1e-6 for v in vector(text)]
    with concurrent.futures.ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(lambda _: daemon.add_items(text_items(3)), range(6)))
    assert sum(answer["created"] for answer in answers) == 3


def test_a_template_may_join_the_texts(db, mock):
    with Daemon(db, mock.options(**{"embedding-template": r"Q: {prompt}\nA: {response}"})) as daemon:
        item = text_items(1)[0]
        daemon.add_items([item])
        joint = f"Q: {item['prompt']}\nA: {item['response']}"
        assert stored(daemon) == {"t0": float32(vector(joint))}


def test_a_missing_prompt_is_zeros(daemon):
    daemon.add_items([{"id": "x", "prompt_id": "p", "response": "R"}])
    assert stored(daemon)["x"] == [0.0] * DIMENSION + float32(vector("R"))


@pytest.mark.parametrize("form", ["float", "base64"])
def test_both_forms_of_answers_are_read_whatever_was_asked_for(db, form):
    with MockEmbedder(as_base64=form) as mock:
        for k, asked in enumerate(["float", "base64"]):
            options = mock.options(**{"embedding-encoding": asked})
            with Daemon(db.with_name(f"{k}.db"), options) as daemon:
                daemon.add_items(text_items(2))
                assert mock.requests[-1][1]["encoding_format"] == asked
                assert stored(daemon)["t1"] == apart(text_items(2)[1])


def test_answers_are_put_in_order_by_their_index(daemon, mock):
    mock.always = changed(lambda rows: rows[::-1])
    daemon.add_items(text_items())
    assert stored(daemon) == {item["id"]: apart(item) for item in text_items()}


def test_batches_run_at_once_but_never_more_than_allowed(db, mock):
    options = mock.options(**{"embedding-batch": 4, "embedding-requests": 3})
    with Daemon(db, options) as daemon:
        daemon.add_items(text_items(1, "first"))  # before it the embedder is asked who it is
        mock.pause = lambda: wait_until(lambda: mock.most_at_once >= 3, "three requests at once")
        with concurrent.futures.ThreadPoolExecutor(3) as pool:
            list(pool.map(daemon.add_items, [text_items(30, name) for name in "abc"]))
        mock.pause = lambda: None
        expected = {item["id"]: apart(item) for item in text_items(1, "first")}
        expected |= {item["id"]: apart(item) for name in "abc" for item in text_items(30, name)}
        assert stored(daemon) == expected
    assert mock.most_at_once == 3
    assert max(len(body["input"]) for _, body in mock.requests) == 4


def test_the_hashing_embedder_needs_nothing(db):
    with Daemon(db, {"embedding-url": "builtin:hash"}) as daemon:
        daemon.add_items(text_items())
        vectors = stored(daemon)
        assert all(len(values) == 1024 for values in vectors.values())
        halves = vectors["t0"]
        assert sum(v * v for v in halves[:512]) == pytest.approx(0.25, abs=1e-5)
        assert sum(v * v for v in halves[512:]) == pytest.approx(1, abs=1e-5)


# ---- scores and selections ----

def test_texts_score_like_their_embeddings(daemon):
    daemon.add_items(text_items(6))
    item = text_items(8)[7]
    texts = {"prompt": item["prompt"], "response": item["response"]}
    by_text = daemon.post("/v1/score", {"items": [texts, "t3"]})
    by_vector = daemon.post("/v1/score", {"items": [{**texts, "embedding": apart(item)}, "t3"]})
    assert by_text == by_vector


def test_selections_take_texts(daemon):
    daemon.add_items(text_items(6))
    a, b = ({"prompt": "Q", "response": text} for text in ("one", "two"))
    pairs = [{"a": a, "b": b}, {"a": "t0", "b": a}, {"a": "t1", "b": "t2"}]
    chosen = daemon.select(batch_size=3, strategy="greedy", pairs=pairs)["pairs"]
    assert sorted(pair["index"] for pair in chosen) == [0, 1, 2]


def test_the_cosine_of_side_by_side_vectors_is_known(db, mock):
    """A linear model with the option prompt-dimension gives the same scores."""
    items = text_items(6)
    def scores(path, options):
        with Daemon(path, options) as daemon:
            daemon.add_items([{**item, "embedding": apart(item)} for item in items])
            return daemon.post("/v1/score", {"items": [item["id"] for item in items]})
    implied = scores(db, mock.options())
    named = scores(db.with_name("named.db"), {"prompt-dimension": DIMENSION})
    unknown = scores(db.with_name("unknown.db"), {})
    assert implied == named != unknown


# ---- what is refused ----

def test_without_an_embedder_an_embedding_is_required(db):
    with Daemon(db) as daemon:
        response = daemon.call("POST", "/v1/items", {"items": text_items()})
        assert response.status == 422
        assert response.json["errors"] == [
            {"pointer": "/items/0/embedding",
             "detail": "is required, since there is no embedder (option embedding-url)"}]


@pytest.mark.parametrize("form", [
    ([{"a": {"prompt": "p"}, "b": "t1"}], "/pairs/0/a/embedding"),
    ([["t1", {"response": ""}]], "/pairs/0/1/embedding"),
    ({"a": ["t1"], "b": [{"response": ""}]}, "/pairs/b/0/embedding")])
def test_an_item_without_a_response_points_at_its_embedding(daemon, form):
    pairs, pointer = form
    daemon.add_items(text_items(3))
    response = daemon.call("POST", "/v1/selections", {"batch_size": 1, "pairs": pairs})
    assert response.status == 422 and response.json["errors"][0]["pointer"] == pointer, response
    score = daemon.call("POST", "/v1/score", {"items": [{"response": ""}]})
    assert score.json["errors"][0]["pointer"] == "/items/0/embedding"
    item = daemon.call("POST", "/v1/items", {"items": [{"id": "n", "prompt_id": "p"}]})
    assert item.json["errors"][0]["pointer"] == "/items/0/embedding"


# ---- faults of the server ----

@pytest.mark.parametrize("fault", [status(429, {"Retry-After": "1"}), status(500), status(503),
                                   mock_embedder.closed_early, mock_embedder.closed_at_once],
                         ids=["429", "500", "503", "closed early", "closed at once"])
def test_passing_faults_are_retried(daemon, mock, fault):
    mock.faults = [fault, fault]
    assert daemon.add_items(text_items()) == {"created": 6, "unchanged": 0}
    assert stored(daemon) == {item["id"]: apart(item) for item in text_items()}
    daemon.wait_for_log("embedding-retry")


def test_retry_after_is_obeyed(daemon, mock):
    mock.faults = [status(429, {"Retry-After": "2"})]
    daemon.add_items(text_items())
    assert mock.times[1] - mock.times[0] >= 2


def test_a_wait_beyond_the_time_of_the_request_is_not_begun(db, mock):
    mock.faults = [status(429, {"Retry-After": "7200"})]
    with Daemon(db, mock.options(**{"embedding-seconds": 3600})) as daemon:
        response = refused(daemon, 503, "429")
        assert response.headers["Retry-After"]


def test_retries_end(db, mock):
    mock.always = status(500)
    with Daemon(db, mock.options(**{"embedding-retries": 2})) as daemon:
        refused(daemon, 503, "500")
    assert len(mock.requests) == 3


def nan_row(rows):
    return [{**rows[0], "embedding": [1, 2, None, 4, 5, 6]}, *rows[1:]]


BAD = {
    "too few": changed(lambda rows: rows[:-1]),
    "too many": changed(lambda rows: [*rows, rows[-1]]),
    "twice the same index": changed(lambda rows: [rows[0], *rows[:-1]]),
    "an index out of bounds": changed(lambda rows: [{**rows[0], "index": len(rows)}, *rows[1:]]),
    "a negative index": changed(lambda rows: [{**rows[0], "index": -1}, *rows[1:]]),
    "a real index": changed(lambda rows: [{**rows[0], "index": 0.0}, *rows[1:]]),
    "no index": changed(lambda rows: [{"embedding": row["embedding"]} for row in rows]),
    "null": changed(nan_row),
    "NaN": raw(b'{"data":[{"index":0,"embedding":[NaN]}]}'),
    "too large numbers": changed(lambda rows: [{**row, "embedding": [1e7] * 6} for row in rows]),
    "an overflow": raw(b'{"data":[{"index":0,"embedding":[1e999]}]}'),
    "base64 NaN": changed(lambda rows: [{**row, "embedding": "AADAfw=="} for row in rows]),
    "base64 of 3 bytes": changed(lambda rows: [{**row, "embedding": "AADA"} for row in rows]),
    "not base64": changed(lambda rows: [{**row, "embedding": "!"} for row in rows]),
    "no numbers": changed(lambda rows: [{**row, "embedding": []} for row in rows]),
    "two dimensions": changed(lambda rows: [{**rows[0], "embedding": [1, 2]}, *rows[1:]]),
    "too many numbers": changed(lambda rows: [{**row, "embedding": [0] * 65537} for row in rows]),
    "an object": changed(lambda rows: [{**row, "embedding": {}} for row in rows]),
    "no data": raw(b'{"object":"list"}'),
    "a list": raw(b"[]"),
    "nothing": raw(b""),
    "no JSON": raw(b"<html>502</html>"),
    "depth": raw(b"[" * 100000),
    "a member twice": raw(b'{"data":[],"data":[]}'),
    "huge": mock_embedder.huge,
    "a redirect": status(307, {"Location": "http://127.0.0.1:1/"}),
    "401": status(401),
    "404": status(404),
}


@pytest.mark.parametrize("name", BAD)
def test_a_wrong_answer_is_refused_and_stores_nothing(daemon, mock, name):
    mock.always = BAD[name]
    refused(daemon, 502, "embed")
    assert len(mock.requests) == 1, "it is not asked again"
    mock.always = None
    assert daemon.add_items(text_items()) == {"created": 6, "unchanged": 0}


def test_vectors_of_another_dimension_than_before_are_refused(daemon, mock):
    daemon.add_items(text_items(3))
    mock.dimension = DIMENSION + 1
    response = daemon.call("POST", "/v1/items", {"items": text_items(6)})
    assert response.status == 502 and "7" in response.json["detail"], response
    assert len(stored(daemon)) == 3


def test_what_the_server_says_of_a_refusal_is_passed_on(daemon, mock):
    mock.always = status(400, document={"error": {"message": "input\nis too long"}})
    refused(daemon, 502, "400: input is too long")


def test_a_slow_server_ends_the_request_in_time(db, mock):
    mock.always = mock_embedder.slow(2 * PATIENCE)
    with Daemon(db, mock.options(**{"embedding-seconds": 1})) as daemon:
        refused(daemon, 503)
        assert daemon.call("GET", "/readyz").status == 200


def test_a_daemon_starts_and_serves_without_its_server(db):
    options = {"embedding-url": "http://127.0.0.1:1/v1", "embedding-model": "m",
               "embedding-retries": 0}
    with Daemon(db, options) as daemon:
        refused(daemon, 503, "cannot be used")
        daemon.add_items([{"id": "x", "prompt_id": "p", "embedding": [1, 2]}])


def test_stopping_does_not_wait_for_the_server(db, mock):
    mock.always = mock_embedder.slow(2 * PATIENCE)
    with Daemon(db, mock.options(**{"stop-seconds": 6 * SLOWNESS, "embedding-seconds": 3600})) as daemon:
        with concurrent.futures.ThreadPoolExecutor(1) as pool:
            pool.submit(daemon.call, "POST", "/v1/items", {"items": text_items()})
            wait_until(lambda: mock.requests, "a request")
            daemon.stop()


# ---- the key, and what is configured ----

def write_key(path, text="sk-secret-123\n"):
    path.write_text(text)
    path.chmod(0o600)
    return path


def test_the_key_is_sent_and_never_logged_or_told(db, mock, tmp_path):
    key = write_key(tmp_path / "key")
    mock.faults = [status(500)]
    with Daemon(db, mock.options(**{"embedding-key": key, "log-level": "debug"})) as daemon:
        daemon.add_items(text_items())
        assert {headers["Authorization"] for headers in mock.headers} == {"Bearer sk-secret-123"}
        mock.always = status(400, document={"error": {"message": "bad key sk-secret-123"}})
        response = daemon.call("POST", "/v1/items", {"items": text_items(1, "n")})
        assert response.status == 502 and b"sk-secret" not in response.body
        daemon.stop()
        assert "sk-secret" not in daemon.log_text()


@pytest.mark.parametrize("options, word", [
    ({"embedding-url": "ftp://x/v1"}, "embedding-url"),
    ({"embedding-url": "http://user:word@x/v1"}, "embedding-url"),
    ({"embedding-url": "builtin:other"}, "embedding-url"),
    ({"embedding-url": "http://x/v1"}, "embedding-model"),
    ({"embedding-template": "{prompt}"}, "{response}"),
    ({"embedding-template": "{prompt}|{response}|{prompt}"}, "two parts"),
    ({"embedding-template": "{response}|fixed"}, "without"),
    ({"embedding-template": r"{response}\t"}, "\\"),
    ({"embedding-url": "http://x/v1", "embedding-model": "m", "embedding-key": "/none"}, "/none"),
])
def test_wrong_options_are_told_before_the_start(db, options, word):
    done = run("check-config", f"--db={db}", *(f"--{k}={v}" for k, v in options.items()))
    assert done.returncode == 1 and word in done.stderr, done.stderr


def test_a_key_that_others_may_read_or_that_is_more_than_a_key_is_refused(db, tmp_path):
    key = write_key(tmp_path / "key", "two words")
    options = [f"--db={db}", "--embedding-url=http://x/v1", "--embedding-model=m",
               f"--embedding-key={key}"]
    assert "more than a key" in run("check-config", *options).stderr
    os.chmod(write_key(key), 0o644)
    assert "open to users" in run("check-config", *options).stderr


def test_the_address_comes_from_the_configuration_alone(daemon):
    for extra in ({"embedding_url": "http://127.0.0.1:1"}, {"embedding-url": "builtin:hash"}):
        body = json.dumps({"items": text_items(1), **extra})
        assert daemon.call("POST", "/v1/items", raw=body).status == 422


# ---- who embedded the items ----

def test_the_model_tells_who_embedded_the_items(db, mock):
    with Daemon(db, mock.options()) as daemon:
        assert daemon.model()["embedder"] is None
        daemon.add_items(text_items(3))
        told = daemon.model()["embedder"]
        assert (told["name"], told["template"]) == ("mock-1", "{prompt}|{response}")
        assert told["dimension"] == APART and len(told["fingerprint"]) == 32
    with Daemon(db) as daemon:
        assert daemon.model()["embedder"] == told, "a restart knows it, and needs no server"


def test_another_embedder_is_refused_by_name_and_changes_nothing(db, mock):
    with Daemon(db, mock.options()) as daemon:
        daemon.add_items(text_items(3))
        told = daemon.model()["embedder"]
    with MockEmbedder(salt="other") as other:
        with Daemon(db, other.options(**{"embedding-model": "mock-2"})) as daemon:
            for path, body in [("/v1/items", {"items": text_items(1, "n")}),
                               ("/v1/score", {"items": [{"response": "R"}]}),
                               ("/v1/selections", {"batch_size": 1, "pairs": [
                                   {"a": "t0", "b": {"response": "R"}}]})]:
                response = daemon.call("POST", path, body)
                assert response.status == 409, response
                assert '"mock-1"' in response.json["detail"] and '"mock-2"' in response.json["detail"]
            assert daemon.add_items(text_items(3)) == {"created": 0, "unchanged": 3}
            given = {**text_items(1, "g")[0], "embedding": [0.5] * APART}
            assert daemon.add_items([given])["created"] == 1
            assert daemon.model()["embedder"] == told and len(stored(daemon)) == 4


def test_another_template_is_another_embedder(db, mock):
    with Daemon(db, mock.options()) as daemon:
        daemon.add_items(text_items(3))
    with Daemon(db, mock.options(**{"embedding-template": "{response}|{prompt}"})) as daemon:
        assert daemon.call("POST", "/v1/items", {"items": text_items(1, "n")}).status == 409


def test_the_same_vectors_under_another_name_are_welcome(db, mock):
    with Daemon(db, mock.options()) as daemon:
        daemon.add_items(text_items(3))
    mock.vector = lambda text: [v * 1.0005 + 0.0005 for v in vector(text)]
    with Daemon(db, mock.options(**{"embedding-model": "renamed"})) as daemon:
        assert daemon.add_items(text_items(6)) == {"created": 3, "unchanged": 3}
        assert daemon.model()["embedder"]["name"] == "mock-1"


def test_an_embedder_may_be_replaced_before_the_first_item(db, mock):
    with Daemon(db, mock.options()) as daemon:
        wrong = [{**text_items(1)[0], "prompt_id": "p"}, {**text_items(1)[0], "prompt_id": "q"}]
        assert daemon.call("POST", "/v1/items", {"items": wrong}).status == 409
        assert daemon.model()["embedder"]["name"] == "mock-1"
    with MockEmbedder(dimension=4) as other:
        with Daemon(db, other.options(**{"embedding-model": "mock-2"})) as daemon:
            daemon.add_items(text_items(3))
            assert daemon.model()["embedder"]["name"] == "mock-2"


def test_an_embedder_of_another_dimension_than_the_items_is_refused_and_not_kept(db, mock):
    with Daemon(db, mock.options()) as daemon:
        daemon.add_items([{"id": "x", "prompt_id": "p", "embedding": [1, 2, 3]}])
        response = daemon.call("POST", "/v1/items", {"items": text_items(1)})
        assert response.status == 422 and "mock-1" in response.json["detail"], response
        assert daemon.model()["embedder"] is None


# ---- a program in place of a server ----

PROGRAM_FILE = pathlib.Path(__file__).with_name("command_embedder.py")


def by_command(fault="", notes="", **more):
    command = f"exec {sys.executable} {PROGRAM_FILE} '{fault}' {notes}"
    return {"embedding-command": command, "embedding-seconds": PATIENCE // 2, **more}


def test_a_program_embeds_batch_by_batch_and_is_started_once(db, tmp_path):
    notes = tmp_path / "notes"
    items = text_items(60)
    with Daemon(db, by_command("reversed", notes, **{"embedding-batch": 25})) as daemon:
        daemon.add_items(items[:40])
        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            list(pool.map(lambda item: daemon.add_items([item]), items[40:]))
        assert stored(daemon) == {item["id"]: apart(item) for item in items}
    lines = notes.read_text().split("\n")
    assert sum(line.startswith("start") for line in lines) == 1
    assert max(int(line.split()[1]) for line in lines if line.startswith("batch")) == 25
    process = int(lines[0].split()[1])
    wait_until(lambda: not os.path.exists(f"/proc/{process}"), "the end of the program")


def test_long_texts_go_to_a_program_whole(db):
    items = [{"id": f"l{k}", "prompt_id": "p", "prompt": "Q", "response": chr(65 + k) * 900000}
             for k in range(5)]
    with Daemon(db, by_command()) as daemon:
        daemon.add_items(items)
        assert stored(daemon) == {item["id"]: apart(item) for item in items}


@pytest.mark.parametrize("fault, expected", [
    ("twice the same id", 502), ("an unknown id", 502), ("NaN", 502), ("other dimensions", 502),
    ("no JSON", 502), ("one long line", 502), ("ends", 503), ("sleeps", 503)])
def test_a_wrong_program_is_refused_and_stores_nothing(db, fault, expected):
    more = {"embedding-seconds": 2} if fault == "sleeps" else {}
    with Daemon(db, by_command(fault, **more)) as daemon:
        refused(daemon, expected, "embedding-command" if expected == 503 else "embed")


def test_a_program_that_ended_is_started_again(db, tmp_path):
    with Daemon(db, by_command("ends once", tmp_path / "notes")) as daemon:
        refused(daemon, 503, "has ended")
        assert daemon.add_items(text_items())["created"] == 6


def test_an_import_by_a_program_leaves_no_process(db, tmp_path):
    lines = tmp_path / "items.jsonl"
    lines.write_text("".join(json.dumps(item) + "\n" for item in text_items(40)))
    options = by_command("", tmp_path / "notes")
    done = run("import", f"--db={db}", f"--items={lines}", *(f"--{k}={v}" for k, v in options.items()))
    assert "40 items imported" in done.stdout, done.stderr
    process = int((tmp_path / "notes").read_text().split()[1])
    wait_until(lambda: not os.path.exists(f"/proc/{process}"), "the end of the program")


def test_a_program_and_a_server_cannot_be_given_together(db, mock):
    done = run("check-config", f"--db={db}", "--embedding-command=true",
               f"--embedding-url={mock.url}", "--embedding-model=m")
    assert "together" in done.stderr
