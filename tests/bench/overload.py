"""Measures the latency of normal clients while others flood the daemon or are slow.

    FISHERD=build/src/app/fisherd python3 tests/bench/overload.py [SECONDS [FLOOD …]]

Each flood takes SECONDS (10); a FLOOD is a part of a flood's name, and without any all run. Needs
slowhttptest, wrk and h2load (nghttp2-client)."""

import http.client
import itertools
import json
import pathlib
import random
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "http" / "api"))

from client import Daemon, label  # noqa: E402

CLIENTS = 4  # that send labels, besides one that asks for the health
SELECTION = {"batch_size": 64, "generate": {"mode": "cross_prompt", "pairs": 50000}}


def floods(url, folder):
    """{name: command}"""
    selection = folder / "selection.json"
    selection.write_text(json.dumps(SELECTION))
    items = folder / "items.json"
    items.write_text(json.dumps({"items": [
        {"id": f"f{i}", "prompt_id": "f", "embedding": [0.12345] * 512} for i in range(1500)]}))
    json_type = ["-H", "Content-Type: application/json"]
    post = ["h2load", "--h1", "-t1", "-c64", *json_type]
    slow = ["slowhttptest", "-c", "1000", "-r", "500", "-l", "3600", "-i", "1"]
    return {
        "none": [],
        "lists, 64 clients": ["wrk", "-t1", "-c64", "-d3600", f"{url}/v1/items?limit=100"],
        "selections, 64 clients": [*post, "-D3600", "-d", str(selection), f"{url}/v1/selections"],
        "selections, 250 clients": [*post[:3], "-c250", *post[4:], "-D3600", "-d", str(selection),
                                    f"{url}/v1/selections"],
        "batches of 7 MB, 16 clients": [*post[:3], "-c16", *post[4:], "-D3600", "-d", str(items),
                                        f"{url}/v1/items"],
        "health, 200 clients": ["wrk", "-t1", "-c200", "-d3600", f"{url}/healthz"],
        "1,000 connections that do nothing": [*slow, "-H", "-i", "3600", "-u", url],
        "slow headers, 1,000 connections": [*slow, "-H", "-u", url],
        "slow bodies, 1,000 connections": [*slow, "-B", "-f", "application/json", "-u",
                                           f"{url}/v1/labels"],
        "slow readers, 1,000 connections": [*slow, "-X", "-w", "256", "-y", "512", "-n", "1", "-z",
                                            "32", "-u", f"{url}/v1/items?limit=100"],
    }


class NormalClient:
    """Sends requests at a steady pace from another address, over one connection until it breaks."""

    def __init__(self, daemon, send):
        self.daemon, self.send, self.ends = daemon, send, threading.Event()
        self.seconds, self.failures = [], 0
        self.thread = threading.Thread(target=self.run)
        self.thread.start()

    def connect(self):
        return http.client.HTTPConnection(self.daemon.host, self.daemon.port, timeout=60,
                                          source_address=("127.0.0.2", 0))

    def run(self):
        connection = self.connect()
        while not self.ends.wait(0.02):
            start = time.monotonic()
            try:
                status = self.send(connection)
            except (OSError, http.client.HTTPException):
                status = 0
                connection.close()
                connection = self.connect()
            self.seconds.append(time.monotonic() - start)
            self.failures += status != 200
        connection.close()

    def end(self):
        self.ends.set()
        self.thread.join()


def call(connection, method, path, body=None):
    connection.request(method, path, body, {"Content-Type": "application/json"} if body else {})
    response = connection.getresponse()
    response.read()
    return response.status


def figures(clients):
    times = sorted(second for client in clients for second in client.seconds)
    at = [1e3 * times[int(q * (len(times) - 1))] for q in (0.5, 0.99, 1)]
    failures = sum(client.failures for client in clients)
    return f"{len(times):5d} requests, p50 {at[0]:6.1f} ms, p99 {at[1]:6.1f} ms, maximum " \
           f"{at[2]:6.1f} ms, {failures} failed"


def resident(daemon):
    status = pathlib.Path(f"/proc/{daemon.process.pid}/status").read_text()
    return int(status.split("VmRSS:")[1].split()[0]) / 1024


def measure(daemon, name, command, seconds):
    flood = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                             cwd=tempfile.gettempdir()) if command else None
    time.sleep(2)  # the flood is at its full rate then
    numbers = itertools.count()

    def add_label(connection):
        text = json.dumps({"labels": [label(f"{name}-{next(numbers)}", "i0", "i1")]})
        return call(connection, "POST", "/v1/labels", text)
    labelling = [NormalClient(daemon, add_label) for _ in range(CLIENTS)]
    health = [NormalClient(daemon, lambda connection: call(connection, "GET", "/healthz"))]
    time.sleep(seconds)
    for client in labelling + health:
        client.end()
    if flood:
        flood.kill()
        flood.wait()
    print(f"{name}\n    labels  {figures(labelling)}\n    healthz {figures(health)}\n"
          f"    memory  {resident(daemon):.0f} MiB", flush=True)


def main():
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 10
    draw = random.Random(1)
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        for name in floods("", folder):
            if sys.argv[2:] and not any(word in name for word in sys.argv[2:]):
                continue
            with Daemon(folder / f"{abs(hash(name))}.db", {"hidden-layers": 0, "stop-seconds": 60}) as daemon:
                daemon.add_items([{"id": f"i{i}", "prompt_id": f"p{i // 20}",
                                   "response": f"{i} " + "word " * 400,
                                   "embedding": [round(draw.gauss(0, 1), 3) for _ in range(64)]}
                                  for i in range(4000)])
                url = f"http://{daemon.host}:{daemon.port}"
                measure(daemon, name, floods(url, folder)[name], seconds)


if __name__ == "__main__":
    main()
