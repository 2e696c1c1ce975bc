"""A daemon on a PostgreSQL database, which is restarted or killed meanwhile."""

import signal
import threading

import pytest
from client import Daemon, label, run, scattered_items, wait_until
from shared_database import fixture_databases  # noqa: F401  # pylint: disable=unused-import

PEOPLE = 8



@pytest.fixture(name="daemon")
def fixture_daemon(databases):
    with Daemon(databases.new()) as daemon:
        yield daemon


def content(daemon):
    """What a daemon tells of its rows and its model."""
    model = daemon.get("/v1/model")
    return {"items": daemon.list_all("items"), "labels": daemon.list_all("labels"),
            "model": [model[name] for name in ("version", "items", "labels", "logdet")],
            "project": daemon.get("/v1/project")}


def test_everything_is_there_after_a_restart(daemon):
    items = scattered_items()
    daemon.add_items(items)
    daemon.add_labels([label(f"l{i}", items[i]["id"], items[i + 1]["id"]) for i in range(12)])
    version = daemon.train()["version"]
    daemon.ok("DELETE", "/v1/labels/l3")
    lease = daemon.post("/v1/assignments", {"annotator": "anna"})["assignments"][0]
    before = content(daemon)
    daemon.stop()
    with Daemon(daemon.db) as again:
        assert again.get("/v1/model")["version"] == version
        assert content(again) == before
        assert again.post("/v1/assignments", {"annotator": "anna"})["assignments"][0]["id"] == \
            lease["id"]
    checked = run("check", "--db", daemon.db)
    assert checked.returncode == 0, checked.stderr
    assert "12 labels in 13 rows" in checked.stdout


def test_a_label_that_is_sent_again_is_unchanged_and_other_content_a_conflict(daemon):
    items = scattered_items()
    daemon.add_items(items)
    sent = label("l", items[0]["id"], items[1]["id"])
    assert daemon.post("/v1/labels", {"labels": [sent]}) == {"accepted": 1, "duplicates": 0}
    assert daemon.post("/v1/labels", {"labels": [sent, sent]}) == {"accepted": 0, "duplicates": 2}
    other = {**sent, "preference": "b"}
    new = label("new", items[0]["id"], items[1]["id"])
    assert daemon.call("POST", "/v1/labels", {"labels": [new, other]}).status == 409
    assert [row["id"] for row in daemon.list_all("labels")] == ["l"]


class People:
    """Send labels one after another, each until it is acknowledged."""

    def __init__(self, daemon, items):
        self.daemon, self.items = daemon, items
        self.acknowledged, self.statuses = [], set()
        self.go_on = True
        self.threads = [threading.Thread(target=self.answer, args=(i,)) for i in range(PEOPLE)]
        for thread in self.threads:
            thread.start()

    def answer(self, person):
        number = 0
        while self.go_on:
            a, b = self.items[number % 10], self.items[10 + person]
            sent = label(f"p{person}-{number}", a["id"], b["id"], annotator=f"p{person}")
            status = self.daemon.call("POST", "/v1/labels", {"labels": [sent]}).status
            self.statuses.add(status)
            if status == 200:
                self.acknowledged.append(sent["id"])
                number += 1

    def more(self, count):
        enough = len(self.acknowledged) + count
        wait_until(lambda: len(self.acknowledged) >= enough, "more acknowledged labels")

    def stop(self):
        self.go_on = False
        for thread in self.threads:
            thread.join()


def test_nothing_acknowledged_is_lost_or_doubled_when_postgresql_is_killed(daemon, databases):
    items = scattered_items()
    daemon.add_items(items)
    people = People(daemon, items)
    for _ in range(3):
        people.more(20)
        databases.server.kill()
        people.statuses.clear()
        wait_until(lambda: 503 in people.statuses, "a refusal")
        databases.server.start()
        people.more(20)
    people.stop()
    stored = [row["id"] for row in daemon.list_all("labels")]
    assert len(stored) == len(set(stored))
    assert not set(people.acknowledged) - set(stored)
    assert people.statuses <= {200, 503}
    daemon.stop()
    with Daemon(daemon.db) as again:
        assert [row["id"] for row in again.list_all("labels")] == stored
    assert run("check", "--db", daemon.db).returncode == 0


def test_a_restart_of_postgresql_between_two_requests_is_not_noticed(daemon, databases):
    items = scattered_items()
    daemon.add_items(items)
    databases.server.stop(signal.SIGINT)
    databases.server.start()
    daemon.add_labels([label("l", items[0]["id"], items[1]["id"])])
    assert [row["id"] for row in daemon.list_all("labels")] == ["l"]


def test_requests_do_not_wait_for_a_server_that_is_stopped(daemon, databases):
    items = scattered_items()
    daemon.add_items(items)
    sent = [label(f"l{i}", items[i]["id"], items[i + 1]["id"]) for i in range(3)]
    daemon.add_labels(sent[:1])
    databases.server.signal_all(signal.SIGSTOP)
    try:
        assert daemon.call("POST", "/v1/labels", {"labels": sent[1:2]}).status == 503
        assert daemon.call("GET", "/v1/labels").status == 503
        assert daemon.call("GET", "/livez").status == 200
        assert daemon.call("GET", "/readyz").status == 503
    finally:
        databases.server.signal_all(signal.SIGCONT)
    wait_until(lambda: daemon.call("GET", "/readyz").status == 200, "the server")
    daemon.add_labels(sent)
    assert sorted(row["id"] for row in daemon.list_all("labels")) == ["l0", "l1", "l2"]
    assert "event=postgresql-silent" in daemon.log_text()


def test_a_server_that_is_only_slow_is_waited_for(daemon, databases):
    items = scattered_items()
    daemon.add_items(items)
    holder = threading.Thread(target=databases.sql, args=(
        daemon.db, "BEGIN; UPDATE clock SET tick = tick; SELECT pg_sleep(6); COMMIT"))
    holder.start()
    waits = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
    wait_until(lambda: databases.sql(daemon.db, "SELECT count(*) FROM pg_stat_activity WHERE"
                                     " query LIKE '%pg_sleep(6)%'") == "2", "the lock")
    answer = threading.Thread(target=daemon.add_labels, args=(
        [label("l", items[0]["id"], items[1]["id"])],))
    answer.start()
    wait_until(lambda: databases.sql(daemon.db, waits) == "1", "a label that waits")
    holder.join()
    answer.join()
    assert [row["id"] for row in daemon.list_all("labels")] == ["l"]
    assert "event=postgresql-silent" not in daemon.log_text()


def test_a_server_that_writes_no_full_pages_is_warned_of(databases):
    def set_to(value):
        databases.server.sql(f"ALTER SYSTEM SET full_page_writes = {value}")
        databases.server.sql("SELECT pg_reload_conf()")
        wait_until(lambda: databases.server.sql("SHOW full_page_writes") == value, "the setting")
    set_to("off")
    try:
        with Daemon(databases.new()) as daemon:
            assert "event=full-page-writes-off" in daemon.log_text()
    finally:
        set_to("on")
    with Daemon(databases.new()) as daemon:
        assert "event=full-page-writes-off" not in daemon.log_text()


def test_a_database_that_cannot_be_reached_is_named_without_its_password():
    done = run("serve", "--db", "postgresql://anna:secret@/labels?host=/nowhere")
    assert done.returncode != 0
    assert "postgresql://anna@/nowhere/labels cannot be opened" in done.stderr
    assert "secret" not in done.stderr
