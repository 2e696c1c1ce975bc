"""`fisherd import` without a file of embeddings: the texts are embedded, in blocks."""

import json
import signal
import subprocess

import pytest

import mock_embedder
from client import PATIENCE, PROGRAM, Daemon, environment, flags, wait_until
from mock_embedder import MockEmbedder, status
from shared_database import fixture_databases, fixture_each_db, run_alone  # noqa: F401
from test_embedding import apart, stored, text_items

BLOCK = 500


@pytest.fixture
def mock():
    with MockEmbedder() as server:
        yield server


def write(path, items):
    path.write_text("".join(json.dumps(item) + "\n" for item in items))
    return path


def bring_in(db, path, options):
    return run_alone("import", f"--db={db}", f"--items={path}", *flags(options))


def all_stored(db):
    with Daemon(db) as daemon:
        rows = daemon.list_all("items", 1000)
        return {row["id"] for row in rows}, daemon.model()["embedder"]


def test_texts_are_embedded_as_by_a_request(db, tmp_path, mock):
    items = text_items(40)
    done = bring_in(db, write(tmp_path / "items.jsonl", items), mock.options())
    assert done.returncode == 0, done.stderr
    assert "40 items imported, 0 were there already" in done.stdout
    with Daemon(db, mock.options()) as daemon:
        assert stored(daemon) == {item["id"]: apart(item) for item in items}
        assert daemon.add_items(items) == {"created": 0, "unchanged": 40}
        assert daemon.model()["embedder"]["name"] == "mock-1"


def test_a_repeat_asks_for_nothing_and_needs_no_server(db, tmp_path, mock):
    path = write(tmp_path / "items.jsonl", text_items(30))
    assert bring_in(db, path, mock.options()).returncode == 0
    asked = len(mock.requests)
    assert "0 items imported, 30" in bring_in(db, path, mock.options()).stdout
    assert len(mock.requests) == asked


def test_the_same_command_goes_on_after_a_failure(db, tmp_path, mock):
    items = text_items(2 * BLOCK + 100)
    path = write(tmp_path / "items.jsonl", items)
    options = mock.options(**{"embedding-retries": 0, "embedding-batch": 100})
    real = mock.document
    def fails_in_the_second_block(handler, texts):
        return f"Antwort „{BLOCK + 50}“" in texts and status(500)(handler, texts)
    mock.always = fails_in_the_second_block
    done = bring_in(db, path, options)
    assert done.returncode == 1
    assert "answered 500; 500 items were imported before" in done.stderr
    assert all_stored(db)[0] == {item["id"] for item in items[:BLOCK]}
    mock.always = None
    mock.document = real
    before = len(mock.texts())
    done = bring_in(db, path, options)
    assert f"{BLOCK + 100} items imported, {BLOCK} were there already" in done.stdout, done.stderr
    again = set(mock.texts()[before:])
    assert not any(item["response"] in again for item in items[:BLOCK])
    assert all_stored(db)[0] == {item["id"] for item in items}


def test_an_import_that_is_killed_goes_on(db, tmp_path, mock):
    items = text_items(3 * BLOCK)
    path = write(tmp_path / "items.jsonl", items)
    mock.delay = 0.02
    process = subprocess.Popen([PROGRAM, "import", f"--db={db}", f"--items={path}",
                                *flags(mock.options())], env=environment(),
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    wait_until(lambda: len(mock.texts()) > 1.5 * BLOCK, "the second block")
    process.send_signal(signal.SIGINT)
    process.wait(PATIENCE)
    mock.delay = 0
    done = bring_in(db, path, mock.options())
    assert done.returncode == 0 and ", 0 were there already" not in done.stdout, done.stdout
    assert all_stored(db)[0] == {item["id"] for item in items}


def test_another_embedder_is_refused(db, tmp_path, mock):
    assert bring_in(db, write(tmp_path / "a", text_items(3)), mock.options()).returncode == 0
    with MockEmbedder(salt="other") as other:
        path = write(tmp_path / "b", text_items(3, "n"))
        done = bring_in(db, path, other.options(**{"embedding-model": "mock-2"}))
    assert done.returncode == 1 and '"mock-1"' in done.stderr and '"mock-2"' in done.stderr
    assert all_stored(db)[0] == {"t0", "t1", "t2"}


@pytest.mark.parametrize("line, word", [
    ({"id": "n", "prompt_id": "p"}, 'line 4: it has no "response"'),
    ({"id": "n", "prompt_id": "p", "response": ""}, 'line 4: it has no "response"'),
    ({"id": "n", "prompt_id": "", "response": "r"}, "line 4: its prompt_id"),
    ({"id": "t1", "prompt_id": "p", "response": "other"}, 'line 4: item "t1" exists already'),
    ({"id": "n", "prompt_id": "p", "response": "r", "embedding": [1]}, "--embeddings"),
])
def test_a_wrong_line_is_told_and_its_block_is_left_out(db, tmp_path, mock, line, word):
    path = write(tmp_path / "items.jsonl", [*text_items(3), line])
    done = bring_in(db, path, mock.options())
    assert done.returncode == 1 and word in done.stderr, done.stderr
    assert "0 items were imported before" in done.stderr
    assert all_stored(db) == (set(), None)


def test_a_wrong_answer_ends_the_import(db, tmp_path, mock):
    mock.always = mock_embedder.raw(b"{}")
    done = bring_in(db, write(tmp_path / "items.jsonl", text_items(3)), mock.options())
    assert done.returncode == 1 and "0 vectors" in done.stderr
    assert all_stored(db) == (set(), None)


def test_without_an_embedder_a_file_of_embeddings_is_needed(db, tmp_path):
    done = bring_in(db, write(tmp_path / "items.jsonl", text_items(3)), {})
    assert done.returncode == 1
    assert "--embeddings" in done.stderr and "embedding-url" in done.stderr


def test_the_hashing_embedder_imports_too(db, tmp_path):
    path = write(tmp_path / "items.jsonl", text_items(600))
    assert "600 items imported" in bring_in(db, path, {"embedding-url": "builtin:hash"}).stdout
    with Daemon(db, {"embedding-url": "builtin:hash"}) as daemon:
        assert daemon.add_items(text_items(20)) == {"created": 0, "unchanged": 20}
        assert daemon.model()["embedder"]["dimension"] == 1024
