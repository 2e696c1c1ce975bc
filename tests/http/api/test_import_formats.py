"""`fisherd import FILE…`: items and labels from files of the field."""

import gzip
import json
import pathlib
import subprocess

import numpy
import pytest

from client import PATIENCE, PROGRAM, Daemon, run, wait_until
from shared_database import fixture_databases, fixture_each_db, run_alone  # noqa: F401

DATA = pathlib.Path(__file__).parents[2] / "formats" / "import" / "data"
SAMPLES = sorted(path.name for path in DATA.iterdir()
                 if path.suffix != ".out" and ".broken." not in path.name)
BROKEN = sorted(path.name for path in DATA.iterdir()
                if path.suffix != ".out" and ".broken." in path.name)
HASH = "--embedding-url=builtin:hash"


def bring_in(db, *files, arguments=(HASH,)):
    return run_alone("import", *map(str, files), f"--db={db}", *arguments)


def counts(done):
    """items created, unchanged; labels created, unchanged; rows refused."""
    return [int(word) for word in done.stdout.split() if word.isdigit()]


def told(done):
    """Without the log: that of PostgreSQL says that there is no standby."""
    return [line for line in done.stderr.splitlines() if not line.startswith("time=")]


def write_lines(path, rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def export(db, name):
    done = run("export", f"--db={db}", f"--format={name}")
    assert done.returncode == 0, done.stderr
    return done.stdout


# ---- each format ----

def expected(name):
    """The items and labels that the parser finds in a sample, as its .out file has them."""
    rows = [line.split(" ") for line in (DATA / f"{name}.out").read_text().splitlines()]
    return (sum(row[1] == "item" for row in rows if row[0] != "format"),
            sum(row[1] == "label" for row in rows if row[0] != "format"))


@pytest.mark.parametrize("name", [name for name in SAMPLES
                                  if not name.startswith(("items", "embeddings"))])
def test_a_sample_is_imported_by_one_command_and_a_repeat_adds_nothing(db, name):
    refused = 1 if name == "preferences.jsonl" else 0
    first = bring_in(db, DATA / name)
    assert first.returncode == (3 if refused else 0), first.stderr
    created, unchanged, labels, same_labels, refusals = counts(first)
    items, answers = expected(name)
    assert refusals == refused
    assert created + unchanged == items - 2 * refused
    assert labels + same_labels == answers - refused
    again = counts(bring_in(db, DATA / name))
    assert again == [0, created + unchanged, 0, labels + same_labels, refused]
    checked = run("check", f"--db={db}")
    assert f"is sound: {created} items, {labels} labels in" in checked.stdout, checked.stderr


@pytest.mark.parametrize("name", BROKEN)
def test_each_row_of_a_broken_twin_is_refused_with_its_line(db, name):
    done = bring_in(db, DATA / name)
    rows = [line for line in (DATA / f"{name}.out").read_text().splitlines() if " refused " in line]
    assert done.returncode == 3
    assert counts(done) == [0, 0, 0, 0, len(rows)]
    for row in rows:
        line, reason = row.split(" refused ", 1)
        assert reason.split(": ", 1)[1][:100] in done.stderr
        assert f" {line}" in done.stderr
    assert "every row was refused" in done.stderr


def test_values_arrive_as_they_are_in_the_file(db, tmp_path):
    path = write_lines(tmp_path / "battles.jsonl", [
        {"question_id": "q7", "model_a": "alpha", "model_b": "beta", "winner": "tie (bothbad)",
         "judge": "ann", "tstamp": 1700000000.25,
         "conversation_a": [{"role": "user", "content": "Why?"},
                            {"role": "assistant", "content": "Größe 😀"}],
         "conversation_b": [{"role": "user", "content": "Why?"},
                            {"role": "assistant", "content": "B."}]}])
    assert bring_in(db, path).returncode == 0
    with Daemon(db) as daemon:
        items = daemon.list_all("items")
        label, = daemon.list_all("labels")
    assert [(item["prompt"], item["response"], item["metadata"]) for item in items] == [
        ("Why?", "Größe 😀", {"model": "alpha"}), ("Why?", "B.", {"model": "beta"})]
    assert items[0]["prompt_id"] == items[1]["prompt_id"]
    assert (label["id"], label["preference"], label["annotator"], label["created_at"]) == (
        "q7", "tie", "ann", "2023-11-14T22:13:20.250Z")
    assert [label["a"], label["b"]] == [item["id"] for item in items]


# ---- round trips ----

def some_answers():
    return [{"id": f"l{k}", "annotator": f"ann{k % 2}", "preference": ["a", "b", "tie"][k % 3],
             "a": f"i{k}", "b": f"i{k + 1}", "prompt_id": "p", "prompt": "Why, \"exactly\"?\nSay.",
             "response_a": f"Because {k},\r\n„so“.", "response_b": f"Because {k + 1},\r\n„so“.",
             "duration_ms": 1500 + k if k % 2 else None, "comment": "clear, \"yes\"" if k else None,
             "created_at": f"2026-05-01T06:07:5{k}.00{k}Z"} for k in range(6)]


@pytest.mark.parametrize("name", ["preferences", "csv", "trl", "trl-conversational",
                                  "label-studio", "argilla", "arena"])
def test_what_is_exported_and_imported_is_exported_again_the_same(db, tmp_path, name):
    assert bring_in(db, write_lines(tmp_path / "answers.jsonl", some_answers())).returncode == 0
    first = export(db, name)
    assert len(first.splitlines()) >= 4
    (tmp_path / "exported").write_text(first, newline="")
    other = tmp_path / "other.db"
    done = bring_in(other, tmp_path / "exported")
    assert done.returncode == 0, done.stderr
    assert export(other, name) == first


def test_an_export_is_there_already_in_its_own_database(db, tmp_path):
    assert bring_in(db, write_lines(tmp_path / "answers.jsonl", some_answers())).returncode == 0
    with Daemon(db) as daemon:
        given = []
        wait_until(lambda: given.extend(
            daemon.post("/v1/assignments", {"annotator": "eva"})["assignments"]) or given, "a pair")
        assignment = given[0]
        daemon.add_labels([{"id": "given", "a": assignment["a"]["id"], "b": assignment["b"]["id"],
                            "preference": "a", "annotator": "eva", "assignment": assignment["id"]}])
        daemon.ok("PUT", "/v1/labels/l1", {"preference": "tie"})
    (tmp_path / "exported").write_text(export(db, "preferences"))
    for arguments in [(HASH, "--dry-run"), (HASH,)]:
        done = bring_in(db, tmp_path / "exported", arguments=arguments)
        assert done.returncode == 0, done.stderr
        assert counts(done) == [0, 14, 0, 7, 0]


def test_a_retracted_label_gives_its_items_alone(db, tmp_path):
    answers = some_answers()[:2]
    answers[1]["preference"] = "retracted"
    done = bring_in(db, write_lines(tmp_path / "answers.jsonl", answers))
    assert counts(done) == [3, 1, 1, 0, 0]


def test_transcripts_and_turns_come_back_the_same(db, tmp_path):
    source = DATA / "helpsteer3.jsonl"
    assert bring_in(db, source, DATA / "hh-rlhf.jsonl").returncode == 0
    for name in ["preferences", "trl", "trl-conversational"]:
        first = export(db, name)
        (tmp_path / "exported").write_text(first)
        other = tmp_path / f"{name}.db"
        assert bring_in(other, tmp_path / "exported").returncode == 0
        assert export(other, name) == first


# ---- how files are read ----

def test_a_dry_run_says_the_same_and_changes_nothing(db, tmp_path):
    files = [DATA / "arena.jsonl", DATA / "trl.broken.jsonl", DATA / "alpaca-eval-annotations.json"]
    shared = "://" in str(db)
    if shared:
        assert run("migrate", "--db", db).returncode == 0
    dry = bring_in(db, *files, arguments=(HASH, "--dry-run"))
    assert shared or not db.exists()
    real = bring_in(db, *files)
    assert counts(dry) == counts(real)
    assert dry.returncode == real.returncode == 3
    assert told(dry) == told(real)
    before = export(db, "preferences") if shared else db.read_bytes()
    again = bring_in(db, *files, arguments=(HASH, "--dry-run"))
    assert counts(again)[0] == counts(again)[2] == 0
    assert (export(db, "preferences") if shared else db.read_bytes()) == before


def test_standard_input_and_gzip_are_read(db):
    packed = gzip.compress((DATA / "arena.jsonl").read_bytes())
    done = subprocess.run([PROGRAM, "import", "-", "--db", db, HASH], input=packed,
                          capture_output=True, timeout=PATIENCE)
    assert done.returncode == 0, done.stderr
    done = subprocess.run([PROGRAM, "import", "-", "--db", db, HASH], input=packed[:-20],
                          capture_output=True, timeout=PATIENCE)
    assert done.returncode == 1
    assert b"damaged or cut off" in done.stderr


def test_columns_are_mapped(db, tmp_path):
    path = tmp_path / "table.csv"
    path.write_text("question,completion,grade\nWhy?,So.,4\nWhy?,Because.,2.5\n")
    done = bring_in(db, path, arguments=(HASH, "--map", "response=completion",
                                         "--map=prompt=question"))
    assert done.returncode == 0, done.stderr
    with Daemon(db) as daemon:
        assert [(item["prompt"], item["response"], item["metadata"])
                for item in daemon.list_all("items")] == [
            ("Why?", "So.", {"grade": "4"}), ("Why?", "Because.", {"grade": "2.5"})]


def test_embeddings_of_a_batch_serve_the_items_of_the_other_files(db, tmp_path):
    vectors = write_lines(tmp_path / "vectors.jsonl", [
        {"id": f"b{k}", "custom_id": f"i{k}", "error": None, "response": {
            "status_code": 200, "body": {"data": [{"index": 0, "embedding": [k, 0.5, -1]}]}}}
        for k in range(3)])
    items = write_lines(tmp_path / "items.jsonl", [
        {"id": f"i{k}", "prompt_id": "p", "prompt": "Why?", "response": f"{k}"} for k in range(2)])
    done = bring_in(db, items, vectors, arguments=())
    assert done.returncode == 0, done.stderr
    assert "1 embeddings are of no item" in done.stderr
    with Daemon(db) as daemon:
        assert [item["dimension"] for item in daemon.list_all("items")] == [3, 3]


def test_many_rows_are_committed_in_blocks(db, tmp_path):
    rows = [{"prompt": f"Prompt {k // 3}", "response": f"Response {k}", "embedding": [k, 1]}
            for k in range(5000)]
    rows[4321]["embedding"] = [1]
    done = bring_in(db, write_lines(tmp_path / "items.jsonl", rows), arguments=())
    assert done.returncode == 3
    assert counts(done) == [4999, 0, 0, 0, 1]
    assert "line 4322" in done.stderr


# ---- what is refused ----

def test_an_item_with_other_content_is_refused_alone(db, tmp_path):
    item = {"id": "i", "prompt_id": "p", "prompt": "Why?", "response": "So."}
    assert bring_in(db, write_lines(tmp_path / "a", [item])).returncode == 0
    done = bring_in(db, write_lines(tmp_path / "b", [
        item, {**item, "response": "No."}, {**item, "model": "m"}, {**item, "id": "j"},
        {**item, "id": "j", "prompt": "How?"}]))
    assert done.returncode == 3
    assert counts(done) == [1, 1, 0, 0, 3]
    assert "refused 3: /id exists already with other content; line 2, 3, 5" in done.stderr


def test_labels_without_items_or_with_other_content_are_refused_alone(db, tmp_path):
    answers = some_answers()
    assert bring_in(db, write_lines(tmp_path / "a", answers)).returncode == 0
    short = {"preference": "a", "a": "i0", "b": "i1", "annotator": "eva"}
    done = bring_in(db, write_lines(tmp_path / "b", [
        {**short, "id": "l1"}, {**short, "b": "nobody"}, short]))
    assert done.returncode == 3
    assert counts(done) == [0, 0, 1, 0, 2]
    dry = bring_in(db, tmp_path / "b", arguments=(HASH, "--dry-run"))
    assert counts(dry) == [0, 0, 0, 1, 2]
    assert "/b names an item that does not exist; line 2" in done.stderr
    assert "/id is that of a label with other content; line 1" in done.stderr


def test_texts_without_an_embedder_are_refused_with_the_option(db):
    done = bring_in(db, DATA / "trl.jsonl", arguments=())
    assert done.returncode == 3
    assert "embedding-url" in done.stderr


@pytest.mark.parametrize("arguments, words", [
    (("--format=xml",), "is not one of auto, csv, tsv"),
    (("--map=x",), "to=from"),
    (("--map",), "--map needs a value"),
    (("--items=x",), "take no other files"),
    (("--items=x", "--format=trl"), "take no other files"),
    (("--embeddings=x",), "take no other files"),
])
def test_wrong_arguments_are_named(db, arguments, words):
    done = bring_in(db, DATA / "trl.jsonl", arguments=arguments)
    assert done.returncode == 1
    assert words in done.stderr
    assert counts(done) == []


def test_a_file_that_is_not_there_or_of_another_kind_is_named(db, tmp_path):
    done = bring_in(db, tmp_path / "nothing.jsonl")
    assert done.returncode == 1
    assert "nothing.jsonl cannot be read" in done.stderr
    (tmp_path / "table").write_bytes(b"PAR1\x15\x04\x15\n")
    done = bring_in(db, tmp_path / "table")
    assert done.returncode == 1
    assert "a Parquet file" in done.stderr


# ---- warnings ----

def warnings(db, path, rows):
    done = bring_in(db, write_lines(path, rows), arguments=())
    return [line for line in done.stderr.splitlines() if line.startswith("warning")]


def item(k, **members):
    return {"id": f"i{k}", "prompt_id": f"p{k // 2}", "prompt": f"Why {k // 2}?",
            "response": f"So {k}.", "embedding": [k, 1], **members}


def test_good_items_bring_no_warning(db, tmp_path):
    assert warnings(db, tmp_path / "items", [item(k) for k in range(30)]) == []


@pytest.mark.parametrize("rows, word", [
    ([item(k, prompt_id=f"p{k}") for k in range(30)], "a prompt_id of its own"),
    ([item(k, response=None) for k in range(3)], "no item has a response"),
    ([item(k, embedding=[1, 2]) for k in range(3)], "all embeddings are the same"),
    ([item(k, prompt=f"Why {k}?") for k in range(4)], "2 items have another prompt"),
    ([], "there are no rows"),
])
def test_what_is_surely_wrong_brings_a_warning(db, tmp_path, rows, word):
    found = warnings(db, tmp_path / "items", rows)
    assert len(found) == 1 and word in found[0]


# ---- the form with --items ----

def test_old_files_stay_unchanged_and_a_map_makes_scores_of_metadata(db, tmp_path):
    numpy.save(tmp_path / "e.npy", numpy.ones((2, 3), dtype="<f4"))
    rows = [{"id": f"i{k}", "prompt_id": "p", "response": f"{k}",
             "metadata": {"judge": k, "scores": {"old": 1}}} for k in range(2)]
    path = write_lines(tmp_path / "items.jsonl", rows)
    form = ("import", f"--db={db}", f"--items={path}", f"--embeddings={tmp_path / 'e.npy'}")
    assert run(*form).returncode == 0
    assert run(*form, "--map=scores=metadata.judge").stdout.startswith("0 items imported, 2 were")
    with Daemon(db) as daemon:
        assert [row["scores"] for row in daemon.list_all("items")] == [{"judge": 0}, {"judge": 1}]
        assert [row["metadata"] for row in daemon.list_all("items")] == [
            row["metadata"] for row in rows]
