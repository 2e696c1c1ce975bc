"""A client of fisherd in one file, with the standard library alone. Copy it beside your code.

    from fisherd import Client

    daemon = Client("http://127.0.0.1:8077", token="…")
    daemon.add_items([{"id": "sky-1", "prompt_id": "sky", "prompt": "Why is the sky blue?",
                       "response": "Air scatters blue light most."}, …])
    for task in daemon.assign("anna", count=5):
        daemon.label(task["a"]["id"], task["b"]["id"], "a", "anna", assignment=task["id"])
    for row in daemon.export("trl"):
        print(row["chosen"])

Calls are repeated after lost connections, 429 and 503, as long as Retry-After says and a little longer
each time. That is safe: items and labels have ids, and a repeat of either changes nothing. An object
may be used by several threads.
"""

from __future__ import annotations

import array
import base64
import http.client
import json
import random
import ssl
import sys
import threading
import time
import urllib.parse
import uuid
from typing import Any, Iterable, Iterator, Literal, Mapping, Optional, Sequence, TypedDict, Union

Preference = Literal["a", "b", "tie", "skip"]
Vector = Union[Sequence[float], bytes]  # bytes are float32, little-endian


class _ItemId(TypedDict):
    id: str
    prompt_id: str


class Item(_ItemId, total=False):
    prompt: Optional[str]
    response: Optional[str]
    embedding: Union[Vector, str]  # or base64; none where the daemon embeds texts
    metadata: Optional[dict[str, Any]]
    scores: Optional[dict[str, Optional[float]]]


class _Answer(TypedDict):
    a: str
    b: str
    preference: Preference
    annotator: str


class Label(_Answer, total=False):
    id: str
    assignment: Optional[str]
    duration_ms: Optional[int]
    comment: Optional[str]


class Assignment(TypedDict):
    id: str
    a: dict[str, Any]
    b: dict[str, Any]
    expires_at: str
    arm: str
    why: dict[str, Any]


class Score(TypedDict):
    reward: float
    stddev: float
    content: float
    content_stddev: float


class Problem(Exception):
    """What the daemon refused: the status, the detail, and [{"pointer", "detail"}] of what is wrong."""

    def __init__(self, status: int, document: Mapping[str, Any]):
        self.status = status
        self.detail = str(document.get("detail", ""))
        self.errors: list[dict[str, str]] = list(document.get("errors", []))
        where = ", ".join(error.get("pointer", "") for error in self.errors)
        super().__init__(f"{status}: {self.detail}{f' at {where}' if where else ''}")


class _Answered:
    def __init__(self, response: http.client.HTTPResponse):
        self.status = response.status
        self.headers = response.headers
        self.body = response.read()

    def problem(self) -> Problem:
        try:
            document = json.loads(self.body)
        except ValueError:
            document = None
        return Problem(self.status, document if isinstance(document, dict) else
                       {"detail": self.body[:200].decode(errors="replace")})


def encoded(vector: Vector) -> str:
    """Base64 of a vector, which the daemon reads several times as fast as numbers."""
    if not isinstance(vector, (bytes, bytearray)):
        numbers = array.array("f", [float(number) for number in vector])
        if sys.byteorder == "big":
            numbers.byteswap()
        vector = numbers.tobytes()
    return base64.b64encode(vector).decode()


def batches(rows: Iterable[dict[str, Any]], most: int, most_bytes: int = 4 << 20) -> Iterator[str]:
    """JSON lists of at most this number of rows and bytes, of rows that may be too many for the memory."""
    lines: list[str] = []
    size = 0
    for row in rows:
        line = json.dumps(row, ensure_ascii=False)
        length = len(line.encode()) + 1
        if lines and (len(lines) == most or size + length > most_bytes):
            yield "[" + ",".join(lines) + "]"
            lines, size = [], 0
        lines.append(line)
        size += length
    if lines:
        yield "[" + ",".join(lines) + "]"


