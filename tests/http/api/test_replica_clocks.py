"""Three daemons at one PostgreSQL database, whose clocks are an hour apart."""

import contextlib
import datetime
import itertools
import json
import os
import time

import pytest

from client import plane_items, run, wait_until
from shared_database import fixture_databases  # noqa: F401
from token_daemon import TokenDaemon, create

SHIM = os.environ.get("FISHERD_SHIFTED_CLOCK", "")
HOUR = 3600
SAME = {"Sec-Fetch-Site": "same-origin"}
OPTIONS = {"retrain-labels": 0, "retrain-seconds": 0, "refit": "no", "lease-seconds": 600}

pytestmark = pytest.mark.skipif(not os.path.exists(SHIM), reason="FISHERD_SHIFTED_CLOCK is not set")


def shifted(seconds):
    return {"LD_PRELOAD": SHIM, "SHIM_SECONDS": str(seconds)}


def start(stack, url):
    """One with the right time, one an hour ahead, one an hour behind; and a token."""
    token, _ = create(url, "admin", "me")
    return *(stack.enter_context(TokenDaemon(url, dict(OPTIONS), shifted(seconds)))
             for seconds in (0, HOUR, -HOUR)), token


@pytest.fixture
def url(databases):
    return databases.new()


@pytest.fixture
def replicas(url):
    with contextlib.ExitStack() as stack:
        yield start(stack, url)


@pytest.fixture(scope="module")
def shared(databases):
    """Some with items, for tests that change nothing of each other; and the database."""
    with contextlib.ExitStack() as stack:
        url = databases.new()
        *daemons, token = start(stack, url)
        ask(daemons[1], token, "POST", "/v1/items", {"items": plane_items()})
        yield daemons, token, url


def ask(daemon, token, method, path, body=None):
    response = daemon.ask(method, path, token, body)
    assert response.status in (200, 201, 202), response
    return response.json if response.body else None


def take(daemon, token, annotator, **more):
    return ask(daemon, token, "POST", "/v1/assignments",
               {"annotator": annotator, **more})["assignments"]


def seconds_of(text):
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


def answer(daemon, token, identity, assignment):
    ask(daemon, token, "POST", "/v1/labels",
        {"labels": [{"id": identity, "annotator": "anna", "preference": "a",
                     "assignment": assignment["id"], "a": assignment["a"]["id"],
                     "b": assignment["b"]["id"]}]})


def test_the_clocks_are_apart(shared):
    def time_of(daemon):
        logged = daemon.log_text().split(" ", 1)[0].partition("time=")[2]
        return seconds_of(logged)
    right, ahead, behind = shared[0]
    assert time_of(ahead) - time_of(right) > HOUR / 2
    assert time_of(right) - time_of(behind) > HOUR / 2


def test_a_lease_expires_by_the_clock_of_the_database(replicas):
    *daemons, token = replicas
    ask(daemons[0], token, "POST", "/v1/items", {"items": plane_items()[:2]})
    for k, giver in enumerate(daemons):
        begin = time.time()
        first, = take(giver, token, f"anna-{k}", lease_seconds=3)
        assert begin + 2 < seconds_of(first["expires_at"]) < time.time() + 4
        held = [take(daemon, token, f"bert-{k}") for daemon in daemons]
        if time.time() < seconds_of(first["expires_at"]):
            assert held == [[], [], []]
        taker = daemons[(k + 1) % 3]
        got, = held[(k + 1) % 3] or wait_until(
            lambda d=taker, k=k: take(d, token, f"bert-{k}"), "the pair that expired")
        assert time.time() > seconds_of(first["expires_at"]) - 1
        for daemon in daemons:
            assert [a["id"] for a in take(daemon, token, f"bert-{k}")] == [got["id"]]
        assert ask(daemons[k], token, "DELETE", f"/v1/assignments/{got['id']}")


