"""Raw requests, directly and through nginx: each gets exactly one response. An ambiguous request is
refused and ends the connection, so that nothing inside it is taken for a request."""

import contextlib
import json
import random
import re
import shutil
import socket
import subprocess
from pathlib import Path

import pytest

from client import PATIENCE, SANITIZER, Daemon, plane_items, read_response, read_to_end, wait_until
from raw_requests import CHUNKED, CHUNKS, CLOSE, LENGTH, REQUESTS, get, post
from test_metrics import parse, total, value
from test_tls import Pair, context

NGINX = shutil.which("nginx", path="/usr/sbin:/usr/bin:/usr/local/sbin:/usr/local/bin")
# Under a sanitizer a part of the requests is enough where only the path to the daemon differs.
SOME = list(REQUESTS)[::4 if SANITIZER else 1]
SMALL = [name for name in SOME if len(REQUESTS[name][1]) < 5000]


def following(identity):
    """A request whose response can be told from all others."""
    return get(CLOSE, b"X-Request-Id: " + identity.encode(), path=b"/v1/model")


def expected(name):
    """Returns the status, and whether the connection stays open."""
    status = REQUESTS[name][0]
    word, _, number = str(status).rpartition(" ")
    return (None, False) if status is None else (int(number), word == "kept" or status == 200)


def split(received, heads=()):
    """Splits the bytes into responses, and nothing else: [(status, headers, body)]."""
    responses = []
    while received:
        head, end, received = received.partition(b"\r\n\r\n")
        lines = head.decode("latin-1").split("\r\n")
        found = re.fullmatch(r"HTTP/1\.[01] (\d{3}) .*", lines[0])
        assert end and found, head
        headers = {name.lower(): text for name, text in (line.split(": ", 1) for line in lines[1:])}
        assert len(headers) == len(lines) - 1, f"a header is there twice: {head}"
        length = 0 if len(responses) in heads else int(headers["content-length"])
        assert len(received) >= length
        responses.append((int(found[1]), headers, received[:length]))
        received = received[length:]
    return responses


def check(response, status, is_head=False):
    found, headers, body = response
    assert found == status, response
    if status >= 400:
        assert headers["content-type"] == "application/problem+json"
        assert re.fullmatch(r"[\w.-]{1,64}", headers["x-request-id"])
        assert headers["content-security-policy"] == "default-src 'none'; frame-ancestors 'none'"
        if not is_head:
            problem = json.loads(body)
            assert problem["status"] == status and problem["detail"]
            assert problem["request_id"] == headers["x-request-id"]


def connect(port):
    connection = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connection


def send(connection, data, piece=None):
    with contextlib.suppress(ConnectionError):
        for at in range(0, len(data), piece or len(data) or 1):
            connection.sendall(data[at:at + (piece or len(data))])


def exchange(daemon, name, piece=None):
    """A request with another one after it."""
    data = REQUESTS[name][1]
    status, stays = expected(name)
    with connect(daemon.port) as connection:
        if status is None:
            send(connection, data, piece)
            connection.shutdown(socket.SHUT_WR)
            assert read_to_end(connection) == b""
            return
        send(connection, data + following("after"), piece)
        responses = split(read_to_end(connection), heads=[0] if data.startswith(b"HEAD") else [])
    check(responses[0], status, data.startswith(b"HEAD"))
    if stays:
        assert len(responses) == 2, responses
        check(responses[1], 200)
        assert responses[1][1]["x-request-id"] == "after"
    else:
        assert len(responses) == 1, responses
        assert responses[0][1]["connection"].lower() == "close"


@pytest.mark.parametrize("name", REQUESTS)
def test_a_request_gets_one_response_and_the_next_one_is_read_right(shared, name):
    exchange(shared, name)


@pytest.mark.parametrize("name", SMALL)
def test_requests_may_arrive_byte_by_byte(shared, name):
    exchange(shared, name, piece=1)


@pytest.fixture(scope="module")
def pool(tmp_path_factory):
    with Daemon(tmp_path_factory.mktemp("pool") / "fisherd.db",
                {"threads": 2, "connections": 100}) as daemon:
        daemon.add_items(plane_items())
        yield daemon


# Here the daemon notices a client that only closes its side by the timeout.
@pytest.mark.parametrize("name", [name for name in SOME if expected(name)[0]])
def test_an_epoll_pool_gives_the_same_responses(pool, name):
    exchange(pool, name)


@pytest.fixture(scope="module", params=[{"threads": 0}, {"threads": 2, "connections": 100}],
                ids=["a thread each", "a pool"])
