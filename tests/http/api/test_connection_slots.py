"""Which connections get a slot when there are more than slots, and which lose it."""

import re
import resource
import select
import socket
import subprocess

import pytest

from client import (PATIENCE, PROGRAM, Daemon, environment, label, plane_items, read_response,
                    read_to_end, statuses, wait_until)

REQUEST = "GET {} HTTP/1.1\r\nHost: x\r\n\r\n"


def connect(daemon, address="127.0.0.1"):
    return socket.create_connection((daemon.host, daemon.port), timeout=PATIENCE,
                                    source_address=(address, 0))


def ask(connection, path="/v1/model"):
    connection.sendall(REQUEST.format(path).encode())
    return read_response(connection)


def is_open(connection):
    connection.settimeout(PATIENCE)
    try:
        return statuses(ask(connection)) == [200]
    except ConnectionError:
        return False


def metrics(daemon):
    with connect(daemon, "127.0.0.99") as connection:
        text = ask(connection, "/metrics").decode()
    return {name: float(value) for name, value in
            re.findall(r"^(fisherd_http_\S+) (\S+)$", text, re.MULTILINE)}


def cut(daemon, why):
    return metrics(daemon).get(f'fisherd_http_connections_cut_total{{why="{why}"}}', 0)


@pytest.fixture
def small(db):
    with Daemon(db, {"connections": 6}) as daemon:
        yield daemon


def hold(daemon, number, address="127.0.0.1", sent=b""):
    """Opens connections, and waits until the daemon counts them; the oldest first."""
    held = []
    for _ in range(number):
        connection = connect(daemon, address)
        assert statuses(ask(connection, "/livez")) == [200]
        if sent:
            connection.sendall(sent)
        held.append(connection)
    return held


def close(connections):
    for connection in connections:
        connection.close()


def test_an_address_with_all_slots_loses_one_to_another_address(small):
    greedy = hold(small, 6)
    with connect(small, "127.0.0.2") as other:
        assert statuses(ask(other)) == [200]
        closed = select.select(greedy, [], [], PATIENCE)[0]
        assert [read_to_end(connection) for connection in closed] == [b""], "one is closed"
        assert is_open(other)
    close(greedy)


def test_a_slow_sender_is_replaced_too(small):
    slow = hold(small, 6, sent=b"POST /v1/labels HTTP/1.1\r\nHost: x\r\nContent-Type: applic")
    with connect(small, "127.0.0.2") as other:
        assert statuses(ask(other)) == [200]
    close(slow)


def test_an_address_with_few_connections_keeps_them(small):
    modest = hold(small, 1, "127.0.0.2")
    greedy = hold(small, 5)
    others = [connect(small, f"127.0.0.{n}") for n in (3, 4)]
    for other in others:
        assert statuses(ask(other)) == [200]
    assert is_open(modest[0])
    close([*modest, *greedy, *others])


def test_the_longest_idle_connection_of_an_address_is_replaced(small):
    held = hold(small, 6)
    for _ in range(20):
        assert statuses(ask(held[0])) == [200]

    def displaced():
        with connect(small) as newcomer:
            return statuses(ask(newcomer)) == [200]
    wait_until(displaced, "a place")
    closed = select.select(held, [], [], PATIENCE)[0]
    assert len(closed) == 1 and held[0] not in closed
    assert is_open(held[0])
    close(held)


def test_without_a_slot_requests_are_refused_with_503(db):
    with Daemon(db, {"connections": 6, "address-connections": 2}) as daemon:
        held = hold(daemon, 2)
        with connect(daemon) as third:
            received = ask(third)
            assert statuses(received) == [503]
            assert b"application/problem+json" in received
            assert b"there are too many connections" in received
            assert re.search(rb"(?i)retry-after: \d", received)
            assert read_to_end(third) == b""
        assert all(is_open(connection) for connection in held)
        with connect(daemon, "127.0.0.2") as other:
            assert statuses(ask(other)) == [200]
        assert metrics(daemon)['fisherd_http_refused_total{limit="connections"}'] == 1
        held.pop().close()

        def admitted():
            with connect(daemon) as third:
                return statuses(ask(third)) == [200]
        wait_until(admitted, "the place of the one that closed")
        close(held)


