"""Many connections at once, around the numbers at which libmicrohttpd's event loops fill up."""

import os
import pathlib
import re
import resource
import selectors
import socket
import statistics
import time

import pytest

from client import PATIENCE, SANITIZER, Daemon, read_to_end, statuses
from raw_requests import get

RUNS = 20 if "FISHERD_LONG" in os.environ else 1
REQUESTS_EACH = 3


def answer_all(connections):
    """Sends one request on each connection, then reads the responses; seconds until each arrived."""
    start = time.monotonic()
    for connection in connections:
        connection.sendall(get())
    seconds, received = [], {connection: b"" for connection in connections}
    with selectors.DefaultSelector() as waiting:
        for connection in connections:
            waiting.register(connection, selectors.EVENT_READ)
        while waiting.get_map():
            ready = waiting.select(PATIENCE)
            assert ready, f"{len(waiting.get_map())} of {len(connections)} wait for an answer"
            for key, _ in ready:
                more = key.fileobj.recv(65536)
                received[key.fileobj] += more
                assert more, f"closed: {received[key.fileobj]}"
                if received[key.fileobj].endswith(b'{"status":"ok"}'):
                    waiting.unregister(key.fileobj)
                    seconds.append(time.monotonic() - start)
    assert all(statuses(response) == [200] for response in received.values())
    return seconds


@pytest.mark.parametrize("options", [{"threads": 0, "connections": 300},
                                     {"threads": 3, "connections": 360}],
                         ids=["a thread each", "a pool"])
@pytest.mark.parametrize("count", [127, 128, 129, 256])
def test_all_of_many_connections_at_once_get_responses(db, count, options):
    slowest = []
    with Daemon(db, {**options, "idle-seconds": 86400}) as daemon:
        for _ in range(RUNS):
            connections = [socket.create_connection((daemon.host, daemon.port), timeout=PATIENCE)
                           for _ in range(count)]
            slowest += [max(answer_all(connections)) for _ in range(REQUESTS_EACH)]
            for connection in connections:
                connection.close()
    print(f"\n{count} connections, {options['threads']} threads, {RUNS} runs: all answered after "
          f"{1e3 * statistics.median(slowest):.1f} ms in the median, {1e3 * max(slowest):.1f} ms at most")


@pytest.mark.skipif(SANITIZER is not None, reason="a thread is too large under a sanitizer")
def test_a_thousand_connections_at_once_get_responses_by_default(db):
    """Their threads and buffers take little memory beside the budget."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard < 2048:
        pytest.skip("there may not be so many open files here")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, 2048), hard))
    with Daemon(db, {"idle-seconds": 86400}) as daemon:
        connections = [socket.create_connection((daemon.host, daemon.port), timeout=PATIENCE) for _ in range(1000)]
        slowest = [max(answer_all(connections)) for _ in range(REQUESTS_EACH)]
        status = pathlib.Path(f"/proc/{daemon.process.pid}/status").read_text()
        for connection in connections:
            connection.close()
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    peak = int(re.search(r"VmHWM:\s+(\d+)", status)[1]) / 1024
    print(f"\n1000 connections: all answered after {1e3 * max(slowest):.1f} ms at most; {peak:.0f} MiB")
    assert peak < 256


@pytest.mark.parametrize("options", [{"threads": 0}, {"threads": 1, "connections": 60}],
                         ids=["a thread each", "a pool"])
def test_a_client_that_closes_with_its_last_bytes_is_not_waited_for(db, options):
    with Daemon(db, options) as daemon:
        for data, expected in [(get(), [200]), (get()[:-2], []), (b"G", []),
                               (b"POST /v1/items HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n"
                                b"Content-Type: application/json\r\n\r\n{", [])]:
            for _ in range(5):
                with socket.create_connection((daemon.host, daemon.port), timeout=PATIENCE) as peer:
                    peer.sendall(data)
                    peer.shutdown(socket.SHUT_WR)
                    assert statuses(read_to_end(peer)) == expected
