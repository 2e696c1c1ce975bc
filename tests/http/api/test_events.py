"""GET /v1/events: what is new since a cursor, and waiting for it."""

import json
import socket
import threading

import pytest

from client import Daemon, PATIENCE, label, labels_by_first_number, plane_items, read_response, wait_until

LONGEST = 30  # seconds that a request may wait


def ask(daemon, cursor=None, **query):
    if cursor is not None:
        query["cursor"] = cursor
    page = daemon.get("/v1/events?" + "&".join(f"{k}={v}" for k, v in query.items()))
    assert set(page) == {"events", "next_cursor"}
    return page["events"], page["next_cursor"]


def follow(daemon, cursor, limit, types="label,model,project"):
    """All events from a cursor on, page by page, until a page is empty."""
    found = []
    while True:
        events, cursor = ask(daemon, cursor, limit=limit, types=types)
        assert len(events) <= limit
        if not events:
            return found, cursor
        found += events


def briefly(event):
    return (event["type"], event.get("id", event.get("version")),
            event.get("preference", event.get("state")))


def waiting(daemon):
    """How many clients wait; -1 where the daemon is too busy to tell."""
    response = daemon.call("GET", "/metrics")
    if response.status == 503:
        return -1
    for line in response.body.decode().splitlines():
        if line.startswith('fisherd_http_gate_working{gate="waits"} '):
            return float(line.rpartition(" ")[2])
    return 0


