"""One allocation or file call fails: a command reports it and ends, or has done its work, and works the
next time."""

import contextlib
import http.client
import json
import os
import pathlib
import shutil
import signal
import socket
import ssl
import subprocess

import numpy
import pytest

from client import (PATIENCE, PROGRAM, SANITIZER, SMALL_MODEL, Daemon, environment, flags, label,
                    plane_items, run, wait_until)
from test_import import embeddings, write_items
from simulation import SMALL, write_data
from test_tls import Pair

SHIM = os.environ.get("FISHERD_FAILING_CALLS", "")
# Every STRIDE-th call fails in its turn; a command makes about 20 to 500.
STRIDE = 1 if os.environ.get("FISHERD_LONG") else 1 + 22 // int(os.environ.get("FISHERD_DENSER", 1))

pytestmark = pytest.mark.skipif(not SHIM or bool(SANITIZER),
                                reason="FISHERD_FAILING_CALLS names nothing to load, or a sanitizer is in its place")

KEEP = "--blas-kernels=keep"  # otherwise the program restarts itself, and the calls count from 0
SIMULATED = ("simulate", *SMALL, "--iterations", 5, "--seeds", 1, "--csv=out.csv", KEEP)


@pytest.fixture(scope="module")
def stored(tmp_path_factory):
    """A database with items, labels, a model and a token, and a backup of it; and a copy of the loaded
    library, since overwriting a library under a running program kills it."""
    folder = tmp_path_factory.mktemp("stored")
    shutil.copy(SHIM, folder / "shim.so")
    with Daemon(folder / "x.db") as daemon:
        daemon.add_items(plane_items())
        daemon.add_labels([label(f"l{k}", f"p{k % 3}-r0", f"p{k % 3}-r1") for k in range(9)])
        daemon.train()
    run("token", "create", "--db=x.db", "--role=admin", "--name=first", cwd=folder)
    run("backup", "--db=x.db", "--to=backup.db", cwd=folder)
    return folder


@pytest.fixture(name="prepared")
def fixture_world(tmp_path, stored):
    for file in stored.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
        (tmp_path / file.name).chmod(0o600)
    numpy.save(tmp_path / "embeddings.npy", embeddings(12, 5))
    numpy.save(tmp_path / "prompts.npy", embeddings(4, 3, seed=2))
    write_items(tmp_path / "items.jsonl")
    for name in ["arena.jsonl", "arena-table.csv", "label-studio.json", "preferences.csv"]:
        shutil.copy(SAMPLES / name, tmp_path / name)
    (tmp_path / "set").mkdir()
    write_data(tmp_path / "set")
    return tmp_path


def failing(folder, kind, place):
    return {"LD_PRELOAD": str(folder / "shim.so"), "SHIM_KIND": kind, "SHIM_PLACE": str(place),
            "SHIM_COUNT": str(folder / "count")}


def places(folder, kind, call):
    call(failing(folder, kind, 0))
    count = int((folder / "count").read_text())
    assert count > 0
    return range(1, count + 1, STRIDE)


SAMPLES = pathlib.Path(__file__).parents[2] / "formats" / "import" / "data"
COMMANDS = {
    "token create": ("token", "create", "--db=x.db", "--role=annotator", "--name=second"),
    "token list": ("token", "list", "--db=x.db"),
    "check": ("check", "--db=x.db"),
    "migrate": ("migrate", "--db=x.db"),
    "backup": ("backup", "--db=x.db", "--to=other.db"),
    "restore": ("restore", "--db=x.db", "--from=backup.db", "--replace"),
    "export": ("export", "--db=x.db", "--to=answers.csv", "--format=csv"),
    "import": ("import", "--db=y.db", "--items=items.jsonl", "--embeddings=embeddings.npy",
               "--prompt-embeddings=prompts.npy"),
    "copy": ("copy", "--from=x.db", "--to=v.db"),
    "re-embed": ("re-embed", "--db=z.db", "--embedding-url=builtin:hash"),
    "import of files": ("import", "arena.jsonl", "label-studio.json", "preferences.csv", "--db=w.db",
                        "--embedding-url=builtin:hash"),
    "import without effect": ("import", "arena.jsonl", "arena-table.csv", "--db=w.db", "--dry-run",
                              "--embedding-url=builtin:hash"),
    "simulate": (*SIMULATED, "--data=plane", "--rounds=2", "--jobs=2", "--plot=figures",
                 "--strategies=greedy"),
    "simulate files": (*SIMULATED, "--data-dir=set", "--rounds=1", "--rewards=judge,teacher",
                       "--strategies=dopt,i-opt"),
}
# Files of the call before, which would not be overwritten.
IN_THE_WAY = {"backup": "other.db", "export": "answers.csv*", "restore": "x.db.before-*", "import": "y.db*",
              "copy": "v.db*", "re-embed": "z.db*", "import of files": "w.db*",
              "simulate": "out.csv", "simulate files": "out.csv"}