def secure(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp("secure")
    with Daemon(folder / "fisherd.db", {**Pair(folder, "pair").options(), **request.param}) as daemon:
        yield daemon


@pytest.mark.parametrize("name", [
    name for name in SMALL if expected(name)[0] != 200 and not expected(name)[1]][::3])
def test_refused_requests_are_refused_under_tls_too(secure, name):
    status, _ = expected(name)
    with context().wrap_socket(connect(secure.port)) as connection:
        if status is None:
            send(connection, REQUESTS[name][1])
            return
        data, is_head = REQUESTS[name][1], REQUESTS[name][1].startswith(b"HEAD")
        send(connection, get() + data + following("after"))
        responses = split(read_to_end(connection), heads=[1] if is_head else [])
    assert [response[0] for response in responses] == [200, status]
    check(responses[1], status, is_head)


@pytest.mark.parametrize("name", ["two lengths that differ", "two hosts", "a length and chunks",
                                  "a chunk longer than its size", "no HTTP at all"])
@pytest.mark.parametrize("kind", ["shared", "pool"])
def test_requests_before_a_refused_one_get_their_responses(request, kind, name):
    daemon = request.getfixturevalue(kind)
    with connect(daemon.port) as connection:
        connection.sendall(get() + post(LENGTH) + post(CHUNKED, body=CHUNKS) + REQUESTS[name][1] +
                           following("after"))
        responses = split(read_to_end(connection))
    assert [response[0] for response in responses] == [200, 200, 200, 400]


@pytest.mark.parametrize("kind", ["shared", "pool"])
def test_bytes_after_connection_close_are_ignored(request, kind):
    daemon = request.getfixturevalue(kind)
    with connect(daemon.port) as connection:
        connection.sendall(get(CLOSE) + b"\x00\x00\x00")
        assert [response[0] for response in split(read_to_end(connection))] == [200]


@pytest.mark.parametrize("kind", ["shared", "pool"])
def test_many_requests_sent_at_once_get_their_responses_in_order(request, kind):
    daemon = request.getfixturevalue(kind)
    with connect(daemon.port) as connection:
        send(connection, 300 * (get() + post(LENGTH) + post(CHUNKED, body=CHUNKS)) + get(CLOSE))
        responses = split(read_to_end(connection))
    assert [response[0] for response in responses] == 901 * [200]


def test_a_body_that_grows_too_large_is_refused_before_it_ends(shared):
    with connect(shared.port) as connection:
        connection.sendall(post(CHUNKED, body=b""))
        with contextlib.suppress(ConnectionError):
            for _ in range(17):
                connection.sendall(b"100000\r\n" + b" " * 0x100000 + b"\r\n")
        check(split(read_to_end(connection))[0], 413)


def test_a_refused_client_that_goes_on_sending_is_cut_off(shared):
    with connect(shared.port) as connection:
        connection.sendall(b"\x00")
        check(split(read_response(connection))[0], 400)

        def is_cut_off():
            try:
                connection.sendall(b"x" * 100)
            except ConnectionError:
                return True
            return False
        wait_until(is_cut_off, "the end of the connection")


def test_refusals_are_counted_and_logged(db):
    with Daemon(db, {"log-level": "debug"}) as daemon:
        for name in ("two hosts", "no host", "an empty expectation"):
            with connect(daemon.port) as connection:
                connection.sendall(REQUESTS[name][1])
                response, = split(read_to_end(connection))
        _, samples = parse(daemon.metrics())
        name = "fisherd_http_requests_total"
        assert value(samples, name, route="refused", status="400") == 2
        assert value(samples, name, route="refused", status="417") == 1
        assert total(samples, name, route="refused") == 3
    assert any(re.search(rf"event=refused status=417 .*client=127.0.0.1 request_id={response[1]['x-request-id']}", line)
               for line in daemon.log)


# ---- through nginx ----

PROCESS = """
daemon off;
master_process off;
pid {folder}/pid;
error_log {folder}/error.log crit;
events {{ worker_connections 256; }}
http {{
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    {http}
}}
"""

# Lets as much through as nginx can.
LENIENT = """
    access_log off;
    client_header_timeout 1s;
    client_body_timeout 1s;
    lingering_timeout 100ms;
    large_client_header_buffers 4 32k;
    ignore_invalid_headers off;
    underscores_in_headers on;
    merge_slashes off;
    upstream fisherd {{
        server 127.0.0.1:{upstream};
        keepalive 1;
    }}
    server {{
        listen 127.0.0.1:{port};
        location / {{
            proxy_pass http://fisherd;
            proxy_http_version 1.1;
            proxy_request_buffering off;
            proxy_set_header Connection "";
            proxy_set_header Host $http_host;
        }}
    }}
"""


@contextlib.contextmanager
def nginx(folder, http, port):
    (folder / "nginx.conf").write_text(PROCESS.format(folder=folder, http=http))
    process = subprocess.Popen([NGINX, "-p", folder, "-e", folder / "error.log",
                                "-c", folder / "nginx.conf"], stderr=subprocess.DEVNULL)

    def listens():
        with contextlib.suppress(ConnectionError), connect(port):
            return True
        assert process.poll() is None, (folder / "error.log").read_text()
        return False
    try:
        wait_until(listens, "nginx")
        yield
    finally:
        process.terminate()
        process.wait(PATIENCE)


def free_port():
    """A port outside the range of outgoing connections."""
    while True:
        port = random.randrange(20000, 32000)
        with contextlib.suppress(OSError), socket.create_server(("", port)):
            return port


@pytest.fixture(scope="module")
def proxy(tmp_path_factory):
    """A daemon, and the port of a lenient nginx with one connection to it."""
    if not NGINX:
        pytest.skip("there is no nginx here")
    folder = tmp_path_factory.mktemp("nginx")
    with Daemon(folder / "fisherd.db") as daemon:
        daemon.add_items(plane_items())
        port = free_port()
        with nginx(folder, LENIENT.format(upstream=daemon.port, port=port), port):
            yield daemon, port


@pytest.mark.parametrize("name", SOME)
def test_behind_a_proxy_everyone_gets_their_own_answer(proxy, name):
    daemon, port = proxy
    data, is_head = REQUESTS[name][1], REQUESTS[name][1].startswith(b"HEAD")
    with connect(port) as connection:
        send(connection, data)
        if expected(name)[0] is None:
            connection.shutdown(socket.SHUT_WR)
            received = read_to_end(connection)
            assert received == b"" or len(split(received)) == 1, received
        else:
            received = read_head(connection) if is_head else read_response(connection)
            if name != "no version":  # for which nginx sends only the body
                assert re.match(rb"HTTP/1\.[01] \d{3} ", received), received
            with contextlib.suppress(ConnectionError):
                connection.sendall(following("next"))
            check_own(read_to_end(connection), "next")
    with connect(port) as connection:
        connection.sendall(following("other"))
        received = read_to_end(connection)
    assert [response[0] for response in split(received)] == [200]
    check_own(received, "other")


def read_head(connection):
    received = b""
    while b"\r\n\r\n" not in received and (more := connection.recv(1)):
        received += more
    return received


def check_own(received, identity):
    """Checks that there is at most one response and that, if it is the daemon's, it fits the request."""
    responses = split(received)
    assert len(responses) <= 1, received
    for status, headers, _ in responses:
        assert headers.get("x-request-id", identity) == identity or status == 400, received
        assert status != 200 or headers["x-request-id"] == identity, received


def test_a_proxy_keeps_its_connection(proxy):
    daemon, port = proxy
    for i in range(50):
        with connect(port) as connection:
            connection.sendall(following(f"n{i}"))
            check_own(read_to_end(connection), f"n{i}")
    wait_until(lambda: value(parse(daemon.metrics())[1], "fisherd_http_connections") <= 3,
               "the end of connections of before")


def test_a_response_through_a_proxy_is_the_daemons(proxy):
    _, port = proxy
    with connect(port) as connection:
        connection.sendall(post(LENGTH) + post(CHUNKED, CLOSE, body=CHUNKS))
        responses = split(read_to_end(connection))
    assert [response[0] for response in responses] == [200, 200]
    assert responses[0][2] == responses[1][2]


def test_the_configuration_for_nginx_that_we_ship_works(tmp_path):
    if not NGINX:
        pytest.skip("there is no nginx here")
    pair, port = Pair(tmp_path, "labels"), free_port()
    sample = (Path(__file__).parents[3] / "deploy" / "nginx.conf").read_text()
    with Daemon(tmp_path / "fisherd.db", {"trusted-proxies": "127.0.0.1", "log-level": "debug"}) as daemon:
        for shipped, here in [("443", str(port)), ("8077", str(daemon.port)),
                              ("/etc/ssl/certs/labels.pem", str(pair.certificate)),
                              ("/etc/ssl/private/labels.key", str(pair.key))]:
            assert shipped in sample
            sample = sample.replace(shipped, here)
        with nginx(tmp_path, f"access_log off;\n{sample}", port):
            with context().wrap_socket(connect(port)) as connection:
                connection.sendall(get(b"X-Forwarded-For: 1.2.3.4", b"X-Request-Id: through", CLOSE))
                assert [response[0] for response in split(read_to_end(connection))] == [200]
            with context().wrap_socket(connect(port)) as connection:  # as an older browser would
                connection.sendall(b"POST /v1/session HTTP/1.1\r\nHost: localhost:%d\r\n"
                                   b"Origin: https://localhost:%d\r\nContent-Type: application/json\r\n"
                                   b"Content-Length: 13\r\nConnection: close\r\n\r\n"
                                   b'{"token":"x"}' % (port, port))
                assert [response[0] for response in split(read_to_end(connection))] == [200]
    assert any("request_id=through" in line and "client=127.0.0.1" in line for line in daemon.log)
