"""A full or failing disk: nothing is stored in part, the daemon reports it, and recovers by itself."""

import os
import resource

import pytest

from client import SANITIZER, Daemon, label, wait_until

UNLIMITED = resource.RLIM_INFINITY


def limit_files(daemon, size):
    """Limits the size of files: a write beyond it fails as on a full disk."""
    resource.prlimit(daemon.process.pid, resource.RLIMIT_FSIZE, (size, UNLIMITED))


def fill_disk(daemon):
    limit_files(daemon, os.stat(f"{daemon.db}-wal").st_size)


def is_ready(daemon):
    return daemon.call("GET", "/readyz").status == 200


def refused(response, status):
    assert response.status == status, response
    assert response.headers["Content-Type"] == "application/problem+json"
    return response.json["detail"]


def text_of_metrics(daemon, name):
    return next(line.split()[1] for line in daemon.metrics().splitlines()
                if line.startswith(name + " "))


def test_a_label_is_refused_while_the_disk_is_full_and_accepted_afterwards(db, items):
    late = [label("late", "p0-r0", "p0-r1")]
    with Daemon(db) as daemon:
        daemon.add_items(items)
        daemon.add_labels([label("early", "p1-r0", "p1-r1")])
        fill_disk(daemon)
        for _ in range(3):
            assert "no space left" in refused(daemon.call("POST", "/v1/labels", {"labels": late}), 507)
        detail = refused(daemon.call("GET", "/readyz"), 503)
        assert "store" in detail and "File too large" in detail
        assert text_of_metrics(daemon, "fisherd_store_failed") == "1"
        assert daemon.call("GET", "/healthz").status == 200
        assert [row["id"] for row in daemon.list_all("labels")] == ["early"], "reading goes on"
        assert daemon.select(batch_size=1, pairs=[{"a": "p0-r0", "b": "p0-r1"}])["pairs"]

        limit_files(daemon, UNLIMITED)
        wait_until(lambda: is_ready(daemon), "readiness, without an answer that arrives")
        assert text_of_metrics(daemon, "fisherd_store_failed") == "0"
        assert [row["id"] for row in daemon.list_all("labels")] == ["early"]
        assert daemon.add_labels(late) == {"accepted": 1, "duplicates": 0}
    log = daemon.log_text()
    assert log.count("event=store-failed") == log.count("event=store-recovered") == 1
    with Daemon(db) as daemon:
        assert [row["id"] for row in daemon.list_all("labels")] == ["early", "late"]


def test_a_request_that_fits_only_in_part_is_not_stored_at_all(db, items):
    many = [{"id": f"many-{i}", "prompt_id": "many", "prompt": "x" * 5000,
             "embedding": [i, 1, 2, 3]} for i in range(400)]
    with Daemon(db) as daemon:
        daemon.add_items(items)
        limit_files(daemon, os.stat(f"{db}-wal").st_size + 200000)
        refused(daemon.call("POST", "/v1/items", {"items": many}), 507)
        wait_until(lambda: is_ready(daemon), "readiness: for less there is room")
        assert len(daemon.list_all("items")) == len(items)
        daemon.add_labels([label("small", "p0-r0", "p0-r1")])
        limit_files(daemon, UNLIMITED)
        daemon.add_items(many)
    with Daemon(db) as daemon:
        assert len(daemon.list_all("items")) == len(items) + len(many)
        assert len(daemon.list_all("labels")) == 1


def answers_until_the_disk_is_full(daemon, items, room):
    """Returns the ids that were acknowledged, and those that were refused."""
    acknowledged, refusals = [], []
    wal = os.stat(f"{daemon.db}-wal").st_size
    limit_files(daemon, wal + room)
    for number in range(1000):
        a, b = items[number % 5]["id"], items[5 + number % 5]["id"]
        labels = [label(f"room-{room}-{number}-{i}", a, b, comment="x" * 700) for i in range(3)]
        response = daemon.call("POST", "/v1/labels", {"labels": labels})
        if response.status == 200:
            acknowledged += [one["id"] for one in labels]
        else:
            refused(response, 507)
            refusals += [one["id"] for one in labels]
        if len(refusals) == 6:
            return acknowledged, refusals
    raise AssertionError("there was always room")


