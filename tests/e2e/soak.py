"""Hours of a labelling project: 64 people answer, the daemon trains models, the pages are open.

FISHERD=… /usr/bin/python3 tests/e2e/soak.py [--minutes 30]

After the warm-up (the first fifth of the time) the following must hold: the resident memory, the
number of open files and the 99th percentile of the latency of answers stay constant; no request
fails; at the end every acknowledged answer is stored exactly once.
"""

import argparse
import http.client
import json
import os
import pathlib
import random
import statistics
import sys
import tempfile
import threading
import time
from collections import Counter

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "http/api"))

from client import PATIENCE, Daemon, run, scattered_items

PROMPTS, RESPONSES, NUMBERS = 1000, 10, 256
LONGEST_PAUSE = 15  # seconds; the daemon closes connections that idle for longer than its limit
PAGE_PARTS = ["/", "/ops", "/data", "/static/pairs.js", "/livez", "/readyz", "/metrics", "/v1/stats",
              "/v1/model", "/v1/models", "/v1/strategies", "/v1/labels?limit=50"]


class Client(threading.Thread):
    """One connection that is kept open, like a browser's."""

    def __init__(self, soak, number):
        super().__init__(daemon=True)
        self.soak = soak
        self.name = f"{type(self).__name__.lower()}-{number}"
        self.random = random.Random(self.name)
        self.connection = None

    def call(self, method, path, body=None):
        """The JSON of the response, or None; an error status is a failure of the soak."""
        if self.connection is None:
            daemon = self.soak.daemon
            self.connection = http.client.HTTPConnection(daemon.host, daemon.port,
                                                         timeout=PATIENCE)
        data = json.dumps(body) if body is not None else None
        headers = {"Content-Type": "application/json"} if data else {}
        self.connection.request(method, path, data, headers)
        response = self.connection.getresponse()
        content = response.read()
        if response.status >= 400:
            raise AssertionError(f"{method} {path}: {response.status} {content[:300]!r}")
        is_json = "json" in response.headers.get("Content-Type", "")
        return json.loads(content) if is_json else None

    def run(self):
        while not self.soak.over.wait(min(self.random.expovariate(1 / self.pause), LONGEST_PAUSE)):
            try:
                self.work()
            except (OSError, http.client.HTTPException, AssertionError) as failure:
                self.soak.failures.append(f"{self.name}: {failure!r}")
                self.connection = None

    def work(self):
        raise NotImplementedError


class Annotator(Client):
    pause = 4.0

    def __init__(self, soak, number):
        super().__init__(soak, number)
        self.sent = 0

    def work(self):
        """Answers an assigned pair; corrects, skips or repeats some answers."""
        given = self.call("POST", "/v1/assignments", {"annotator": self.name, "count": 3})
        for assignment in given["assignments"][:1]:
            identity = f"{self.name}-{self.sent}"
            self.sent += 1
            answer = {"id": identity, "a": assignment["a"]["id"], "b": assignment["b"]["id"],
                      "preference": self.soak.prefers(assignment, self.random),
                      "annotator": self.name, "assignment": assignment["id"],
                      "duration_ms": self.random.randrange(500, 60000)}
            start = time.monotonic()
            self.call("POST", "/v1/labels", {"labels": [answer]})
            self.soak.acknowledge(identity, time.monotonic() - start)
            if self.random.random() < 0.05:
                self.call("POST", "/v1/labels", {"labels": [answer]})
            if self.random.random() < 0.03:
                self.call("PUT", f"/v1/labels/{identity}", {"preference": "tie"})


class Page(Client):
    pause = 0.5

    def work(self):
        self.call("GET", self.random.choice(PAGE_PARTS))


class Pipeline(Client):
    """A program that asks for scores and selections."""
    pause = 2.0

    def work(self):
        some = self.random.sample(self.soak.items, 50)
        self.call("POST", "/v1/score", {"items": [item["id"] for item in some]})
        self.call("POST", "/v1/selections", {"batch_size": 16, "generate": {"mode": "in_prompt"}})


