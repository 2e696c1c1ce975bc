"""What ids, names, texts and metadata may hold: the same for requests, imports and `check`."""

import json
import sqlite3

import numpy
import pytest

from client import Daemon, label, run, wait_until
from token_daemon import make_tokens

# Control characters, marks of direction, separators of lines, and what hides the order of letters.
CONTROLS = ["\x01", "\n", "\x7f", "\x80", "\x85", "\x9f", "\u061c", "\u200e", "\u200f", "\u2028",
            "\u2029", "\u202a", "\u202e", "\u2066", "\u2069"]
HARMLESS = ["ü", "\u00a0", "\u061b", "\u200d", "\u2027", "\u202f", "\u2065", "\u206a", "名", "🙂"]


def item(**changes):
    return {"id": "i", "prompt_id": "p", "embedding": [1, 2, 3, 4], **changes}


def bring_in(folder, line, count=1):
    numpy.save(folder / "embeddings.npy", numpy.ones((count, 4), "<f4"))
    (folder / "items.jsonl").write_text(json.dumps(line) + "\n")
    return run("import", "--db", folder / "fisherd.db", "--items", folder / "items.jsonl",
               "--embeddings", folder / "embeddings.npy")


def nested(depth):
    value = {}
    for _ in range(depth - 1):
        value = {"x": value}
    return value


def too_much():
    """Names, what an item has, and the member that is wrong."""
    for member in ("id", "prompt_id"):
        for c in CONTROLS:
            yield f"{member} with U+{ord(c):04X}", {member: f"a{c}b"}, member
        yield f"{member} of 257 bytes", {member: "x" * 257}, member
        yield f"empty {member}", {member: ""}, member
    for member in ("prompt", "response"):
        yield f"{member} of 2 MiB", {member: "x" * (2 << 20)}, member
    yield "metadata of 2 MiB", {"metadata": {"x": "x" * (2 << 20)}}, "metadata"
    yield "deep metadata", {"metadata": nested(30)}, "metadata"
    yield "very deep metadata", {"metadata": nested(200)}, "metadata"
    yield "metadata that is a list", {"metadata": [1]}, "metadata"
    yield "metadata that is a number", {"metadata": 5}, "metadata"


TOO_MUCH = {name: rest for name, *rest in too_much()}


@pytest.fixture(scope="module")
def asked(tmp_path_factory):
    with Daemon(tmp_path_factory.mktemp("rules") / "fisherd.db") as daemon:
        yield daemon


@pytest.mark.parametrize("name", TOO_MUCH)
def test_a_request_and_an_import_refuse_the_same(asked, tmp_path, name):
    changes, member = TOO_MUCH[name]
    response = asked.call("POST", "/v1/items", {"items": [item(**changes)]})
    assert response.status in (400, 422), response
    if response.status == 422:
        assert response.json["errors"][0]["pointer"].startswith(f"/items/0/{member}")
    line = {k: v for k, v in item(**changes).items() if k != "embedding"}
    done = bring_in(tmp_path, line)
    assert done.returncode == 1 and "line 1" in done.stderr and member in done.stderr, done.stderr
    assert asked.list_all("items") == []


RIGHT = {**{f"U+{ord(c):04X}": {"id": f"a{c}b"} for c in HARMLESS},
         "id of 256 bytes": {"id": "x" * 256}, "prompt of 1 MiB": {"prompt": "x" * (1 << 20)},
         "controls in a text": {"prompt": "".join(CONTROLS)},
         "deep metadata": {"metadata": nested(29)},
         "brackets in metadata": {"metadata": {"x": "[" * 300 + '"\\'}},
         "no metadata": {"metadata": None}}


@pytest.mark.parametrize("name", RIGHT)
def test_what_an_import_takes_a_request_takes_too(tmp_path, name):
    line = {k: v for k, v in item(**RIGHT[name]).items() if k != "embedding"}
    assert bring_in(tmp_path, line).returncode == 0
    db = tmp_path / "fisherd.db"
    assert run("check", "--db", db).returncode == 0
    with Daemon(db) as daemon:
        added = daemon.add_items([{**line, "embedding": [1, 1, 1, 1]}])
        assert added == {"created": 0, "unchanged": 1}


@pytest.mark.parametrize("more, word", [
    ({"embedding": [1, 2]}, "embedding"), ({"embeddings": [1, 2]}, "embedding"),
    ({"model": "m", "metadata": {"model": "n"}}, "metadata"),
])
def test_members_that_would_be_lost_are_refused(tmp_path, more, word):
    done = bring_in(tmp_path, {"id": "i", "prompt_id": "p", **more})
    assert done.returncode == 1 and "line 1" in done.stderr and word in done.stderr


@pytest.mark.parametrize("c", CONTROLS)
def test_names_have_no_control_characters(daemon, db, c):
    wrong = [label(f"l{c}", "p0-r0", "p0-r1"),
             {**label("l", "p0-r0", "p0-r1"), "annotator": f"anna{c}"}]
    for one in wrong:
        assert daemon.call("POST", "/v1/labels", {"labels": [one]}).status == 422
    assert daemon.call("POST", "/v1/assignments", {"annotator": f"anna{c}"}).status == 422
    done = run("token", "create", "--db", db, "--role=annotator", f"--name=anna{c}")
    assert done.returncode == 1 and "control characters" in done.stderr


