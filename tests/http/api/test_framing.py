"""Requests that others might read as two, or as none: bodies of a GET, pipelines, clients that
disconnect. test_receive_hook.py has the ones that are refused."""

import socket

import pytest

from client import PATIENCE, send_raw, read_response, statuses
from raw_requests import BODY, CHUNKED, CHUNKS, LENGTH, get, post

FOLLOWING = get(path=b"/v1/model")


@pytest.mark.parametrize("request_bytes", [
    get(b"Content-Length: %d" % len(FOLLOWING)) + FOLLOWING,
    get(CHUNKED) + b"%x\r\n%s\r\n0\r\n\r\n" % (len(FOLLOWING), FOLLOWING),
], ids=["length", "chunked"])
def test_the_body_of_a_get_is_not_read_as_a_request(shared, request_bytes):
    with socket.create_connection((shared.host, shared.port), timeout=PATIENCE) as connection:
        connection.sendall(request_bytes + get(b"Connection: close", path=b"/nothing"))
        received = b""
        while chunk := connection.recv(65536):
            received += chunk
    assert b'"version"' not in received
    assert statuses(received) in ([200, 404], [400], [413], [415]), received


def test_pipelined_requests_get_their_responses_in_order(shared):
    received = send_raw(shared, post(LENGTH) + post(CHUNKED, body=CHUNKS) + get() +
                        get(b"Connection: close", path=b"/nothing"))
    assert statuses(received) == [200, 200, 200, 404], received


def test_the_daemon_survives_clients_that_disconnect(shared):
    for part in (b"", b"POST /v1/sc", post(LENGTH, body=b""), post(LENGTH, body=BODY[:7]),
                 post(CHUNKED, body=CHUNKS[:9]), post(LENGTH)):
        for _ in range(5):
            with socket.create_connection((shared.host, shared.port), timeout=PATIENCE) as connection:
                connection.sendall(part)
    assert shared.call("GET", "/livez").status == 200


def test_expect_100_continue_gets_a_response_before_the_body(shared):
    with socket.create_connection((shared.host, shared.port), timeout=PATIENCE) as connection:
        connection.sendall(post(LENGTH, b"Expect: 100-continue", body=b""))
        assert connection.recv(65536).startswith(b"HTTP/1.1 100 ")
        connection.sendall(BODY)
        assert statuses(read_response(connection)) == [200]
