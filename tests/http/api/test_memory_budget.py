"""The memory limits of large bodies and long responses."""

import contextlib
import json
import re
import select
import socket

import pytest

from client import Daemon, PATIENCE, SLOWNESS, label, plane_items, read_response, read_to_end, statuses, wait_until

MIB = 1 << 20


def value(daemon, series):
    found = re.search(rf"^{re.escape(series)} (\S+)$", daemon.metrics(), re.MULTILINE)
    return float(found[1]) if found else 0


def taken(daemon):
    return value(daemon, "fisherd_http_memory_bytes")


def padded(size):
    """A batch without items whose body has this number of bytes."""
    return b'{"items":[]' + b" " * (size - 12) + b"}"


def head(path, size):
    return (f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
            f"Content-Length: {size}\r\n\r\n").encode()


def begin_body(daemon, size, sent):
    """Sends the beginning of a body only."""
    connection = socket.create_connection((daemon.host, daemon.port), timeout=60 * SLOWNESS)
    connection.sendall(head("/v1/items", size) + padded(size)[:sent])
    return connection


@pytest.fixture
def narrow(db):
    with Daemon(db, {"memory": 4, "request-memory": 2}) as daemon:
        yield daemon


def test_a_body_is_no_larger_than_allowed(db):
    with Daemon(db, {"body-size": 0.5}) as daemon:
        assert daemon.call("POST", "/v1/items", raw=padded(MIB // 2)).status == 200
        response = daemon.call("POST", "/v1/items", raw=padded(MIB // 2 + 1))
        assert response.status == 413
        assert response.json["detail"] == "the body is too large"


@pytest.mark.parametrize("size", [2, 16, 300])
def test_a_head_is_no_larger_than_allowed(db, size):
    with Daemon(db, {"header-size": size}) as daemon:
        def ask(more):
            """A head with this number of bytes more than the limit, in lines of allowed length."""
            with socket.create_connection((daemon.host, daemon.port), timeout=60 * SLOWNESS) as connection:
                head = "GET /livez HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
                left = size * 1024 + more - len(head) - len("\r\n")
                lines = max(1, left // 7000)
                sizes = [left // lines] * (lines - 1) + [left - left // lines * (lines - 1)]
                head += "".join(f"A:{'x' * (n - len('A:') - 2)}\r\n" for n in sizes) + "\r\n"
                assert len(head) == size * 1024 + more
                connection.sendall(head.encode())
                return read_response(connection)
        assert statuses(ask(0)) == [200]
        refused = ask(1)
        assert statuses(refused) == [431] and b"the headers are too long" in refused


@pytest.mark.parametrize("repeated", ["1,", "[],", "{},", '"",', '{"a":1},'])
def test_a_body_that_takes_too_much_memory_to_read_is_refused(narrow, repeated):
    count = MIB // 4 // len(repeated)
    body = '{"items":[' + repeated * count + "1]}"
    response = narrow.call("POST", "/v1/items", raw=body)
    assert response.status == 413, response
    assert response.headers["Content-Type"] == "application/problem+json"
    assert "memory" in response.json["detail"]
    assert value(narrow, 'fisherd_http_refused_total{limit="request_memory"}') == 1
    wait_until(lambda: taken(narrow) == 0, "the memory of the request")


def test_all_bodies_share_one_memory_limit(narrow):
    waiting = [begin_body(narrow, 3 * MIB, int(1.9 * MIB))]
    wait_until(lambda: taken(narrow) > 1.7 * MIB, "the body")
    with begin_body(narrow, 3 * MIB, int(2.5 * MIB)) as another:
        received = read_response(another)
        assert statuses(received) == [503]
        assert b"application/problem+json" in received
        assert read_to_end(another) == b""
    assert value(narrow, 'fisherd_http_refused_total{limit="memory"}') == 1
    narrow.add_items(plane_items())
    assert narrow.add_labels([label("l1", "p0-r0", "p0-r1")])["accepted"] == 1
    for connection in waiting:
        connection.close()
    wait_until(lambda: taken(narrow) == 0, "the memory of the client that left")
    assert narrow.call("POST", "/v1/items", raw=padded(MIB)).status == 200


def test_a_promised_length_takes_no_memory(narrow):
    waiting = [begin_body(narrow, 3 * MIB, 100) for _ in range(8)]
    assert narrow.call("POST", "/v1/items", raw=padded(MIB)).status == 200
    wait_until(lambda: taken(narrow) == 0, "the memory of the one whose body came")
    for connection in waiting:
        connection.close()


def test_responses_that_are_not_read_count_against_the_memory(db):
    with Daemon(db, {"memory": 256}) as daemon:
        daemon.add_items([{"id": f"i{i}", "prompt_id": "p", "response": 250000 * "x",
                           "embedding": [i, 1]} for i in range(40)])
        assert daemon.call("GET", "/v1/items?limit=40").status == 200
        wait_until(lambda: taken(daemon) == 0, "the answer to be gone")
        with contextlib.ExitStack() as stack:
            unread = 0
            while True:  # each has about a 32nd of the memory
                silent = stack.enter_context(socket.socket())
                silent.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
                silent.settimeout(PATIENCE)
                silent.connect((daemon.host, daemon.port))
                silent.sendall(b"GET /v1/items?limit=40 HTTP/1.1\r\nHost: x\r\n\r\n")
                # While it is made, a page holds four times as much as once its response begins.
                if silent.recv(12) != b"HTTP/1.1 200":
                    break
                unread += 1
                assert 7.5 * unread * MIB < taken(daemon) < 256 * MIB
            assert 24 <= unread <= 32
            response = daemon.call("GET", "/v1/items?limit=40")
            assert response.status == 503
            assert response.headers["Retry-After"]
            assert daemon.add_labels([label("l1", "i0", "i1")])["accepted"] == 1
        wait_until(lambda: taken(daemon) == 0, "the memory of the client that left")
        assert daemon.call("GET", "/v1/items?limit=40").status == 200


def test_the_number_of_requests_at_once_is_limited(db):
    options = {"requests-at-once": 2, "selections-at-once": 1, "hidden-layers": 0}
    with Daemon(db, options) as daemon:
        daemon.add_items([{"id": f"i{i}", "prompt_id": "p", "embedding": [i % 71, i % 83, i % 97]}
                          for i in range(4000)])
        text = json.dumps({"strategy": "greedy", "batch_size": 100000,
                           "generate": {"mode": "all_pairs", "scope": "any"}}).encode()
        def begin():
            connection = socket.create_connection((daemon.host, daemon.port))
            connection.sendall(head("/v1/selections", len(text)) + text)
            return connection

        running = [begin(), begin()]

        def is_full():
            if daemon.call("GET", "/v1/model").status == 503:
                return True
            # Our own request may have been the one too many.
            for refused in select.select(running, [], [], 0)[0]:
                assert statuses(read_response(refused)) == [503]
                refused.close()
                running[running.index(refused)] = begin()
            return False
        wait_until(is_full, "the limit")
        assert daemon.call("GET", "/healthz").status == 200
        for connection in running:
            connection.close()
        counted = b'fisherd_http_refused_total{limit="requests"}'
        wait_until(lambda: counted in daemon.call("GET", "/metrics").body, "their end")
