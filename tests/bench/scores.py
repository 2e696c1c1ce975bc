"""Measures POST /v1/score: embeddings scored a second with two clients, and in a second of a processor,
as numbers, as base64 beside a text (read as a tree), as base64 alone, and as JSON lines of that, at
three dimensions."""

import base64
import http.client
import json
import pathlib
import random
import struct
import sys
import tempfile
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "http" / "api"))
from client import Daemon  # noqa: E402  pylint: disable=wrong-import-position

CLIENTS, SECONDS, BODY, TARGET = 2, 2, 8 << 20, 10000


def encoded(row):
    return base64.b64encode(struct.pack(f"<{len(row)}f", *row)).decode()


def processor_seconds(daemon):
    with open(f"/proc/{daemon.process.pid}/stat", encoding="ascii") as stat:
        fields = stat.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / 100


def measure(daemon, body, count, media_type):
    done, end = [0] * CLIENTS, time.monotonic() + SECONDS

    def ask(client):
        connection = http.client.HTTPConnection(daemon.host, daemon.port)
        while time.monotonic() < end:
            connection.request("POST", "/v1/score", body, {"Content-Type": media_type})
            response = connection.getresponse()
            answer = response.read()
            assert response.status == 200, answer[:300]
            done[client] += count

    threads = [threading.Thread(target=ask, args=(client,)) for client in range(CLIENTS)]
    start, used = time.monotonic(), processor_seconds(daemon)
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(done) / (time.monotonic() - start), sum(done) / (processor_seconds(daemon) - used)


def main():
    draw = random.Random(1)
    for inputs in (256, 1024, 4096):
        with tempfile.TemporaryDirectory() as folder, \
                Daemon(f"{folder}/bench.db", {"model": "linear"}) as daemon:
            rows = [[round(draw.gauss(0, 1), 4) for _ in range(inputs)] for _ in range(400)]
            for start in range(0, len(rows), 100):
                daemon.add_items([{"id": f"i{i}", "prompt_id": f"p{i % 50}", "embedding": encoded(rows[i])}
                                  for i in range(start, start + 100)])
            daemon.add_labels([{"id": f"l{i}", "a": f"i{i}", "b": f"i{i + 50}", "annotator": "bench",
                                "preference": "a" if rows[i][0] > rows[i + 50][0] else "b"}
                               for i in range(350)])
            daemon.train()
            first = None
            for name, item in (("numbers", lambda row: {"embedding": row}),
                               ("base64 and a prompt", lambda row: {"embedding": encoded(row), "prompt_id": "p1"}),
                               ("base64", lambda row: {"embedding": encoded(row)}),
                               ("JSON lines", lambda row: {"embedding": encoded(row)})):
                count = min(2000, BODY // len(json.dumps(item(rows[0]))))
                items = [item(rows[i % len(rows)]) for i in range(count)]
                body, media_type = json.dumps({"items": items}), "application/json"
                if name == "JSON lines":
                    body, media_type = "".join(json.dumps(one) + "\n" for one in items), "application/x-ndjson"
                wall, each = measure(daemon, body.encode(), count, media_type)
                first = first or each
                is_low = name in ("base64", "JSON lines") and 2 * each < TARGET
                print(f"{inputs:5} inputs, {name:19}: {wall:7.0f}/s with {CLIENTS} clients, {each:7.0f} in a second of a "
                      f"processor, {each / first:5.1f} times numbers"
                      f"{' (below the target)' if is_low else ''}")


if __name__ == "__main__":
    main()
