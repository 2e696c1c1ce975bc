"""Measures GET /v1/stats with labels of 200,000 annotators: the seconds and bytes of a response, and
what six at once add to the daemon's memory, beside the option `memory`.

FISHERD=… /usr/bin/python3 tests/bench/stats_names.py [--names 200000]
"""

import argparse
import concurrent.futures
import os
import pathlib
import re
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "http/api"))

from client import Daemon  # noqa: E402  pylint: disable=wrong-import-position
from start_up import make  # noqa: E402  pylint: disable=wrong-import-position

MEMORY, BESIDE, AT_ONCE, RUNS = 256, 48, 6, 5  # MiB, MiB, requests, medians of

PATHS = ["/v1/stats", "/v1/stats?buckets=1000&names=1000", "/v1/stats?names=0", "/v1/stats?annotator=ann-7"]


def size(daemon, name):
    status = pathlib.Path(f"/proc/{daemon.process.pid}/status").read_text()
    return int(re.search(rf"{name}:\s+(\d+) kB", status)[1]) / 1024


def timed(daemon, path):
    start = time.perf_counter()
    response = daemon.call("GET", path)
    return time.perf_counter() - start, response


def at_once(daemon, path):
    """The MiB that several responses at once add, and their statuses."""
    pathlib.Path(f"/proc/{daemon.process.pid}/clear_refs").write_text("5")
    before = size(daemon, "VmRSS")
    with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
        statuses = {response.status for _, response in pool.map(lambda _: timed(daemon, path),
                                                                range(2 * AT_ONCE))}
    return size(daemon, "VmHWM") - before, statuses


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--names", type=int, default=200000)
    names = parser.parse_args().names
    missed = False
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "names.db")
        make(path, 20000, names, 8, annotators=names)
        with Daemon(path, {"memory": MEMORY, "retrain-labels": 0, "retrain-seconds": 0}) as daemon:
            print(f"{names} labels of {names} annotators, memory {MEMORY} MiB")
            for query in PATHS:
                runs = sorted((timed(daemon, query) for _ in range(RUNS)), key=lambda run: run[0])
                seconds, response = runs[RUNS // 2]
                assert response.status == 200, response
                more, statuses = at_once(daemon, query)
                missed |= more > MEMORY + BESIDE
                print(f"{query:34} {1e3 * seconds:7.1f} ms {len(response.body):8} bytes; {AT_ONCE} at once: "
                      f"{more:4.0f} MiB more, {sorted(statuses)}{' ABOVE' if more > MEMORY + BESIDE else ''}")
    return missed


if __name__ == "__main__":
    sys.exit(main())
