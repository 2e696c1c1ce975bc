"""Sessions of the pages, and what other sites may do."""

import os

import pytest

from client import SANITIZER, Daemon, run, wait_until
from token_daemon import TokenDaemon, create

# ---- sessions ----

def test_a_session_stands_for_its_token(secured):
    response = secured.ask("POST", "/v1/session", body={"token": secured.tokens["annotator"]})
    assert response.json == {"role": "annotator", "name": "the annotator", "authentication": "session"}
    parts = response.headers["Set-Cookie"].split("; ")
    assert {"HttpOnly", "SameSite=Strict", "Path=/", "Max-Age=43200"} <= set(parts)
    assert "Secure" not in parts
    assert secured.tokens["annotator"].split("_", 2)[2] not in response.headers["Set-Cookie"]
    cookie = {"Cookie": parts[0]}
    assert secured.ask("GET", "/v1/session", headers=cookie).json == response.json
    assert secured.ask("GET", "/v1/items", headers=cookie).status == 403
    same = {**cookie, "Sec-Fetch-Site": "same-origin"}
    assert secured.ask("POST", "/v1/assignments", headers=same, body={}).status == 200


def test_without_a_session_authentication_is_required(secured):
    expected = {"role": None, "name": None, "authentication": "required"}
    assert secured.ask("GET", "/v1/session").json == expected
    name, _ = secured.begin_session(secured.tokens["admin"])["Cookie"].split("=", 1)
    assert secured.ask("GET", "/v1/session", headers={"Cookie": f"{name}=x"}).json == expected
    token = secured.ask("GET", "/v1/session", secured.tokens["admin"]).json
    assert token == {"role": "admin", "name": "the admin", "authentication": "token"}


def test_a_session_survives_a_restart(db):
    token, _ = create(db, "frontend", "front")
    with TokenDaemon(db) as daemon:
        cookie = daemon.begin_session(token)
    with TokenDaemon(db) as daemon:
        assert daemon.ask("GET", "/v1/items", headers=cookie).status == 200


def test_a_forged_session_is_not_valid(secured):
    cookie = secured.begin_session(secured.tokens["admin"])["Cookie"]
    name, value = cookie.split("=", 1)
    identity, seconds, proof = value.split(".")
    other = secured.tokens["frontend"].split("_")[1]
    for wrong in [f"{other}.{seconds}.{proof}", f"{identity}.{int(seconds) + 1}.{proof}",
                  f"{identity}.+{seconds}.{proof}", f"{identity}.0{seconds}.{proof}",
                  f"{identity}.-1.{proof}", f"{identity}.{seconds}.{proof[:-2]}",
                  f"{identity}.{seconds}.{proof}A", f"{identity}.{seconds}.", f"{identity}.{seconds}",
                  identity, ".", "..", 5000 * "9", secured.tokens["admin"]]:
        response = secured.ask("GET", "/v1/items", headers={"Cookie": f"{name}={wrong}"})
        assert response.status == 401, wrong


def test_a_session_ends_when_its_hours_are_over(db):
    """The daemon's clock is set ahead between two starts."""
    token, _ = create(db, "frontend", "front")
    with TokenDaemon(db, {"session-hours": 1}) as daemon:
        response = daemon.ask("POST", "/v1/session", body={"token": token})
        assert "Max-Age=3600" in response.headers["Set-Cookie"]
        cookie = {"Cookie": response.headers["Set-Cookie"].split(";")[0]}
        assert daemon.ask("GET", "/v1/items", headers=cookie).status == 200
    library = "/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1"
    if SANITIZER or not os.path.exists(library):
        pytest.skip("libfaketime is not here, or would come before the sanitizer")
    env = {"LD_PRELOAD": library, "FAKETIME": "+61m", "FAKETIME_DONT_FAKE_MONOTONIC": "1"}
    with TokenDaemon(db, {"session-hours": 1}, env=env) as daemon:
        assert daemon.ask("GET", "/v1/items", headers=cookie).status == 401
        assert daemon.ask("GET", "/v1/items", token).status == 200


def test_a_copied_cookie_ends_with_its_session(db):
    token, _ = create(db, "frontend", "front")
    other, _ = create(db, "frontend", "other")
    with TokenDaemon(db) as daemon:
        cookie, twin, foreign = [daemon.begin_session(text) for text in (token, token, other)]
        same = {"Sec-Fetch-Site": "same-origin"}
        assert daemon.ask("DELETE", "/v1/session", headers={**cookie, **same}).status == 200

        def check(daemon):
            assert daemon.ask("GET", "/v1/items", headers=cookie).status == 401
            assert daemon.ask("GET", "/v1/items", headers=twin).status == 401
            assert daemon.ask("GET", "/v1/items", headers=foreign).status == 200
            assert daemon.ask("GET", "/v1/items", token).status == 200
        check(daemon)
        later = daemon.begin_session(token)
        assert daemon.ask("GET", "/v1/items", headers=later).status == 200
        assert daemon.ask("DELETE", "/v1/session", headers={**cookie, **same}).status == 200
        assert daemon.ask("GET", "/v1/items", headers=later).status == 200, "an ended session ends no other"
    with TokenDaemon(db) as daemon:
        check(daemon)
        assert daemon.ask("GET", "/v1/items", headers=later).status == 200
    assert os.stat(f"{db}.sessions").st_mode & 0o777 == 0o600


