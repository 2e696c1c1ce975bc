"""Lets Schemathesis try the API of a daemon: try_schemathesis.py PROGRAM SECONDS [OPTION …]

PROGRAM is the command of Schemathesis; FISHERD names the daemon's. The daemon has tokens, items,
labels, a model, an embedder and a folder for backups, so that all calls can succeed. Fails for a
response of 5xx, for one that docs/openapi.yaml does not describe, and where the daemon ends. Only a
503 that asks the client to come again, for want of room, is an answer. What the machine's load may
cause, a lost connection or a slow one, is printed and fails nothing: the status is 77 then. OPTIONs
go to Schemathesis.
"""

import contextlib
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import threading
import time
import types

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "http" / "api"))

# It is Schemathesis that holds the responses against docs/openapi.yaml, and with less of Debian.
sys.modules["openapi"] = types.SimpleNamespace(check=lambda *_: None)

# pylint: disable=wrong-import-position
from client import PATIENCE, Daemon, label, wait_until  # noqa: E402
from token_daemon import create  # noqa: E402

# What a document can promise of each response. Not: that a valid body is accepted, since ids must
# exist too; nor 401 without a token on routes that look at none.
CHECKS = ["fails_only_for_want_of_room", "status_code_conformance", "content_type_conformance",
          "response_headers_conformance", "response_schema_conformance", "unsupported_method"]

# Nobody waits for events: that would take up to 30 seconds of each call.
OPTIONS = {"embedding-url": "builtin:hash", "requests-at-once": 0, "memory": 1024, "waiting-clients": 0}

# CONNECT and TRACE are refused with 501, as framing.c says; so only the others are tried where the
# document does not have them.
CONFIGURATION = """
[phases.coverage]
unexpected-methods = ["GET", "PUT", "POST", "DELETE", "PATCH", "OPTIONS"]
"""

BACKUP_SECONDS = 60

# Errors of Schemathesis that a slow machine may cause.
LOAD = {"Network Error", "Failed Health Check", "Unresponsive Operation", "Server Unavailable"}


def fill(daemon, token):
    """The items that the examples of the document name, more items, labels and a trained version."""
    headers = {"Authorization": f"Bearer {token}"}
    document = daemon.ok("GET", "/openapi.json")
    named = document["paths"]["/v1/items"]["post"]["requestBody"]["content"]["application/json"]["example"]
    items = [{"id": f"more-{p}-{r}", "prompt_id": f"more-{p}", "prompt": f"Question {p}?",
              "response": f"Answer {r}."} for p in range(6) for r in range(4)]
    labels = [label(f"label-{i}", f"more-{i % 6}-{i % 4}", f"more-{i % 6}-{(i + 1) % 4}", "ab"[i % 2])
              for i in range(60)]
    for method, path, body, status in [
            ("POST", "/v1/items", named, 200),
            ("POST", "/v1/items", {"items": items}, 200),
            ("POST", "/v1/labels", {"labels": labels}, 200),
            ("POST", "/v1/model/train", {}, 202)]:
        daemon.ok(method, path, body, status, headers=headers)
    wait_until(lambda: daemon.ok("GET", "/v1/model", headers=headers)["version"] > 0, "a model")


def run(program, seconds, url, token, folder, more):
    """Runs Schemathesis; returns its report, or None where it left none."""
    command = [program, "run", f"{url}/openapi.json", "--checks", ",".join(CHECKS),
               "--header", f"Authorization: Bearer {token}", "--max-time", seconds,
               "--request-timeout", str(PATIENCE), "--request-retries", "3",
               "--suppress-health-check", "all", "--continue-on-failure", "--no-color",
               "--warnings", "off", "--generation-database", "none",
               "--report", "json", "--report-json-path", "report.json", *more]
    environment = {**os.environ, "SCHEMATHESIS_HOOKS": str(HERE / "schemathesis_checks.py")}
    try:
        subprocess.run(command, cwd=folder, env=environment, timeout=int(seconds) + 4 * PATIENCE,
                       check=False)
    except subprocess.TimeoutExpired:
        return None
    report = folder / "report.json"
    return json.loads(report.read_text()) if report.exists() else None


def remove_backups(folder, ended):
    """There are hundreds in half an hour. Those that the daemon still works on are younger."""
    while not ended.wait(1):
        for path in folder.iterdir():
            with contextlib.suppress(FileNotFoundError):
                if path.stat().st_ctime < time.time() - BACKUP_SECONDS:
                    path.unlink()


def verdict(report):
    """0, 1, or 77 where Schemathesis came to no end that tells about the daemon."""
    if report is None or not report["complete"]:
        print("Schemathesis came to no end.", file=sys.stderr)
        return 77
    errors = {error["title"] for error in report["errors"]}
    if report["failures"] or errors - LOAD or not report["test_cases"]["generated"]:
        return 1
    return 77 if errors else 0


def main():
    program, seconds, *more = sys.argv[1:]
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        db = folder / "fisherd.db"
        token, _ = create(db, "admin", "schemathesis")
        (folder / "schemathesis.toml").write_text(CONFIGURATION)
        backups, ended = folder / "backups", threading.Event()
        backups.mkdir()
        threading.Thread(target=remove_backups, args=(backups, ended), daemon=True).start()
        with Daemon(db, {**OPTIONS, "backup-dir": backups}) as daemon:
            fill(daemon, token)
            url = f"http://{daemon.host}:{daemon.port}"
            status = verdict(run(program, seconds, url, token, folder, more))
            if daemon.process.poll() is not None:
                print(f"The daemon ended with {daemon.process.returncode}.", file=sys.stderr)
                status = 1
        ended.set()
        if status != 0:
            print(daemon.log_text()[-3000:], file=sys.stderr)
    return status


sys.exit(main())
