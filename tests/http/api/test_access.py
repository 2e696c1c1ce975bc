"""Who may do what: tokens, roles, sessions, other sites, and the record of it."""

import concurrent.futures
import contextlib
import http.client
import itertools
import json
import os
import pathlib
import re
import shutil
import stat
import time

import pytest

from client import PATIENCE, SANITIZER, Answer, Daemon, label, plane_items, run, wait_until

SOURCE = pathlib.Path(__file__).resolve().parents[3]
ROLES = ["annotator", "frontend", "admin"]

# The least role of each route; a route without a row here fails.
LEAST = {
    "public": ["livez", "healthz", "readyz", "page", "ops", "static", "session", "session_begin",
               "session_end"],
    "annotator": ["labels_add", "label_correct", "label_retract", "assign", "assignment_renew",
                  "assignment_return"],
    "frontend": ["items_add", "items_list", "item_get", "score", "selections", "strategies",
                 "labels_list", "stats", "model", "weights", "models", "model_version",
                 "version_weights", "metrics"],
    "admin": ["train", "model_activate", "backup"],
}


def routes():
    text = (SOURCE / "src/http/routes.def").read_text()
    found = re.findall(r'^ROUTE\("(\w+)", "(\w+)", "([^"]+)", (\w+),', text, re.M)
    assert len(found) == text.count("\nROUTE(")
    return found


def create(db, role, name, *more):
    """The token, and its id."""
    done = run("token", "create", "--db", db, "--role", role, "--name", name, *more)
    assert done.returncode == 0, done.stderr
    text = done.stdout.strip()
    return text, text.split("_")[1]


def revoke(db, *which):
    done = run("token", "revoke", *which, "--db", db)
    assert done.returncode == 0, done.stderr


def edit(db, change):
    """Changes the file of tokens as a program would that knows its form."""
    path = pathlib.Path(f"{db}.tokens")
    content = json.loads(path.read_text())
    change(content["tokens"])
    beside = path.with_suffix(".new")
    beside.write_text(json.dumps(content))
    beside.chmod(0o600)
    beside.rename(path)


def make_tokens(db):
    """{who: token}, of each role and of each kind that is of no use."""
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