@pytest.mark.parametrize("kind", ["memory", "files"])
@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_reports_a_failed_system_call_and_works_the_next_time(prepared, name, kind):
    def call(env=None):
        for file in prepared.glob(IN_THE_WAY.get(name, "none")):
            file.unlink()
        if name == "re-embed":
            shutil.copy(prepared / "x.db", prepared / "z.db")
        return run(*COMMANDS[name], cwd=prepared, env=env)

    for place in places(prepared, kind, call):
        done = call(failing(prepared, kind, place))
        assert done.returncode in (0, 1, 2), (place, done)
        assert done.returncode == 0 or done.stderr.strip(), f"{place}: it ends without a reason"
    done = call()
    assert done.returncode == 0, done.stderr
    done = run("check", "--db=x.db", cwd=prepared)
    assert done.returncode == 0 and "9 labels" in done.stdout, done


REQUESTS = [
    ("GET", "/", None),
    ("GET", "/metrics", None),
    ("GET", "/v1/items", None),
    ("POST", "/v1/labels", {"labels": [label("late", "p0-r2", "p0-r3")]}),
    ("POST", "/v1/import", {"id": "imported", "prompt_id": "p0", "response": "r", "embedding": [1, 2, 3, 4]}),
    ("POST", "/v1/selections", {"batch_size": 2, "generate": {"mode": "in_prompt"}}),
    ("POST", "/v1/assignments", {"annotator": "anna"}),
    ("GET", "/v1/stats", None),
    ("GET", "/nowhere", None),
]


def ask(place, token, method, path, body):
    """The status, or None if the connection ends without a response."""
    headers = {"Authorization": f"Bearer {token}", "X-Forwarded-For": "10.1.2.3, 192.0.2.1"}
    connection = http.client.HTTPSConnection(*place, context=ssl._create_unverified_context(), timeout=PATIENCE)
    try:
        connection.request(method, path, json.dumps(body) if body else None,
                           {**headers, "Content-Type": "application/json"} if body else headers)
        response = connection.getresponse()
        response.read()
        return response.status
    except (OSError, http.client.HTTPException):
        return None
    finally:
        connection.close()


def ends_or_serves(options, env, token):
    """The log of a daemon that ended by itself; None if it served until it was stopped."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        place = free.getsockname()
    with subprocess.Popen([PROGRAM, "serve", *flags({**options, "listen": f"{place[0]}:{place[1]}"})],
                          env=environment(env), stderr=subprocess.PIPE, text=True) as process:
        def there():
            with contextlib.suppress(OSError), socket.create_connection(place, PATIENCE):
                return True
            return process.poll() is not None
        wait_until(there, "an end or a daemon that listens")
        if process.poll() is None:
            for request in REQUESTS:
                assert ask(place, token, *request) in (None, 200, 404, 500, 503), (env, request)
            for request in REQUESTS[:-1]:
                assert ask(place, token, *request) == 200, (env, request, "once more")
            process.send_signal(signal.SIGTERM)
        said = process.communicate(timeout=PATIENCE)[1]
        assert process.returncode in (0, 1, 2), (env, process.returncode, said)
        return said if process.returncode else None


@pytest.mark.parametrize("kind", ["memory", "files"])
def test_a_daemon_reports_a_failed_system_call_and_serves_the_next_request(prepared, kind):
    options = {"db": prepared / "x.db", "blas-kernels": "keep", "cors-origins": "https://a.example.org",
               "trusted-proxies": "10.0.0.0/8", **Pair(prepared, "tls").options(), **SMALL_MODEL}
    token = run("token", "create", "--db=x.db", "--role=admin", "--name=asks", cwd=prepared).stdout.split()[-1]
    for place in places(prepared, kind, lambda env: ends_or_serves(options, env, token)):
        said = ends_or_serves(options, failing(prepared, kind, place), token)
        assert said is None or "fisherd serve:" in said, (place, said)
    assert ends_or_serves(options, {}, token) is None
