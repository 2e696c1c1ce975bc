"""Runs fisherd and calls it, with the standard library only."""

import contextlib
import http.client
import itertools
import json
import os
import random
import re
import signal
import socket
import struct
import subprocess
import threading
import time

import openapi

PROGRAM = os.environ.get("FISHERD", "build/gcc/src/app/fisherd")


def _sanitizer():
    if not os.path.exists(PROGRAM):
        raise SystemExit(f"{PROGRAM} does not exist; FISHERD must name the program to test")
    with open(PROGRAM, "rb") as program:
        found = re.search(rb"__([at]san)_init", program.read())
    return found and found[1].decode()


# Deadlines are for the program without a sanitizer, which makes it several times slower.
SANITIZER = _sanitizer()
SLOWNESS = 5 if SANITIZER else 1
PATIENCE = 240 * SLOWNESS  # nothing is measured by it: a busy machine may be slow

_SANITIZER_REPORT = re.compile(
    r"ERROR: \w+Sanitizer|WARNING: ThreadSanitizer|runtime error:|Assertion .* failed")

# A small network that trains in an instant, starts from the one before, and trains only on request.
SMALL_MODEL = {
    "model": "network",
    "retrain": "warm",
    "hidden-layers": 1,
    "hidden-width": 8,
    "iterations": 100,
    "learning-rate": 0.03,
    "retrain-labels": 0,
    "retrain-seconds": 0,
    "refit": "no",
}

# One strategy of each class, for what holds for all: libfisher's own tests go through every one.
RANKING, SEQUENTIAL, RANDOM = "dopt", "greedy", "random"  # from a pool of any size
SAMPLING, LIST_ONLY = "coreset", "i-opt"  # from a list
STRATEGIES = [RANKING, SEQUENTIAL, RANDOM, SAMPLING, LIST_ONLY]


def environment(extra=None):
    """The environment of this process, without options for fisherd and with `extra`, where None
    removes a variable."""
    clean = {k: v for k, v in os.environ.items() if not k.startswith("FISHERD")}
    return {k: v for k, v in {**clean, **(extra or {})}.items() if v is not None}


def flags(options):
    return [f"--{name}={value}" for name, value in options.items() if value is not None]