class Guarded(Daemon):
    """Calls with a token, each from an address of its own, for failures count by address."""

    addresses = itertools.count(2)

    def ask(self, method, path, token=None, body=None, headers=None, address=None):
        sent = dict(headers or {})
        if token is not None:
            sent["Authorization"] = f"Bearer {token}"
        data = None
        if body is not None:
            data = json.dumps(body)
            sent.setdefault("Content-Type", "application/json")
        if address is None:
            number = next(self.addresses)
            address = f"127.1.{number // 250}.{number % 250 + 1}"
        connection = http.client.HTTPConnection(self.host, self.port, timeout=PATIENCE,
                                                source_address=(address, 0))
        try:
            connection.request(method, path, data, sent)
            response = connection.getresponse()
            return Answer(response.status, response.headers, response.read())
        finally:
            connection.close()

    def begin_session(self, token, **rest):
        """The cookie, as a browser would send it."""
        answer = self.ask("POST", "/v1/session", body={"token": token}, **rest)
        assert answer.status == 200, answer
        return {"Cookie": answer.headers["Set-Cookie"].split(";")[0]}


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Tokens, and the database beside which their files are."""
    db = tmp_path_factory.mktemp("made") / "fisherd.db"
    return make_tokens(db), db


@contextlib.contextmanager
def guarded(made, db):
    tokens, template = made
    for suffix in [".tokens", ".token-key"]:
        shutil.copy(f"{template}{suffix}", f"{db}{suffix}")
    with Guarded(db) as daemon:
        daemon.tokens = tokens
        assert daemon.ask("POST", "/v1/items", tokens["frontend"],
                          {"items": plane_items()}).status == 200
        yield daemon


@pytest.fixture(scope="module")
def world(made, tmp_path_factory):
    with guarded(made, tmp_path_factory.mktemp("access") / "fisherd.db") as daemon:
        yield daemon


@pytest.fixture
def fresh(made, db):
    with guarded(made, db) as daemon:
        yield daemon


# ---- the matrix ----

def least_role(name):
    found = [role for role, names in LEAST.items() if name in names]
    assert len(found) == 1, f"the route {name} needs a row in LEAST"
    return found[0]


def test_each_route_has_the_role_that_it_should():
    for name, _, _, role in routes():
        assert least_role(name) == role.lower(), name


def is_let_in(answer):
    return answer.status not in (401, 403, 429)


def body_for(method):
    return {} if method in ("POST", "PUT") else None


@pytest.mark.parametrize(("name", "method", "path", "role"), routes())
def test_a_route_takes_its_role_and_those_above(world, name, method, path, role):
    path = path.replace("{id}", "nothing")
    least = least_role(name)
    for who in ROLES:
        answer = world.ask(method, path, world.tokens[who], body_for(method))
        expected = least == "public" or ROLES.index(who) >= ROLES.index(least)
        # Beginning a session without a token in the body is wrong, but allowed.
        assert is_let_in(answer) == expected, (who, answer)
        if not expected:
            assert answer.status == 403 and answer.json["status"] == 403


@pytest.mark.parametrize("who", [None, "revoked", "expired", "garbage", "of another secret"])
@pytest.mark.parametrize(("name", "method", "path", "role"), routes())
def test_a_route_takes_nobody_without_a_valid_token(world, name, method, path, role, who):
    path = path.replace("{id}", "nothing")
    answer = world.ask(method, path, world.tokens.get(who), body_for(method))
    assert is_let_in(answer) == (least_role(name) == "public"), answer
    if role != "PUBLIC":
        assert answer.status == 401
        assert answer.headers["WWW-Authenticate"].startswith("Bearer")
        assert answer.json["detail"] == "a valid access token is needed"


@pytest.mark.parametrize("header", [
    "", "Bearer", "Bearer ", "Bearer x", "Basic {admin}", "{admin}", "Bearer {admin}x",
    "Bearer {admin} {admin}", "Bearer fisherd__", "Bearer fisherd_", "Bearer \xff\xfe",
    "Bearer " + 3000 * "a"])
def test_what_is_no_token_lets_nobody_in(world, header):
    sent = {"Authorization": header.format(admin=world.tokens["admin"])}
    assert world.ask("GET", "/v1/items", headers=sent).status == 401


def test_the_scheme_may_be_written_in_any_case(world):
    sent = {"Authorization": f"bEARER  {world.tokens['frontend']}"}
    assert world.ask("GET", "/v1/items", headers=sent).status == 200


def test_a_refused_body_is_not_read(world):
    """The answer comes although the body never does."""
    connection = http.client.HTTPConnection(world.host, world.port, timeout=PATIENCE)
    connection.putrequest("POST", "/v1/items")
    connection.putheader("Content-Type", "application/json")
    connection.putheader("Content-Length", "50000000")
    connection.endheaders()
    response = connection.getresponse()
    assert response.status == 401
    assert response.headers["Connection"] == "close"
    connection.close()


# ---- annotators ----

def take(world, who, count=1, **more):
    return world.ask("POST", "/v1/assignments", world.tokens[who], {"count": count, **more})


def test_an_annotator_acts_under_its_own_name_alone(fresh):
    own = take(fresh, "annotator").json["assignments"][0]
    assert take(fresh, "annotator", annotator="the annotator").status == 200
    other = take(fresh, "annotator", annotator="anna")
    assert other.status == 403 and other.json["errors"][0]["pointer"] == "/annotator"

    answer = {"id": "l1", "a": own["a"]["id"], "b": own["b"]["id"], "preference": "a"}
    token = fresh.tokens["annotator"]
    refused = fresh.ask("POST", "/v1/labels", token,
                        {"labels": [answer, {**answer, "id": "l2", "annotator": "anna"}]})
    assert refused.status == 403
    assert refused.json["errors"][0]["pointer"] == "/labels/1/annotator"
    assert fresh.ask("POST", "/v1/labels", token, {"labels": [answer]}).json["accepted"] == 1
    again = {"labels": [{**answer, "annotator": "the annotator"}]}
    assert fresh.ask("POST", "/v1/labels", token, again).json["duplicates"] == 1
    rows = fresh.ask("GET", "/v1/labels", fresh.tokens["frontend"]).json["labels"]
    assert [(row["id"], row["annotator"]) for row in rows] == [("l1", "the annotator")]


def test_an_annotator_reaches_nothing_of_others(fresh):
    others = take(fresh, "frontend", annotator="anna").json["assignments"][0]["id"]
    front, mine = fresh.tokens["frontend"], fresh.tokens["annotator"]
    theirs = {"labels": [label("theirs", "p0-r0", "p0-r1")]}
    assert fresh.ask("POST", "/v1/labels", front, theirs).status == 200
    correction = {"preference": "b"}
    for method, path, body in [("POST", f"/v1/assignments/{others}/renew", None),
                               ("DELETE", f"/v1/assignments/{others}", None),
                               ("PUT", "/v1/labels/theirs", correction),
                               ("DELETE", "/v1/labels/theirs", None)]:
        refused = fresh.ask(method, path, mine, body)
        missing = fresh.ask(method, re.sub("theirs|" + others, "none", path), mine, body)
        assert refused.status == missing.status == 404
        assert refused.json["detail"] == missing.json["detail"]
    rows = fresh.ask("GET", "/v1/labels", front).json["labels"]
    assert [row["revision"] for row in rows] == [0]
    assert fresh.ask("POST", f"/v1/assignments/{others}/renew", front).status == 200
    assert fresh.ask("PUT", "/v1/labels/theirs", front, correction).status == 200


def test_an_annotator_corrects_and_hands_back_its_own(fresh):
    token = fresh.tokens["annotator"]
    pairs = take(fresh, "annotator", 2).json["assignments"]
    assert fresh.ask("POST", f"/v1/assignments/{pairs[0]['id']}/renew", token).status == 200
    assert fresh.ask("DELETE", f"/v1/assignments/{pairs[0]['id']}", token).status == 200
    mine = {"id": "mine", "a": pairs[1]["a"]["id"], "b": pairs[1]["b"]["id"], "preference": "a"}
    assert fresh.ask("POST", "/v1/labels", token, {"labels": [mine]}).status == 200
    assert fresh.ask("PUT", "/v1/labels/mine", token, {"preference": "b"}).json["revision"] == 1
    assert fresh.ask("DELETE", "/v1/labels/mine", token).json["revision"] == 2


def test_others_must_say_for_whom_they_act(world):
    for who in ["frontend", "admin"]:
        answer = take(world, who)
        assert answer.status == 422
        assert answer.json["errors"] == [{"pointer": "/annotator", "detail": "is required"}]


# ---- tokens come and go while the daemon runs ----

def test_a_revoked_token_ends_within_a_second_or_so(fresh):
    token = fresh.tokens["frontend"]
    cookie = fresh.begin_session(token)
    assert fresh.ask("GET", "/v1/items", token).status == 200
    assert fresh.ask("GET", "/v1/items", headers=cookie).status == 200
    revoke(fresh.db, "--name", "the frontend")
    start = time.monotonic()
    wait_until(lambda: fresh.ask("GET", "/v1/items", token).status == 401, "the end of the token")
    assert time.monotonic() - start < 5
    assert fresh.ask("GET", "/v1/items", headers=cookie).status == 401
    assert fresh.ask("GET", "/v1/items", fresh.tokens["admin"]).status == 200
    # The file is read when it has changed, and only then.
    assert fresh.log_text().count("event=tokens ") == 2


def test_a_new_token_is_known_soon(fresh):
    token, _ = create(fresh.db, "frontend", "new")
    wait_until(lambda: fresh.ask("GET", "/v1/items", token).status == 200, "the new token")


def test_the_first_token_ends_the_time_without(db):
    with Guarded(db) as daemon:
        assert "event=no_tokens" in daemon.log_text()
        assert daemon.ask("GET", "/v1/session").json == {
            "role": "admin", "name": None, "authentication": "none"}
        assert daemon.ask("GET", "/v1/items").status == 200
        token, _ = create(db, "frontend", "first")
        wait_until(lambda: daemon.ask("GET", "/v1/items").status == 401, "closed doors")
        assert daemon.ask("GET", "/v1/items", token).status == 200


@pytest.mark.parametrize("damage", [
    lambda path: path.unlink(),
    lambda path: path.write_text("{"),
    lambda path: path.write_text('{"tokens":[{}]}'),
    lambda path: path.write_text(""),
    lambda path: path.chmod(0o640),
    lambda path: path.write_text(path.read_text().replace('"admin"', '"public"')),
])
def test_a_damaged_file_changes_nothing(fresh, damage):
    damage(pathlib.Path(f"{fresh.db}.tokens"))

    def complaints():
        fresh.ask("GET", "/livez", fresh.tokens["admin"])
        return fresh.log_text().count("event=tokens_unchanged")
    wait_until(lambda: complaints() > 0, "a complaint")
    assert fresh.ask("GET", "/v1/items", fresh.tokens["admin"]).status == 200
    assert fresh.ask("GET", "/v1/items", fresh.tokens["revoked"]).status == 401
    assert fresh.ask("GET", "/v1/items").status == 401


def test_what_could_not_be_read_is_taken_once_it_can_be(fresh):
    key = pathlib.Path(f"{fresh.db}.token-key")
    away = key.rename(key.with_suffix(".away"))
    token = fresh.tokens["admin"]
    edit(fresh.db, lambda rows: [row.update(revoked=1) for row in rows])

    def is_told():
        return fresh.ask("GET", "/v1/items", token).status == 200 and (
            "event=tokens_unchanged" in fresh.log_text())
    wait_until(is_told, "a complaint")
    away.rename(key)
    wait_until(lambda: fresh.ask("GET", "/v1/items", token).status == 401, "the token's end")
    assert fresh.log_text().count("event=tokens_unchanged") == 1


def test_a_damaged_file_is_told_of_once(fresh):
    path = pathlib.Path(f"{fresh.db}.tokens")

    def complaints():
        fresh.ask("GET", "/livez", fresh.tokens["admin"])
        return fresh.log_text().count("event=tokens_unchanged")
    for damaged in ["{", "["]:
        before = complaints()
        path.write_text(damaged)
        wait_until(lambda: complaints() > before, "a complaint")
    assert complaints() == 2


def test_a_first_file_that_cannot_be_read_lets_nobody_in(db):
    with Guarded(db) as daemon:
        assert daemon.ask("GET", "/v1/items").status == 200
        pathlib.Path(f"{db}.tokens").write_text("{}")
        wait_until(lambda: daemon.ask("GET", "/v1/items").status == 401, "closed doors")
        assert "event=tokens_unchanged" in daemon.log_text()


# ---- at the start ----

@pytest.mark.parametrize(("suffix", "mode"), [
    (".tokens", 0o640), (".tokens", 0o604), (".token-key", 0o640), (".token-key", 0o604)])
def test_a_file_that_others_may_read_is_refused(db, suffix, mode):
    create(db, "admin", "root")
    path = f"{db}{suffix}"
    os.chmod(path, mode)
    done = run("serve", "--db", db, "--listen=127.0.0.1:0")
    assert done.returncode == 1
    assert path in done.stderr and "chmod 600" in done.stderr


def test_files_are_made_for_their_owner_alone(db):
    create(db, "admin", "root")
    for suffix in [".tokens", ".token-key"]:
        assert stat.S_IMODE(os.stat(f"{db}{suffix}").st_mode) == 0o600
    assert sorted(path.name for path in db.parent.iterdir()) == [
        "fisherd.db.token-key", "fisherd.db.tokens"]


def test_tokens_that_cannot_be_read_keep_the_daemon_from_starting(db):
    create(db, "admin", "root")
    pathlib.Path(f"{db}.tokens").write_text('{"tokens": 3}')
    done = run("serve", "--db", db, "--listen=127.0.0.1:0")
    assert done.returncode == 1 and f"{db}.tokens is damaged: /tokens" in done.stderr


def test_a_key_that_is_gone_is_told_and_not_made_anew(db):
    create(db, "admin", "root")
    os.unlink(f"{db}.token-key")
    done = run("serve", "--db", db, "--listen=127.0.0.1:0")
    assert done.returncode == 1 and f"{db}.token-key" in done.stderr
    done = run("token", "create", "--db", db, "--role=admin", "--name=x")
    assert done.returncode == 1 and f"{db}.token-key" in done.stderr
    assert not os.path.exists(f"{db}.token-key")


@pytest.mark.parametrize("listen", ["0.0.0.0:0", "[::]:0", "192.0.2.1:0"])
def test_without_tokens_only_this_machine_is_served(db, listen):
    done = run("serve", "--db", db, f"--listen={listen}")
    assert done.returncode == 1
    assert "token create" in done.stderr
    assert not db.exists()


def test_with_tokens_it_listens_elsewhere_too(db):
    token, _ = create(db, "frontend", "front")
    with Guarded(db, {"listen": "0.0.0.0:0"}) as daemon:
        assert daemon.ask("GET", "/v1/items", token).status == 200
        assert daemon.ask("GET", "/v1/items", headers={"Host": "fisherd.example.org"}).status == 401


def test_files_may_be_named_and_then_must_be_there(db, tmp_path):
    named = {"tokens": tmp_path / "t.json", "token-key": tmp_path / "k"}
    given = [f"--{name}={path}" for name, path in named.items()]
    done = run("serve", "--db", db, "--listen=127.0.0.1:0", *given)
    assert done.returncode == 1 and str(named["tokens"]) in done.stderr
    token, _ = create(db, "frontend", "front", *given)
    with Guarded(db, named) as daemon:
        assert daemon.ask("GET", "/v1/items", token).status == 200
        assert daemon.ask("GET", "/v1/items").status == 401


def test_the_key_may_be_a_credential_of_systemd(db, tmp_path):
    token, _ = create(db, "frontend", "front")
    credentials = tmp_path / "credentials"
    credentials.mkdir()
    os.rename(f"{db}.token-key", credentials / "token-key")
    (credentials / "token-key").chmod(0o440)  # as the rights of one more user show
    with Guarded(db, env={"CREDENTIALS_DIRECTORY": str(credentials)}) as daemon:
        assert daemon.ask("GET", "/v1/items", token).status == 200


# ---- the command ----

def test_a_list_tells_states_and_no_secrets(world):
    done = run("token", "list", "--db", world.db)
    assert done.returncode == 0
    states = {line.split()[0]: line.split()[1:3] for line in done.stdout.splitlines()[1:]}
    for who, expected in [("annotator", ["annotator", "valid"]), ("admin", ["admin", "valid"]),
                          ("revoked", ["admin", "revoked"]), ("expired", ["admin", "expired"])]:
        _, identity, secret = world.tokens[who].split("_", 2)
        assert states[identity] == expected
        assert secret not in done.stdout


@pytest.mark.parametrize(("arguments", "wanted"), [
    ([], ["create, list or revoke"]),
    (["make"], ["create, list or revoke"]),
    (["create", "--role=admin"], ["--name"]),
    (["create", "--name=x"], ["--role"]),
    (["create", "--name=x", "--role=public"], ["--role"]),
    (["create", "--name=x", "--role=root"], ["--role"]),
    (["create", "--name=a\nb", "--role=admin"], ["control characters"]),
    (["create", "--name=" + 257 * "x", "--role=admin"], ["256"]),
    (["create", "--name=x", "--role=admin", "--expires=soon"], ["--expires", "soon"]),
    (["create", "--name=x", "--role=admin", "--expires=-3d"], ["--expires"]),
    (["create", "--name=x", "--role=admin", "--expires=0d"], ["over"]),
    (["create", "--name=x", "--role=admin", "--expires=2020-01-31"], ["over"]),
    (["create", "--name=x", "--role=admin", "--expires=2027-13-31"], ["--expires"]),
    (["create", "--name=x", "--role=admin", "stray"], ["stray"]),
    (["revoke"], ["ID"]),
    (["revoke", "0123456789ab"], ["0123456789ab"]),
    (["revoke", "--name=nobody"], ["nobody"]),
])
def test_a_wrong_command_is_told_and_changes_nothing(db, arguments, wanted):
    more = ["--db", db] if arguments else []
    done = run("token", *arguments, *more)
    assert done.returncode == 1 and done.stdout == ""
    assert all(word in done.stderr for word in wanted), done.stderr
    assert not list(db.parent.iterdir())


def test_a_token_may_end_on_a_date(db):
    create(db, "admin", "root", "--expires=2999-01-31")
    listed = run("token", "list", "--db", db).stdout.splitlines()[1]
    assert "2999-01-31T00:00:00Z" in listed


def test_tokens_made_at_once_are_all_kept(db):
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda i: create(db, "annotator", f"a{i}")[1], range(16)))
    listed = run("token", "list", "--db", db).stdout
    assert all(identity in listed for identity in made)


# ---- sessions ----

def test_a_session_stands_for_its_token(world):
    answer = world.ask("POST", "/v1/session", body={"token": world.tokens["annotator"]})
    assert answer.json == {"role": "annotator", "name": "the annotator", "authentication": "session"}
    parts = answer.headers["Set-Cookie"].split("; ")
    assert {"HttpOnly", "SameSite=Strict", "Path=/", "Max-Age=43200"} <= set(parts)
    assert "Secure" not in parts
    assert world.tokens["annotator"].split("_", 2)[2] not in answer.headers["Set-Cookie"]
    cookie = {"Cookie": parts[0]}
    assert world.ask("GET", "/v1/session", headers=cookie).json == answer.json
    assert world.ask("GET", "/v1/items", headers=cookie).status == 403
    same = {**cookie, "Sec-Fetch-Site": "same-origin"}
    assert world.ask("POST", "/v1/assignments", headers=same, body={}).status == 200


def test_who_has_no_session_is_told_so(world):
    expected = {"role": None, "name": None, "authentication": "required"}
    assert world.ask("GET", "/v1/session").json == expected
    assert world.ask("GET", "/v1/session", headers={"Cookie": "fisherd_session=x"}).json == expected
    token = world.ask("GET", "/v1/session", world.tokens["admin"]).json
    assert token == {"role": "admin", "name": "the admin", "authentication": "token"}


def test_a_session_survives_a_restart(db):
    token, _ = create(db, "frontend", "front")
    with Guarded(db) as daemon:
        cookie = daemon.begin_session(token)
    with Guarded(db) as daemon:
        assert daemon.ask("GET", "/v1/items", headers=cookie).status == 200


def test_a_session_that_was_changed_is_none(world):
    cookie = world.begin_session(world.tokens["admin"])["Cookie"]
    name, value = cookie.split("=", 1)
    identity, seconds, proof = value.split(".")
    other = world.tokens["frontend"].split("_")[1]
    for wrong in [f"{other}.{seconds}.{proof}", f"{identity}.{int(seconds) + 1}.{proof}",
                  f"{identity}.+{seconds}.{proof}", f"{identity}.0{seconds}.{proof}",
                  f"{identity}.-1.{proof}", f"{identity}.{seconds}.{proof[:-2]}",
                  f"{identity}.{seconds}.{proof}A", f"{identity}.{seconds}.", f"{identity}.{seconds}",
                  identity, ".", "..", 5000 * "9", world.tokens["admin"]]:
        answer = world.ask("GET", "/v1/items", headers={"Cookie": f"{name}={wrong}"})
        assert answer.status == 401, wrong


def test_a_session_ends_when_its_hours_are_over(db):
    """The clock of the daemon is put ahead between two starts."""
    token, _ = create(db, "frontend", "front")
    with Guarded(db, {"session-hours": 1}) as daemon:
        answer = daemon.ask("POST", "/v1/session", body={"token": token})
        assert "Max-Age=3600" in answer.headers["Set-Cookie"]
        cookie = {"Cookie": answer.headers["Set-Cookie"].split(";")[0]}
        assert daemon.ask("GET", "/v1/items", headers=cookie).status == 200
    library = "/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1"
    if SANITIZER or not os.path.exists(library):
        pytest.skip("libfaketime is not here, or would come before the sanitizer")
    env = {"LD_PRELOAD": library, "FAKETIME": "+61m", "FAKETIME_DONT_FAKE_MONOTONIC": "1"}
    with Guarded(db, {"session-hours": 1}, env=env) as daemon:
        assert daemon.ask("GET", "/v1/items", headers=cookie).status == 401
        assert daemon.ask("GET", "/v1/items", token).status == 200


def test_signing_out_takes_the_cookie_away(world):
    cookie = world.begin_session(world.tokens["annotator"])
    same = {**cookie, "Sec-Fetch-Site": "same-origin"}
    answer = world.ask("DELETE", "/v1/session", headers=same)
    assert answer.status == 200
    assert answer.headers["Set-Cookie"].startswith("fisherd_session=; ")
    assert "Max-Age=0" in answer.headers["Set-Cookie"]


@pytest.mark.parametrize(("body", "status"), [
    ({"token": "nonsense"}, 401), ({"token": ""}, 422), ({}, 422), ({"token": 3}, 422),
    ({"token": "x", "more": 1}, 422), ([], 422)])
def test_a_session_needs_a_valid_token(world, body, status):
    answer = world.ask("POST", "/v1/session", body=body)
    assert answer.status == status
    assert "Set-Cookie" not in answer.headers


def test_behind_tls_the_cookie_and_the_site_are_for_tls_alone(db):
    token, _ = create(db, "frontend", "front")
    with Guarded(db, {"trusted-proxies": "127.0.0.0/8"}) as daemon:
        secure = {"X-Forwarded-For": "192.0.2.1", "X-Forwarded-Proto": "https"}
        answer = daemon.ask("POST", "/v1/session", body={"token": token}, headers=secure)
        assert "Secure" in answer.headers["Set-Cookie"].split("; ")
        assert "max-age" in answer.headers["Strict-Transport-Security"]
        plain = daemon.ask("GET", "/livez")
        assert "Strict-Transport-Security" not in plain.headers


# ---- other sites ----

def own(world):
    return f"http://{world.host}:{world.port}"


@pytest.mark.parametrize(("headers", "allowed"), [
    ({"Sec-Fetch-Site": "same-origin"}, True),
    ({"Origin": "own"}, True),
    ({"Sec-Fetch-Site": "same-origin", "Origin": "own"}, True),
    ({}, False),
    ({"Sec-Fetch-Site": "cross-site"}, False),
    ({"Sec-Fetch-Site": "same-site"}, False),
    ({"Sec-Fetch-Site": "none"}, False),
    ({"Sec-Fetch-Site": "cross-site", "Origin": "own"}, False),
    ({"Origin": "null"}, False),
    ({"Origin": "https://evil.example.org"}, False),
    ({"Origin": "own:1"}, False),
    ({"Origin": "own.evil.example.org"}, False),
])
def test_a_session_counts_only_on_our_own_pages(world, headers, allowed):
    headers = {name: value.replace("own", own(world)) for name, value in headers.items()}
    headers.update(world.begin_session(world.tokens["annotator"]))
    answer = world.ask("POST", "/v1/assignments", headers=headers, body={})
    assert answer.status == (200 if allowed else 403)
    assert world.ask("DELETE", "/v1/assignments/none", headers=headers).status == (
        404 if allowed else 403)


def test_a_token_counts_wherever_it_is_sent_from(world):
    for headers in [{"Origin": "https://elsewhere.example.org"}, {"Sec-Fetch-Site": "cross-site"}]:
        answer = world.ask("POST", "/v1/assignments", world.tokens["annotator"], {}, headers)
        assert answer.status == 200


def test_another_site_cannot_sign_anybody_in(world):
    for headers in [{"Origin": "https://evil.example.org"}, {"Sec-Fetch-Site": "cross-site"}]:
        answer = world.ask("POST", "/v1/session", body={"token": world.tokens["annotator"]},
                           headers=headers)
        assert answer.status == 403 and "Set-Cookie" not in answer.headers


def test_without_tokens_too_another_site_may_not_change_anything(shared):
    evil = {"Origin": "https://evil.example.org"}
    assert shared.call("POST", "/v1/model/train", headers=evil).status == 403
    assert shared.call("POST", "/v1/model/train",
                       headers={"Sec-Fetch-Site": "cross-site"}).status == 403
    assert shared.call("DELETE", "/v1/labels/none", headers=evil).status == 403
    assert shared.call("DELETE", "/v1/labels/none").status == 404
    assert shared.call("DELETE", "/v1/labels/none",
                       headers={"Origin": f"http://{shared.host}:{shared.port}"}).status == 404


@pytest.mark.parametrize(("host", "status"), [
    ("127.0.0.1", 200), ("127.0.0.1:8077", 200), ("localhost:8077", 200), ("[::1]:8077", 200),
    ("LOCALHOST", 200), ("fisherd.localhost:80", 200), ("desk", 200),
    ("evil.example.org", 403), ("evil.example.org:8077", 403), ("127.0.0.1.evil.example.org", 403),
    ("localhost.evil", 403)])
def test_without_tokens_no_strangers_name_leads_here(shared, host, status):
    assert shared.call("GET", "/v1/items", headers={"Host": host}).status == status


def test_without_tokens_a_proxy_lets_nobody_in_from_elsewhere(db):
    with Daemon(db, {"trusted-proxies": "127.0.0.1"}) as daemon:
        for client, status in [("203.0.113.7", 403), ("2001:db8::1", 403), ("127.0.0.1", 200),
                               ("127.0.0.9", 200), ("::1", 200), ("203.0.113.7, ::1", 200)]:
            answer = daemon.call("GET", "/v1/items", headers={"X-Forwarded-For": client})
            assert answer.status == status
        assert daemon.call("GET", "/v1/items").status == 200


def test_other_sites_read_nothing_unless_they_are_listed(world):
    evil = {"Origin": "https://evil.example.org"}
    answer = world.ask("GET", "/v1/items", world.tokens["frontend"], headers=evil)
    assert not [name for name in answer.headers if name.startswith("Access-Control")]
    evil["Access-Control-Request-Method"] = "POST"
    assert world.ask("OPTIONS", "/v1/items", headers=evil).status == 405


def test_listed_sites_may_call_with_a_token_and_not_with_a_cookie(db):
    token, _ = create(db, "frontend", "front")
    site = "https://labels.example.org"
    with Guarded(db, {"cors-origins": f"http://localhost:3000, {site}"}) as daemon:
        asked = {"Origin": site, "Access-Control-Request-Method": "POST",
                 "Access-Control-Request-Headers": "authorization,content-type"}
        preflight = daemon.ask("OPTIONS", "/v1/score", headers=asked)
        assert preflight.status == 204 and preflight.body == b""
        assert preflight.headers["Access-Control-Allow-Origin"] == site
        assert "POST" in preflight.headers["Access-Control-Allow-Methods"]
        assert "Authorization" in preflight.headers["Access-Control-Allow-Headers"]
        answer = daemon.ask("GET", "/v1/items", token, headers={"Origin": site})
        assert answer.status == 200
        assert answer.headers["Access-Control-Allow-Origin"] == site
        assert "Access-Control-Allow-Credentials" not in answer.headers
        assert daemon.ask("GET", "/livez").headers["Vary"] == "Origin"
        cookie = daemon.begin_session(token)
        refused = daemon.ask("POST", "/v1/score", headers={**cookie, "Origin": site}, body={})
        assert refused.status == 403
        for other in ["https://labels.example.org.evil", "https://labels.example.or", "null",
                      "http://labels.example.org"]:
            asked["Origin"] = other
            assert daemon.ask("OPTIONS", "/v1/score", headers=asked).status == 405
            answer = daemon.ask("GET", "/v1/items", token, headers={"Origin": other})
            assert "Access-Control-Allow-Origin" not in answer.headers


@pytest.mark.parametrize("origins", ["*", "labels.example.org", "https://", "https://a/b", "null"])
def test_an_origin_that_is_none_is_refused(db, origins):
    done = run("serve", "--db", db, "--listen=127.0.0.1:0", f"--cors-origins={origins}")
    assert done.returncode == 1 and "origin" in done.stderr


@pytest.mark.parametrize("path", ["/", "/ops", "/static/base.css", "/v1/session", "/v1/items",
                                  "/livez", "/nothing"])
def test_every_answer_says_what_browsers_may_do_with_it(world, path):
    answer = world.ask("GET", path)
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Referrer-Policy"] == "no-referrer"
    assert answer.headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
    assert "frame-ancestors 'none'" in answer.headers["Content-Security-Policy"]


# ---- too many failures ----

def test_who_fails_too_often_has_to_wait_and_a_valid_token_passes(fresh):
    home, wrong = "127.9.9.9", fresh.tokens["garbage"]
    for _ in range(10):
        assert fresh.ask("GET", "/v1/items", wrong, address=home).status == 401
    refused = fresh.ask("GET", "/v1/items", wrong, address=home)
    assert refused.status == 429
    assert 1 <= int(refused.headers["Retry-After"]) <= 60
    assert refused.json["status"] == 429
    session = fresh.ask("POST", "/v1/session", body={"token": wrong}, address=home)
    assert session.status == 429 and int(session.headers["Retry-After"]) >= 1
    assert fresh.ask("GET", "/v1/items", fresh.tokens["frontend"], address=home).status == 200
    assert fresh.begin_session(fresh.tokens["frontend"], address=home)
    assert fresh.ask("GET", "/v1/items", address=home).status == 401
    assert fresh.ask("GET", "/v1/items", wrong, address="127.9.9.10").status == 401
    log = fresh.log_text()
    assert log.count("event=authentication_failed client=127.9.9.9 ") == 10
    assert wrong not in log


def test_behind_a_proxy_failures_are_its_clients(db):
    create(db, "admin", "root")
    with Guarded(db, {"trusted-proxies": "127.0.0.0/8"}) as daemon:
        def fail(client):
            return daemon.ask("GET", "/v1/items", "nonsense", address="127.0.0.1",
                              headers={"X-Forwarded-For": client}).status
        assert [fail("192.0.2.1") for _ in range(11)] == 10 * [401] + [429]
        assert fail("192.0.2.2") == 401
        # Whoever has one address of a network of IPv6 has all of them.
        assert [fail(f"2001:db8:1:2::{i}") for i in range(11)] == 10 * [401] + [429]
        assert fail("2001:db8:1:3::1") == 401


# ---- the record ----

def audits(daemon):
    return [line for line in daemon.log_text().splitlines() if "event=audit" in line]


def test_what_admins_do_is_recorded_with_who_and_from_where(fresh):
    tokens = fresh.tokens
    identity = tokens["admin"].split("_")[1]
    fresh.ask("POST", "/v1/model/train", tokens["admin"], address="127.5.5.5",
              headers={"X-Request-Id": "abc"})
    fresh.ask("POST", "/v1/models/7/activate", tokens["admin"])
    fresh.ask("POST", "/v1/model/train", tokens["frontend"])
    lines = wait_until(lambda: len(audits(fresh)) >= 4 and audits(fresh), "the record")
    assert "action=items_add" in lines[0]
    assert all(part in lines[1] for part in [
        "action=train", f"token={identity}", 'name="the admin"', "client=127.5.5.5", "status=409",
        "request_id=abc"])
    assert "action=model_activate" in lines[2] and "id=7" in lines[2]
    assert "action=train" in lines[3] and "status=403" in lines[3]
    assert 'name="the frontend"' in lines[3]


def test_a_change_to_a_label_of_another_is_recorded(fresh):
    theirs = {"labels": [label("theirs", "p0-r0", "p0-r1")]}
    assert fresh.ask("POST", "/v1/labels", fresh.tokens["frontend"], theirs).status == 200
    before = len(audits(fresh))
    assert fresh.ask("DELETE", "/v1/labels/theirs", fresh.tokens["frontend"]).status == 200
    line = wait_until(lambda: audits(fresh)[before:], "the record")[0]
    assert "action=label_retract" in line and "id=theirs" in line and "status=200" in line


def test_the_command_records_what_it_did(db):
    done = run("token", "create", "--db", db, "--role=admin", "--name=root")
    assert "event=audit action=token_create" in done.stderr and "name=root" in done.stderr
    done = run("token", "revoke", "--name=root", "--db", db)
    assert "event=audit action=token_revoke" in done.stderr


def test_no_secret_is_in_the_log(fresh):
    tokens = fresh.tokens
    for token in tokens.values():
        cookie = fresh.ask("POST", "/v1/session", body={"token": token}).headers["Set-Cookie"]
        fresh.ask("POST", "/v1/model/train", token)
        fresh.ask("GET", f"/v1/items/{token}", token)
        if cookie:
            fresh.ask("GET", "/v1/items", headers={"Cookie": cookie.split(";")[0]})
    fresh.stop()
    key = pathlib.Path(f"{fresh.db}.token-key").read_text().strip()
    log = fresh.log_text()
    assert key not in log
    for token in tokens.values():
        assert token.split("_", 2)[2] not in log
