"""docs/examples/fisherd.py, the client in Python, and the reward functions on top of it."""

import collections
import http.server
import json
import math
import os
import pathlib
import socket
import subprocess
import sys
import threading
import time
import types

import pytest

from client import Daemon, PATIENCE, plane_items
from token_daemon import daemon_with_tokens

EXAMPLES = pathlib.Path(__file__).parents[3] / "docs" / "examples"
sys.path.insert(0, str(EXAMPLES))
import fisherd  # noqa: E402  pylint: disable=wrong-import-position
import reward_functions  # noqa: E402  pylint: disable=wrong-import-position


def client_of(daemon, **more):
    return fisherd.Client(f"http://{daemon.host}:{daemon.port}", timeout=PATIENCE, **more)


# ---- against a daemon ----

def test_items_go_in_by_batches_and_come_out_by_pages(empty):
    client = client_of(empty)
    items = [{"id": f"i{k}", "prompt_id": f"p{k // 4}", "embedding": [k / 7, 1, -k], "response": "é" * 50}
             for k in range(1200)]
    assert client.add_items(iter(items)) == {"created": 1200, "unchanged": 0}
    assert client.add_items(items, batch=7) == {"created": 0, "unchanged": 1200}
    rows = list(client.items(embeddings=True))
    assert [row["id"] for row in rows] == [item["id"] for item in items]
    assert rows[3]["embedding"] == fisherd.encoded([3 / 7, 1, -3])
    assert "embedding" not in next(client.items())


def test_a_batch_ends_before_its_bytes_do():
    rows = [{"id": k, "text": "ü" * 100} for k in range(50)]
    for most_bytes in (1, 250, 1000, 10 ** 6):
        parts = list(fisherd.batches(rows, 20, most_bytes))
        assert sum((json.loads(part) for part in parts), []) == rows
        assert all(len(json.loads(part)) <= 20 for part in parts)
        assert all(len(part.encode()) <= most_bytes + 1 or len(json.loads(part)) == 1 for part in parts)
    assert not list(fisherd.batches([], 20))


def test_the_way_from_items_to_a_model(daemon, tmp_path):
    client = client_of(daemon)
    for _ in range(12):
        (task,) = client.assign("anna")
        a, b = task["a"], task["b"]
        name = client.label(a["id"], b["id"], "a" if a["id"] < b["id"] else "b", "anna",
                            assignment=task["id"], duration_ms=5)
        assert name == f"answer-{task['id']}"
    assert client.label(a["id"], b["id"], "a" if a["id"] < b["id"] else "b", "anna",
                        assignment=task["id"], duration_ms=5) == name, "a repeat is no second answer"
    assert len(list(client.labels())) == 12
    assert client.correct(name, "tie")["revision"] == 1
    client.retract(name)
    client.retract(name)
    assert len(list(client.export())) == 11
    before = client.model()["version"]
    assert client.train()["version"] > before
    client.save_weights(str(tmp_path / "model"))
    assert (tmp_path / "model").stat().st_size > 1000
    scores = list(client.score(["p0-r0", {"embedding": [1, 2, 3, 4]}]))
    assert all(math.isfinite(score["reward"]) for score in scores) and len(scores) == 2
    assert len(client.select(2, strategy="dopt")["pairs"]) == 2
    (task,) = client.assign("berta")
    client.give_back(task["id"])


def test_labels_of_a_file_go_in_by_batches_and_out_by_pages(daemon, items):
    client = client_of(daemon)
    labels = [{"a": items[k % 11]["id"], "b": items[k % 11 + 1]["id"], "preference": "a", "annotator": "bot",
               "id": f"file-{k}"} for k in range(250)]
    assert client.add_labels(labels, batch=100) == {"accepted": 250, "duplicates": 0}
    assert client.add_labels(labels) == {"accepted": 0, "duplicates": 250}
    assert [row["id"] for row in client.export(limit=40)] == [row["id"] for row in labels]
    pages = list(client.export_lines("csv", limit=40))
    assert len(pages) == 7 and pages[0][0].startswith("id,")
    client.label("p0-r0", "p0-r1", "tie", "bot")
    assert len(list(client.export(cursor=pages[-1][1]))) == 1


def test_what_is_wrong_is_told(daemon):
    with pytest.raises(fisherd.Problem) as caught:
        client_of(daemon).add_items([{"id": "new", "prompt_id": "p", "embedding": [1]}])
    assert caught.value.status == 422 and caught.value.errors[0]["pointer"] == "/items/0/embedding"
    assert "/items/0/embedding" in str(caught.value)
    with pytest.raises(ValueError):
        fisherd.Client("localhost:8077")


def test_a_token_is_sent(token_files, db):
    with daemon_with_tokens(token_files, db) as daemon:
        tokens, _ = token_files
        with pytest.raises(fisherd.Problem) as caught:
            client_of(daemon).model()
        assert caught.value.status == 401
        assert client_of(daemon, token=tokens["frontend"]).model()["version"] == 0


def test_a_connection_that_the_daemon_closed_is_opened_again(db):
    with Daemon(db, {"idle-seconds": 1}) as daemon:
        client = client_of(daemon)
        assert client.model()["version"] == 0
        connection = client._of_thread.connection  # pylint: disable=protected-access
        connection.sock.shutdown(2)
        assert client.model()["version"] == 0