def run(*arguments, env=None, cwd=None):
    """Runs the program to its end."""
    done = subprocess.run([PROGRAM, *map(str, arguments)], env=environment(env), cwd=cwd,
                          capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert not _SANITIZER_REPORT.search(done.stderr), done.stderr
    assert done.returncode >= 0, f"ended by signal {-done.returncode}: {done.stderr}"
    return done


def wait_until(condition, what, seconds=PATIENCE):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        value = condition()
        if value:
            return value
        time.sleep(0.005)
    raise AssertionError(f"waited {seconds} s for {what}")


class Response:
    def __init__(self, status, headers, body):
        self.status = status
        self.headers = headers
        self.body = body

    @property
    def json(self):
        return json.loads(self.body)

    def __repr__(self):
        return f"{self.status} {self.body[:600]!r}"


class Daemon:
    """A running `fisherd serve`."""

    def __init__(self, db, options=None, env=None, before=()):
        """`before` is a command that runs the program, as nsenter does."""
        options = {"listen": "127.0.0.1:0", **SMALL_MODEL, **(options or {})}
        # A busy disk takes time to sync. The tests of stopping assert how quickly it ends.
        options.setdefault("stop-seconds", 10 * SLOWNESS)
        if db is not None:
            options["db"] = db
        self.db = db
        self.options = options
        self.log = []
        self.process = subprocess.Popen([*before, PROGRAM, "serve", *flags(options)], env=environment(env),
                                        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        self._listening = threading.Event()
        self._reader = threading.Thread(target=self._read_log, daemon=True)
        self._reader.start()
        self._listening.wait(PATIENCE)
        found = re.search(r"listening=\"?https?://(\S+):(\d+)", self.log_text())
        if not found:
            self.process.kill()
            self._reader.join()
            raise AssertionError(f"fisherd is not listening:\n{self.log_text()}")
        self.host = found[1].strip("[]")
        self.port = int(found[2])

    def _read_log(self):
        for line in self.process.stderr:
            self.log.append(line.decode())
            if b"listening=" in line:
                self._listening.set()
        self._listening.set()

    def log_text(self):
        return "".join(self.log)

    def wait_for_log(self, text):
        """A line may be read a moment after the response that it belongs to."""
        wait_until(lambda: text in self.log_text(), f"{text} in the log")

    # ---- calls ----

    def call(self, method, path, body=None, headers=None, raw=None, address=None,
             timeout=PATIENCE):
        """`body` is sent as JSON, `raw` unchanged; `address` is the local address to call from. The
        response is one that docs/openapi.yaml describes."""
        sent = dict(headers or {})
        data = raw
        if body is not None:
            data = json.dumps(body)
        if data is not None:
            sent.setdefault("Content-Type", "application/json")
            data = data.encode() if isinstance(data, str) else data
        connection = http.client.HTTPConnection(self.host, self.port, timeout=timeout,
                                                source_address=address and (address, 0))
        try:
            connection.request(method, path, data, sent)
            received = connection.getresponse()
            response = Response(received.status, received.headers, received.read())
        finally:
            connection.close()
        openapi.check(method, path, response)
        return response

    def ok(self, method, path, body=None, status=200, **rest):
        response = self.call(method, path, body, **rest)
        assert response.status == status, response
        return response.json

    def get(self, path):
        return self.ok("GET", path)

    def post(self, path, body, status=200):
        return self.ok("POST", path, body, status)

    def add_items(self, items):
        return self.post("/v1/items", {"items": items})

    def add_labels(self, labels):
        return self.post("/v1/labels", {"labels": labels})

    def model(self):
        return self.get("/v1/model")

    def strategies(self):
        """The names of all strategies."""
        return [strategy["name"] for strategy in self.get("/v1/strategies")["strategies"]]

    def select(self, **request):
        return self.post("/v1/selections", request)

    def train(self, body=None):
        """Asks for a training and waits for its model."""
        before = self.model()["version"]
        self.ok("POST", "/v1/model/train", body, 202)
        self.wait_for_version(before + 1)
        # A version serves a moment before its figures are told and its training has ended.
        return wait_until(self._rested_model, "the end of the training")

    def _rested_model(self):
        model = self.model()
        return model if model["worker"]["state"] != "training" else None

    def wait_for_version(self, version):
        def arrived():
            model = self.model()
            return model if model["version"] >= version else None
        return wait_until(arrived, f"model version {version}")

    def list_all(self, name, limit=100):
        """Every row of /v1/items or /v1/labels, page by page."""
        rows = []
        cursor = None
        while True:
            path = f"/v1/{name}?limit={limit}" + (f"&cursor={cursor}" if cursor else "")
            page = self.get(path)
            rows += page[name]
            cursor = page.get("next_cursor")
            if cursor is None:
                return rows
            assert page[name], "a page that has a next one is not empty"

    def metrics(self):
        response = self.call("GET", "/metrics")
        assert response.status == 200
        return response.body.decode()

    # ---- the end ----

    def kill(self):
        """Ends it at once, as a power cut would."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(PATIENCE)
        self._reader.join(PATIENCE)
        self.process.stderr.close()
        self._check_reports()

    def stop(self):
        """Stops it in order, which its option stop-seconds limits."""
        self.process.send_signal(signal.SIGTERM)
        try:
            status = self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise
        self._reader.join(PATIENCE)
        self.process.stderr.close()
        self._check_reports()
        assert status == 0, f"exit status {status}:\n{self.log_text()[-3000:]}"

    def _check_reports(self):
        assert not _SANITIZER_REPORT.search(self.log_text()), self.log_text()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.returncode is None:
            self.stop()


# ---- raw bytes ----

def send_raw(daemon, data):
    """Sends bytes; returns all that comes back until the daemon closes the connection."""
    with socket.create_connection((daemon.host, daemon.port), timeout=PATIENCE) as connection:
        with contextlib.suppress(ConnectionError):
            connection.sendall(data)
        return read_to_end(connection)


def read_to_end(connection):
    received = b""
    with contextlib.suppress(ConnectionError):
        while chunk := connection.recv(65536):
            received += chunk
    return received


def read_response(connection):
    """Reads one response that is not chunked, or its beginning if the connection closes."""
    received = b""
    while b"\r\n\r\n" not in received:
        chunk = connection.recv(65536)
        if not chunk:
            return received
        received += chunk
    head, _, body = received.partition(b"\r\n\r\n")
    length = re.search(rb"(?i)content-length: (\d+)", head)
    while length and len(body) < int(length[1]):
        chunk = connection.recv(65536)
        if not chunk:
            break
        body += chunk
    return head + b"\r\n\r\n" + body


def statuses(received):
    return [int(status) for status in re.findall(rb"HTTP/1\.[01] (\d{3})", received)]


# ---- example data ----

def float32(values):
    return struct.pack(f"<{len(values)}f", *values)


def plane_items(prompts=3, responses=4, dimension=4):
    """Items p0-r0, p0-r1, … whose embeddings are all different and have full rank."""
    def number(p, r, d):
        return ((p * 31 + r * 17 + d * 7 + p * r * d) % 23 - 11) / 8
    return [{
        "id": f"p{p}-r{r}",
        "prompt_id": f"p{p}",
        "prompt": f"Question {p}?",
        "response": f"Answer {r}.",
        "embedding": [number(p, r, d) for d in range(dimension)],
    } for p in range(prompts) for r in range(responses)]


def scattered_items(prompts=6, responses=5, dimension=4, seed=1):
    """Random items; those of a prompt are far apart in the order of arrival."""
    draw = random.Random(seed)
    return [{
        "id": f"p{p}-r{r}",
        "prompt_id": f"p{p}",
        "embedding": [round(draw.gauss(0, 1), 3) for _ in range(dimension)],
    } for r in range(responses) for p in range(prompts)]


def all_pairs(items):
    return [{"a": a["id"], "b": b["id"]} for a, b in itertools.combinations(items, 2)]


def chosen(selection):
    return {frozenset((pair["a"], pair["b"])) for pair in selection["pairs"]}


def label(identity, a, b, preference="a", **more):
    return {"id": identity, "a": a, "b": b, "preference": preference, "annotator": "anna", **more}


def labels_by_first_number(items, count, prefix="label"):
    """Labels of an annotator who prefers the item with the larger first number."""
    pairs = [(a, b) for i, a in enumerate(items) for b in items[i + 1:]]
    return [label(f"{prefix}-{i}", a["id"], b["id"],
                  "a" if a["embedding"][0] > b["embedding"][0] else "b")
            for i, (a, b) in enumerate(pairs[k % len(pairs)] for k in range(count))]
