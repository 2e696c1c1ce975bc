"""Methods, types, sizes and headers, for every call."""

import contextlib
import re
import socket

import pytest

from client import PATIENCE, Daemon, plane_items, send_raw, read_response, read_to_end, statuses, wait_until
from test_wrong_input import check_problem

READ = ["/v1/items", "/v1/items/p0-r0", "/v1/labels", "/v1/model", "/livez", "/healthz", "/readyz",
        "/metrics"]
WRITE = ["/v1/items", "/v1/score", "/v1/selections", "/v1/labels", "/v1/model/train"]
ALLOWED = {path: ({"GET", "HEAD"} if path in READ else set()) |
                 ({"POST"} if path in WRITE else set()) for path in [*READ, *WRITE]}


@pytest.mark.parametrize("path", [
    "/v2/items", "/v1", "/v1/", "/v1/item", "/v1/items/", "/v1/items/p0-r0/x", "/v1/model/",
    "/v1/MODEL", "//v1/model", "/v1/selections/1", "/livez/"])
def test_an_unknown_path_is_not_found(shared, path):
    check_problem(shared.call("GET", path), 404)


@pytest.mark.parametrize("identity", [
    "nobody", "p0-r0%20", "p0-r00", "%F0%9D%84%9E", "x" * 1000, "'%20OR%201=1--"])
def test_an_unknown_item_is_not_found(shared, identity):
    check_problem(shared.call("GET", "/v1/items/" + identity), 404)


@pytest.mark.parametrize("path", [
    "/v1/../livez", "/v1/./model", "/v1/%2e%2E/livez", "/v1/items/.%2E", "/v1/items/a\\\\b",
    "/v1/items/%zz", "/v1/items/%4", "/v1/items/%0a"])
def test_an_ambiguous_path_is_refused(shared, path):
    check_problem(shared.call("GET", path), 400)


def test_an_escaped_path_names_the_same_item(shared):
    assert shared.get("/v1/items/p0%2Dr0")["id"] == "p0-r0"


@pytest.mark.parametrize("path", ALLOWED)
@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"])
def test_a_wrong_method_gives_the_methods_that_the_path_takes(shared, path, method):
    if method in ALLOWED[path]:
        return
    response = shared.call(method, path)
    if method == "OPTIONS" and response.status in (200, 204):
        assert set(re.split(r", *", response.headers["Allow"])) >= ALLOWED[path]
        return
    check_problem(response, 405)
    assert set(re.split(r", *", response.headers["Allow"])) - {"OPTIONS"} == ALLOWED[path]


@pytest.mark.parametrize("method", ["TRACE", "CONNECT", "FOO", "get", "Post", "PROPFIND"])
def test_an_unknown_method_is_refused(shared, method):
    response = send_raw(shared, f"{method} /v1/model HTTP/1.1\r\nHost: x\r\n"
                                  "Connection: close\r\n\r\n".encode())
    assert statuses(response)[:1] and statuses(response)[0] in (400, 405, 501)
    assert b'"version"' not in response


@pytest.mark.parametrize("path", READ)
def test_head_is_get_without_the_body(shared, path):
    get, head = shared.call("GET", path), shared.call("HEAD", path)
    assert head.status == get.status == 200
    assert head.body == b""
    assert head.headers["Content-Type"] == get.headers["Content-Type"]
    if path != "/metrics":
        assert head.headers["Content-Length"] == get.headers["Content-Length"]


def test_head_of_an_unknown_path_has_no_body(shared):
    response = shared.call("HEAD", "/v1/items/nobody")
    assert response.status == 404 and response.body == b""


def test_a_connection_serves_many_requests_after_head_and_errors(shared):
    with socket.create_connection((shared.host, shared.port), timeout=PATIENCE) as connection:
        for path, status in [("/livez", 200), ("/v1/items/nobody", 404), ("/v1/model", 200)] * 3:
            connection.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
            assert statuses(read_response(connection)) == [status]


@pytest.mark.parametrize("path", WRITE)
@pytest.mark.parametrize("kind", [
    None, "text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x",
    "application/xml", "application/jsonx", "json", ""])
def test_a_body_of_another_content_type_is_refused(shared, path, kind):
    head = f"Content-Type: {kind}\r\n" if kind is not None else ""
    response = send_raw(shared, f"POST {path} HTTP/1.1\r\nHost: x\r\n{head}Content-Length: 2\r\n"
                                  "Connection: close\r\n\r\n{}".encode())
    assert statuses(response) == [415], response


@pytest.mark.parametrize("kind", [
    "application/json", "application/json; charset=utf-8", "Application/JSON",
    "application/json;charset=\"UTF-8\""])
def test_json_may_name_its_character_set(shared, kind):
    shared.ok("POST", "/v1/score", {"items": ["p0-r0"]}, headers={"Content-Type": kind})


@pytest.mark.parametrize("path", WRITE)
def test_a_body_whose_length_is_too_large_is_refused_before_it_arrives(shared, path):
    response = send_raw(shared, f"POST {path} HTTP/1.1\r\nHost: x\r\n"
                                  "Content-Type: application/json\r\nExpect: 100-continue\r\n"
                                  f"Content-Length: {10**11}\r\n\r\n".encode())
    assert statuses(response) == [413], response
    assert b"application/problem+json" in response


@pytest.mark.parametrize("path", WRITE)
def test_a_chunked_body_that_grows_too_large_is_refused(shared, path):
    chunk = b"100000\r\n" + b" " * 0x100000 + b"\r\n"
    response = send_raw(shared, f"POST {path} HTTP/1.1\r\nHost: x\r\n"
                                  "Content-Type: application/json\r\n"
                                  "Transfer-Encoding: chunked\r\n\r\n".encode() +
                        65 * chunk + b"0\r\n\r\n")
    assert statuses(response) == [413], response


