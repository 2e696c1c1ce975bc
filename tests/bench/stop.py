"""Measures how long SIGTERM takes a daemon with 1,000,000 items of 384 numbers, at its worst moments:
while it idles, trains, answers selections, takes an upload, and right after the start. Each stop must
be in order (status 0, the log says so) within `stop-seconds`, and lose no label that was acknowledged.

FISHERD=… /usr/bin/python3 tests/bench/stop.py [--items 1000000] [--numbers 384] [--db PATH]
"""

import argparse
import os
import pathlib
import signal
import sys
import tempfile
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "http/api"))

from client import Daemon, label  # noqa: E402  pylint: disable=wrong-import-position
from start_up import make  # noqa: E402  pylint: disable=wrong-import-position

STOP_SECONDS, LABELS, UPLOAD = 2, 2000, 1000
AFTER = [0.5, 1, 2, 3, 5, 8, 12]  # seconds of work before the signal, by turns


def keep_calling(daemon, make_call):
    """Calls in a thread until the daemon is gone."""
    def run():
        try:
            while True:
                daemon.call(*make_call())
        except OSError:
            pass
        except Exception as error:  # pylint: disable=broad-except
            print(f"a call while stopping: {error!r}")
    thread = threading.Thread(target=run, daemon=True)
    thread.start()


def upload(daemon, round_, numbers):
    count = [0]

    def call():
        count[0] += 1
        return "POST", "/v1/items", {"items": [
            {"id": f"late-{round_}-{count[0]}-{i}", "prompt_id": f"late-{round_}-{i}",
             "embedding": [(i * d) % 7 for d in range(numbers)]} for i in range(UPLOAD)]}
    keep_calling(daemon, call)


def select(daemon, _round, _numbers):
    keep_calling(daemon, lambda: ("POST", "/v1/selections", {
        "batch_size": 500, "generate": {"mode": "in_prompt", "pairs": 100000}}))


def train(daemon, _round, _numbers):
    daemon.call("POST", "/v1/model/train", {"from": "scratch"})


CASES = {"right after the start": None, "idle": lambda *_: None, "training": train,
         "selections": select, "uploads": upload}


def stop(path, name, prepare, round_, numbers):
    """The seconds from SIGTERM to the end, and whether it was in order; adds a label before."""
    with Daemon(path, {"model": "network", "stop-seconds": STOP_SECONDS, "retrain-labels": 0,
                       "retrain-seconds": 0}) as daemon:
        daemon.add_labels([label(f"stop-{round_}", "item-0", "item-1", annotator="stop")])
        if prepare:
            prepare(daemon, round_, numbers)
            time.sleep(AFTER[round_ % len(AFTER)])
        start = time.monotonic()
        daemon.process.send_signal(signal.SIGTERM)
        status = daemon.process.wait(timeout=60)
        seconds = time.monotonic() - start
        time.sleep(0.2)
        is_right = status == 0 and seconds <= STOP_SECONDS and "event=stopped" in daemon.log_text()
    print(f"{name:22} {seconds:5.2f} s, status {status}{'' if is_right else ' MISSED'}", flush=True)
    if not is_right:
        print(daemon.log_text()[-2000:], flush=True)
    return is_right


def acknowledged_labels(path, rounds):
    with Daemon(path) as daemon:
        found = [row["id"] for row in daemon.list_all("labels", 1000) if row["annotator"] == "stop"]
    return found == [f"stop-{round_}" for round_ in range(rounds)]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--items", type=int, default=1000000)
    parser.add_argument("--numbers", type=int, default=384)
    parser.add_argument("--times", type=int, default=3)
    parser.add_argument("--cases", nargs="+", default=list(CASES), choices=list(CASES))
    parser.add_argument("--db", help="a database that is kept, and used again if it exists")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=os.environ.get("BENCH_FOLDER")) as folder:
        path = arguments.db or os.path.join(folder, "stop.db")
        if not os.path.exists(path):
            make(path, arguments.items, LABELS, arguments.numbers)
        print(f"SIGTERM with {arguments.items} items of {arguments.numbers} numbers, "
              f"stop-seconds {STOP_SECONDS}:", flush=True)
        cases = [(name, CASES[name]) for name in arguments.cases] * arguments.times
        rights = [stop(path, name, prepare, round_, arguments.numbers)
                  for round_, (name, prepare) in enumerate(cases)]
        kept = acknowledged_labels(path, len(cases))
    print(f"{sum(rights)} of {len(rights)} in order within {STOP_SECONDS} s; "
          f"{'no acknowledged label is lost' if kept else 'ACKNOWLEDGED LABELS ARE LOST'}")
    return not all(rights) or not kept


if __name__ == "__main__":
    sys.exit(main())
