"""Lets Schemathesis try the API of a daemon: try_schemathesis.py PROGRAM SECONDS [OPTION …]

PROGRAM is the command of Schemathesis; FISHERD names the daemon's. The daemon has tokens, items,
labels, a model, an embedder and a folder for backups, so that all calls can succeed. Fails for a
response of 5xx, and for one that docs/openapi.yaml does not describe. OPTIONs go to Schemathesis.
"""

import pathlib
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "http" / "api"))

# pylint: disable=wrong-import-position
from client import Daemon, labels_by_first_number, plane_items, wait_until  # noqa: E402
from token_daemon import create  # noqa: E402

# What a document can promise of each response. Not: that a valid body is accepted, since ids must
# exist too; nor 401 without a token on routes that look at none.
CHECKS = ["not_a_server_error", "status_code_conformance", "content_type_conformance",
          "response_headers_conformance", "response_schema_conformance", "unsupported_method"]

OPTIONS = {"embedding-url": "builtin:hash", "requests-at-once": 0, "memory": 1024}


# CONNECT and TRACE are refused with 501, as framing.c says; so only the others are tried where the
# document does not have them.
CONFIGURATION = """
[phases.coverage]
unexpected-methods = ["GET", "PUT", "POST", "DELETE", "PATCH", "OPTIONS"]
"""


def fill(daemon, token):
    """Items, labels and a trained version."""
    headers = {"Authorization": f"Bearer {token}"}
    items = plane_items(prompts=6, dimension=4)
    for method, path, body, status in [
            ("POST", "/v1/items", {"items": items}, 200),
            ("POST", "/v1/labels", {"labels": labels_by_first_number(items, 60)}, 200),
            ("POST", "/v1/model/train", {}, 202)]:
        daemon.ok(method, path, body, status, headers=headers)
    wait_until(lambda: daemon.ok("GET", "/v1/model", headers=headers)["version"] > 0, "a model")


def main():
    program, seconds, *more = sys.argv[1:]
    with tempfile.TemporaryDirectory() as folder:
        db = pathlib.Path(folder) / "fisherd.db"
        token, _ = create(db, "admin", "schemathesis")
        (pathlib.Path(folder) / "schemathesis.toml").write_text(CONFIGURATION)
        with Daemon(db, {**OPTIONS, "backup-dir": folder}) as daemon:
            fill(daemon, token)
            url = f"http://{daemon.host}:{daemon.port}"
            status = subprocess.call(
                [program, "run", f"{url}/openapi.json", "--checks", ",".join(CHECKS),
                 "--header", f"Authorization: Bearer {token}", "--max-time", seconds,
                 "--continue-on-failure", "--no-color", "--warnings", "off",
                 "--generation-database", "none", *more], cwd=folder)
        if status != 0:
            print(daemon.log_text()[-3000:], file=sys.stderr)
    return status


sys.exit(main())
