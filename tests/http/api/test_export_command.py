"""`fisherd export`: the same bytes as GET /v1/export, beside a daemon or without one."""

import contextlib
import json
import sqlite3
import subprocess

import pytest

from client import (PATIENCE, PROGRAM, Daemon, environment, label, labels_by_first_number,
                    run)

FORMATS = ["preferences", "trl", "trl-conversational", "csv", "label-studio", "argilla", "arena"]


@pytest.fixture
def answered(daemon):
    daemon.add_labels([
        label("one", "p0-r0", "p0-r1", "a", comment="good, I \"think\"\nso"),
        label("two", "p0-r2", "p1-r1", "b", annotator="bob"),
        label("three", "p1-r0", "p1-r1", "tie"),
        label("four", "p1-r2", "p1-r3", "skip"),
        label("five", "p2-r0", "p2-r1", "a")])
    daemon.ok("PUT", "/v1/labels/five", {"preference": "b"})
    daemon.add_labels([label("six", "p2-r2", "p2-r3")])
    daemon.ok("DELETE", "/v1/labels/six")
    one = daemon.post("/v1/assignments", {"annotator": "anna"})["assignments"][0]
    daemon.add_labels([label("seven", one["a"]["id"], one["b"]["id"], assignment=one["id"])])
    return daemon


def export(db, *arguments):
    """(lines, what it says at the end)"""
    done = run("export", "--db", db, *arguments)
    assert done.returncode == 0, done.stderr
    return done.stdout, done.stderr.strip()


def refusal(db, *arguments):
    done = run("export", "--db", db, *arguments)
    assert done.returncode == 1, done
    return done.stderr.strip()


@pytest.mark.parametrize("name", FORMATS)
def test_the_command_and_the_route_write_the_same(answered, name):
    response = answered.call("GET", f"/v1/export?format={name}")
    done = subprocess.run([PROGRAM, "export", "--db", answered.db, "--format", name],
                          env=environment(), capture_output=True, timeout=PATIENCE, check=True)
    assert done.stdout == response.body
    answered.stop()
    again = subprocess.run([PROGRAM, "export", "--db", answered.db, "--format", name],
                           env=environment(), capture_output=True, timeout=PATIENCE, check=True)
    assert again.stdout == response.body


def test_what_was_left_out_is_told(answered):
    _, told = export(answered.db, "--format", "trl")
    assert told == ("3 labels exported; left out: 1 ties, 1 skips, 1 retracted, 1 across prompts")
    _, told = export(answered.db, "--annotator", "bob", "--include", "all")
    assert told == "1 labels exported; left out: 6 of another annotator, arm or time"
    lines, told = export(answered.db, "--since=2100-01-01T00:00:00Z")
    assert (lines, told) == ("", "0 labels exported; left out: 7 of another annotator, arm or time")


@pytest.mark.parametrize(("fraction", "arm"), [(0, "active"), (1, "control")])
def test_arm_and_p_outlive_the_row_of_an_assignment(db, items, fraction, arm):
    """A crash may lose the row, and the id proves both."""
    with Daemon(db, {"control-fraction": fraction}) as daemon:
        daemon.add_items(items)
        daemon.add_labels(labels_by_first_number(items, 20, "unassigned"))
        daemon.train()
        for i in range(8):
            one = daemon.post("/v1/assignments", {"annotator": "anna"})["assignments"][0]
            a, b = (one["b"]["id"], one["a"]["id"]) if i % 2 else (one["a"]["id"], one["b"]["id"])
            daemon.add_labels([label(f"given-{i}", a, b, assignment=one["id"])])
        daemon.add_labels([label("forged", "p0-r0", "p0-r1", assignment="a800-" + 48 * "0")])
    before = [json.loads(line) for line in export(db)[0].splitlines()]
    with contextlib.closing(sqlite3.connect(db)) as connection:
        assert connection.execute("DELETE FROM assignments").rowcount >= 8
        connection.commit()
    after = [json.loads(line) for line in export(db)[0].splitlines()]
    assert {row["arm"] for row in after if row["id"].startswith("given")} == {arm}
    for old, new in zip(before, after, strict=True):
        assert (new["id"], new["arm"]) == (old["id"], old["arm"])
        assert new["p"] == (old["p"] and pytest.approx(old["p"], abs=1 / 4094))
        assert new["strategy"] is new["left"] is new["gain"] is new["model_version"] is None
    assert after[-1]["arm"] is None


def test_a_file_holds_the_lines(answered, tmp_path):
    target = tmp_path / "answers.jsonl"
    lines, _ = export(answered.db)
    assert export(answered.db, "--to", target)[0] == ""
    assert target.read_text() == lines
    assert export(answered.db, "--to", "-")[0] == lines
    assert [path.name for path in tmp_path.glob("answers*")] == ["answers.jsonl"]


def test_an_existing_file_is_not_replaced(answered, tmp_path):
    target = tmp_path / "answers.jsonl"
    target.write_text("mine")
    assert refusal(answered.db, "--to", target) == f"fisherd export: {target} exists already"
    assert "exists already" in refusal(answered.db, "--to", answered.db)
    assert target.read_text() == "mine"
    (tmp_path / "new.jsonl.part").write_text("theirs")
    assert "another export writes it" in refusal(answered.db, "--to", tmp_path / "new.jsonl")
    assert (tmp_path / "new.jsonl.part").read_text() == "theirs"


def test_a_failing_output_is_an_error_and_leaves_nothing(answered, tmp_path):
    with open("/dev/full", "wb") as full:
        done = subprocess.run([PROGRAM, "export", "--db", answered.db], env=environment(),
                              stdout=full, stderr=subprocess.PIPE, timeout=PATIENCE, check=False)
    assert done.returncode == 1
    assert b"standard output cannot be written: No space left on device" in done.stderr
    missing = tmp_path / "nowhere" / "answers.jsonl"
    assert "cannot be written: No such file" in refusal(answered.db, "--to", missing)


@pytest.mark.parametrize(("arguments", "detail"), [
    (["--format", "parquet"], "--format must be one of preferences, trl,"),
    (["--ties", "half"], "--ties must be keep or drop"),
    (["--arm", "left"], "--arm must be active or control"),
    (["--format", "trl", "--texts", "false"], "--texts must be true in a format"),
    (["--since", "yesterday"], "--since must be a time such as"),
    (["--cursor", "1"], 'there is no option "--cursor"'),
])
def test_a_wrong_argument_is_named(answered, arguments, detail):
    assert detail in refusal(answered.db, *arguments)


def test_a_missing_database_is_named(tmp_path):
    assert "nothing.db" in refusal(tmp_path / "nothing.db")
    assert "--db FILE is missing" in run("export").stderr
