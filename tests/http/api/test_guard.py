"""Requests that a proxy and libmicrohttpd might read differently are refused, and their connection
closed: nothing that follows them is taken for a request."""

import socket

import pytest

from client import raw_exchange, read_answer, statuses

BODY = b'{"items":["p0-r0"]}'
FOLLOWING = b"GET /v1/model HTTP/1.1\r\nHost: x\r\n\r\n"


def post(*headers, body=BODY, path=b"/v1/score", host=b"Host: x", version=b"HTTP/1.1"):
    lines = [b"POST " + path + b" " + version, host, b"Content-Type: application/json", *headers]
    return b"\r\n".join(line for line in lines if line is not None) + b"\r\n\r\n" + body


def get(*headers, path=b"/livez", host=b"Host: x", method=b"GET", version=b"HTTP/1.1"):
    lines = [method + b" " + path + b" " + version, host, *headers]
    return b"\r\n".join(line for line in lines if line is not None) + b"\r\n\r\n"


LENGTH = b"Content-Length: %d" % len(BODY)
CHUNKED = b"Transfer-Encoding: chunked"
CHUNKS = b"%x\r\n%s\r\n0\r\n\r\n" % (len(BODY), BODY)

SMUGGLING = {
    "two lengths that differ": post(LENGTH, b"Content-Length: 5"),
    "two lengths that agree": post(LENGTH, LENGTH),
    "a list of lengths": post(b"Content-Length: %d, %d" % (len(BODY), len(BODY))),
    "a length and chunks": post(LENGTH, CHUNKED, body=CHUNKS),
    "chunks and a length": post(CHUNKED, LENGTH, body=CHUNKS),
    "a length of nothing and chunks": post(b"Content-Length: 0", CHUNKED, body=CHUNKS),
    "a length and an unknown coding": post(LENGTH, b"Transfer-Encoding: gzip"),
    "a length and identity": post(LENGTH, b"Transfer-Encoding: identity"),
    "two codings in two lines": post(CHUNKED, CHUNKED, body=CHUNKS),
    "chunked twice in one line": post(b"Transfer-Encoding: chunked, chunked", body=CHUNKS),
    "chunked and then gzip": post(b"Transfer-Encoding: chunked, gzip", body=CHUNKS),
    "gzip and then chunked": post(b"Transfer-Encoding: gzip, chunked", body=CHUNKS),
    "gzip alone": post(b"Transfer-Encoding: gzip"),
    "an unknown coding": post(b"Transfer-Encoding: xchunked", body=CHUNKS),
    "a coding with a parameter": post(b"Transfer-Encoding: chunked;x=1", body=CHUNKS),
    "a quoted coding": post(b'Transfer-Encoding: "chunked"', body=CHUNKS),
    "a coding after a vertical tab": post(b"Transfer-Encoding: \x0bchunked", body=CHUNKS),
    "an empty coding": post(b"Transfer-Encoding:"),
    "a length with a plus": post(b"Content-Length: +%d" % len(BODY)),
    "a negative length": post(b"Content-Length: -1"),
    "a hexadecimal length": post(b"Content-Length: 0x13"),
    "an empty length": post(b"Content-Length:"),
    "a length of 30 digits": post(b"Content-Length: 1" + b"0" * 29),
    "a length of 2^64 + 19": post(b"Content-Length: 18446744073709551635"),
    "a length with a word": post(LENGTH + b" bytes"),
    "a space before the colon of a length": post(b"Content-Length : %d" % len(BODY)),
    "a space before the colon of a coding": post(LENGTH, b"Transfer-Encoding : chunked"),
    "a folded coding": post(b"Transfer-Encoding:\r\n chunked", body=CHUNKS),
    "two types": post(LENGTH, b"Content-Type: text/plain"),
    "two hosts": post(LENGTH, b"Host: y"),
    "no host": post(LENGTH, host=None),
    "a NUL in the path": get(path=b"/v1/items/p0-r0%00x"),
    "a chunk size of 20 digits": post(CHUNKED, body=b"1" + b"0" * 20 + b"\r\nx"),
    "a negative chunk size": post(CHUNKED, body=b"-1\r\n" + BODY),
    "a chunk size with 0x": post(CHUNKED, body=b"0x%x\r\n%s\r\n0\r\n\r\n" % (len(BODY), BODY)),
    "a chunk longer than its size": post(CHUNKED, body=b"5\r\n%s\r\n0\r\n\r\n" % BODY),
    "no version": b"GET /livez\r\n\r\n",
    "a version of the future": get(version=b"HTTP/9.9"),
    "no HTTP at all": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\0" * 200 + b"\r\n\r\n",
    "a header of a megabyte": get(b"X-Long: " + b"x" * 2**20),
    "ten thousand headers": get(*[b"X-%d: x" % i for i in range(10000)]),
    "a path of a megabyte": get(path=b"/" + b"x" * 2**20),
}


@pytest.mark.parametrize("name", SMUGGLING)
def test_a_request_of_two_readings_is_refused_and_ends_the_connection(shared, name):
    received = raw_exchange(shared, SMUGGLING[name] + FOLLOWING)
    answers = statuses(received)
    if b"<html>" in received:  # libmicrohttpd's own errors, which have their head twice
        answers = answers[:1] if len(set(answers)) == 1 else answers
    assert len(answers) <= 1, received
    assert all(status in (400, 408, 413, 414, 415, 431, 501, 505) for status in answers), received
    assert b'"scores"' not in received
    assert b"model_version" not in received and b'"version"' not in received
    assert shared.call("GET", "/livez").status == 200


@pytest.mark.parametrize("name", [
    "two lengths that differ", "two lengths that agree", "a length and chunks",
    "chunked twice in one line", "gzip alone", "an unknown coding", "two types", "two hosts",
    "a NUL in the path", "a space before the colon of a length",
    "a space before the colon of a coding"])
def test_the_guard_answers_with_a_problem(shared, name):
    received = raw_exchange(shared, SMUGGLING[name])
    assert statuses(received) == [400], received
    assert b"application/problem+json" in received
    assert b"Connection: close" in received


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


@pytest.mark.parametrize("value", [b"19", b"0019", b" 19 ", b"\t19"])
def test_odd_but_clear_lengths_do_no_harm(shared, value):
    received = raw_exchange(shared, post(b"Content-Length:" + value, b"Connection: close"))
    assert statuses(received)[0] in (200, 400), received
    assert len(set(statuses(received))) == 1, received


def test_chunks_in_the_old_http_end_the_connection(shared):
    received = raw_exchange(shared, post(CHUNKED, body=CHUNKS, version=b"HTTP/1.0") + FOLLOWING)
    assert statuses(received) in ([200], [400]), received


def test_a_folded_header_is_refused_or_one_line(shared):
    received = raw_exchange(shared, post(LENGTH, b"X-Request-Id: a\r\n b", b"Connection: close"))
    assert statuses(received) in ([200], [400]), received
    assert b"\r\n b" not in received


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
