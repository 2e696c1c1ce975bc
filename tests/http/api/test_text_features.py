"""Text features in the database: counted when items come, and later for those of an older one."""

import contextlib
import importlib.util
import json
import pathlib
import sqlite3

import numpy
import pytest

from client import Daemon, float32, run, wait_until

GOLDEN = pathlib.Path(__file__).parents[2] / "golden/text_features.py"
COMPRESSIBILITY = 5


def load_golden():
    spec = importlib.util.spec_from_file_location("golden_text_features", GOLDEN)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


golden = load_golden()

TEXTS = [("Wie lange kochen Eier?", "Sieben Minuten.\n- weich: fünf\n- hart: neun"),
         ("Wie lange kochen Eier?", ""), ("", "An answer, at last!"),
         ("这是什么？", "这是一本书，很好。"), ("code", "int x = 1; // 1.5"), (None, "alone"),
         ("asked", None), (None, None)]


def counting(db):
    return Daemon(db, {"text-features": "on"})


def items_of(texts):
    return [{"id": f"i{k}", "prompt_id": f"p{k // 2}", "embedding": [k, 1, 2, -k],
             **{name: text for name, text in zip(("prompt", "response"), pair)
                if text is not None}} for k, pair in enumerate(texts)]


def stored(db):
    with contextlib.closing(sqlite3.connect(f"file:{db}?mode=ro", uri=True)) as connection:
        rows = connection.execute("SELECT idx, version, bytes FROM item_text_features").fetchall()
    return {index: (version, numpy.frombuffer(numbers, "<f4")) for index, version, numbers in rows}


def assert_stored(db, texts):
    rows = stored(db)
    assert sorted(rows) == [k for k, pair in enumerate(texts) if None not in pair]
    for index, (version, numbers) in rows.items():
        expected = numpy.array(golden.features(*texts[index]))
        tolerance = numpy.where(numpy.arange(10) == COMPRESSIBILITY, 0.05, 1e-6)
        assert version == 1
        assert (abs(numbers - expected) <= tolerance * (1 + abs(expected))).all(), index


def forget(db):
    """Makes the database what an older program would have left."""
    with contextlib.closing(sqlite3.connect(db, isolation_level=None)) as connection:
        for table in ("item_text_features", "item_scores", "project", "embedders",
                      "embedding_job_vectors", "embedding_job_items", "embedding_jobs",
                      "serving_embedder", "shared_files", "component_blocks"):
            connection.execute(f"DROP TABLE {table}")
        for column in ("unseen", "embedder"):
            connection.execute(f"ALTER TABLE models DROP COLUMN {column}")
        connection.execute("PRAGMA user_version = 5")


def test_posted_items_get_the_features_of_another_implementation(db):
    with counting(db) as daemon:
        assert daemon.add_items(items_of(TEXTS))["created"] == len(TEXTS)
        assert_stored(db, TEXTS)
        assert daemon.add_items(items_of(TEXTS))["unchanged"] == len(TEXTS)
    assert_stored(db, TEXTS)
    assert run("check", "--db", db).returncode == 0


def test_imported_items_get_them_too(db, tmp_path):
    rows = [{name: item[name] for name in item if name != "embedding"} for item in items_of(TEXTS)]
    numpy.save(tmp_path / "embeddings.npy", numpy.ones((len(rows), 3), "<f4"))
    (tmp_path / "items.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    done = run("import", "--db", db, "--items", tmp_path / "items.jsonl",
               "--embeddings", tmp_path / "embeddings.npy")
    assert done.returncode == 0, done.stderr
    assert_stored(db, TEXTS)


def test_items_of_an_older_database_get_theirs_after_the_start(db):
    with counting(db) as daemon:
        daemon.add_items(items_of(TEXTS))
    forget(db)
    with counting(db):
        wait_until(lambda: len(stored(db)) == 5, "text features")
        assert_stored(db, TEXTS)
    assert db.with_name(db.name + ".before-0006").exists()


