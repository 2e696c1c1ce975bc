"""Responses to requests whose bodies are still arriving: a client that is still sending gets to read
why it is refused."""

import http.client
import socket

import pytest

from client import Daemon, PATIENCE, read_response, statuses, wait_until
from token_daemon import create
from test_tls import Pair, context

BODY = 4 << 20  # more than the buffers between client and daemon hold
SITE = "https://labels.example.org"


def head(method, path, *headers, length=f"Content-Length: {BODY}"):
    lines = [f"{method} {path} HTTP/1.1", "Host: localhost", length, *headers]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


JSON = "Content-Type: application/json"
REFUSED = {
    "another type": (415, head("POST", "/v1/items", "Content-Type: text/plain")),
    "nothing there": (404, head("POST", "/v1/nothing", JSON)),
    "another method": (405, head("PUT", "/v1/items", JSON)),
    "too much for the route": (413, head("POST", "/v1/assignments", JSON)),
    "a body that none is taken of": (413, head("GET", "/v1/items", JSON)),
}


def send_all_and_read(connection, beginning, body):
    """The response that a client reads after it has sent everything."""
    connection.settimeout(PATIENCE)
    connection.sendall(beginning)
    connection.sendall(body)
    received = read_response(connection)
    assert connection.recv(1) == b""
    return received


def fields(received):
    lines = received.partition(b"\r\n\r\n")[0].decode().split("\r\n")[1:]
    return {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}


@pytest.fixture(scope="module", params=["a thread each", "a pool"])
def daemon(request, tmp_path_factory):
    options = {"threads": 1, "connections": 20} if request.param == "a pool" else {}
    with Daemon(tmp_path_factory.mktemp("early") / "fisherd.db", options) as started:
        yield started


@pytest.mark.parametrize("name", REFUSED)
def test_a_client_that_sends_a_refused_body_to_its_end_reads_the_response(daemon, name):
    status, beginning = REFUSED[name]
    with socket.create_connection((daemon.host, daemon.port)) as connection:
        received = send_all_and_read(connection, beginning, bytes(BODY))
    assert statuses(received) == [status]
    assert fields(received)["connection"] == "close"
    assert fields(received)["content-type"] == "application/problem+json"


def test_a_chunked_body_that_grows_too_large_is_refused_while_it_arrives(daemon):
    chunk = b"10000\r\n" + bytes(1 << 16) + b"\r\n"
    beginning = head("POST", "/v1/assignments", JSON, length="Transfer-Encoding: chunked")
    with socket.create_connection((daemon.host, daemon.port)) as connection:
        assert statuses(send_all_and_read(connection, beginning, 64 * chunk)) == [413]


def test_a_client_that_waits_before_its_body_gets_the_response_at_once(daemon):
    for more in ([], ["Expect: 100-continue"]):
        with socket.create_connection((daemon.host, daemon.port)) as connection:
            received = send_all_and_read(connection, head("POST", "/v1/nothing", JSON, *more), b"")
        assert statuses(received) == [404]


def test_an_early_response_has_the_usual_headers(db, tmp_path):
    create(db, "annotator", "anna")
    pair = Pair(tmp_path, "labels")
    with Daemon(db, {**pair.options(), "cors-origins": SITE}) as daemon:
        plain = socket.create_connection((daemon.host, daemon.port))
        with context().wrap_socket(plain) as connection:
            beginning = head("POST", "/v1/items", JSON, f"Origin: {SITE}", "X-Request-Id: mine")
            received = send_all_and_read(connection, beginning, bytes(BODY))
        small = http.client.HTTPSConnection(daemon.host, daemon.port, timeout=PATIENCE, context=context())
        small.request("POST", "/v1/items", "{}", {"Content-Type": "application/json", "Origin": SITE,
                                                  "X-Request-Id": "mine"})
        other = small.getresponse()
        body = other.read()
        small.close()
    assert statuses(received) == [401]
    assert received.partition(b"\r\n\r\n")[2] == body
    expected = {name.lower(): value for name, value in other.getheaders() if name != "Date"}
    assert {name: value for name, value in fields(received).items() if name != "date"} == expected
    assert {"www-authenticate", "access-control-allow-origin", "strict-transport-security"} <= set(expected)


def test_requests_refused_before_their_body_ends_are_counted_and_leave_nothing(daemon):
    def counted():
        lines = daemon.metrics().splitlines()
        return sum(float(line.split()[-1]) for line in lines
                   if line.startswith("fisherd_http_requests_total") and 'status="415"' in line
                   and 'route="items_add"' in line)
    before = counted()
    for _ in range(2):
        with socket.create_connection((daemon.host, daemon.port)) as connection:
            send_all_and_read(connection, REFUSED["another type"][1], bytes(BODY))
    wait_until(lambda: counted() == before + 2, "the count")
