"""`fisherd import`: items from JSON lines and .npy files."""

import json

import numpy
import pytest

from client import Daemon, run
from shared_database import fixture_databases, fixture_each_db, run_alone  # noqa: F401


def embeddings(rows, columns, seed=1):
    return numpy.random.default_rng(seed).normal(size=(rows, columns)).astype("<f4")


ITEMS = [{"id": f"i{k}", "prompt_id": f"p{k // 3}", "prompt": f"Frage {k // 3}?",
          "response": f"Antwort „{k}“\n"} for k in range(12)]


def write_items(path, items=None, text=None):
    path.write_text(text if text is not None else
                    "".join(json.dumps(item, ensure_ascii=k % 2 == 0) + "\n"
                            for k, item in enumerate(ITEMS if items is None else items)))
    return path


@pytest.fixture
def files(tmp_path):
    numpy.save(tmp_path / "embeddings.npy", embeddings(12, 5))
    numpy.save(tmp_path / "prompts.npy", embeddings(4, 3, seed=2))
    write_items(tmp_path / "items.jsonl")
    return tmp_path


def bring_in(db, folder, prompts=True, **changes):
    arguments = {"db": db, "items": folder / "items.jsonl", "embeddings": folder / "embeddings.npy"}
    if prompts:
        arguments["prompt-embeddings"] = folder / "prompts.npy"
    arguments.update(changes)
    return run_alone("import", *(f"--{name}={value}" for name, value in arguments.items()))


def refused(done, *words):
    assert done.returncode == 1, done.stdout + done.stderr
    for word in words:
        assert word in done.stderr, done.stderr


