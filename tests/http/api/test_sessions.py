"""Sessions of the pages, and what other sites may do."""

import os

import pytest

from client import SANITIZER, Daemon, run
from guarded import Guarded, create

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
    name, _ = world.begin_session(world.tokens["admin"])["Cookie"].split("=", 1)
    assert world.ask("GET", "/v1/session", headers={"Cookie": f"{name}=x"}).json == expected
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
    name, _ = cookie["Cookie"].split("=", 1)
    assert answer.headers["Set-Cookie"].startswith(f"{name}=; ")
    assert "Max-Age=0" in answer.headers["Set-Cookie"]


def test_the_pages_of_two_daemons_on_one_host_keep_both_their_sessions(world, db):
    """A browser keeps cookies by their name, and sends them to all ports of a host."""
    token, _ = create(db, "annotator", "bob")
    same = {"Sec-Fetch-Site": "same-origin"}
    browser = {}

    def visit(daemon, method, **rest):
        sent = "; ".join(f"{name}={value}" for name, value in browser.items())
        answer = daemon.ask(method, "/v1/session", headers={**same, "Cookie": sent}, **rest)
        for cookie in answer.headers.get_all("Set-Cookie") or []:
            name, value = cookie.split(";")[0].split("=", 1)
            browser[name] = value
        return answer.json

    with Guarded(db) as other:
        visit(world, "POST", body={"token": world.tokens["annotator"]})
        visit(other, "POST", body={"token": token})
        assert visit(world, "GET")["name"] == "the annotator"
        assert visit(other, "GET")["name"] == "bob"
        visit(other, "DELETE")
        assert visit(other, "GET")["authentication"] == "required"
        assert visit(world, "GET")["name"] == "the annotator"


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
        cookie = answer.headers["Set-Cookie"].split(";")[0]
        assert daemon.ask("GET", "/v1/items", headers={**secure, "Cookie": cookie}).status == 200
        planted = cookie.removeprefix("__Host-")  # such a one any other host of the domain may set
        assert planted != cookie
        assert daemon.ask("GET", "/v1/items", headers={**secure, "Cookie": planted}).status == 401
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