@pytest.mark.parametrize("path", ["/healthz", "/livez", "/readyz", "/"])
def test_without_a_slot_health_and_pages_are_served(db, path):
    with Daemon(db, {"connections": 6, "address-connections": 1}) as daemon:
        held = hold(daemon, 1)
        with connect(daemon) as second:
            assert statuses(ask(second, path)) == [200]
            assert read_to_end(second) == b"", "and is closed then"
        close(held)


def test_the_limit_of_an_address_does_not_apply_to_a_trusted_proxy(db):
    options = {"connections": 6, "address-connections": 1, "trusted-proxies": "127.0.0.2"}
    with Daemon(db, options) as daemon:
        held = hold(daemon, 4, "127.0.0.2")
        for connection in held:  # without tokens a proxy that names no client may read health only
            assert statuses(ask(connection, "/livez")) == [200]
        close(held)


def test_a_silent_surplus_connection_is_closed_early(db):
    options = {"connections": 6, "address-connections": 1, "idle-seconds": 86400}
    with Daemon(db, options) as daemon:
        held = hold(daemon, 1)
        with connect(daemon) as second:
            assert read_to_end(second) == b""
        assert is_open(held[0])
        close(held)


def test_the_daemon_survives_a_flood_of_connections(db):
    """Far more connections than slots, without a request: each is closed in the end."""
    with Daemon(db, {"connections": 6}) as daemon:
        daemon.add_items(plane_items())
        with connect(daemon, "127.0.0.2") as good:
            flood = [connect(daemon) for _ in range(200)]
            for i in range(20):
                body = f'{{"labels": [{{"id": "l{i}", "a": "p0-r0", "b": "p0-r1", ' \
                       '"preference": "a", "annotator": "anna"}]}'
                good.sendall(("POST /v1/labels HTTP/1.1\r\nHost: x\r\n"
                              "Content-Type: application/json\r\n"
                              f"Content-Length: {len(body)}\r\n\r\n{body}").encode())
                assert statuses(read_response(good)) == [200]
            close(flood)
        wait_until(lambda: metrics(daemon)["fisherd_http_connections"] == 1, "their end")
        assert len(daemon.list_all("labels")) == 20


@pytest.mark.parametrize("threads", [0, 1])
def test_a_slow_reader_is_cut_off(db, threads):
    options = {"send-seconds": 1, "connections": 6, "threads": threads}
    with Daemon(db, options) as daemon:
        daemon.add_items([{"id": f"i{i}", "prompt_id": "p", "response": 250000 * "x",
                           "embedding": [i, 1]} for i in range(40)])
        path = "/v1/items?limit=40"
        with socket.socket() as connection:
            connection.settimeout(PATIENCE)
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            connection.connect((daemon.host, daemon.port))
            connection.sendall(REQUEST.format(path).encode())
            received = b""

            def read_a_bit():
                nonlocal received
                received += connection.recv(1000)
                return cut(daemon, "sending") == 1
            wait_until(read_a_bit, "the end of patience")
            received += read_to_end(connection)
        length = int(re.search(rb"(?i)content-length: (\d+)", received)[1])
        assert len(received) < length, "all of it, though it took longer than allowed"
        assert len(daemon.get(path)["items"]) >= 30


def test_a_thousand_connections_are_possible(db):
    with Daemon(db, {"connections": 1000}) as daemon:
        daemon.add_items(plane_items())
        held = [connect(daemon) for _ in range(999)]
        assert statuses(ask(held[0])) == [200] and statuses(ask(held[-1])) == [200]
        assert daemon.add_labels([label("l1", "p0-r0", "p0-r1")])["accepted"] == 1
        close(held)


@pytest.fixture
def few_files():
    """A command prefix that lowers the soft limit of open files."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (128, hard))
    yield lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_it_raises_the_limit_of_open_files_to_its_connections(db, few_files):
    with Daemon(db, {"connections": 300}) as daemon:
        few_files()
        held = [connect(daemon) for _ in range(250)]
        assert statuses(ask(held[-1])) == [200]
        close(held)


def test_it_does_not_start_with_more_connections_than_file_descriptors(db):
    done = subprocess.run(["prlimit", "--nofile=128", PROGRAM, "serve", f"--db={db}",
                           "--listen=127.0.0.1:0", "--connections=300"], env=environment(),
                          capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert done.returncode == 1
    assert "300 connections need" in done.stderr and "only 128 are allowed" in done.stderr
