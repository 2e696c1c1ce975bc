"""A PostgreSQL server for the tests of a module, and databases in it."""

import pathlib
import subprocess
import sys

import pytest

from client import PATIENCE

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