class Client:
    """`retries` is how often a call is repeated, `timeout` the seconds that one may take."""

    def __init__(self, url: str = "http://127.0.0.1:8077", token: Optional[str] = None, timeout: float = 60,
                 retries: int = 6, tls: Optional[ssl.SSLContext] = None):
        parts = urllib.parse.urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError(f"{url} is not the address of a daemon")
        self._is_tls, self._host, self._port = parts.scheme == "https", parts.hostname, parts.port
        self._prefix, self._tls = parts.path.rstrip("/"), tls
        self._token, self._timeout, self._retries = token, timeout, retries
        self._of_thread = threading.local()

    # ---- calls ----

    def _connect(self) -> http.client.HTTPConnection:
        connection = getattr(self._of_thread, "connection", None)
        if connection is None:
            if self._is_tls:
                connection = http.client.HTTPSConnection(self._host, self._port, timeout=self._timeout,
                                                         context=self._tls)
            else:
                connection = http.client.HTTPConnection(self._host, self._port, timeout=self._timeout)
            self._of_thread.connection = connection
        return connection

    def close(self) -> None:
        """Closes the connection of this thread; the next call opens another."""
        connection = getattr(self._of_thread, "connection", None)
        if connection is not None:
            connection.close()
        self._of_thread.connection = None

    def _once(self, method: str, path: str, body: Optional[bytes], kind: str) -> _Answered:
        headers = {"Accept": "application/json"}
        if body is not None:
            headers["Content-Type"] = kind
        if self._token:
            headers["Authorization"] = f"Bearer {self._token}"
        connection = self._connect()
        try:
            connection.request(method, self._prefix + path, body, headers)
            return _Answered(connection.getresponse())
        except BaseException:
            self.close()
            raise

    def _wait(self, attempt: int, retry_after: Optional[str]) -> None:
        seconds = min(30.0, 0.25 * 2 ** attempt) * random.uniform(0.5, 1)
        if retry_after and retry_after.isdigit():
            seconds += int(retry_after)
        time.sleep(seconds)

    def _answer(self, method: str, path: str, body: Union[None, str, Mapping[str, Any]] = None,
                kind: str = "application/json", **query: Any) -> _Answered:
        given = {name: str(value).lower() if isinstance(value, bool) else value
                 for name, value in query.items() if value is not None}
        if given:
            path += "?" + urllib.parse.urlencode(given)
        data = None if body is None else (body if isinstance(body, str) else json.dumps(body)).encode()
        for attempt in range(self._retries + 1):
            is_last = attempt == self._retries
            try:
                answer = self._once(method, path, data, kind)
            except (OSError, http.client.HTTPException):
                if is_last:
                    raise
                self._wait(attempt, None)
                continue
            if answer.status < 400:
                return answer
            if is_last or answer.status not in (429, 503):
                raise answer.problem()
            self._wait(attempt, answer.headers.get("Retry-After"))
        raise AssertionError("the last attempt returns or raises")

    def call(self, method: str, path: str, body: Union[None, str, Mapping[str, Any]] = None, **query: Any) -> Any:
        """Any other call: its JSON, or None. `query` are parameters; those that are None are left out."""
        answer = self._answer(method, path, body, **query)
        return json.loads(answer.body) if answer.body else None

    def _pages(self, name: str, **query: Any) -> Iterator[dict[str, Any]]:
        cursor: Optional[str] = None
        while True:
            page = self.call("GET", f"/v1/{name}", cursor=cursor, **query)
            yield from page[name]
            cursor = page["next_cursor"]
            if cursor is None:
                return

    # ---- items ----

    @staticmethod
    def _plain(item: Mapping[str, Any]) -> dict[str, Any]:
        plain = dict(item)
        if plain.get("embedding") is None:
            plain.pop("embedding", None)
        elif not isinstance(plain["embedding"], str):
            plain["embedding"] = encoded(plain["embedding"])
        return plain

    def add_items(self, items: Iterable[Item], batch: int = 256) -> dict[str, int]:
        """Adds any number of items, some at a time; how many were created and unchanged. After a
        failure it may be called again with all of them."""
        done = {"created": 0, "unchanged": 0}
        for rows in batches(map(self._plain, items), batch):
            for name, count in self.call("POST", "/v1/items", f'{{"items":{rows}}}').items():
                done[name] = done.get(name, 0) + count
        return done

    def items(self, embeddings: bool = False) -> Iterator[dict[str, Any]]:
        return self._pages("items", limit=1000, embeddings=embeddings or None)

    def score(self, items: Iterable[Union[str, Mapping[str, Any]]], batch: int = 256,
              style: Literal["include", "exclude"] = "include") -> Iterator[Score]:
        """Scores of ids, or of {"embedding"} or {"prompt", "response"}, in their order."""
        plain = (dict(id=item) if isinstance(item, str) else self._plain(item) for item in items)
        for rows in batches(plain, batch):
            yield from self.call("POST", "/v1/score", f'{{"items":{rows},"style":"{style}"}}')["scores"]

    def select(self, batch_size: int, **options: Any) -> dict[str, Any]:
        """The most informative pairs: by default of those that lie within prompts."""
        if "pairs" not in options:
            options.setdefault("generate", {"mode": "in_prompt"})
        chosen: dict[str, Any] = self.call("POST", "/v1/selections", {"batch_size": batch_size, **options})
        return chosen

    # ---- labels ----

    def assign(self, annotator: Optional[str] = None, count: int = 1,
               lease_seconds: Optional[int] = None) -> list[Assignment]:
        """Pairs for an annotator, none where nothing is left. A token of an annotator needs no name."""
        body = {"annotator": annotator, "count": count, "lease_seconds": lease_seconds}
        answer = self.call("POST", "/v1/assignments",
                           {name: value for name, value in body.items() if value is not None})
        assignments: list[Assignment] = answer["assignments"]
        return assignments

    def give_back(self, assignment: str) -> None:
        self.call("DELETE", f"/v1/assignments/{urllib.parse.quote(assignment, safe='')}")

    def label(self, a: str, b: str, preference: Preference, annotator: Optional[str] = None,
              **more: Any) -> str:
        """Stores one answer and returns its id. `more` are other members of Label."""
        label = {"a": a, "b": b, "preference": preference, **more}
        if annotator is not None:
            label["annotator"] = annotator
        name = str(label.setdefault("id", self.label_id(label)))
        self.call("POST", "/v1/labels", {"labels": [label]})
        return name

    def add_labels(self, labels: Iterable[Label], batch: int = 1000) -> dict[str, int]:
        """Stores any number of labels, some at a time. Those without an id get one."""
        done = {"accepted": 0, "duplicates": 0}
        named = ({"id": self.label_id(label), **label} for label in labels)
        for rows in batches(named, batch, 2 << 20):
            for name, count in self.call("POST", "/v1/labels", f'{{"labels":{rows}}}').items():
                done[name] = done.get(name, 0) + count
        return done

    @staticmethod
    def label_id(label: Mapping[str, Any]) -> str:
        """The same for each answer to an assignment, so that none counts twice; without an assignment
        another one each time."""
        return f"answer-{label['assignment']}" if label.get("assignment") else f"label-{uuid.uuid4()}"

    def correct(self, label: str, preference: Preference, **more: Any) -> dict[str, Any]:
        corrected: dict[str, Any] = self.call("PUT", f"/v1/labels/{urllib.parse.quote(label, safe='')}",
                                              {"preference": preference, **more})
        return corrected

    def retract(self, label: str) -> None:
        """Also where an earlier attempt, whose response was lost, retracted it already."""
        self.call("DELETE", f"/v1/labels/{urllib.parse.quote(label, safe='')}")

    def labels(self) -> Iterator[dict[str, Any]]:
        return self._pages("labels", limit=1000)

    # ---- what comes out ----

    def export_lines(self, format: str = "preferences", cursor: Optional[str] = None,
                     **filters: Any) -> Iterator[tuple[str, str]]:
        """(text, cursor) page by page. With the last cursor you later get what is new since then."""
        while True:
            answer = self._answer("GET", "/v1/export", format=format, cursor=cursor, **filters)
            cursor = answer.headers["X-Next-Cursor"]
            yield answer.body.decode(), cursor
            if answer.headers.get("X-Has-More") != "true":
                return

    def export(self, format: str = "preferences", **filters: Any) -> Iterator[dict[str, Any]]:
        """The rows of a format of JSON lines, as they arrive."""
        for text, _ in self.export_lines(format, **filters):
            for line in text.split("\n"):
                if line:
                    yield json.loads(line)

    def model(self) -> dict[str, Any]:
        model: dict[str, Any] = self.call("GET", "/v1/model")
        return model

    def _newest_version(self) -> int:
        models = self.call("GET", "/v1/models", limit=1)["models"]
        return int(models[0]["version"]) if models else 0

    def train(self, seconds: float = 600) -> dict[str, Any]:
        """Trains now, waits for the end, and returns the model that then serves."""
        before = self._newest_version()
        self.call("POST", "/v1/model/train")
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if self._newest_version() > before and self.model()["worker"]["state"] != "training":
                return self.model()
            time.sleep(0.1)
        raise TimeoutError(f"no training ended within {seconds} s")

    def save_weights(self, path: str, version: Optional[int] = None) -> None:
        """A safetensors file for docs/load_weights.py."""
        where = "/v1/model/weights" if version is None else f"/v1/models/{version}/weights"
        weights = self._answer("GET", where).body
        with open(path, "wb") as file:
            file.write(weights)

    def reward(self, texts: Sequence[tuple[str, str]], batch: int = 256,
               style: Literal["include", "exclude"] = "include") -> list[float]:
        """Rewards of (prompt, response), also of empty responses. For trainers: reward_functions.py."""
        rewards: list[float] = []
        for start in range(0, len(texts), batch):
            some = texts[start:start + batch]
            body = {"query": [prompt + response for prompt, response in some],
                    "prompts": [prompt for prompt, _ in some]}
            rewards += self.call("POST", "/v1/reward", body, style=style)["rewards"]
        return rewards