def test_a_daemon_that_is_not_there_is_an_oserror(slept):
    with socket.socket() as taken:  # bound, so that nobody else gets the port, but nobody listens
        taken.bind(("127.0.0.1", 0))
        with pytest.raises(OSError):
            fisherd.Client(f"http://127.0.0.1:{taken.getsockname()[1]}", retries=2).model()
    assert len(slept) == 2


# ---- against faults ----

class Faulty:
    """A server that gives each answer of a list, (status, headers) or None to hang up, and then {}."""

    def __init__(self, answers):
        self.seen, self.answers = [], list(answers)
        faulty = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):  # pylint: disable=invalid-name
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                faulty.seen.append((self.path, body))
                answer = faulty.answers.pop(0) if faulty.answers else (200, {})
                if answer is None:
                    self.close_connection = True
                    return
                status, headers = answer
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", "2")
                self.end_headers()
                self.wfile.write(b"{}")

            do_GET = do_POST

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()

    def client(self, **more):
        return fisherd.Client(f"http://127.0.0.1:{self.server.server_port}/prefix/", timeout=PATIENCE, **more)


@pytest.fixture
def slept(monkeypatch):
    """The seconds that the client sleeps, without sleeping."""
    seconds = []
    monkeypatch.setattr(fisherd, "time", types.SimpleNamespace(sleep=seconds.append, monotonic=time.monotonic))
    return seconds


def test_a_lost_answer_is_asked_for_again_under_the_same_id(slept):
    with Faulty([None, (503, {"Retry-After": "7"}), (429, {}), None]) as faulty:
        name = faulty.client().label("a", "b", "a", "anna")
        assert len({body for _, body in faulty.seen}) == 1 and len(faulty.seen) == 5
        assert json.loads(faulty.seen[0][1])["labels"][0]["id"] == name
        assert faulty.seen[0][0] == "/prefix/v1/labels"
    assert len(slept) == 4 and 7 <= slept[1] <= 8 and slept[2] < 2 and slept[3] >= 0.5


def test_patience_ends(slept):
    with Faulty([(503, {})] * 9) as faulty:
        with pytest.raises(fisherd.Problem) as caught:
            faulty.client(retries=2).call("GET", "/v1/model")
        assert caught.value.status == 503 and len(faulty.seen) == 3 and len(slept) == 2


@pytest.mark.parametrize("status", [400, 401, 404, 409, 422, 500, 507])
def test_what_another_attempt_does_not_mend_is_not_repeated(slept, status):
    with Faulty([(status, {})]) as faulty:
        with pytest.raises(fisherd.Problem):
            faulty.client().call("GET", "/v1/model")
        assert len(faulty.seen) == 1 and not slept


def test_threads_have_connections_of_their_own(shared):
    client, found = client_of(shared), collections.Counter()

    def ask():
        for _ in range(20):
            found[client.call("GET", "/v1/items/p0-r0")["id"]] += 1
    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(found.values()) == found["p0-r0"] == 80


# ---- rewards ----

@pytest.fixture(scope="module")
def texts(tmp_path_factory):
    with Daemon(tmp_path_factory.mktemp("texts") / "fisherd.db", {"embedding-url": "builtin:hash"}) as daemon:
        client_of(daemon).add_items([{"id": f"r{k}", "prompt_id": "p", "prompt": "Why?", "response": f"Because {k}"}
                                     for k in range(300)])
        yield daemon


def test_reward_functions_give_what_the_daemon_gives(texts, monkeypatch):
    monkeypatch.setenv("FISHERD_URL", f"http://{texts.host}:{texts.port}")
    reward_functions.daemon.cache_clear()
    client = client_of(texts)
    pairs = [("Why?", f"Because {k}") for k in range(300)]
    expected = [score["content"] for score in client.score([f"r{k}" for k in range(300)])]
    close = lambda found: all(abs(one - other) < 1e-5 for one, other in zip(found, expected, strict=True))  # noqa: E731
    assert close(client.reward(pairs, style="exclude"))
    prompts, completions = zip(*pairs)
    assert close(reward_functions.trl_reward(prompts, completions, completion_ids=[]))
    assert close(reward_functions.trl_reward([[{"role": "user", "content": prompt}] for prompt in prompts],
                                             [[{"role": "assistant", "content": text}] for text in completions]))
    marked = [reward_functions.PROMPT_START + prompt + reward_functions.PROMPT_END for prompt in prompts]
    answer = reward_functions.reward_func([prompt + text + "<|im_end|>" for prompt, text in zip(marked, completions)],
                                          marked, [None] * 300)
    assert close([float(reward) for reward in answer["rewards"]])
    assert close([reward_functions.verl_reward("data", text, "", {"question": "Why?"})
                  for text in completions[:5]] + expected[5:])
    assert math.isfinite(client.reward([("Why?", "")])[0])


def test_the_examples_need_nothing_but_python(tmp_path):
    """-S leaves out what is installed beside the standard library."""
    done = subprocess.run([sys.executable, "-S", "-c", "import fisherd, reward_functions"], cwd=tmp_path,
                          env={**os.environ, "PYTHONPATH": str(EXAMPLES)}, timeout=PATIENCE, check=False)
    assert done.returncode == 0


def test_plane_items_may_be_sent_as_they_are(empty):
    assert client_of(empty).add_items(plane_items())["created"] == 12