class Soak:
    def __init__(self, daemon, items):
        self.daemon = daemon
        self.items = items
        self.numbers = {item["id"]: item["embedding"] for item in items}
        self.over = threading.Event()
        self.lock = threading.Lock()
        self.acknowledged = Counter()
        self.latencies = []  # (time, seconds) of answers
        self.samples = []  # (time, kilobytes, files)
        self.failures = []

    def prefers(self, assignment, draw):
        """Annotators mostly prefer large first numbers."""
        if draw.random() < 0.02:
            return draw.choice(["tie", "skip"])
        a, b = (self.numbers[assignment[side]["id"]] for side in "ab")
        return "a" if a[0] - b[0] + a[1] * a[2] - b[1] * b[2] + draw.gauss(0, 0.5) > 0 else "b"

    def acknowledge(self, identity, seconds):
        with self.lock:
            self.acknowledged[identity] += 1
            self.latencies.append((time.monotonic(), seconds))

    def sample(self):
        process = self.daemon.process.pid
        with open(f"/proc/{process}/status") as status:
            resident = next(line for line in status if line.startswith("VmRSS"))
        files = len(os.listdir(f"/proc/{process}/fd"))
        self.samples.append((time.monotonic(), int(resident.split()[1]), files))

    def run(self, minutes, clients):
        start = time.monotonic()
        workers = [Annotator(self, i) for i in range(clients)]
        workers += [Page(self, i) for i in range(4)] + [Pipeline(self, 0)]
        for worker in workers:
            worker.start()
        while time.monotonic() < start + 60 * minutes:
            self.sample()
            time.sleep(min(2.0, 60 * minutes / 100))
        self.over.set()
        for worker in workers:
            worker.join(PATIENCE)
        return start


def percentile(values, share):
    return sorted(values)[int(share * (len(values) - 1))] if values else float("nan")


def halves(rows, start, end):
    """The rows after the warm-up, in two halves of the time."""
    begin = start + (end - start) / 5
    middle = (begin + end) / 2
    return ([row for row in rows if begin <= row[0] < middle],
            [row for row in rows if middle <= row[0]])


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--clients", type=int, default=64)
    arguments = parser.parse_args()
    items = scattered_items(PROMPTS, RESPONSES, NUMBERS)
    findings = []

    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "soak.db")
        with Daemon(path, {"model": "auto", "retrain": "auto", "iterations": 300,
                           "retrain-labels": 200, "refit": "yes"}) as daemon:
            for first in range(0, len(items), 500):
                daemon.add_items(items[first:first + 500])
            soak = Soak(daemon, items)
            start = soak.run(arguments.minutes, arguments.clients)
            end = time.monotonic()
            stored = Counter(row["id"] for row in daemon.list_all("labels", 1000)
                            if row.get("revision", 0) == 0)
            version = daemon.model()["version"]
            log = daemon.log_text()
        checked = run("check", "--db", path)

    early, late = halves(soak.samples, start, end)
    memory = [statistics.median(row[1] for row in part) / 1024 for part in (early, late)]
    files = [max(row[2] for row in part) for part in (early, late)]
    early, late = halves(soak.latencies, start, end)
    p99 = [percentile([row[1] for row in part], 0.99) * 1e3 for part in (early, late)]
    growth = memory[1] / memory[0] - 1
    lost = sum(identity not in stored for identity in soak.acknowledged)

    def must(holds, what):
        if not holds:
            findings.append(what)

    must(abs(growth) <= 0.05, "the memory grows or shrinks")
    must(files[1] <= files[0] + 2, "the number of open files grows")
    must(p99[1] <= 1.5 * p99[0] + 10, "the latency grows")
    must(lost == 0, "acknowledged answers are lost")
    must(max(stored.values(), default=1) == 1, "an answer is stored twice")
    must(not soak.failures, f"requests failed: {soak.failures[:5]}")
    must("level=error" not in log, "the log has errors")
    must(checked.returncode == 0, f"the check finds: {checked.stdout}{checked.stderr}")
    must(version > 0, "nothing was trained")
    print(f"soak: {arguments.minutes:g} minutes, {arguments.clients} clients,"
          f" {len(soak.acknowledged)} answers, {lost} lost, {version} models,"
          f" {len(soak.failures)} requests failed;"
          f" memory {memory[0]:.1f} -> {memory[1]:.1f} MB ({100 * growth:+.1f} %),"
          f" files {files[0]} -> {files[1]}, p99 {p99[0]:.1f} -> {p99[1]:.1f} ms")
    for finding in findings:
        print(f"soak: {finding}")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
