"""Roles: which requests each may make, and the audit log."""

import http.client
import pathlib
import re

import pytest

from client import PATIENCE, label, run, wait_until
from token_daemon import ROLES, TokenDaemon, create

SOURCE = pathlib.Path(__file__).resolve().parents[3]

# The least role of each route; a route without a row here fails.
LEAST = {
    "open": ["livez", "healthz", "readyz", "openapi", "page", "ops", "data", "static"],
    "public": ["session", "session_begin", "session_end"],
    "annotator": ["labels_add", "label_correct", "label_retract", "assign", "assignment_renew",
                  "assignment_return", "progress"],
    "frontend": ["items_add", "jobs", "job", "job_cancel", "items_list", "item_get", "item_scores_set", "scores_set", "project",
                 "score", "reward", "selections", "strategies",
                 "labels_list", "label_get", "export", "import", "export_card", "events", "stats", "model", "weights", "models", "model_version",
                 "version_weights", "metrics", "label_studio_health", "label_studio_setup",
                 "label_studio_predict", "label_studio_webhook"],
    "admin": ["project_change", "leases", "leases_end", "train", "model_activate", "backup"],
}


def routes():
    text = (SOURCE / "src/http/api/routes.def").read_text()
    found = re.findall(r'^ROUTE\("(\w+)", "(\w+)", "([^"]+)", (\w+),', text, re.M)
    assert len(found) == text.count("\nROUTE(")
    return found


# ---- the matrix ----

def least_role(name):
    found = [role for role, names in LEAST.items() if name in names]
    assert len(found) == 1, f"the route {name} needs a row in LEAST"
    return found[0]


def test_each_route_has_the_role_that_it_should():
    for name, _, _, role in routes():
        assert least_role(name) == role.lower(), name


def is_let_in(response):
    return response.status not in (401, 403, 429)


def body_for(method):
    return {} if method in ("POST", "PUT", "PATCH") else None


@pytest.mark.parametrize(("name", "method", "path", "role"), routes())
def test_a_route_allows_its_role_and_those_above(secured, name, method, path, role):
    path = path.replace("{id}", "nothing")
    least = least_role(name)
    for who in ROLES:
        response = secured.ask(method, path, secured.tokens[who], body_for(method))
        expected = least in ("open", "public") or ROLES.index(who) >= ROLES.index(least)
        # Beginning a session without a token in the body is wrong, but allowed.
        assert is_let_in(response) == expected, (who, response)
        if not expected:
            assert response.status == 403 and response.json["status"] == 403


@pytest.mark.parametrize("who", [None, "revoked", "expired", "garbage", "of another secret"])
@pytest.mark.parametrize(("name", "method", "path", "role"), routes())
def test_a_route_refuses_requests_without_a_valid_token(secured, name, method, path, role, who):
    path = path.replace("{id}", "nothing")
    response = secured.ask(method, path, secured.tokens.get(who), body_for(method))
    assert is_let_in(response) == (least_role(name) in ("open", "public")), response
    if role not in ("OPEN", "PUBLIC"):
        assert response.status == 401
        assert response.headers["WWW-Authenticate"].startswith("Bearer")
        assert response.json["detail"] == "a valid access token is needed"


@pytest.mark.parametrize("header", [
    "", "Bearer", "Bearer ", "Bearer x", "Basic {admin}", "{admin}", "Bearer {admin}x",
    "Bearer {admin} {admin}", "Bearer fisherd__", "Bearer fisherd_", "Bearer \xff\xfe",
    "Bearer " + 3000 * "a"])
def test_an_invalid_authorization_is_refused(secured, header):
    sent = {"Authorization": header.format(admin=secured.tokens["admin"])}
    assert secured.ask("GET", "/v1/items", headers=sent).status == 401


def test_the_scheme_may_be_written_in_any_case(secured):
    sent = {"Authorization": f"bEARER  {secured.tokens['frontend']}"}
    assert secured.ask("GET", "/v1/items", headers=sent).status == 200


def test_a_refused_body_is_not_read(secured):
    """The response arrives although the body never does."""
    connection = http.client.HTTPConnection(secured.host, secured.port, timeout=PATIENCE)
    connection.putrequest("POST", "/v1/items")
    connection.putheader("Content-Type", "application/json")
    connection.putheader("Content-Length", "50000000")
    connection.endheaders()
    response = connection.getresponse()
    assert response.status == 401
    assert response.headers["Connection"] == "close"
    connection.close()


# ---- annotators ----

def take(secured, who, count=1, **more):
    return secured.ask("POST", "/v1/assignments", secured.tokens[who], {"count": count, **more})


def test_an_annotator_acts_only_under_its_own_name(fresh):
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


def test_an_annotator_cannot_reach_assignments_and_labels_of_others(fresh):
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


