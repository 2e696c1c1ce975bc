"""A limited number of requests compute at once; the others wait their turn, or are refused."""

import json
import random
import socket

import pytest

from client import Daemon, SLOWNESS, label, read_response, statuses, wait_until

DRAW = random.Random(3)
ITEMS = [{"id": f"i{i}", "prompt_id": f"p{i // 50}",
          "embedding": [round(DRAW.gauss(0, 1), 3) for _ in range(8)]} for i in range(5000)]
LONG = {"strategy": "greedy", "batch_size": 100000, "seed": 1,
        "generate": {"mode": "all_pairs", "scope": "any"}}
SHORT = {"batch_size": 2, "generate": {"mode": "in_prompt", "pairs": 50}}


@pytest.fixture
def narrow(db):
    """A daemon that runs one selection at once, and lets two wait."""
    with Daemon(db, {"hidden-layers": 0, "selections-at-once": 1, "selection-queue": 2,
                     "stop-seconds": 6 * SLOWNESS}) as daemon:
        daemon.add_items(ITEMS)
        yield daemon


def send(daemon, path, body):
    text = json.dumps(body)
    connection = socket.create_connection((daemon.host, daemon.port), timeout=60 * SLOWNESS)
    connection.sendall((f"POST {path} HTTP/1.1\r\nHost: {daemon.host}\r\n"
                        f"Content-Type: application/json\r\nContent-Length: {len(text)}\r\n"
                        f"\r\n{text}").encode())
    return connection


def value(daemon, series):
    for line in daemon.metrics().splitlines():
        if line.startswith(series + " "):
            return float(line.rpartition(" ")[2])
    return 0


def fill(daemon):
    """Starts one selection that computes and two that wait for it."""
    connections = [send(daemon, "/v1/selections", LONG)]
    wait_until(lambda: value(daemon, 'fisherd_http_gate_working{gate="selections"}') == 1, "work")
    for waiting in 1, 2:
        connections.append(send(daemon, "/v1/selections", SHORT))
        wait_until(lambda n=waiting:
                   value(daemon, 'fisherd_http_gate_waiting{gate="selections"}') == n, "the queue")
    return connections


def test_a_selection_beyond_the_queue_is_refused_with_503(narrow):
    connections = fill(narrow)
    response = narrow.call("POST", "/v1/selections", SHORT)
    assert response.status == 503
    assert response.headers["Content-Type"] == "application/problem+json"
    assert int(response.headers["Retry-After"]) >= 1
    assert response.json["detail"] == "too many selections are waiting already"
    assert value(narrow, 'fisherd_http_refused_total{limit="selections"}') == 1
    for connection in connections:
        connection.close()


def test_other_requests_do_not_wait_for_selections(narrow):
    connections = fill(narrow)
    assert narrow.call("GET", "/healthz").status == 200
    assert narrow.add_labels([label("l1", "i0", "i1")])["accepted"] == 1
    assert narrow.post("/v1/score", {"items": ["i0"]})["scores"]
    assert len(narrow.get("/v1/items?limit=5")["items"]) == 5
    given = narrow.post("/v1/assignments", {"annotator": "anna"})["assignments"]
    assert given
    assert value(narrow, 'fisherd_http_gate_working{gate="selections"}') == 1
    assert value(narrow, 'fisherd_http_gate_waiting{gate="selections"}') == 2, "they wait still"
    for connection in connections:
        connection.close()


def test_a_waiting_request_is_served_when_its_turn_comes(narrow):
    first, *waiting = fill(narrow)
    first.close()
    for connection in waiting:
        with connection:
            assert statuses(read_response(connection)) == [200]
    assert value(narrow, 'fisherd_http_gate_waiting{gate="selections"}') == 0
    assert value(narrow, 'fisherd_http_gate_working{gate="selections"}') == 0
    assert len(narrow.select(**SHORT)["pairs"]) == 2


def test_a_client_that_disconnects_leaves_the_queue(narrow):
    first, second, third = fill(narrow)
    second.close()
    wait_until(lambda: value(narrow, 'fisherd_http_gate_waiting{gate="selections"}') == 1,
               "the queue to become shorter")
    with send(narrow, "/v1/selections", SHORT) as fourth:
        wait_until(lambda: value(narrow, 'fisherd_http_gate_waiting{gate="selections"}') == 2,
                   "the queue to become longer")
        first.close()
        assert statuses(read_response(third)) == [200]
        assert statuses(read_response(fourth)) == [200]
    third.close()


def test_the_daemon_ends_while_selections_wait(narrow):
    connections = fill(narrow)
    narrow.stop()
    for connection in connections:
        connection.close()


def test_a_failed_selection_lets_the_next_one_work(narrow):
    for _ in range(5):
        response = narrow.call("POST", "/v1/selections", {"batch_size": 1, "strategy": "none"})
        assert response.status == 422
    assert len(narrow.select(**SHORT)["pairs"]) == 2


def test_without_a_queue_nothing_waits(db):
    options = {"hidden-layers": 0, "selections-at-once": 2, "selection-queue": 0}
    with Daemon(db, options) as daemon:
        daemon.add_items(ITEMS)
        connections = [send(daemon, "/v1/selections", LONG) for _ in range(2)]
        wait_until(lambda: value(daemon, 'fisherd_http_gate_working{gate="selections"}') == 2,
                   "work")
        assert daemon.call("POST", "/v1/selections", SHORT).status == 503
        for connection in connections:
            connection.close()
