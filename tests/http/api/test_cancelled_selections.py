"""Selections whose clients no longer wait."""

import contextlib
import json
import random
import socket
import threading

import pytest

from client import PATIENCE, SLOWNESS, Daemon, read_response, statuses, wait_until

ITEMS = 32000

# Each selection takes many seconds, and ends with 200 if nobody can end it.
LONG = {
    "greedy": {"batch_size": 100000, "generate": {"mode": "all_pairs", "scope": "any"}},
    "entropy": {"batch_size": 100000, "certify": "tight",
                "generate": {"mode": "all_pairs", "scope": "any"}},
    "exchange": {"batch_size": 100000, "generate": {"mode": "cross_prompt", "pairs": 800000}},
    "batchbald": {"batch_size": 5000, "generate": {"mode": "cross_prompt", "pairs": 200000}},
    "a-opt": {"batch_size": 50000, "generate": {"mode": "cross_prompt", "pairs": 400000}},
    "i-opt": {"batch_size": 50000, "generate": {"mode": "cross_prompt", "pairs": 400000}},
}


def body(strategy):
    return json.dumps({"strategy": strategy, "seed": 1, **LONG[strategy]})


@pytest.fixture(scope="module")
def rows():
    draw = random.Random(7)
    return [{"id": f"i{i}", "prompt_id": f"p{i // 100}",
             "embedding": [round(draw.gauss(0, 1), 3) for _ in range(16)]} for i in range(ITEMS)]


@pytest.fixture
def busy(db, rows):
    """A daemon with enough items for a selection of many seconds."""
    with Daemon(db, {"hidden-layers": 0, "stop-seconds": 8 * SLOWNESS}) as daemon:
        for first in range(0, len(rows), 10000):
            daemon.add_items(rows[first:first + 10000])
        yield daemon


def begun(daemon):
    """How many selections compute or wait for their turn."""
    return sum(float(line.split()[-1]) for line in daemon.metrics().splitlines()
               if line.startswith("fisherd_http_gate_") and 'gate="selections"' in line)


def begin(daemon, strategy, before=0):
    """Sends a long selection, and waits until it has begun beside those before it."""
    text = body(strategy)
    connection = socket.create_connection((daemon.host, daemon.port), timeout=PATIENCE)
    connection.sendall((f"POST /v1/selections HTTP/1.1\r\nHost: {daemon.host}\r\n"
                        f"Content-Type: application/json\r\nContent-Length: {len(text)}\r\n"
                        f"\r\n{text}").encode())
    wait_until(lambda: begun(daemon) == before + 1, "its beginning")
    return connection


def count(daemon, status):
    name = f'fisherd_http_requests_total{{route="selections",status="{status}"}} '
    return sum(int(line[len(name):]) for line in daemon.metrics().splitlines()
               if line.startswith(name))


@pytest.mark.parametrize("strategy", LONG)
def test_a_selection_ends_when_its_client_hangs_up(busy, strategy):
    begin(busy, strategy).close()
    wait_until(lambda: count(busy, 503) == 1, "the end of the selection")
    assert count(busy, 200) == 0
    selection = busy.select(batch_size=2, strategy=strategy, generate={"mode": "in_prompt"})
    assert len(selection["pairs"]) == 2


def test_other_requests_are_served_during_a_long_selection(busy):
    connection = begin(busy, "batchbald")
    assert len(busy.select(batch_size=2, generate={"mode": "in_prompt", "pairs": 50})["pairs"]) == 2
    assert busy.model()["items"] == ITEMS
    assert busy.call("GET", "/livez").status == 200
    wait_until(lambda: count(busy, 200) == 1, "the count of the short one")
    assert count(busy, 503) == 0 and begun(busy) == 1, "the long one goes on"
    connection.close()
    wait_until(lambda: count(busy, 503) == 1, "the end of the selection")


@pytest.mark.parametrize("strategy", LONG)
def test_the_daemon_ends_during_a_long_selection(busy, strategy):
    received = []

    def receive(connection):
        with contextlib.suppress(ConnectionError):
            received.append(read_response(connection))

    with begin(busy, strategy) as connection:
        waiting = threading.Thread(target=receive, args=(connection,))
        waiting.start()
        busy.stop()
        waiting.join()
    assert statuses(b"".join(received)) in ([], [503])


def test_many_selections_end_when_their_clients_hang_up(busy):
    longest = ["greedy", "batchbald", "a-opt", "i-opt"]  # some wait until others have ended
    connections = [begin(busy, strategy, i) for i, strategy in enumerate(3 * longest)]
    assert count(busy, 503) == 0
    for i, connection in enumerate(connections):
        if i % 2 == 1:  # as a client under TLS ends, with a few bytes
            connection.sendall(b"GET / HTTP/1.1\r\n")
        connection.close()
    wait_until(lambda: count(busy, 503) == len(connections), "the end of all")
    assert count(busy, 200) == 0
    assert busy.model()["items"] == ITEMS


def test_a_client_that_waits_gets_its_selection(busy):
    """The daemon checks several times whether the client still waits."""
    request = {"strategy": "greedy", "batch_size": 500, "seed": 1,
               "generate": {"mode": "all_pairs", "scope": "any", "prompts": 80}}
    selection = busy.select(**request)
    assert len(selection["pairs"]) == 500
    assert selection["diagnostics"]["elapsed_ms"] > 100
