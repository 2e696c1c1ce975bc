"""Leases of all annotators: listed and ended by an admin, and by the end of a token."""

import pytest

from client import Daemon, label, wait_until
from token_daemon import TokenDaemon, create, edit, revoke


def take(daemon, name, count=2):
    return daemon.post("/v1/assignments", {"annotator": name, "count": count})["assignments"]


def test_an_admin_sees_all_leases(daemon):
    assert daemon.get("/v1/leases") == {"leases": [], "next_cursor": None}
    given = {name: take(daemon, name) for name in ("anna", "bert")}
    leases = daemon.get("/v1/leases")["leases"]
    assert [lease["annotator"] for lease in leases] == ["anna", "anna", "bert", "bert"]
    for lease, one in zip(leases, given["anna"] + given["bert"]):
        assert lease == {"id": one["id"], "annotator": lease["annotator"], "a": one["a"]["id"],
                         "b": one["b"]["id"], "arm": one["arm"],
                         "strategy": one["why"]["strategy"], "expires_at": lease["expires_at"]}
    assert daemon.get("/v1/leases?annotator=bert")["leases"] == leases[2:]
    assert daemon.get("/v1/leases?annotator=nobody")["leases"] == []


def test_leases_are_listed_by_pages(daemon):
    take(daemon, "anna", 3)
    take(daemon, "bert", 2)
    assert len(daemon.list_all("leases", limit=2)) == 5
    first = daemon.get("/v1/leases?limit=2")
    assert len(first["leases"]) == 2 and first["next_cursor"]


def test_an_admin_ends_the_leases_of_an_annotator(daemon):
    given = take(daemon, "anna", 3)
    others = take(daemon, "bert", 1)
    assert daemon.ok("DELETE", "/v1/leases?annotator=anna") == {"returned": 3}
    assert daemon.ok("DELETE", "/v1/leases?annotator=anna") == {"returned": 0}
    assert [lease["id"] for lease in daemon.get("/v1/leases")["leases"]] == [others[0]["id"]]
    assert daemon.call("DELETE", f"/v1/assignments/{given[0]['id']}").status == 404
    answer = label("late", given[0]["a"]["id"], given[0]["b"]["id"], assignment=given[0]["id"])
    assert daemon.add_labels([answer])["accepted"] == 1, "an answer is never refused"


@pytest.mark.parametrize("method, query, words", [
    ("DELETE", "", '"annotator" is required'),
    ("DELETE", "?annotator=", '"annotator" is required'),
    ("DELETE", "?name=anna", '"name" is unknown here'),
    ("GET", "?limit=0", '"limit" must be an integer'),
    ("GET", "?cursor=x", '"cursor" must be an integer')])
def test_the_problem_names_a_wrong_parameter(daemon, method, query, words):
    take(daemon, "anna")
    response = daemon.call(method, f"/v1/leases{query}")
    assert response.status == 400 and words in response.json["detail"]
    assert len(daemon.get("/v1/leases")["leases"]) == 2


def test_an_annotator_holds_no_more_than_its_quota(db, items):
    with Daemon(db, {"leases-per-annotator": 3}) as daemon:
        daemon.add_items(items)
        first = take(daemon, "anna", 100)
        assert len(first) == 3
        assert [one["id"] for one in take(daemon, "anna", 100)] == [one["id"] for one in first]
        assert len(take(daemon, "bert", 100)) == 3


# ---- tokens that end ----

def open_leases(secured, name):
    return secured.ask("GET", f"/v1/leases?annotator={name}", secured.tokens["admin"]).json["leases"]


def take_with(secured, token):
    response = secured.ask("POST", "/v1/assignments", token, {"count": 3, "lease_seconds": 604800})
    assert response.status == 200
    return response.json["assignments"]


def expire(db, identity):
    def change(rows):
        for row in rows:
            if row["id"] == identity:
                row["expires"] = 1
    edit(db, change)


@pytest.mark.parametrize("end", [revoke, expire])
def test_the_leases_of_an_ended_token_are_handed_back(fresh, end):
    token, identity = create(fresh.db, "annotator", "anna")
    assert take_with(fresh, token) and len(open_leases(fresh, "anna")) == 3
    other, _ = create(fresh.db, "annotator", "bert")
    kept = take_with(fresh, other)
    end(fresh.db, identity)
    wait_until(lambda: open_leases(fresh, "anna") == [], "the leases to be handed back")
    assert len(open_leases(fresh, "bert")) == len(kept)
    wait_until(lambda: "event=leases-returned annotator=anna" in fresh.log_text(), "the log line")


def test_a_second_token_of_the_same_name_keeps_the_leases(fresh):
    first, identity = create(fresh.db, "annotator", "anna")
    second, other = create(fresh.db, "annotator", "anna")
    given = take_with(fresh, first)
    third, last = create(fresh.db, "annotator", "bert")
    take_with(fresh, third)
    revoke(fresh.db, identity)
    wait_until(lambda: fresh.ask("POST", "/v1/assignments", first, {}).status == 401, "the end")
    revoke(fresh.db, last)
    wait_until(lambda: open_leases(fresh, "bert") == [], "leases that are handed back after hers would be")
    assert [one["id"] for one in take_with(fresh, second)] == [one["id"] for one in given]
    revoke(fresh.db, other)
    wait_until(lambda: open_leases(fresh, "anna") == [], "the leases to be handed back")


def test_a_token_that_was_revoked_while_the_daemon_was_down_hands_its_leases_back(db, items):
    token, identity = create(db, "annotator", "anna")
    admin, _ = create(db, "admin", "boss")
    with TokenDaemon(db) as secured:
        assert secured.ask("POST", "/v1/items", admin, {"items": items}).status == 200
        assert take_with(secured, token)
        secured.stop()
    revoke(db, identity)
    with TokenDaemon(db) as secured:
        wait_until(lambda: secured.ask("GET", "/v1/leases", admin).json["leases"] == [], "the end")


def test_corrections_of_an_annotator_are_limited_to_so_many_a_minute(db, items):
    token, _ = create(db, "annotator", "anna")
    admin, _ = create(db, "admin", "boss")
    with TokenDaemon(db, {"corrections-per-minute": 5}) as secured:
        assert secured.ask("POST", "/v1/items", admin, {"items": items}).status == 200
        one = take_with(secured, token)[0]
        sent = {"labels": [{"id": "l", "a": one["a"]["id"], "b": one["b"]["id"],
                            "preference": "a"}]}
        assert secured.ask("POST", "/v1/labels", token, sent).status == 200
        found = [secured.ask("PUT", "/v1/labels/l", token, {"preference": "ab"[i % 2]})
                 for i in range(1, 9)]
        assert [response.status for response in found] == [200] * 5 + [429] * 3
        assert 1 <= int(found[-1].headers["Retry-After"]) <= 60
        assert secured.ask("DELETE", "/v1/labels/l", token).status == 429
        rows = secured.ask("GET", "/v1/labels", admin).json["labels"]
        assert max(row["revision"] for row in rows) == 5
        for i in range(8):
            assert secured.ask("PUT", "/v1/labels/l", admin,
                               {"preference": "ab"[i % 2]}).status == 200
