"""A PostgreSQL server for the tests of a module, and databases in it."""

import pathlib
import subprocess
import sys

import pytest

from client import PATIENCE, run, wait_until

sys.path.insert(0, str(pathlib.Path(__file__).parents[2] / "store"))

from postgres_server import USER, PostgresServer, programs  # noqa: E402


class SharedDatabases:
    def __init__(self):
        self.server = PostgresServer()
        self.count = 0

    def new(self):
        """The URL of an empty database."""
        self.count += 1
        self.server.sql(f"CREATE DATABASE d{self.count}")
        return f"postgresql://{USER}@/d{self.count}?host={self.server.folder}"

    def sql(self, url, text):
        done = subprocess.run([self.server.programs / "psql", "-X", "-q", "-A", "-t", "-v",
                               "ON_ERROR_STOP=1", "-c", text, url],
                              capture_output=True, text=True, timeout=PATIENCE, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()


@pytest.fixture(scope="module", name="databases")
def fixture_databases():
    if programs() is None:
        pytest.skip("PostgreSQL is not installed here")
    databases = SharedDatabases()
    yield databases
    databases.server.remove()


@pytest.fixture(name="db", params=["sqlite", "postgresql"])
def fixture_each_db(request, tmp_path):
    """A database of each kind."""
    if request.param == "sqlite":
        return tmp_path / "fisherd.db"
    return request.getfixturevalue("databases").new()


def run_alone(*arguments):
    """A command that waits until no replica is there, which it seems to be for some seconds."""
    done = run(*arguments)

    def has_run():
        nonlocal done
        if "stop all replicas" in done.stderr:
            done = run(*arguments)
        return "stop all replicas" not in done.stderr
    wait_until(has_run, "the time after which a replica is gone")
    return done