def test_an_annotator_corrects_its_labels_and_returns_its_assignments(fresh):
    token = fresh.tokens["annotator"]
    pairs = take(fresh, "annotator", 2).json["assignments"]
    assert fresh.ask("POST", f"/v1/assignments/{pairs[0]['id']}/renew", token).status == 200
    assert fresh.ask("DELETE", f"/v1/assignments/{pairs[0]['id']}", token).status == 200
    mine = {"id": "mine", "a": pairs[1]["a"]["id"], "b": pairs[1]["b"]["id"], "preference": "a"}
    assert fresh.ask("POST", "/v1/labels", token, {"labels": [mine]}).status == 200
    assert fresh.ask("PUT", "/v1/labels/mine", token, {"preference": "b"}).json["revision"] == 1
    assert fresh.ask("DELETE", "/v1/labels/mine", token).json["revision"] == 2


def row(identity, pair, preference="a", **more):
    return {"id": identity, "a": pair[0], "b": pair[1], "preference": preference, **more}


def send(daemon, who, *rows):
    return daemon.ask("POST", "/v1/labels", daemon.tokens[who], {"labels": list(rows)})


def pair_of(assignment):
    return assignment["a"]["id"], assignment["b"]["id"]


def strange_pair(own):
    """A pair that exists, but is not the one that was assigned."""
    return next((f"p{i}-r0", f"p{i}-r1") for i in range(2) if not own[0].startswith(f"p{i}-"))


def test_an_annotator_does_not_learn_which_labels_and_items_exist(fresh):
    own = pair_of(take(fresh, "annotator").json["assignments"][0])
    strange, unknown, half = strange_pair(own), ("no-a", "no-b"), (own[0], "no-b")
    others = take(fresh, "frontend", annotator="anna").json["assignments"][0]
    for _ in range(2):
        assert send(fresh, "frontend", row("theirs", ("p0-r0", "p0-r1"), annotator="x")).status == 200

    refused = [send(fresh, "annotator", one) for one in [
        row("theirs", own), row("theirs", own, "b"), row("fresh", unknown), row("fresh", half),
        row("fresh", half[::-1]), row("theirs", unknown), row("fresh", strange), row("theirs", strange),
        row("fresh", strange, assignment="a843-4d0e2969134ea3cf5b1e77a0c46d9f82e3017c5a2b86d4f1"),
        row("fresh", pair_of(others), assignment=others["id"])]]
    # Which of several labels is refused does not show it either.
    for first in [strange, unknown, half]:
        refused += [send(fresh, "annotator", row("one", first), row("two", unknown)),
                    send(fresh, "annotator", row("one", first), row("two", own), row("three", strange)),
                    send(fresh, "annotator", row("one", first), row("two", ("same", "same")))]
    for response in refused:
        assert response.status == 422, response
        assert {**response.json, "request_id": None} == {**refused[0].json, "request_id": None}
    assert send(fresh, "annotator", row("mine", own)).status == 200
    assert send(fresh, "annotator", row("mine", own)).json["duplicates"] == 1
    conflict = send(fresh, "annotator", row("mine", own, "b"))
    assert conflict.status == 409 and conflict.json["errors"][0]["pointer"] == "/labels/0/id"
    rows = fresh.ask("GET", "/v1/labels", fresh.tokens["frontend"]).json["labels"]
    assert [label["id"] for label in rows] == ["theirs", "mine"]
    assert send(fresh, "frontend", row("theirs", ("p0-r0", "p0-r1"), "b", annotator="x")).status == 409
    assert send(fresh, "frontend", row("free", strange, annotator="x")).status == 200


def test_an_annotator_labels_a_pair_that_it_was_assigned_whatever_became_of_the_lease(fresh):
    one, two, three = take(fresh, "annotator", 3).json["assignments"]
    token = fresh.tokens["annotator"]
    for assignment in (one, two):
        assert fresh.ask("DELETE", f"/v1/assignments/{assignment['id']}", token).status == 200
    assert send(fresh, "annotator", row("1", pair_of(one))).status == 422
    assert send(fresh, "annotator", row("1", pair_of(one), assignment=one["id"])).status == 200
    assert send(fresh, "annotator", row("again", pair_of(one)[::-1])).status == 200
    fresh.kill()
    with TokenDaemon(fresh.db) as daemon:
        daemon.tokens = fresh.tokens
        assert send(daemon, "annotator", row("1", pair_of(one), assignment=one["id"])).json["duplicates"] == 1
        assert send(daemon, "annotator", row("2", pair_of(two)[::-1], assignment=two["id"])).status == 200
        assert send(daemon, "annotator", row("3", pair_of(three), assignment=three["id"])).status == 200
        other = row("4", pair_of(three), assignment=two["id"])
        assert send(daemon, "annotator", {**other, "a": "p9-r0"}).status == 422