def test_imported_items_are_the_two_rows_side_by_side(db, files):
    done = bring_in(db, files)
    assert done.returncode == 0, done.stderr
    assert "12" in done.stdout + done.stderr
    prompt_rows, response_rows = embeddings(4, 3, seed=2), embeddings(12, 5)
    with Daemon(db) as daemon:
        listed = daemon.list_all("items")
        assert [{member: row[member] for member in ITEMS[0]} for row in listed] == ITEMS
        items = [{**item, "embedding": [float(x) for x in (*prompt_rows[k // 3], *response_rows[k])]}
                 for k, item in enumerate(ITEMS)]
        assert daemon.add_items(items) == {"created": 0, "unchanged": 12}


def test_without_prompt_embeddings_an_item_is_its_own_row(db, files):
    assert bring_in(db, files, prompts=False).returncode == 0
    with Daemon(db) as daemon:
        rows = embeddings(12, 5)
        items = [{**item, "embedding": [float(x) for x in rows[k]]} for k, item in enumerate(ITEMS)]
        assert daemon.add_items(items) == {"created": 0, "unchanged": 12}


def test_a_repeat_is_harmless(db, files):
    assert bring_in(db, files).returncode == 0
    assert bring_in(db, files).returncode == 0
    with Daemon(db) as daemon:
        assert len(daemon.list_all("items")) == 12


def test_members_that_the_api_does_not_know_do_not_stop_an_import(db, files):
    write_items(files / "items.jsonl", [{**item, "model": "m", "golden": 1.5} for item in ITEMS])
    done = bring_in(db, files)
    assert done.returncode == 0, done.stderr


def test_float64_and_blank_lines_at_the_end_are_accepted(db, files):
    numpy.save(files / "embeddings.npy", embeddings(12, 5).astype("<f8"))
    done = bring_in(db, files)
    assert done.returncode == 0 or "float32" in done.stderr


def npy(path, array):
    numpy.save(path, array)


def spoil(value):
    rows = embeddings(12, 5)
    rows[7, 2] = value
    return rows


WRONG_EMBEDDINGS = {
    "too few rows": embeddings(11, 5),
    "too many rows": embeddings(13, 5),
    "no rows": embeddings(0, 5),
    "no columns": embeddings(12, 0),
    "one dimension": embeddings(12, 5).ravel(),
    "complex": embeddings(12, 5).astype("<c8"),
    "NaN": spoil(numpy.nan),
    "infinite": spoil(numpy.inf),
}


@pytest.mark.parametrize("name", WRONG_EMBEDDINGS)
def test_embeddings_that_do_not_fit_are_refused(db, files, name):
    npy(files / "embeddings.npy", WRONG_EMBEDDINGS[name])
    refused(bring_in(db, files), "embedding")
    nothing_is_there(db)


def nothing_is_there(db):
    if "://" in str(db) or db.exists():
        with Daemon(db) as daemon:
            assert daemon.list_all("items") == []


@pytest.mark.parametrize("rows", [1, 3, 5])
def test_prompt_embeddings_that_do_not_fit_are_refused(db, files, rows):
    npy(files / "prompts.npy", embeddings(rows, 3))
    refused(bring_in(db, files), "prompt embeddings")
    nothing_is_there(db)


@pytest.mark.parametrize("content", [
    b"", b"\x93NUMPY", b"no array at all\n" * 20, b"\x93NUMPY\x01\x00\xff\xff{",
    b"\x93NUMPY\x01\x00v\x00{'descr': '<f4', 'fortran_order': False, 'shape': (12, 5), }" +
    b" " * 57 + b"\n" + b"\0" * 100,
    b"\x93NUMPY\x01\x00v\x00{'descr': '<f4', 'fortran_order': False, "
    b"'shape': (4611686018427387905, 4), }" + b" " * 40 + b"\n",
])
def test_a_file_that_is_not_an_array_is_refused(db, files, content):
    (files / "embeddings.npy").write_bytes(content)
    refused(bring_in(db, files), "embeddings.npy")
    nothing_is_there(db)


@pytest.mark.parametrize("line, word", [
    ("{", "5"), ("[]", "5"), ("7", "5"), ('{"id": "i4"}', "prompt_id"),
    ('{"prompt_id": "p1"}', "id"), ('{"id": 4, "prompt_id": "p1"}', "id"),
    ('{"id": "", "prompt_id": "p1"}', "id"),
    ('{"id": "i4", "id": "i5", "prompt_id": "p1"}', "5"),
    ('{"id": "i4", "prompt_id": "p1", "prompt": 7}', "prompt"),
    ('{"id": "i4", "prompt_id": "p1"} {}', "5"),
    ('{"id": "i3", "prompt_id": "p1"}', "other content"),
])
def test_a_wrong_line_is_refused_by_its_number(db, files, line, word):
    lines = (files / "items.jsonl").read_text().splitlines()
    lines[4] = line
    write_items(files / "items.jsonl", text="\n".join(lines) + "\n")
    refused(bring_in(db, files), "line 5", word)
    nothing_is_there(db)


def test_bad_utf8_is_refused(db, files):
    data = (files / "items.jsonl").read_bytes().replace(b"i4", b"i\xff")
    (files / "items.jsonl").write_bytes(data)
    refused(bring_in(db, files), "line 5")


def test_files_that_are_not_there_are_named(db, files):
    for option in ("items", "embeddings", "prompt-embeddings"):
        refused(bring_in(db, files, **{option: files / "absent"}), "absent")
    refused(run("import", "--db", db, "--items", files / "items.jsonl"), "--embeddings")


def test_other_content_under_a_known_id_is_refused(db, files):
    assert bring_in(db, files).returncode == 0
    npy(files / "embeddings.npy", embeddings(12, 5, seed=9))
    refused(bring_in(db, files), "line 1", "other content")


def test_another_dimension_is_refused(db, files):
    assert bring_in(db, files).returncode == 0
    write_items(files / "items.jsonl", [{**item, "id": "x" + item["id"]} for item in ITEMS])
    refused(bring_in(db, files, prompts=False), "5", "8")
    with Daemon(db) as daemon:
        assert len(daemon.list_all("items")) == 12


def test_a_database_that_a_daemon_holds_is_left_alone(db, files):
    with Daemon(db) as daemon:
        done = run("import", "--db", db, "--items", files / "items.jsonl",
                   "--embeddings", files / "embeddings.npy")
        refused(done, str(db))
        assert "--url URL" in done.stderr or "postgresql" not in str(db)
        assert daemon.list_all("items") == []


# ---- scores ----

def scored(*rows):
    return [{**item, "scores": row} for item, row in zip(ITEMS, rows)] + ITEMS[len(rows):]


def scores_in(db):
    with Daemon(db) as daemon:
        return {row["id"]: row["scores"] for row in daemon.list_all("items")}


def test_scores_are_imported_and_changed_by_a_repeat(db, files):
    write_items(files / "items.jsonl", scored({"judge": 7.1, "old": -3}, {}, None, {"judge": 0.1}))
    assert bring_in(db, files).returncode == 0
    expected = {item["id"]: {} for item in ITEMS}
    assert scores_in(db) == {**expected, "i0": {"judge": 7.1, "old": -3}, "i3": {"judge": 0.1}}
    write_items(files / "items.jsonl", scored({"judge": None, "old": -3}, {"late": 1}))
    done = bring_in(db, files)
    assert "12 were there already" in done.stdout, done.stderr
    assert scores_in(db) == {**expected, "i0": {"old": -3}, "i1": {"late": 1}, "i3": {"judge": 0.1}}
    with Daemon(db) as daemon:
        assert list(daemon.get("/v1/project")["scores"]) == ["judge", "old", "late"]
        assert daemon.get("/v1/items/i0")["metadata"] is None


def test_an_import_takes_scores_from_metadata_of_new_items(db, files):
    def metadata(value):
        rows = [{**item, "judge": value, "model": "m"} for item in ITEMS]
        rows[3] = {**ITEMS[3], "metadata": {"judge": 5, "model": "m"}, "scores": {"judge": 9}}
        rows[4] = {**ITEMS[4], "judge": "7"}
        write_items(files / "items.jsonl", rows)
    metadata(7)
    assert bring_in(db, files, **{"score-metadata": "judge"}).returncode == 0
    expected = {**{item["id"]: {"judge": 7} for item in ITEMS}, "i3": {"judge": 9}, "i4": {}}
    assert scores_in(db) == expected
    with Daemon(db) as daemon:
        daemon.ok("PUT", "/v1/items/i0/scores", {"judge": 1})
    assert bring_in(db, files, **{"score-metadata": "judge"}).returncode == 0
    assert scores_in(db) == {**expected, "i0": {"judge": 1}}


def test_an_item_that_comes_twice_in_an_import_is_new_once(db, files):
    first = {**ITEMS[0], "judge": 7, "scores": {"judge": 9}}
    numpy.save(files / "embeddings.npy", embeddings(1, 5)[[0, 0]])
    write_items(files / "items.jsonl", [first, {k: v for k, v in first.items() if k != "scores"}])
    done = bring_in(db, files, prompts=False, **{"score-metadata": "judge"})
    assert done.returncode == 0, done.stderr
    assert scores_in(db) == {"i0": {"judge": 9}}


@pytest.mark.parametrize(("wrong", "words"), [
    ({"judge": "7"}, "its scores/judge must be a number"),
    ({"judge": 1e7}, "its scores/judge must be a number"),
    ({"judge": True}, "its scores/judge must be a number"),
    ({"": 1}, "the name of a score must not be empty"),
    ({"n" * 65: 1}, "at most 64 are allowed"),
    ([], "its scores must be an object"),
    ({f"s{i}": i for i in range(17)}, "its scores has 17 scores"),
])
def test_an_import_refuses_the_scores_that_a_request_would(db, files, wrong, words):
    write_items(files / "items.jsonl", scored({"judge": 1}, wrong))
    refused(bring_in(db, files), "line 2", words, "nothing was imported")
    assert scores_in(db) == {}


def test_an_import_refuses_a_17th_name_of_a_score(db, files):
    names = [f"s{i}" for i in range(17)]
    write_items(files / "items.jsonl", scored({name: 1 for name in names[:15]}))
    assert bring_in(db, files).returncode == 0
    write_items(files / "items.jsonl", scored({}, {"s0": 2, "s15": 2}, {"s16": 3}))
    refused(bring_in(db, files), "line 3", '"s16" would be one too many', "nothing was imported")
    assert scores_in(db)["i1"] == {}
