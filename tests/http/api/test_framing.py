"""What stays a request when others might see two, or none: bodies of a GET, pipelines, clients that
go away. test_wire.py has what is refused."""

import socket

import pytest

from client import raw_exchange, read_answer, statuses
from raw_requests import BODY, CHUNKED, CHUNKS, LENGTH, get, post

FOLLOWING = get(path=b"/v1/model")


@pytest.mark.parametrize("request_bytes", [
    get(b"Content-Length: %d" % len(FOLLOWING)) + FOLLOWING,
    get(CHUNKED) + b"%x\r\n%s\r\n0\r\n\r\n" % (len(FOLLOWING), FOLLOWING),
], ids=["length", "chunked"])
def test_the_body_of_a_get_is_no_second_request(shared, request_bytes):
    with socket.create_connection((shared.host, shared.port), timeout=30) as connection:
        connection.sendall(request_bytes + get(b"Connection: close", path=b"/nothing"))
        received = b""
        while chunk := connection.recv(65536):
            received += chunk
    assert b'"version"' not in received
    assert statuses(received) in ([200, 404], [400], [413], [415]), received


def test_pipelined_requests_are_answered_one_by_one(shared):
    received = raw_exchange(shared, post(LENGTH) + post(CHUNKED, body=CHUNKS) + get() +
                            get(b"Connection: close", path=b"/nothing"))
    assert statuses(received) == [200, 200, 200, 404], received


def test_a_client_that_goes_away_does_no_harm(shared):
    for part in (b"", b"POST /v1/sc", post(LENGTH, body=b""), post(LENGTH, body=BODY[:7]),
                 post(CHUNKED, body=CHUNKS[:9]), post(LENGTH)):
        for _ in range(5):
            with socket.create_connection((shared.host, shared.port), timeout=30) as connection:
                connection.sendall(part)
    assert shared.call("GET", "/livez").status == 200


def test_expect_continue_is_answered_before_the_body(shared):
    with socket.create_connection((shared.host, shared.port), timeout=30) as connection:
        connection.sendall(post(LENGTH, b"Expect: 100-continue", body=b""))
        assert connection.recv(65536).startswith(b"HTTP/1.1 100 ")
        connection.sendall(BODY)
        assert statuses(read_answer(connection)) == [200]
