"""The client of a request: the peer, or the one that a trusted proxy names. The log shows it."""

import re

import pytest

from client import Daemon, send_raw, run, wait_until
from token_daemon import TokenDaemon, create


def client_of(daemon, headers):
    daemon.call("GET", "/livez", headers={**headers, "X-Request-Id": "who"})
    line = wait_until(lambda: [line for line in daemon.log if "request_id=who" in line], "its log")
    daemon.log.clear()
    return re.search(r" client=(\S+)", line[0])[1]


@pytest.mark.parametrize("options, expected", [
    ({}, "127.0.0.1"),
    ({"trusted-proxies": "192.0.2.0/24"}, "127.0.0.1"),
    ({"trusted-proxies": "::1, 127.0.0.0/8"}, "198.51.100.1"),
])
def test_a_forwarded_address_counts_only_from_trusted_proxies(db, options, expected):
    with Daemon(db, {"log-level": "debug", **options}) as daemon:
        assert client_of(daemon, {"X-Forwarded-For": "203.0.113.9, 198.51.100.1"}) == expected
        assert client_of(daemon, {}) == "127.0.0.1"


def test_a_header_cannot_forge_log_lines(db):
    with Daemon(db, {"log-level": "debug", "trusted-proxies": "127.0.0.1"}) as daemon:
        assert client_of(daemon, {"X-Forwarded-For": "1.2.3.4 level=error"}) == "unknown"


@pytest.mark.parametrize("forwarded, status", [
    ("127.0.0.1", 200), ("198.51.100.1", 403), ("unknown", 403), ("127.0.0.1, ?", 403),
    (None, 403), ("", 403), (" ", 403), (",", 403), ("127.0.0.1,", 403), (", 127.0.0.1", 403)])
def test_without_tokens_a_proxy_must_name_a_client_of_this_machine(db, forwarded, status):
    with Daemon(db, {"trusted-proxies": "127.0.0.1"}) as daemon:
        headers = {} if forwarded is None else {"X-Forwarded-For": forwarded}
        assert daemon.call("GET", "/v1/model", headers=headers).status == status
        assert daemon.call("POST", "/v1/model/train", headers=headers).status in (status, 409)


def test_a_proxy_that_names_no_client_has_no_rights_but_its_health_checks_work(db):
    with Daemon(db, {"trusted-proxies": "127.0.0.1"}) as daemon:
        for path in ("/livez", "/readyz", "/"):
            assert daemon.call("GET", path).status != 403, path
        for method, path in [("GET", "/v1/session"), ("GET", "/metrics"), ("POST", "/v1/admin/backup"),
                             ("GET", "/v1/items"), ("POST", "/v1/assignments")]:
            refused = daemon.call(method, path)
            assert refused.status == 403 and "X-Forwarded-For" in refused.json["detail"], path
        assert daemon.call("GET", "/v1/items", address="127.0.0.2").status == 200
    create(db, "frontend", "front")
    token, _ = create(db, "frontend", "other")
    with TokenDaemon(db, {"trusted-proxies": "127.0.0.0/8"}) as daemon:
        assert daemon.ask("GET", "/v1/items", token).status == 200
        assert daemon.ask("GET", "/v1/items").status == 401


def test_as_many_forwarding_headers_as_a_request_may_have_are_read(db):
    """The framing check allows 64 headers; three are others here."""
    with Daemon(db, {"log-level": "debug", "trusted-proxies": "127.0.0.0/8"}) as daemon:
        forwarded = "X-Forwarded-For: 198.51.100.1\r\n" + 60 * "X-Forwarded-For: 127.0.0.9\r\n"
        send_raw(daemon, ("GET /livez HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
                          f"X-Request-Id: many\r\n{forwarded}\r\n").encode())
        (line,) = wait_until(lambda: [line for line in daemon.log if "request_id=many" in line], "its log")
        assert " client=198.51.100.1 " in line


def test_an_invalid_list_of_proxies_is_refused(db):
    done = run("serve", "--db", db, "--listen", "127.0.0.1:0", "--trusted-proxies", "10.0.0.1/8")
    assert done.returncode == 1
    assert '"10.0.0.1/8" is neither an address nor a network' in done.stderr
