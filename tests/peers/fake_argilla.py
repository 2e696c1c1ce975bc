"""A stand-in for Argilla's server, which needs a search engine that PyPI does not have. It keeps what
the official client sends and gives it back: paths and members are those that version 2.8 of the
client uses. What the server would check beyond that, it does not."""

import contextlib
import http.server
import json
import re
import threading
import urllib.parse
import uuid

TIME = "2026-05-01T06:07:54.811000"

SETTINGS = ["fields", "questions", "metadata-properties", "vectors-settings"]


def stored(**members):
    """What the server keeps, with what it adds."""
    return {**members, "id": str(uuid.uuid4()), "inserted_at": TIME, "updated_at": TIME}


class Argilla:
    """The content of the server, and what people do in its pages."""

    def __init__(self, names):
        self.users = [stored(username=name, first_name=name, role="annotator" if i else "owner")
                      for i, name in enumerate(names)]
        self.workspace = stored(name="argilla")
        self.datasets = []
        self.settings = {kind: [] for kind in SETTINGS}
        self.records = []
        self.url = None

    def user_id(self, name):
        return next(user["id"] for user in self.users if user["username"] == name)

    def answer(self, record, name, value, status="submitted"):
        """A user answers a record, or changes the answer."""
        user = self.user_id(name)
        record["responses"] = [row for row in record["responses"] if row["user_id"] != user]
        record["responses"].append({"user_id": user, "status": status,
                                    "values": {"preference": {"value": value}}})

    # ---- calls ----

    def me(self, *_):
        return self.users[0]

    def list_users(self, *_):
        return {"items": self.users}

    def list_workspaces(self, *_):
        return {"items": [self.workspace]}

    def get_workspace(self, *_):
        return self.workspace

    def list_datasets(self, *_):
        return {"items": self.datasets}

    def create_dataset(self, body, _query):
        self.datasets.append(stored(**{**body, "last_activity_at": TIME}))
        return self.datasets[-1]

    def get_dataset(self, _body, _query, dataset):
        return next(one for one in self.datasets if one["id"] == dataset)

    def change_dataset(self, body, _query, dataset):
        one = self.get_dataset(None, None, dataset)
        one.update({name: value for name, value in body.items() if value is not None})
        return one

    def publish(self, _body, _query, dataset):
        one = self.get_dataset(None, None, dataset)
        one["status"] = "ready"
        return one

    def list_settings(self, _body, _query, dataset, kind):
        return {"items": [one for one in self.settings[kind] if one["dataset_id"] == dataset]}

    def create_setting(self, body, _query, dataset, kind):
        self.settings[kind].append(stored(**{**body, "dataset_id": dataset}))
        return self.settings[kind][-1]

    def list_records(self, _body, query, dataset):
        offset, limit = (int(query[name][0]) for name in ("offset", "limit"))
        records = [one for one in self.records if one["dataset_id"] == dataset]
        with_responses = "responses" in query.get("include", [])
        return {"items": [record if with_responses else {**record, "responses": []}
                          for record in records[offset:offset + limit]]}

    def upsert_records(self, body, _query, dataset):
        kept, updated = [], []
        for sent in body["items"]:
            record = next((one for one in self.records if one["dataset_id"] == dataset and
                           one["external_id"] == sent["external_id"]), None)
            if record is None:
                self.records.append(stored(**{**sent, "dataset_id": dataset}))
                record = self.records[-1]
            else:
                record.update(metadata=sent["metadata"], responses=sent["responses"] or record["responses"])
                updated.append(record["id"])
            kept.append(record)
        return {"items": kept, "updated_item_ids": updated}


ID, KIND = "([0-9a-f-]{36})", f"({'|'.join(SETTINGS)})"
ROUTES = [(method, re.compile(f"/api/v1/{path}"), call) for method, path, call in [
    ("GET", "me", Argilla.me),
    ("GET", "users", Argilla.list_users),
    ("GET", "me/workspaces", Argilla.list_workspaces),
    ("GET", "workspaces/[0-9a-f-]{36}", Argilla.get_workspace),
    ("GET", "me/datasets", Argilla.list_datasets),
    ("POST", "datasets", Argilla.create_dataset),
    ("GET", f"datasets/{ID}", Argilla.get_dataset),
    ("PATCH", f"datasets/{ID}", Argilla.change_dataset),
    ("PUT", f"datasets/{ID}/publish", Argilla.publish),
    ("GET", f"(?:me/)?datasets/{ID}/{KIND}", Argilla.list_settings),
    ("POST", f"datasets/{ID}/{KIND}", Argilla.create_setting),
    ("GET", f"datasets/{ID}/records", Argilla.list_records),
    ("PUT", f"datasets/{ID}/records/bulk", Argilla.upsert_records),
]]


def handler_for(argilla, key):
    class Handler(http.server.BaseHTTPRequestHandler):
        def _serve(self):
            path, _, query = self.path.partition("?")
            size = int(self.headers.get("Content-Length") or 0)
            body = json.loads(self.rfile.read(size)) if size else None
            call, found = next(((call, found) for method, pattern, call in ROUTES
                                if method == self.command and (found := pattern.fullmatch(path))), (None, None))
            if self.headers.get("X-Argilla-Api-Key") != key:
                status, result = 401, {"detail": "Could not validate credentials"}
            elif call is None:
                status, result = 404, {"detail": f"the stand-in has no {self.command} {path}"}
            else:
                status, result = 200, call(argilla, body, urllib.parse.parse_qs(query), *found.groups())
            text = json.dumps(result).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _serve

        def log_message(self, *_):
            pass
    return Handler


@contextlib.contextmanager
def running(names, key):
    argilla = Argilla(names)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler_for(argilla, key))
    argilla.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield argilla
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