def test_answers_have_the_time_of_the_database_whoever_took_them(shared, databases):
    daemons, token, url = shared
    begin = time.time() - 60  # the items came before
    for n, daemon in zip(range(12), itertools.cycle(daemons)):
        assignment, = take(daemon, token, "anna")
        answer(daemon, token, f"l{n}", assignment)
    ask(daemons[2], token, "PUT", "/v1/labels/l0", {"preference": "tie"})
    ask(daemons[1], token, "DELETE", "/v1/labels/l1")
    times = databases.sql(url, "SELECT created_ms FROM labels"
                               " UNION ALL SELECT max(created_ms) FROM items").split()
    times = [int(text) / 1000 for text in times]
    assert begin < min(times) and max(times) < time.time() + 1
    for daemon in daemons:  # of the last day, which ends now
        wait_until(lambda d=daemon: ask(d, token, "GET", "/v1/stats")["labels"] == 11,
                   "all answers")
        since = int(begin * 1000)
        own = ask(daemon, token, "GET", f"/v1/progress?annotator=anna&from={since}")["own"]
        assert own == {"labels": 11, "since": 11}


    model_is_checked(daemons, token, url)


def model_is_checked(daemons, token, url):
    """A training on these answers records what `fisherd check` computes again."""
    def train():
        return any(daemon.ask("POST", "/v1/model/train", token).status == 202
                   for daemon in daemons)
    wait_until(train, "a replica that trains")
    for daemon in daemons:
        wait_until(lambda d=daemon: ask(d, token, "GET", "/v1/model")["version"] == 1, "version 1")
    answer(daemons[1], token, "later", take(daemons[1], token, "anna")[0])
    done = run("check", "--db", url)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "not checked" not in done.stdout, done.stdout


def test_sessions_are_the_same_at_all_three_and_a_sign_out_ends_them_at_all(shared):
    daemons, token, _ = shared
    for first in range(3):
        cookie = daemons[first].begin_session(token)
        for daemon in daemons:
            assert daemon.ask("GET", "/v1/model", headers=cookie).status == 200
        last = daemons[(first + 1) % 3]
        assert last.ask("DELETE", "/v1/session", headers={**cookie, **SAME}).status == 200
        for daemon in daemons:
            wait_until(
                lambda d=daemon, c=cookie: d.ask("GET", "/v1/model", headers=c).status == 401,
                "the end of the session")
        cookie = last.begin_session(token)
        assert daemons[first].ask("GET", "/v1/items", headers=cookie).status == 200


def test_a_token_expires_at_the_same_time_at_all_three(shared, databases):
    daemons, _, url = shared
    token, identity = create(url, "admin", "short", "--expires=1d")
    text = databases.sql(url, "SELECT convert_from(bytes, 'UTF8') FROM shared_files"
                              " WHERE name = 'tokens'")
    content = json.loads(text)
    end = int(time.time()) + 5
    for row in content["tokens"]:
        if row["id"] == identity:
            row["expires"] = end
    databases.sql(url, "UPDATE shared_files SET version = version + 1, bytes = convert_to($$"
                       f"{json.dumps(content)}$$, 'UTF8') WHERE name = 'tokens'")
    for daemon in daemons:
        if daemon.ask("GET", "/v1/items", token).status == 401:
            assert time.time() >= end
    for daemon in daemons:
        wait_until(lambda d=daemon: d.ask("GET", "/v1/items", token).status == 401, "its end")
        assert time.time() >= end


def test_a_command_on_a_machine_whose_clock_is_wrong_makes_tokens_that_hold_as_long(url):
    def created(seconds):
        done = run("token", "create", "--db", url, "--role", "admin", "--name", "n",
                   "--expires=1d", env=shifted(seconds))
        assert done.returncode == 0, done.stderr
        return done.stdout.split("_")[1]
    ids = [created(seconds) for seconds in (HOUR, -HOUR)]
    listed = run("token", "list", "--db", url).stdout.splitlines()
    for identity in ids:
        row, = [line.split() for line in listed if line.startswith(identity)]
        made, expires = map(seconds_of, row[3:5])
        assert abs(made - time.time()) < HOUR / 2 and expires - made == 24 * HOUR


def test_one_of_them_keeps_the_right_to_train(replicas, url, databases):
    *daemons, _ = replicas
    seen = set()
    for _ in range(10):
        row = databases.sql(url, "SELECT replica, epoch, until > now(), until < now() + '4 s'"
                                 " FROM learner").split("|")
        seen.add(tuple(row[:2]))
        assert row[2:] == ["t", "t"]
        time.sleep(0.2)
    assert len(seen) == 1
    learner, = [d for d in daemons if 'trains=this' in d.log_text()]
    learner.kill()

    def is_taken_over():
        return any("trains=this" in d.log_text() for d in daemons if d is not learner)
    wait_until(is_taken_over, "another one that trains")