def test_a_session_ends_even_if_that_cannot_be_stored(db):
    token, _ = create(db, "frontend", "front")
    with TokenDaemon(db) as daemon:
        cookie = daemon.begin_session(token)
        os.mkdir(f"{db}.sessions")
        headers = {**cookie, "Sec-Fetch-Site": "same-origin"}
        assert daemon.ask("DELETE", "/v1/session", headers=headers).status == 200
        assert daemon.ask("GET", "/v1/items", headers=cookie).status == 401
        wait_until(lambda: "event=ended-sessions-not-stored" in daemon.log_text(), "the log")


def test_a_damaged_file_of_ended_sessions_is_named_at_the_start(db):
    create(db, "frontend", "front")
    with open(f"{db}.sessions", "w", encoding="utf-8") as file:
        os.chmod(file.name, 0o600)
        file.write('{"ended":[{"token":5}]}')
    done = run("serve", "--db", db, "--listen", "127.0.0.1:0")
    assert done.returncode == 1 and "fisherd.db.sessions is damaged: /ended/0/token must be a string" in done.stderr


def test_ending_a_session_removes_the_cookie(secured):
    cookie = secured.begin_session(secured.tokens["annotator"])
    same = {**cookie, "Sec-Fetch-Site": "same-origin"}
    response = secured.ask("DELETE", "/v1/session", headers=same)
    assert response.status == 200
    name, _ = cookie["Cookie"].split("=", 1)
    assert response.headers["Set-Cookie"].startswith(f"{name}=; ")
    assert "Max-Age=0" in response.headers["Set-Cookie"]


def test_the_pages_of_two_daemons_on_one_host_keep_both_their_sessions(secured, db):
    """A browser keeps cookies by name, and sends them to all ports of a host."""
    token, _ = create(db, "annotator", "bob")
    same = {"Sec-Fetch-Site": "same-origin"}
    browser = {}

    def visit(daemon, method, **rest):
        sent = "; ".join(f"{name}={value}" for name, value in browser.items())
        response = daemon.ask(method, "/v1/session", headers={**same, "Cookie": sent}, **rest)
        for cookie in response.headers.get_all("Set-Cookie") or []:
            name, value = cookie.split(";")[0].split("=", 1)
            browser[name] = value
        return response.json

    with TokenDaemon(db) as other:
        visit(secured, "POST", body={"token": secured.tokens["annotator"]})
        visit(other, "POST", body={"token": token})
        assert visit(secured, "GET")["name"] == "the annotator"
        assert visit(other, "GET")["name"] == "bob"
        visit(other, "DELETE")
        assert visit(other, "GET")["authentication"] == "required"
        assert visit(secured, "GET")["name"] == "the annotator"


@pytest.mark.parametrize(("body", "status"), [
    ({"token": "nonsense"}, 401), ({"token": ""}, 422), ({}, 422), ({"token": 3}, 422),
    ({"token": "x", "more": 1}, 422), ([], 422)])
def test_a_session_needs_a_valid_token(secured, body, status):
    response = secured.ask("POST", "/v1/session", body=body)
    assert response.status == status
    assert "Set-Cookie" not in response.headers


def test_under_tls_the_cookie_and_the_site_are_restricted_to_tls(db):
    token, _ = create(db, "frontend", "front")
    with TokenDaemon(db, {"trusted-proxies": "127.0.0.0/8"}) as daemon:
        secure = {"X-Forwarded-For": "192.0.2.1", "X-Forwarded-Proto": "https"}
        response = daemon.ask("POST", "/v1/session", body={"token": token}, headers=secure)
        assert "Secure" in response.headers["Set-Cookie"].split("; ")
        cookie = response.headers["Set-Cookie"].split(";")[0]
        assert daemon.ask("GET", "/v1/items", headers={**secure, "Cookie": cookie}).status == 200
        planted = cookie.removeprefix("__Host-")  # other hosts of the domain may set such a cookie
        assert planted != cookie
        assert daemon.ask("GET", "/v1/items", headers={**secure, "Cookie": planted}).status == 401
        assert "max-age" in response.headers["Strict-Transport-Security"]
        plain = daemon.ask("GET", "/livez")
        assert "Strict-Transport-Security" not in plain.headers


# ---- other sites ----