def test_a_chunked_body_is_accepted(shared):
    response = send_raw(shared, b"POST /v1/score HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
                                  b"Content-Type: application/json\r\n"
                                  b"Transfer-Encoding: chunked\r\n\r\n"
                                  b"9\r\n{\"items\":\r\n9\r\n[\"p0-r0\"]\r\n1\r\n}\r\n0\r\n\r\n")
    assert statuses(response) == [200], response


def test_every_response_has_the_request_id(shared):
    made = [shared.call("GET", path).headers["X-Request-Id"] for path in ["/livez", "/no"] * 3]
    assert all(made) and len(set(made)) == 6
    for identity in ("abc-123", "01HF_x.y-z"):
        for path in ("/livez", "/no", "/v1/model"):
            response = shared.call("GET", path, headers={"X-Request-Id": identity})
            assert response.headers["X-Request-Id"] == identity


@pytest.mark.parametrize("identity", ["x" * 5000, 'a" level=error', "a b=c", "é", "a\tb"])
def test_a_request_id_that_could_spoil_the_log_is_replaced(shared, identity):
    response = shared.call("GET", "/livez", headers={"X-Request-Id": identity.encode()})
    assert response.status in (200, 400)
    assert response.headers["X-Request-Id"] != identity
    assert re.fullmatch(r"[\w.-]{1,64}", response.headers["X-Request-Id"])


def test_the_log_has_the_request_ids(db):
    with Daemon(db, {"log-level": "debug"}) as daemon:
        daemon.add_items(plane_items())
        daemon.call("GET", "/v1/model", headers={"X-Request-Id": "find-me-1"})
        daemon.call("GET", "/v1/wrong", headers={"X-Request-Id": "find-me-2"})
    word = r"[a-z_][a-z0-9_]*=(?:\"(?:[^\"\\]|\\.)*\"|[^\s\"]*)"
    for line in daemon.log:
        assert re.fullmatch(rf"{word}(?: {word})*\n", line), line
    for identity in ("find-me-1", "find-me-2"):
        assert sum(f"request_id={identity}" in line for line in daemon.log) == 1


def test_the_service_is_alive_and_ready(shared):
    for path in ("/livez", "/healthz", "/readyz"):
        assert shared.call("GET", path).status == 200


def test_a_daemon_without_items_is_alive_and_ready_too(empty):
    assert empty.call("GET", "/livez").status == 200
    assert empty.call("GET", "/readyz").status == 200


def test_a_request_that_trickles_in_is_cut_off(db):
    with Daemon(db, {"request-seconds": 1, "idle-seconds": 86400}) as daemon:
        with socket.create_connection((daemon.host, daemon.port), timeout=0.1) as connection:
            connection.sendall(b"POST /v1/items HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n"
                               b"Content-Type: application/json\r\n\r\n")

            def is_closed():
                try:
                    connection.sendall(b" ")
                    return connection.recv(65536) == b""
                except TimeoutError:
                    return False
                except ConnectionError:
                    return True
            wait_until(is_closed, "the end of the second that was allowed")


def test_an_idle_connection_is_closed(db):
    with Daemon(db, {"idle-seconds": 1}) as daemon:
        with socket.create_connection((daemon.host, daemon.port), timeout=PATIENCE) as connection:
            assert read_to_end(connection) == b""


def test_more_connections_than_allowed_do_no_harm(db):
    with Daemon(db, {"connections": 4}) as daemon:
        idle = [socket.create_connection((daemon.host, daemon.port), timeout=PATIENCE) for _ in range(12)]
        for connection in idle:
            connection.close()

        def is_served():
            with contextlib.suppress(OSError):
                return daemon.call("GET", "/livez").status == 200
        wait_until(is_served, "a free connection")


def test_an_epoll_pool_serves_as_well(db):
    with Daemon(db, {"threads": 2, "connections": 100}) as daemon:
        daemon.add_items(plane_items())
        idle = [socket.create_connection((daemon.host, daemon.port), timeout=PATIENCE) for _ in range(60)]
        for _ in range(20):
            assert daemon.call("GET", "/v1/items?limit=3").status == 200
        for connection in idle:
            connection.close()


@pytest.mark.parametrize("listen", ["localhost:0", "[::1]:0", "127.0.0.2:0"])
def test_it_listens_where_it_is_told(db, listen):
    try:
        with Daemon(db, {"listen": listen}) as daemon:
            assert daemon.call("GET", "/livez").status == 200
    except AssertionError as error:
        if "[::1]" in listen and "::1" in str(error):
            pytest.skip("there is no IPv6 here")
        raise


def test_a_page_that_the_browser_has_is_not_sent_again(shared):
    page = shared.call("GET", "/")
    again = shared.call("GET", "/", headers={"If-None-Match": page.headers["ETag"]})
    assert (again.status, again.body) == (304, b"")
    older = shared.call("GET", "/", headers={"If-None-Match": '"older"'})
    assert (older.status, older.body) == (200, page.body)


def test_a_connection_that_stays_open_says_for_how_long(shared):
    with socket.create_connection((shared.host, shared.port), timeout=PATIENCE) as connection:
        connection.sendall(b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n")
        assert b"\r\nKeep-Alive: timeout=80\r\n" in read_response(connection)
        connection.sendall(b"GET /livez HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        assert b"Keep-Alive" not in read_response(connection)
    with socket.create_connection((shared.host, shared.port), timeout=PATIENCE) as connection:
        connection.sendall(b"GET /livez HTTP/1.0\r\nHost: x\r\n\r\n")
        assert b"Keep-Alive: " not in read_response(connection)