def test_killed_daemons_leave_the_rest_to_the_next_one(db):
    texts = [(f"prompt {k}", f"response {k} " * 150) for k in range(2000)]
    with counting(db) as daemon:
        for k in range(0, len(texts), 500):
            daemon.add_items(items_of(texts)[k:k + 500])
    forget(db)
    for _ in range(3):
        with counting(db) as daemon:
            before = len(stored(db))
            wait_until(lambda: len(stored(db)) > before or before == len(texts), "text features")
            daemon.kill()
    with counting(db):
        wait_until(lambda: len(stored(db)) == len(texts), "text features")
        assert_stored(db, texts)
    assert run("check", "--db", db).returncode == 0


def test_an_option_leaves_them_out(db):
    with Daemon(db, {"text-features": "off"}) as daemon:
        daemon.add_items(items_of(TEXTS))
    assert stored(db) == {}
    with counting(db):
        wait_until(lambda: len(stored(db)) == 5, "text features")
    assert_stored(db, TEXTS)


@pytest.mark.parametrize("statement, value, words", [
    ("UPDATE item_text_features SET bytes = ? WHERE idx = 0", float32([9] * 10),
     ["item 0: its log_length is not that of its texts", "1 item with other text features"]),
    ("UPDATE item_text_features SET idx = ? WHERE idx = 0", 7,
     ["item 7: its text features are of texts that it does not have"]),
    ("UPDATE item_text_features SET bytes = ?", b"123", ["text features of item i0 have 3 bytes"]),
])
def test_check_finds_features_that_are_not_those_of_the_texts(db, statement, value, words):
    with counting(db) as daemon:
        daemon.add_items(items_of(TEXTS))
    with contextlib.closing(sqlite3.connect(db, isolation_level=None)) as connection:
        connection.execute("PRAGMA ignore_check_constraints = ON")
        connection.execute(statement, (value,))
    done = run("check", "--db", db)
    assert done.returncode == 1, done
    for word in words:
        assert word in done.stderr, done.stderr


def test_inline_items_may_have_texts_and_a_prompt(db):
    inline = {"embedding": [1, 2, 3, 4], "prompt": "Frage?", "response": "Antwort.",
              "prompt_id": "p0"}
    with counting(db) as daemon:
        daemon.add_items(items_of(TEXTS))
        scores = daemon.post("/v1/score", {"items": ["i0", inline, {"embedding": [1, 2, 3, 4]}, {
            **inline, "prompt": None, "prompt_id": "unknown"}]})["scores"]
        assert len(scores) == 4
        for pairs in ([{"a": inline, "b": "i1"}], [[inline, "i1"]], {"a": [inline], "b": ["i1"]}):
            assert len(daemon.select(batch_size=1, pairs=pairs)["pairs"]) == 1


@pytest.mark.parametrize("member, value, word", [
    ("prompt", 7, "string"), ("response", ["x"], "string"), ("prompt_id", "", "empty"),
    ("prompt", "x" * ((1 << 20) + 1), "1048576"), ("prompt_id", "x" * 257, "256"),
], ids=["number", "list", "empty", "long", "long_id"])
def test_wrong_members_of_inline_items_are_named(db, member, value, word):
    with counting(db) as daemon:
        daemon.add_items(items_of(TEXTS))
        wrong = {"embedding": [1, 2, 3, 4], member: value}
        response = daemon.call("POST", "/v1/score", {"items": ["i0", wrong]})
        error = response.json["errors"][0]
        assert response.status == 422 and error["pointer"] == f"/items/1/{member}"
        assert word in error["detail"]
        response = daemon.call("POST", "/v1/selections",
                               {"batch_size": 1, "pairs": [{"a": "i0", "b": wrong}]})
        assert response.json["errors"][0]["pointer"] == f"/pairs/0/b/{member}"
        stored_one = {"id": "i0", member: "x"}
        response = daemon.call("POST", "/v1/score", {"items": [stored_one]})
        assert response.json["errors"][0]["pointer"] == f"/items/0/{member}"