def spoil(db, statement, *values):
    with sqlite3.connect(db) as connection:
        for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'"):
            connection.execute(f"DROP TRIGGER {name}")
        connection.execute(statement, values)
    connection.close()


@pytest.fixture
def old(db, items):
    """The database of an older program."""
    with Daemon(db) as daemon:
        daemon.add_items(items)
        daemon.add_labels([label("l1", "p0-r0", "p0-r1")])
    return db


@pytest.mark.parametrize("statement, value, words", [
    ("UPDATE items SET id = ? || idx WHERE idx < 9", "a\x01", ["item 0: its id", "9 items"]),
    ("UPDATE items SET prompt_id = ? WHERE idx = 3", "a\u202e", ["item 3: its prompt_id", "1 item "]),
    ("UPDATE items SET prompt = ? WHERE idx = 3", "x" * (2 << 20), ["item 3: its prompt", "1 item "]),
    ("UPDATE items SET metadata = ? WHERE idx = 3", json.dumps(nested(200)), ["its metadata"]),
    ("UPDATE labels SET annotator = ?", "anna\u2028", ["label row 1: its annotator"]),
    ("INSERT INTO item_scores VALUES (1, 0, 'judge', 1, 0), (2, 0, ?, 1, 0)", "a\u2028",
     ["score row 2: its name", "1 score row "]),
    ("INSERT INTO item_scores VALUES (1, 0, 'judge', ?, 0)", "1000001.0",
     ["score row 1: its value"]),
], ids=["id", "prompt_id", "prompt", "metadata", "annotator", "name of a score", "score"])
def test_check_tells_of_rows_that_would_be_refused_today(old, statement, value, words):
    spoil(old, statement, value)
    done = run("check", "--db", old)
    assert done.returncode == 1 and "not damaged" in done.stderr, done
    for word in words:
        assert word in done.stderr, done.stderr
    assert value not in done.stderr and len(done.stderr) < 4000, "examples are few and harmless"
    source = old.with_name("backup.db")
    assert run("backup", "--db", old, "--to", source).returncode == 0
    done = run("restore", "--db", old, "--from", source, "--replace")
    assert done.returncode == 0, "it is not damaged"


@pytest.mark.parametrize("statement, value, words", [
    ("INSERT INTO project VALUES (1, NULL, 0, ?)", '{"scores":{"judge":{"trust":"maybe"}}}',
     "the settings of the project: /scores/judge/trust"),
    ("INSERT INTO project VALUES (1, NULL, 0, ?)", "x", "the settings of the project are not JSON"),
    ("INSERT INTO project VALUES (2, NULL, 0, ?)", "{}", "versions of the project are numbered"),
    ("INSERT INTO item_scores SELECT idx + 1, 0, ? || idx, 1, 0 FROM items UNION ALL"
     " SELECT idx + 101, 0, 'other' || idx, 1, 0 FROM items", "s", "there are 24 names of scores"),
])
def test_check_finds_damaged_scores_and_settings(old, statement, value, words):
    spoil(old, statement, value)
    done = run("check", "--db", old)
    assert done.returncode == 1 and "is damaged" in done.stderr and words in done.stderr, done


@pytest.mark.parametrize("c", ["\x01", "\u202e"])
def test_items_with_ids_that_came_in_before_can_be_answered(old, c):
    spoil(old, "UPDATE items SET id = id || ?", c)
    with Daemon(old) as daemon:
        daemon.add_labels([label("l2", f"p1-r0{c}", f"p1-r1{c}")])
        pair = daemon.post("/v1/assignments", {"annotator": "bob"})["assignments"][0]
        daemon.add_labels([{**label("l3", pair["a"]["id"], pair["b"]["id"]), "annotator": "bob",
                            "assignment": pair["id"]}])
        assert daemon.select(batch_size=1, pairs=[{"a": f"p2-r0{c}", "b": f"p2-r1{c}"}])["pairs"]


def test_tokens_whose_names_came_in_before_still_work(db):
    tokens = make_tokens(db)
    file = db.with_name(db.name + ".tokens")
    text = file.read_text()
    name = json.loads(text)["tokens"][0]["name"] if "tokens" in text else None
    file.write_text(text.replace(f'"{name}"', f'"{name}\\u200e"'))
    assert run("token", "list", "--db", db).returncode == 0
    with Daemon(db) as daemon:
        assert daemon.call("GET", "/livez").status == 200
    assert tokens


@pytest.mark.parametrize("c", CONTROLS)
def test_the_log_escapes_what_changes_how_it_is_shown(db, c):
    with Daemon(db, {"backup-dir": f"{db}{c}"}) as daemon:
        assert daemon.call("POST", "/v1/admin/backup").status == 503
        wait_until(lambda: "event=backup-failed" in daemon.log_text(), "the line")
    failed = [line for line in daemon.log_text().split("\n") if "event=backup-failed" in line]
    assert failed and c not in failed[0], failed
    assert "".join(f"\\x{byte:02x}" for byte in c.encode()) in failed[0]
