"""Replicas of one database serve the same version of the model, and tell of themselves."""

import os
import random
import signal
import time

import pytest

from client import Daemon, plane_items, wait_until
from shared_database import fixture_databases  # noqa: F401
from test_replicas import ask, label, replicas, take, url  # noqa: F401

ACTIVATIONS = 1000 if os.environ.get("FISHERD_LONG") else 40


def version_of(daemon):
    return ask(daemon, "GET", "/v1/model")["version"]


def train(replicas, version):
    def is_accepted():
        return any(daemon.call("POST", "/v1/model/train").status == 202 for daemon in replicas)
    wait_until(is_accepted, "a replica that trains")
    for daemon in replicas:
        wait_until(lambda d=daemon: version_of(d) == version, f"version {version}")


def answer(replicas, first, n):
    for k in range(first, first + n):
        assignment, = take(replicas[k % 2], "anna")
        ask(replicas[k % 2], "POST", "/v1/labels", label(f"l{k}", "anna", assignment))


def replica_of(daemon):
    return ask(daemon, "GET", "/readyz")["replica"]


def test_after_an_activation_all_serve_the_version_within_a_second(replicas, capsys):
    ask(replicas[0], "POST", "/v1/items", {"items": plane_items()})
    for version in (1, 2):
        answer(replicas, 6 * version, 6)
        train(replicas, version)
    chance = random.Random(5)
    skews = []
    for k in range(ACTIVATIONS):
        version = 1 + k % 2
        one, other = chance.sample(replicas, 2)
        ask(one, "POST", f"/v1/models/{version}/activate")
        began = time.monotonic()
        assert version_of(one) == version
        while version_of(other) != version:
            assert time.monotonic() < began + 30
        skews.append(time.monotonic() - began)
    with capsys.disabled():
        print(f"\n{len(skews)} activations: median {sorted(skews)[len(skews) // 2] * 1e3:.1f} ms, "
              f"longest {max(skews) * 1e3:.1f} ms until the other replica served the version")
    assert max(skews) < 1
    for daemon in replicas:  # each version was prepared in time
        assert "replicas-not-prepared" not in daemon.log_text()


def test_a_version_is_prepared_by_all_before_it_serves(replicas):
    ask(replicas[0], "POST", "/v1/items", {"items": plane_items()})
    answer(replicas, 0, 12)
    train(replicas, 1)
    for daemon in replicas:
        wait_until(lambda d=daemon: replica_of(d)["prepared"] == 1, "what it has prepared")
        assert replica_of(daemon)["serving"] == 1


def test_a_replica_that_hangs_holds_a_new_version_up_for_some_seconds_only(replicas):
    one, other = replicas
    ask(one, "POST", "/v1/items", {"items": plane_items()})
    answer(replicas, 0, 12)
    wait_until(lambda: replica_of(one)["learner"], "a learner")
    learner, hanging = (one, other) if replica_of(one)["trains"] else (other, one)
    hanging.process.send_signal(signal.SIGSTOP)
    try:
        wait_until(lambda: learner.call("POST", "/v1/model/train").status == 202, "a training")
        wait_until(lambda: version_of(learner) == 1, "version 1")
    finally:
        hanging.process.send_signal(signal.SIGCONT)
    wait_until(lambda: version_of(hanging) == 1, "version 1 at the other")
    wait_until(lambda: hanging.call("GET", "/readyz").status == 200, "its readiness")


def test_each_replica_tells_what_it_does_and_who_trains(replicas):
    ask(replicas[0], "POST", "/v1/items", {"items": plane_items()})

    def agree():
        told = [replica_of(daemon) for daemon in replicas]
        return (len({row["id"] for row in told}) == 2 and sum(row["trains"] for row in told) == 1
                and len({row["learner"] for row in told}) == 1
                and all(row["replicas"] == 2 for row in told) and told[0]["tick"] == told[1]["tick"])
    wait_until(agree, "what the replicas say of each other")
    for daemon in replicas:
        row = replica_of(daemon)
        assert row["trains"] == (row["id"] == row["learner"])
        assert row["lag_ticks"] == row["lag_seconds"] == 0
        assert 0 <= row["contact_seconds"] < 5
        wait_until(lambda d=daemon: "\nfisherd_replicas 2" in d.metrics(), "the metrics")
        assert f"\nfisherd_replica_trains {int(row['trains'])}\n" in daemon.metrics()
        for name in ("tick", "lag_ticks", "lag_seconds", "prepared_version", "contact_time_seconds"):
            assert f"\nfisherd_replica_{name} " in daemon.metrics()


def test_a_daemon_alone_tells_nothing_of_replicas(databases, tmp_path):
    with Daemon(tmp_path / "alone.db", {}) as daemon:
        assert ask(daemon, "GET", "/readyz") == {"status": "ready"}
        assert "\nfisherd_replica" not in daemon.metrics()


def test_a_replica_that_the_database_does_not_answer_is_not_ready(databases, replicas):
    one, _ = replicas
    wait_until(lambda: one.call("GET", "/readyz").status == 200, "readiness")
    databases.server.stop()
    try:
        wait_until(lambda: one.call("GET", "/readyz").status == 503, "that it is not ready")
        assert "database" in one.call("GET", "/readyz").json["detail"]
    finally:
        databases.server.start()
    wait_until(lambda: one.call("GET", "/readyz").status == 200, "readiness again")
