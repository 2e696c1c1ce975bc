"""Assignments of items with long texts: as many as have room in the memory for requests."""

import pathlib
import re
import threading

import pytest

from client import SANITIZER, Daemon, plane_items

MIB = 1 << 20


def long_items(size):
    items = plane_items()
    for i, item in enumerate(items):
        item["prompt"] = "p" * size
        item["response"] = str(i % 10) * size
    return items


def peak(daemon):
    """MiB of memory at most since the last reset."""
    status = pathlib.Path(f"/proc/{daemon.process.pid}/status").read_text()
    return int(re.search(r"VmHWM:\s+(\d+) kB", status)[1]) / 1024


def reset_peak(daemon):
    pathlib.Path(f"/proc/{daemon.process.pid}/clear_refs").write_text("5")


@pytest.fixture
def long(db):
    with Daemon(db, {"memory": 128, "request-memory": 64}) as daemon:
        for item in long_items(MIB):
            daemon.add_items([item])
        yield daemon


@pytest.mark.skipif(SANITIZER is not None, reason="a sanitizer has memory of its own")
def test_assignments_of_long_texts_stay_within_the_memory_for_requests(long):
    reset_peak(long)
    before = peak(long)
    responses = []

    def ask(name):
        responses.append(long.call("POST", "/v1/assignments", {"annotator": name, "count": 100}))

    threads = [threading.Thread(target=ask, args=(f"ann-{i}",)) for i in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {response.status for response in responses} <= {200, 503}
    given = [one for response in responses if response.status == 200
             for one in response.json["assignments"]]
    assert given, "somebody gets a pair"
    for one in given:
        assert len(one["a"]["prompt"]) == len(one["b"]["response"]) == MIB
    assert max(len(response.body) for response in responses) <= 8 * MIB
    assert peak(long) - before < 128, f"{before} and then {peak(long)} MiB"
    for response in responses:
        if response.status == 503:
            assert "memory" in response.json["detail"]


def test_what_had_no_room_stays_for_others_and_can_be_asked_for_again(db):
    with Daemon(db, {"memory": 128}) as daemon:
        for item in long_items(200_000):
            daemon.add_items([item])
        first = daemon.post("/v1/assignments", {"annotator": "anna", "count": 100})["assignments"]
        assert 1 <= len(first) < 18
        assert daemon.get("/v1/stats")["queue"]["open_leases"] == len(first)
        again = daemon.post("/v1/assignments", {"annotator": "anna", "count": 100})["assignments"]
        assert [one["id"] for one in again] == [one["id"] for one in first]
        others = daemon.post("/v1/assignments", {"annotator": "bert", "count": 100})["assignments"]
        assert others and not {one["id"] for one in others} & {one["id"] for one in first}


def test_texts_are_shown_whole_whatever_their_length(db):
    with Daemon(db) as daemon:
        texts = {}
        for i, item in enumerate(plane_items()):
            item["response"] = f"{i}\u0001\"\\ä" * (1 + 700 * (i % 7))
            texts[item["id"]] = item["response"]
            daemon.add_items([item])
        given = daemon.post("/v1/assignments", {"annotator": "anna", "count": 18})["assignments"]
        assert given
        for one in given:
            assert one["a"]["response"] == texts[one["a"]["id"]]
            assert one["b"]["response"] == texts[one["b"]["id"]]
