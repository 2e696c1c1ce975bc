"""Two daemons at one PostgreSQL database."""

from client import Daemon, plane_items, run
from shared_database import fixture_databases  # noqa: F401

OPTIONS = {"retrain-labels": 0, "retrain-seconds": 0, "refit": "no"}


def test_a_second_daemon_is_refused_and_one_that_was_killed_can_start_again(databases):
    url = databases.new()
    with Daemon(url, OPTIONS) as first:
        assert first.call("POST", "/v1/items", {"items": plane_items()}).status == 200
        done = run("serve", "--db", url, "--listen", "127.0.0.1:0")
        assert done.returncode == 1 and "another fisherd serves this database" in done.stderr
        first.process.kill()
        first.process.wait()
        with Daemon(url, OPTIONS) as second:
            assert second.call("GET", f"/v1/items/{plane_items()[0]['id']}").status == 200