def test_other_roles_must_name_the_annotator(secured):
    for who in ["frontend", "admin"]:
        response = take(secured, who)
        assert response.status == 422
        assert response.json["errors"] == [{"pointer": "/annotator", "detail": "is required"}]


# ---- too many failures ----

def test_an_address_that_fails_too_often_must_wait_but_a_valid_token_passes(fresh):
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
    failures = "event=authentication-failed client=127.9.9.9 "
    wait_until(lambda: fresh.log_text().count(failures) >= 10, "the record")
    assert fresh.log_text().count(failures) == 10
    assert wrong not in fresh.log_text()


def test_health_and_pages_do_not_look_at_tokens(fresh):
    home, wrong = "127.9.9.11", fresh.tokens["garbage"]
    for path in ["/livez", "/healthz", "/readyz", "/", "/ops", "/data", "/static/label.js"]:
        for _ in range(4):
            assert fresh.ask("GET", path, wrong, address=home).status == 200, path
            assert fresh.ask("HEAD", path, fresh.tokens["revoked"], address=home).status == 200, path
    assert fresh.ask("GET", "/v1/items", wrong, address=home).status == 401
    for _ in range(12):
        fresh.ask("GET", "/v1/session", wrong, address=home)
    assert fresh.ask("GET", "/v1/session", wrong, address=home).status == 429
    assert fresh.ask("GET", "/livez", wrong, address=home).status == 200


def test_behind_a_proxy_failures_count_for_the_client(db):
    create(db, "admin", "root")
    with TokenDaemon(db, {"trusted-proxies": "127.0.0.0/8"}) as daemon:
        def fail(client):
            return daemon.ask("GET", "/v1/items", "nonsense", address="127.0.0.1",
                              headers={"X-Forwarded-For": client}).status
        assert [fail("192.0.2.1") for _ in range(11)] == 10 * [401] + [429]
        assert fail("192.0.2.2") == 401
        # One client may use all addresses of an IPv6 network.
        assert [fail(f"2001:db8:1:2::{i}") for i in range(11)] == 10 * [401] + [429]
        assert fail("2001:db8:1:3::1") == 401


# ---- the record ----

def audits(daemon):
    return [line for line in daemon.log_text().splitlines() if "event=audit" in line]


def test_admin_requests_are_audited_with_token_and_address(fresh):
    tokens = fresh.tokens
    identity = tokens["admin"].split("_")[1]
    requests = [("/v1/model/train", "admin", {"address": "127.5.5.5", "headers": {"X-Request-Id": "abc"}}),
                ("/v1/models/7/activate", "admin", {}), ("/v1/model/train", "frontend", {})]
    for number, (path, who, more) in enumerate(requests, start=1):
        # A request is recorded after its response, which the next one does not wait for.
        # pylint: disable-next=cell-var-from-loop
        wait_until(lambda: len(audits(fresh)) >= number, "the record")
        fresh.ask("POST", path, tokens[who], **more)
    lines = wait_until(lambda: len(audits(fresh)) >= 4 and audits(fresh), "the record")
    assert "action=items_add" in lines[0]
    assert all(part in lines[1] for part in [
        "action=train", f"token={identity}", 'name="the admin"', "client=127.5.5.5", "status=409",
        "request_id=abc"])
    assert "action=model_activate" in lines[2] and "id=7" in lines[2]
    assert "action=train" in lines[3] and "status=403" in lines[3]
    assert 'name="the frontend"' in lines[3]


def test_a_change_to_another_annotators_label_is_audited(fresh):
    theirs = {"labels": [label("theirs", "p0-r0", "p0-r1")]}
    assert fresh.ask("POST", "/v1/labels", fresh.tokens["frontend"], theirs).status == 200
    assert fresh.ask("DELETE", "/v1/labels/theirs", fresh.tokens["frontend"]).status == 200
    line, = wait_until(lambda: [line for line in audits(fresh) if "action=label_retract" in line],
                       "the record")
    assert "id=theirs" in line and "status=200" in line


def test_the_token_commands_are_audited(db):
    done = run("token", "create", "--db", db, "--role=admin", "--name=root")
    assert "event=audit action=token_create" in done.stderr and "name=root" in done.stderr
    done = run("token", "revoke", "--name=root", "--db", db)
    assert "event=audit action=token_revoke" in done.stderr


def test_control_characters_are_escaped_in_the_audit_log(fresh):
    path = "/v1/models/%C2%9B31m%C2%85x%C3%9B%9B%E2%82%AC%E0%82%9B%E2%82/activate"
    assert fresh.ask("POST", path, fresh.tokens["annotator"]).status == 403
    line, = wait_until(lambda: [line for line in audits(fresh) if "action=model_activate" in line],
                       "the record")
    assert r'id="\xc2\x9b31m\xc2\x85xÛ\x9b€\xe0\x82\x9b\xe2\x82"' in line


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