class Waiter:
    """A client that waits for events, on a thread of its own; it asks again after each wait."""

    def __init__(self, daemon, cursor, types="label,model,project", before=0):
        self.response = None
        self._thread = threading.Thread(target=self._ask, args=(daemon, cursor, types))
        self._thread.start()
        wait_until(lambda: waiting(daemon) > before, "the waiting client")

    def _ask(self, daemon, cursor, types):
        for _ in range(max(PATIENCE // LONGEST, 1)):
            self.response = daemon.call("GET",
                                        f"/v1/events?cursor={cursor}&types={types}&wait={LONGEST}")
            if self.response.status != 200 or self.response.json["events"]:
                return

    def result(self):
        self._thread.join()
        assert self.response.status == 200, self.response
        return self.response.json["events"]


def open_connection(daemon, cursor):
    connection = socket.create_connection((daemon.host, daemon.port), timeout=PATIENCE)
    connection.sendall(f"GET /v1/events?cursor={cursor}&wait={LONGEST} HTTP/1.1\r\n"
                       f"Host: {daemon.host}\r\n\r\n".encode())
    return connection


def waiting_connection(daemon, cursor):
    before = waiting(daemon)
    connection = open_connection(daemon, cursor)
    wait_until(lambda: waiting(daemon) > before, "the waiting client")
    return connection


def waiting_connections(daemon, cursor, count):
    """At least as many as `count`; others take the place of those that were refused or have ended."""
    connections = []

    def are_enough():
        if waiting(daemon) >= count:
            return True
        connections.append(open_connection(daemon, cursor))
        return False
    wait_until(are_enough, "the waiting clients")
    return connections


def change_project(daemon, trust):
    daemon.ok("PATCH", "/v1/project", {"scores": {"judge": {"trust": trust}}})


# ---- what an event tells ----

def test_a_cursor_from_now_tells_what_comes_later(daemon):
    daemon.add_labels([label("before", "p0-r0", "p0-r1")])
    events, cursor = ask(daemon)
    assert events == []
    daemon.add_labels([label("after", "p0-r0", "p0-r2", "tie", annotator="bob", assignment="x")])
    events, _ = ask(daemon, cursor)
    time = events[0].pop("time")
    assert events == [{"type": "label", "id": "after", "revision": 0, "preference": "tie",
                       "a": "p0-r0", "b": "p0-r2", "annotator": "bob", "assignment": "x"}]
    assert time == daemon.get("/v1/labels?cursor=1")["labels"][0]["created_at"]


def test_corrections_and_retractions_are_events(daemon):
    daemon.add_labels([label("one", "p0-r0", "p0-r1")])
    daemon.ok("PUT", "/v1/labels/one", {"preference": "b"})
    daemon.ok("DELETE", "/v1/labels/one")
    events, _ = ask(daemon, 0)
    assert [briefly(event) for event in events] == [
        ("label", "one", "a"), ("label", "one", "b"), ("label", "one", "retracted")]
    assert [event["revision"] for event in events] == [0, 1, 2]


def test_models_and_the_project_are_events(daemon, items):
    daemon.add_labels(labels_by_first_number(items, 10))
    _, cursor = ask(daemon)
    daemon.train()
    change_project(daemon, "trusted")
    change_project(daemon, "inverted")
    events, cursor = ask(daemon, cursor)
    assert [briefly(event) for event in events] == [("model", 1, "active"), ("project", 2, None)]
    assert events[1]["author"] is None
    assert events[1]["time"] == daemon.get("/v1/project")["changed_at"]
    assert ask(daemon, cursor) == ([], cursor)


def test_another_serving_version_is_an_event(daemon, items):
    daemon.add_labels(labels_by_first_number(items, 10))
    daemon.train()
    daemon.train()
    _, cursor = ask(daemon)
    daemon.ok("POST", "/v1/models/1/activate")
    events, cursor = ask(daemon, cursor)
    assert events == [{"type": "model", "time": None, "version": 1, "state": "active"}]
    assert ask(daemon, cursor) == ([], cursor)


def test_versions_that_the_store_has_dropped_are_passed_over(db, items):
    with Daemon(db, {"models-kept": 1}) as daemon:
        daemon.add_items(items)
        daemon.add_labels(labels_by_first_number(items, 10))
        for _ in range(4):
            daemon.train()
        for limit in 1, 2, 100:
            events, cursor = ask(daemon, "0", types="model", limit=limit)
            assert [briefly(event) for event in events] == [("model", 4, "active")]
            assert ask(daemon, cursor, types="model", wait=0) == ([], cursor)


def test_only_the_types_that_were_asked_for_come(daemon, items):
    daemon.add_labels(labels_by_first_number(items, 3))
    daemon.train()
    change_project(daemon, "trusted")
    for types in "label", "model", "project", "model,project":
        found, cursor = follow(daemon, "0", 2, types)
        assert {event["type"] for event in found} == set(types.split(","))
        later, _ = follow(daemon, cursor, 100)
        assert {event["type"] for event in later} == {"label", "model", "project"} - set(types.split(","))


@pytest.mark.parametrize("limit", [1, 2, 3, 1000])
def test_pages_of_any_size_tell_each_event_once_in_the_order_of_time(daemon, items, limit):
    daemon.add_labels(labels_by_first_number(items, 5, "first"))
    daemon.train()
    change_project(daemon, "trusted")
    daemon.add_labels(labels_by_first_number(items, 5, "second"))
    daemon.train()
    found, cursor = follow(daemon, "0", limit)
    assert [briefly(event)[:2] for event in found if event["type"] == "label"] == \
        [("label", f"first-{i}") for i in range(5)] + [("label", f"second-{i}") for i in range(5)]
    assert [event["version"] for event in found if event["type"] == "model"] == [1, 2]
    assert [event["version"] for event in found if event["type"] == "project"] == [1]
    assert [event["time"] for event in found] == sorted(event["time"] for event in found)
    assert ask(daemon, cursor) == ([], cursor)


# ---- waiting ----

def test_a_waiting_client_gets_an_answer_when_it_comes(daemon):
    _, cursor = ask(daemon)
    waiter = Waiter(daemon, cursor)
    daemon.add_labels([label("one", "p0-r0", "p0-r1")])
    assert [briefly(event) for event in waiter.result()] == [("label", "one", "a")]
    assert waiting(daemon) == 0


def test_what_was_not_asked_for_does_not_end_the_wait(daemon):
    _, cursor = ask(daemon)
    waiter = Waiter(daemon, cursor, types="project")
    daemon.add_labels([label("one", "p0-r0", "p0-r1")])
    change_project(daemon, "trusted")
    assert [briefly(event) for event in waiter.result()] == [("project", 1, None)]


def test_a_wait_without_news_ends_with_the_same_cursor(daemon):
    _, cursor = ask(daemon)
    assert ask(daemon, cursor, wait=1) == ([], cursor)


def test_news_that_is_there_is_not_waited_for(daemon):
    daemon.add_labels([label("one", "p0-r0", "p0-r1")])
    events, _ = ask(daemon, "0", wait=LONGEST)
    assert len(events) == 1


def test_a_client_that_leaves_is_not_waited_for(daemon):
    _, cursor = ask(daemon)
    connection = waiting_connection(daemon, cursor)
    connection.close()
    wait_until(lambda: waiting(daemon) == 0, "the end of the wait")


def test_stopping_answers_those_who_wait(daemon):
    _, cursor = ask(daemon)
    connection = waiting_connection(daemon, cursor)
    daemon.stop()
    response = read_response(connection)
    connection.close()
    assert response.startswith(b"HTTP/1.1 200 ")
    assert json.loads(response.partition(b"\r\n\r\n")[2]) == {"events": [], "next_cursor": cursor}


def test_more_clients_than_may_wait_are_answered_at_once(db):
    with Daemon(db, {"waiting-clients": 2}) as daemon:
        _, cursor = ask(daemon)
        connections = [waiting_connection(daemon, cursor) for _ in range(2)]
        response = daemon.call("GET", f"/v1/events?cursor={cursor}&wait={LONGEST}")
        assert response.status == 200 and response.headers["Retry-After"] == "1"
        assert response.json == {"events": [], "next_cursor": cursor}
        for connection in connections:
            connection.close()


def test_those_who_wait_take_no_place_of_a_request_that_works(db, items):
    # A request counts until its response was sent, so that a few may count beside the next one.
    with Daemon(db, {"requests-at-once": 6}) as daemon:
        daemon.add_items(items)
        _, cursor = ask(daemon)
        connections = waiting_connections(daemon, cursor, 8)
        wait_until(lambda: daemon.call("GET", "/v1/items/p0-r0").status == 200, "an item")
        for connection in connections:
            connection.close()


def test_no_thread_of_a_pool_waits(db):
    with Daemon(db, {"threads": 1, "connections": 20}) as daemon:
        daemon.add_items(plane_items())
        _, cursor = ask(daemon)
        response = daemon.call("GET", f"/v1/events?cursor={cursor}&wait={LONGEST}")
        assert response.status == 200 and response.headers["Retry-After"] == "1"
        daemon.add_labels([label("one", "p0-r0", "p0-r1")])
        response = daemon.call("GET", f"/v1/events?cursor={cursor}&wait={LONGEST}")
        assert "Retry-After" not in response.headers
        assert len(response.json["events"]) == 1


# ---- cursors ----

def test_a_cursor_holds_over_a_restart(db, items):
    with Daemon(db) as daemon:
        daemon.add_items(items)
        daemon.add_labels(labels_by_first_number(items, 4))
        daemon.train()
        events, cursor = ask(daemon, "0", limit=3)
        daemon.kill()
    with Daemon(db) as daemon:
        daemon.add_labels([label("late", "p2-r0", "p2-r1")])
        later, cursor = follow(daemon, cursor, 100)
        assert [briefly(event)[:2] for event in events + later] == \
            [("label", f"label-{i}") for i in range(4)] + [("model", 1), ("label", "late")]
        assert ask(daemon, cursor) == ([], cursor)


@pytest.mark.parametrize("cursor", ["5-0-0-0", "0-1-0-0", "0-0-1-0", "0-0-0-1", "9" * 18 + "-0-0-0"])
def test_a_cursor_of_another_database_is_a_conflict(shared, cursor):
    response = shared.call("GET", f"/v1/events?cursor={cursor}")
    assert response.status == 409 and "ahead" in response.json["detail"]


@pytest.mark.parametrize("query", [
    "cursor=", "cursor=1", "cursor=0-0-0", "cursor=0-0-0-0-0", "cursor=0-0-0-0x", "cursor=-1-0-0-0",
    "cursor=+0-0-0-0", "cursor=0-0-0-%200", "cursor=" + "9" * 30 + "-0-0-0", "cursor=0--0-0",
    "types=", "types=label,", "types=labels", "types=label,,model", "types=lab", "types=Label",
    "wait=31", "wait=-1", "wait=1.5", "wait=", "limit=0", "limit=1001", "since=0"])
def test_a_wrong_query_is_refused_by_name(shared, query):
    response = shared.call("GET", f"/v1/events?{query}")
    if query == "types=label,":
        assert response.status == 200  # a comma at the end says nothing
        return
    assert response.status == 400
    assert f'"{query.split("=")[0]}"' in response.json["detail"]
