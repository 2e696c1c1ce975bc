"""Fixtures: daemons with and without items, labels and tokens."""

import os

import pytest

from client import Daemon, plane_items
from token_daemon import daemon_with_tokens, make_tokens

if not os.environ.get("FISHERD"):
    pytest.exit("FISHERD must name the fisherd to test", returncode=2)


@pytest.fixture
def db(tmp_path):
    return tmp_path / "fisherd.db"


@pytest.fixture
def empty(db):
    """A daemon without items."""
    with Daemon(db) as daemon:
        yield daemon


@pytest.fixture
def items():
    return plane_items()


@pytest.fixture
def daemon(empty, items):
    """A daemon with three prompts of four responses, four numbers each."""
    empty.add_items(items)
    return empty


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    """The same, shared by all tests of a module that change nothing."""
    with Daemon(tmp_path_factory.mktemp("shared") / "fisherd.db") as daemon:
        daemon.add_items(plane_items())
        yield daemon


@pytest.fixture(scope="module")
def token_files(tmp_path_factory):
    """Tokens, and the path of the database that their files belong to."""
    db = tmp_path_factory.mktemp("tokens") / "fisherd.db"
    return make_tokens(db), db


@pytest.fixture(scope="module")
def secured(token_files, tmp_path_factory):
    """A daemon with tokens, shared by all tests of a module."""
    with daemon_with_tokens(token_files, tmp_path_factory.mktemp("access") / "fisherd.db") as daemon:
        yield daemon


@pytest.fixture
def fresh(token_files, db):
    """A daemon with tokens for one test."""
    with daemon_with_tokens(token_files, db) as daemon:
        yield daemon