def own(secured):
    return f"http://{secured.host}:{secured.port}"


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
def test_a_session_counts_only_on_our_own_pages(secured, headers, allowed):
    headers = {name: value.replace("own", own(secured)) for name, value in headers.items()}
    headers.update(secured.begin_session(secured.tokens["annotator"]))
    response = secured.ask("POST", "/v1/assignments", headers=headers, body={})
    assert response.status == (200 if allowed else 403)
    assert secured.ask("DELETE", "/v1/assignments/none", headers=headers).status == (
        404 if allowed else 403)


def test_a_token_is_valid_from_any_site(secured):
    for headers in [{"Origin": "https://elsewhere.example.org"}, {"Sec-Fetch-Site": "cross-site"}]:
        response = secured.ask("POST", "/v1/assignments", secured.tokens["annotator"], {}, headers)
        assert response.status == 200


def test_another_site_cannot_begin_a_session(secured):
    for headers in [{"Origin": "https://evil.example.org"}, {"Sec-Fetch-Site": "cross-site"}]:
        response = secured.ask("POST", "/v1/session", body={"token": secured.tokens["annotator"]},
                               headers=headers)
        assert response.status == 403 and "Set-Cookie" not in response.headers


def test_without_tokens_another_site_cannot_change_anything(shared):
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
def test_without_tokens_hosts_with_a_dotted_name_are_refused(shared, host, status):
    assert shared.call("GET", "/v1/items", headers={"Host": host}).status == status


def test_without_tokens_clients_elsewhere_are_refused_behind_a_proxy(db):
    with Daemon(db, {"trusted-proxies": "127.0.0.1"}) as daemon:
        for client, status in [("203.0.113.7", 403), ("2001:db8::1", 403), ("127.0.0.1", 200),
                               ("127.0.0.9", 200), ("::1", 200), ("203.0.113.7, ::1", 200)]:
            response = daemon.call("GET", "/v1/items", headers={"X-Forwarded-For": client})
            assert response.status == status
        assert daemon.call("GET", "/v1/items").status == 403  # it may be for anyone


def test_other_sites_read_nothing_unless_they_are_listed(secured):
    evil = {"Origin": "https://evil.example.org"}
    response = secured.ask("GET", "/v1/items", secured.tokens["frontend"], headers=evil)
    assert not [name for name in response.headers if name.startswith("Access-Control")]
    evil["Access-Control-Request-Method"] = "POST"
    assert secured.ask("OPTIONS", "/v1/items", headers=evil).status == 405


def test_listed_sites_may_call_with_a_token_and_not_with_a_cookie(db):
    token, _ = create(db, "frontend", "front")
    site = "https://labels.example.org"
    with TokenDaemon(db, {"cors-origins": f"http://localhost:3000, {site}"}) as daemon:
        asked = {"Origin": site, "Access-Control-Request-Method": "POST",
                 "Access-Control-Request-Headers": "authorization,content-type"}
        preflight = daemon.ask("OPTIONS", "/v1/score", headers=asked)
        assert preflight.status == 204 and preflight.body == b""
        assert preflight.headers["Access-Control-Allow-Origin"] == site
        assert {"POST", "PATCH"} <= set(preflight.headers["Access-Control-Allow-Methods"].split(", "))
        assert {"Authorization", "If-Match"} <= set(
            preflight.headers["Access-Control-Allow-Headers"].split(", "))
        response = daemon.ask("GET", "/v1/items", token, headers={"Origin": site})
        assert response.status == 200
        assert response.headers["Access-Control-Allow-Origin"] == site
        assert "Access-Control-Allow-Credentials" not in response.headers
        assert daemon.ask("GET", "/livez").headers["Vary"] == "Accept-Encoding, Origin"
        cookie = daemon.begin_session(token)
        refused = daemon.ask("POST", "/v1/score", headers={**cookie, "Origin": site}, body={})
        assert refused.status == 403
        for other in ["https://labels.example.org.evil", "https://labels.example.or", "null",
                      "http://labels.example.org"]:
            asked["Origin"] = other
            assert daemon.ask("OPTIONS", "/v1/score", headers=asked).status == 405
            response = daemon.ask("GET", "/v1/items", token, headers={"Origin": other})
            assert "Access-Control-Allow-Origin" not in response.headers


@pytest.mark.parametrize("origins", ["*", "labels.example.org", "https://", "https://a/b", "null"])
def test_an_invalid_origin_is_refused(db, origins):
    done = run("serve", "--db", db, "--listen=127.0.0.1:0", f"--cors-origins={origins}")
    assert done.returncode == 1 and "origin" in done.stderr


@pytest.mark.parametrize("path", ["/", "/ops", "/data", "/static/base.css", "/v1/session", "/v1/items",
                                  "/livez", "/nothing"])
def test_every_response_has_security_headers(secured, path):
    response = secured.ask("GET", path)
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert response.headers["Referrer-Policy"] == "no-referrer"
    assert response.headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert "default-src 'none'" in response.headers["Content-Security-Policy"]
    assert "frame-ancestors 'none'" in response.headers["Content-Security-Policy"]
