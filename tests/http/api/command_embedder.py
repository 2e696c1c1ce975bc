"""A program for the option embedding-command: command_embedder.py [FAULT [FILE]]. It puts a line for
each start and each batch into FILE."""

import json
import os
import sys
import time

from mock_embedder import vector

fault = sys.argv[1] if len(sys.argv) > 1 else ""
notes = open(sys.argv[2], "a", encoding="utf-8") if len(sys.argv) > 2 else sys.stderr


def note(text):
    print(text, file=notes, flush=True)


def answer(rows):
    if fault == "reversed":
        rows = rows[::-1]
    for row in rows:
        values = vector(row["text"])
        if fault == "twice the same id":
            row["id"] = 0
        if fault == "an unknown id":
            row["id"] = 10 ** 6
        if fault == "NaN":
            values[0] = float("nan")
        if fault == "other dimensions":
            values = values[:1 + row["id"]]
        print(json.dumps({"id": row["id"], "embedding": values}))
    sys.stdout.flush()


note(f"start {os.getpid()}")
batch = []
for line in sys.stdin:
    if line.strip():
        batch.append(json.loads(line))
        continue
    note(f"batch {len(batch)}")
    if fault == "ends":
        sys.exit(3)
    if fault == "sleeps":
        time.sleep(3600)
    if fault == "no JSON":
        print("hello", flush=True)
    if fault == "one long line":
        while True:
            sys.stdout.write("x" * 65536)
    if fault == "ends once" and not os.path.exists(sys.argv[2] + ".once"):
        open(sys.argv[2] + ".once", "w", encoding="utf-8").close()
        sys.exit(3)
    answer(batch)
    batch = []
