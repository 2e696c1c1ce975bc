import os

import pytest

from client import Daemon, plane_items
from guarded import guarded, make_tokens

if not os.environ.get("FISHERD"):
    pytest.exit("FISHERD names no fisherd to test", returncode=2)


@pytest.fixture
def db(tmp_path):
    return tmp_path / "fisherd.db"


@pytest.fixture
def empty(db):
    """A daemon that knows nothing yet."""
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
    """The same for all tests of a module that change nothing."""
    with Daemon(tmp_path_factory.mktemp("shared") / "fisherd.db") as daemon:
        daemon.add_items(plane_items())
        yield daemon


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Tokens, and the database beside which their files are."""
    db = tmp_path_factory.mktemp("made") / "fisherd.db"
    return make_tokens(db), db


@pytest.fixture(scope="module")
def world(made, tmp_path_factory):
    with guarded(made, tmp_path_factory.mktemp("access") / "fisherd.db") as daemon:
        yield daemon


@pytest.fixture
def fresh(made, db):
    with guarded(made, db) as daemon:
        yield daemon
