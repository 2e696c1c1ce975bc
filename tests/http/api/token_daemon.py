"""A daemon with access tokens, and calls to it."""

import contextlib
import itertools
import json
import pathlib
import shutil
import time

from client import Daemon, plane_items, run

ROLES = ["annotator", "frontend", "admin"]


def create(db, role, name, *more):
    """Creates a token; returns its text and its id."""
    done = run("token", "create", "--db", db, "--role", role, "--name", name, *more)
    assert done.returncode == 0, done.stderr
    text = done.stdout.strip()
    return text, text.split("_")[1]


def revoke(db, *which):
    done = run("token", "revoke", *which, "--db", db)
    assert done.returncode == 0, done.stderr


def edit(db, change):
    """Changes the file of tokens, as a program that knows its format would."""
    path = pathlib.Path(f"{db}.tokens")
    content = json.loads(path.read_text())
    change(content["tokens"])
    changed = path.with_suffix(".new")
    changed.write_text(json.dumps(content))
    changed.chmod(0o600)
    changed.rename(path)


def make_tokens(db):
    """{name: token}: a valid one of each role, and one of each kind that is not valid."""
    tokens = {role: create(db, role, f"the {role}")[0] for role in ROLES}
    tokens["revoked"], identity = create(db, "admin", "was admin")
    revoke(db, identity)
    tokens["expired"], identity = create(db, "admin", "was admin too", "--expires=1d")

    def expire(rows):
        for row in rows:
            if row["id"] == identity:
                row["expires"] = int(time.time()) - 1
    edit(db, expire)
    tokens["garbage"] = "fisherd_0123456789ab_" + 43 * "A"
    tokens["of another secret"] = tokens["admin"][:-1] + ("B" if tokens["admin"][-1] == "A" else "A")
    return tokens


class TokenDaemon(Daemon):
    """Calls with a token, each from a new address, since failures count per address."""

    addresses = itertools.count(2)

    def ask(self, method, path, token=None, body=None, headers=None, address=None):
        sent = dict(headers or {})
        if token is not None:
            sent["Authorization"] = f"Bearer {token}"
        if address is None:
            number = next(self.addresses)
            address = f"127.1.{number // 250}.{number % 250 + 1}"
        return self.call(method, path, body, sent, address=address)

    def begin_session(self, token, **rest):
        """Returns the cookie, as a browser would send it."""
        response = self.ask("POST", "/v1/session", body={"token": token}, **rest)
        assert response.status == 200, response
        return {"Cookie": response.headers["Set-Cookie"].split(";")[0]}


@contextlib.contextmanager
def daemon_with_tokens(token_files, db):
    tokens, template = token_files
    for suffix in [".tokens", ".token-key"]:
        shutil.copy(f"{template}{suffix}", f"{db}{suffix}")
    with TokenDaemon(db) as daemon:
        daemon.tokens = tokens
        assert daemon.ask("POST", "/v1/items", tokens["frontend"],
                          {"items": plane_items()}).status == 200
        yield daemon
