"""Which functions and files of src a request passes, from the socket to its end.

/usr/bin/python3 tests/e2e/walk.py [TREE] [--build FOLDER] [--runs 9] [--functions]

Two walks: one `POST /v1/selections` of 8 pairs of 60 items, and one label of `POST /v1/labels`,
until the snapshot that has learned from it serves. TREE is the tree to build and walk through, this
one by default; any commit will do whose options and API are the same.

The tree is compiled with -finstrument-functions, and walk_trace.c notes the functions that each
thread enters. A thread belongs to a walk if it did something in it and does nothing when no request
comes; the threads that refill the ready queues and train are left out, as what they do in the
meantime is their own. Each walk is taken several times: a function counts if more than half of the
runs entered it.
"""

import argparse
import collections
import http.client
import json
import mmap
import os
import pathlib
import random
import re
import statistics
import struct
import subprocess
import tempfile
import threading
import time

HERE = pathlib.Path(__file__).parent
TABLE = 8 * (1 + (1 << 16))
SETTLED = 0.3  # seconds after a response in which the connection's end and the like take place
OTHERS = re.compile(r"refill|train|work_loop")
PROMPTS, RESPONSES, NUMBERS, LABELS = 12, 5, 8, 60
OPTIONS = {
    "log-level": "debug",  # says when a refitted model serves
    "retrain-labels": 0, "retrain-seconds": 0, "model": "linear",
    "held-out": 0,  # every label is learned from
}


def build(tree, folder):
    if not (folder / "build.ninja").exists():
        subprocess.run(["meson", "setup", folder, tree, "-Doptimization=0", "-Dwerror=false",
                        "-Dc_args=-finstrument-functions"], check=True, stdout=subprocess.DEVNULL)
    subprocess.run(["ninja", "-C", folder, "src/app/fisherd"], check=True,
                   stdout=subprocess.DEVNULL)
    subprocess.run(["cc", "-D_GNU_SOURCE", "-O2", "-shared", "-fPIC", HERE / "walk_trace.c",
                    "-o", folder / "walk_trace.so"], check=True)
    return folder / "src/app/fisherd"


class Functions:
    """Names and places of functions by their offset into the program."""

    def __init__(self, program, tree):
        self.program, self.tree, self.known = program, tree, {}

    def find(self, offsets):
        """(file, name) of each; the file is not below src where the function is not the tree's."""
        new = sorted(set(offsets) - self.known.keys())
        done = subprocess.run(["addr2line", "-f", "-e", self.program], check=True, text=True,
                              input="".join(f"{offset:#x}\n" for offset in new),
                              capture_output=True)
        lines = done.stdout.splitlines()
        for offset, name, place in zip(new, lines[::2], lines[1::2]):
            path = os.path.relpath(place.rsplit(":", 1)[0], self.tree)
            self.known[offset] = (path, name.split(".")[0])
        return [self.known[offset] for offset in offsets]


class Daemon:
    def __init__(self, program, folder):
        self.trace = folder / "trace"
        self.trace.write_bytes(bytes(TABLE))
        with open(self.trace, "r+b") as file:
            self.table = mmap.mmap(file.fileno(), TABLE)
        flags = [f"--{name}={value}" for name, value in OPTIONS.items()]
        environment = {**os.environ, "WALK_TRACE": str(self.trace),
                       "LD_PRELOAD": str(program.parents[2] / "walk_trace.so")}
        self.process = subprocess.Popen(
            [program, "serve", "--listen=127.0.0.1:0", f"--db={folder / 'db'}", *flags],
            env=environment, stderr=subprocess.PIPE, text=True)
        self.log, self.logged = [], threading.Condition()
        threading.Thread(target=self._read_log, daemon=True).start()
        ready = self.wait_for_log(r"listening=\"?http://([^:]+):(\d+)", 0)
        self.address = ready[1], int(ready[2])

    def _read_log(self):
        for line in self.process.stderr:
            with self.logged:
                self.log.append(line)
                self.logged.notify_all()

    def wait_for_log(self, pattern, since):
        deadline = time.monotonic() + 60
        with self.logged:
            while True:
                for line in self.log[since:]:
                    found = re.search(pattern, line)
                    if found:
                        return found
                if not self.logged.wait(deadline - time.monotonic()):
                    raise SystemExit(f"no {pattern} in the log:\n{''.join(self.log)}")

    def call(self, method, path, body=None):
        connection = http.client.HTTPConnection(*self.address, timeout=60)
        connection.request(method, path, body and json.dumps(body),
                           {"Content-Type": "application/json"})
        response = connection.getresponse()
        content = response.read()
        connection.close()
        if response.status >= 300:
            raise SystemExit(f"{method} {path}: {response.status} {content}")
        return json.loads(content)

    def traced(self, work):
        """The pairs of offsets (first of the thread, entered) while `work` is done."""
        self.table[8:] = bytes(TABLE - 8)
        self.table[:8] = struct.pack("=Q", 1)
        work()
        time.sleep(SETTLED)
        self.table[:8] = bytes(8)
        pairs = struct.unpack(f"={TABLE // 8 - 1}Q", self.table[8:])
        return {(pair >> 32, pair & 0xffffffff) for pair in pairs if pair}

    def stop(self):
        self.process.terminate()
        self.process.wait()


