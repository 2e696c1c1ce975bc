"""Measures an import into a daemon that people label with: its time, its memory, and how long they
wait for pairs meanwhile.

    FISHERD=build/src/app/fisherd python3 tests/bench/import_beside_labels.py [ITEMS [DIMENSION]]

100,000 items of 32 numbers by default. The labelling goes on before, during and after the import."""

import http.client
import itertools
import json
import pathlib
import random
import re
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "http" / "api"))

from client import Daemon, PROGRAM, environment  # noqa: E402

ITEMS = int(sys.argv[1]) if len(sys.argv) > 1 else 100000
DIMENSION = int(sys.argv[2]) if len(sys.argv) > 2 else 32
ANNOTATORS = 4
THINKING = 0.05  # seconds
IDLE = 10  # seconds of labelling before the import
MIB = 1 << 20


def rows(first, count):
    draw = random.Random(first)
    for i in range(first, first + count):
        yield json.dumps({"id": f"item-{i}", "prompt_id": f"prompt-{i // 4}", "prompt": f"Question {i // 4}?",
                          "response": f"The answer {i}, in a few words that say it.",
                          "embedding": [round(draw.gauss(0, 1), 3) for _ in range(DIMENSION)]}) + "\n"


class Annotator:
    """Takes a pair, answers it, and thinks, over one connection."""

    def __init__(self, daemon, name):
        self.name, self.ends, self.phase, self.seconds = name, threading.Event(), None, {}
        self.connection = http.client.HTTPConnection(daemon.host, daemon.port, timeout=600)
        self.thread = threading.Thread(target=self.run)
        self.thread.start()

    def call(self, path, body):
        start = time.monotonic()
        self.connection.request("POST", path, json.dumps(body), {"Content-Type": "application/json"})
        response = self.connection.getresponse()
        told = json.loads(response.read())
        assert response.status == 200, told
        self.seconds.setdefault((self.phase, path), []).append(time.monotonic() - start)
        return told

    def run(self):
        for number in itertools.count():
            if self.ends.wait(THINKING):
                return
            given = self.call("/v1/assignments", {"annotator": self.name})["assignments"]
            for pair in given:
                first = pair["a"]["id"] < pair["b"]["id"]
                self.call("/v1/labels", {"labels": [{
                    "id": f"{self.name}-{number}", "a": pair["a"]["id"], "b": pair["b"]["id"],
                    "preference": "a" if first else "b", "annotator": self.name, "assignment": pair["id"]}]})


def memory(daemon, name):
    status = pathlib.Path(f"/proc/{daemon.process.pid}/status").read_text()
    return int(re.search(rf"{name}:\s+(\d+) kB", status)[1]) / 1024


def counted(daemon):
    return float(re.search(r"^fisherd_http_memory_bytes (\S+)", daemon.metrics(), re.M)[1]) / MIB


def show(annotators, phase):
    for path in "/v1/assignments", "/v1/labels":
        seconds = sorted(s for a in annotators for s in a.seconds.get((phase, path), []))
        if seconds:
            print(f"{phase:8} {path:16} {len(seconds):6} calls, p50 {1e3 * seconds[len(seconds) // 2]:8.2f} ms, "
                  f"p99 {1e3 * seconds[len(seconds) * 99 // 100]:8.2f} ms, most {1e3 * seconds[-1]:8.2f} ms")


def main():
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        file = folder / "items.jsonl"
        with open(file, "w", encoding="utf-8") as written:
            written.writelines(rows(10000, ITEMS))
        options = {"hidden-layers": None, "hidden-width": None, "retrain-labels": 200, "refit": "yes"}
        with Daemon(folder / "fisherd.db", options) as daemon:
            daemon.call("POST", "/v1/import", raw="".join(rows(0, 10000)))
            annotators = [Annotator(daemon, f"annotator-{i}") for i in range(ANNOTATORS)]
            for annotator in annotators:
                annotator.phase = "idle"
            time.sleep(IDLE)
            before, most = memory(daemon, "VmRSS"), 0
            pathlib.Path(f"/proc/{daemon.process.pid}/clear_refs").write_text("5")
            for annotator in annotators:
                annotator.phase = "import"
            start = time.monotonic()
            with subprocess.Popen([PROGRAM, "import", str(file), "--url",
                                   f"http://{daemon.host}:{daemon.port}"], env=environment()) as sender:
                while sender.poll() is None:
                    most = max(most, counted(daemon))
                    time.sleep(0.2)
            seconds = time.monotonic() - start
            for annotator in annotators:
                annotator.phase = "after"
            peak, after = memory(daemon, "VmHWM"), memory(daemon, "VmRSS")
            time.sleep(IDLE)
            for annotator in annotators:
                annotator.ends.set()
                annotator.thread.join()
            print(f"{ITEMS} items of {DIMENSION} numbers, {file.stat().st_size / MIB:.0f} MiB, in {seconds:.1f} s: "
                  f"{ITEMS / seconds:.0f} a second")
            print(f"resident: {before:.0f} MiB before, {after:.0f} after, {peak:.0f} at most; "
                  f"{most:.0f} MiB counted against memory at most")
            for phase in "idle", "import", "after":
                show(annotators, phase)


if __name__ == "__main__":
    main()
