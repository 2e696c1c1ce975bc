"""Tokens and sessions of replicas: they are in the database that the replicas share."""

import concurrent.futures
import json

import pytest

from client import plane_items, run, wait_until
from shared_database import fixture_databases  # noqa: F401
from token_daemon import TokenDaemon, create, revoke

SAME = {"Sec-Fetch-Site": "same-origin"}
# One replica at least must leave the history alone until it can follow that of the other.
OPTIONS = {"retrain-labels": 0, "retrain-seconds": 0, "refit": "no"}


@pytest.fixture
def url(databases):
    return databases.new()


@pytest.fixture
def replicas(url):
    """Two of them, and the token of a frontend."""
    token, _ = create(url, "frontend", "front")
    with TokenDaemon(url, OPTIONS) as one, TokenDaemon(url, OPTIONS) as other:
        yield one, other, token


def status(daemon, *arguments, **rest):
    return daemon.ask("GET", "/v1/items", *arguments, **rest).status


def test_a_token_holds_at_all_replicas_until_it_is_revoked(url, replicas):
    token, identity = create(url, "frontend", "later")
    for daemon in replicas[:2]:
        assert status(daemon, token) == 200  # at once
    revoke(url, identity)
    for daemon in replicas[:2]:
        wait_until(lambda d=daemon: status(d, token) == 401, "the end of the token")
        assert status(daemon, replicas[2]) == 200


def test_a_cookie_of_one_replica_is_taken_by_the_other_and_a_sign_out_ends_it_at_both(replicas):
    one, other, token = replicas
    cookie = one.begin_session(token)
    assert status(other, headers=cookie) == 200
    assert other.ask("DELETE", "/v1/session", headers={**cookie, **SAME}).status == 200
    assert status(other, headers=cookie) == 401
    wait_until(lambda: status(one, headers=cookie) == 401, "the end of the session")
    again = other.begin_session(token)
    assert status(one, headers=again) == 200


def test_sessions_that_ended_stay_so_after_a_restart(url, replicas):
    one, _, token = replicas
    cookie = one.begin_session(token)
    assert one.ask("DELETE", "/v1/session", headers={**cookie, **SAME}).status == 200
    with TokenDaemon(url, OPTIONS) as third:
        assert status(third, headers=cookie) == 401
        assert status(third, token) == 200


def test_the_first_token_ends_unrestricted_access_at_all_replicas(url):
    with TokenDaemon(url, OPTIONS) as one, TokenDaemon(url, OPTIONS) as other:
        for daemon in (one, other):
            assert status(daemon) == 200 and "event=no-tokens" in daemon.log_text()
        token, _ = create(url, "admin", "first")
        for daemon in (one, other):
            wait_until(lambda d=daemon: status(d) == 401, "closed doors")
            assert status(daemon, token) == 200


def test_commands_at_once_lose_no_token(url):
    create(url, "frontend", "first")
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        made = list(pool.map(lambda k: create(url, "frontend", f"n{k}")[1], range(8)))
    listed = run("token", "list", "--db", url).stdout
    assert all(identity in listed for identity in made)


def test_nothing_of_a_token_is_in_the_database_but_its_hash(url, databases):
    token, identity = create(url, "annotator", "anna")
    text = databases.sql(url, "SELECT convert_from(bytes, 'UTF8') FROM shared_files"
                              " WHERE name = 'tokens'")
    row, = json.loads(text)["tokens"]
    assert row["id"] == identity and len(row["hash"]) == 64
    assert token.split("_", 2)[2] not in text


def test_a_key_of_its_own_is_not_in_the_database(url, databases, tmp_path):
    key = ["--token-key", tmp_path / "key"]
    token, _ = create(url, "frontend", "front", *key)
    assert databases.sql(url, "SELECT name FROM shared_files ORDER BY name") == "tokens"
    with TokenDaemon(url, {**OPTIONS, "token-key": tmp_path / "key"}) as daemon:
        assert status(daemon, token) == 200
    done = run("serve", "--db", url, "--listen", "127.0.0.1:0")
    assert done.returncode == 1 and "token-key" in done.stderr


def test_the_configuration_of_a_replica_is_checked_and_nothing_is_made(url, databases):
    done = run("check-config", "--db", url)
    assert done.returncode == 0, done.stderr
    assert databases.sql(url, "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'") == "0"
    create(url, "admin", "first")
    done = run("check-config", "--db", url, "--listen", "192.0.2.1:8077")
    assert done.returncode == 0, done.stderr
    databases.sql(url, "UPDATE shared_files SET bytes = 'x' WHERE name = 'tokens'")
    done = run("check-config", "--db", url)
    assert done.returncode == 1 and "in the database, the file tokens is damaged" in done.stderr


def test_tokens_in_a_file_are_refused(url, tmp_path):
    done = run("serve", "--db", url, "--tokens", tmp_path / "tokens")
    assert done.returncode == 1 and "leave out the option tokens" in done.stderr


def test_tokens_stay_valid_while_the_database_is_out_of_reach(replicas, databases):
    one, _, token = replicas
    assert one.ask("POST", "/v1/items", token, {"items": plane_items()}).status == 200
    cookie = one.begin_session(token)
    databases.server.stop()
    try:
        for known in ({"token": token}, {"headers": cookie}):
            assert one.ask("GET", "/v1/model", **known).status == 200
        garbage = "fisherd_0123456789ab_" + 43 * "A"
        assert one.ask("GET", "/v1/model", garbage).status == 401
    finally:
        databases.server.start()