def label(draws, name):
    prompt = draws.randrange(PROMPTS)
    a, b = draws.sample(range(RESPONSES), 2)
    return {"id": name, "a": f"p{prompt}r{a}", "b": f"p{prompt}r{b}", "annotator": "someone",
            "preference": draws.choice("ab")}


def fill(daemon, draws):
    """Items, labels, and a model that learned from them."""
    daemon.call("POST", "/v1/items", {"items": [
        {"id": f"p{prompt}r{response}", "prompt_id": f"p{prompt}",
         "embedding": [draws.gauss(0, 1) for _ in range(NUMBERS)]}
        for prompt in range(PROMPTS) for response in range(RESPONSES)]})
    daemon.call("POST", "/v1/labels", {"labels": [label(draws, f"l{i}") for i in range(LABELS)]})
    daemon.call("POST", "/v1/model/train", {})
    deadline = time.monotonic() + 60
    while daemon.call("GET", "/v1/model")["version"] < 1:
        if time.monotonic() > deadline:
            raise SystemExit("no model was trained")
        time.sleep(0.1)
    time.sleep(1)  # the ready queues are filled by then


def walk(daemon, functions, runs, work):
    """The functions of most runs, by the thread that entered them; and how many each run had."""
    idle = {first for _ in range(3) for first, _ in daemon.traced(lambda: time.sleep(1))}
    seen, counts = collections.Counter(), []
    for run in range(runs):
        pairs = daemon.traced(lambda: work(run))
        firsts = sorted({first for first, _ in pairs})
        left_out = {first for first, (_, name) in zip(firsts, functions.find(firsts))
                    if first in idle or OTHERS.search(name)}
        passed = set()
        for first, entered in pairs:
            if first not in left_out:
                passed |= {(first, first), (first, entered)}
        seen.update(passed)
        counts.append(len(set(functions.find([entered for _, entered in passed]))))
        time.sleep(0.5)
    usual = sorted(pair for pair, times in seen.items() if times > runs / 2)
    threads = collections.defaultdict(set)
    for (_, thread), function in zip(functions.find([first for first, _ in usual]),
                                     functions.find([entered for _, entered in usual])):
        threads[thread].add(function)
    return threads, counts


def show(title, threads, counts, with_functions):
    threads = {thread: {(path, name) for path, name in entered
                        if path.startswith(("src/", "include/"))}
               for thread, entered in threads.items()}
    passed = sorted(set().union(*threads.values()))
    files = {path for path, _ in passed}
    sources = {path for path in files if path.endswith(".c")}
    print(f"{title}: {len(passed)} functions in {len(files)} files;"
          f" {sum(path in sources for path, _ in passed)} of them in {len(sources)} .c files")
    print(f"    a run had {min(counts)} to {max(counts)} functions, median"
          f" {statistics.median(counts):g}")
    for thread, entered in sorted(threads.items()):
        print(f"    thread {thread}: {len(entered)} functions in"
              f" {len({path for path, _ in entered})} files")
    by_folder = collections.Counter(os.path.dirname(path) for path, _ in passed)
    print("    " + ", ".join(f"{folder} {count}" for folder, count in sorted(by_folder.items())))
    if with_functions:
        for path, name in passed:
            print(f"    {path}: {name}")


def main():
    parser = argparse.ArgumentParser(description="Functions and files that a request passes.")
    parser.add_argument("tree", nargs="?", type=pathlib.Path, default=HERE.parents[1])
    parser.add_argument("--build", type=pathlib.Path, help="where to build; default TREE/build/walk")
    parser.add_argument("--runs", type=int, default=9)
    parser.add_argument("--functions", action="store_true", help="list them")
    options = parser.parse_args()
    tree = options.tree.resolve()
    program = build(tree, (options.build or tree / "build/walk").resolve())
    functions = Functions(program, tree)

    with tempfile.TemporaryDirectory() as folder:
        daemon = Daemon(program, pathlib.Path(folder))
        try:
            draws = random.Random(1)
            fill(daemon, draws)

            def select(_):
                daemon.call("POST", "/v1/selections",
                            {"batch_size": 8, "generate": {"mode": "in_prompt"}})

            def add_label(run):
                since = len(daemon.log)
                daemon.call("POST", "/v1/labels", {"labels": [label(draws, f"new{run}")]})
                daemon.wait_for_log("event=refitted", since)

            show("POST /v1/selections", *walk(daemon, functions, options.runs, select),
                 options.functions)
            show("a label, until it is learned", *walk(daemon, functions, options.runs, add_label),
                 options.functions)
        finally:
            daemon.stop()


if __name__ == "__main__":
    main()