def test_wherever_the_disk_fills_up_acknowledged_labels_are_stored_and_refused_ones_are_not(db, items):
    acknowledged, refusals = [], []
    rooms = (range(0, 120000, 2000) if os.environ.get("FISHERD_LONG")
             else [0, 4120, 20011, 50000, 90001])
    with Daemon(db) as daemon:
        daemon.add_items(items)
    for room in rooms:
        with Daemon(db) as daemon:
            daemon.add_labels([label(f"first-{room}", "p0-r0", "p0-r1")])
            acknowledged.append(f"first-{room}")
            here, not_here = answers_until_the_disk_is_full(daemon, items, room)
            daemon.kill()
        acknowledged += here
        refusals += not_here
    with Daemon(db) as daemon:
        there = [row["id"] for row in daemon.list_all("labels", 1000)]
    assert sorted(there) == sorted(acknowledged)
    print(f"full disk: {len(rooms)} sizes, {len(acknowledged)} answers acknowledged,"
          f" {len(refusals)} refused, nothing lost and nothing half there")


def test_a_training_that_cannot_be_stored_leaves_the_serving_model(db, items):
    with Daemon(db) as daemon:
        daemon.add_items(items)
        daemon.add_labels([label(f"l{i}", f"p{i % 3}-r0", f"p{i % 3}-r1") for i in range(20)])
        assert daemon.train()["version"] == 1
        fill_disk(daemon)
        daemon.ok("POST", "/v1/model/train", None, 202)
        wait_until(lambda: daemon.model()["worker"]["state"] == "failed", "the failure")
        assert daemon.model()["version"] == 1
        limit_files(daemon, UNLIMITED)
        wait_until(lambda: is_ready(daemon), "readiness")
        assert daemon.train()["version"] == 2


# ---- a disk that fails ----

SHIM = os.environ.get("FISHERD_FAILING_DISK", "")


@pytest.fixture
def failing(db, items, tmp_path):
    """A daemon, and the file that makes its disk fail while it exists."""
    if SANITIZER or not SHIM:
        pytest.skip("a sanitizer must be loaded first, and so must the shim")
    switch = tmp_path / "switch"
    with Daemon(db, {}, {"LD_PRELOAD": SHIM, "SHIM_SWITCH": str(switch),
                         "SHIM_FOLDER": str(tmp_path)}) as daemon:
        daemon.add_items(items)
        daemon.add_labels([label("early", "p1-r0", "p1-r1")])
        yield daemon, switch


@pytest.mark.parametrize("call", ["write", "sync"])
def test_labels_are_refused_until_they_reach_the_disk(failing, call):
    daemon, switch = failing
    switch.write_text(call)
    response = daemon.call("POST", "/v1/labels", {"labels": [label("late", "p0-r0", "p0-r1")]})
    assert "store" in refused(response, 503)
    assert int(response.headers["Retry-After"]) >= 1
    assert "Input/output error" in refused(daemon.call("GET", "/readyz"), 503)
    assert [row["id"] for row in daemon.list_all("labels")] == ["early"]
    switch.unlink()
    wait_until(lambda: is_ready(daemon), "readiness")
    daemon.add_labels([label("late", "p0-r0", "p0-r1")])
    daemon.kill()
    with Daemon(daemon.db) as again:
        assert [row["id"] for row in again.list_all("labels")] == ["early", "late"]


def test_a_store_that_cannot_be_read_gives_503(failing):
    daemon, switch = failing
    switch.write_text("read")
    response = daemon.call("GET", "/v1/labels")
    assert "store" in refused(response, 503)
    assert int(response.headers["Retry-After"]) >= 1
    switch.unlink()
    assert [row["id"] for row in daemon.list_all("labels")] == ["early"]
