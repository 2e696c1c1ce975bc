"""`fisherd simulate`, from flags to files."""
import contextlib
import csv
import json
import os
import pty
import shutil
import struct
import subprocess

import pytest

from client import PROGRAM, environment, run

SMALL = ("--batch-sizes", 10, "--hidden-width", 8, "--iterations", 40, "--noise", 1,
         "--candidates", 2000)
# Every option of the learner is given, so that these tests do not depend on defaults.
FIXED = ("--preset", "paper", *SMALL, "--batch-sizes", 60, "--held-out", 0.2, "--retrain", "warm")
TIMES = ("select_seconds", "train_seconds")
SETTINGS = ("reward", "mode", "batch", "width", "strategy", "seed")


def simulate(folder, *arguments, data=("--data", "plane"), env=None):
    return run("simulate", *data, *SMALL, "--csv", "out.csv", *arguments, cwd=folder, env=env)


def rows_of(folder):
    with open(folder / "out.csv", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def figures_of(rows):
    """Rows without times, sorted."""
    return sorted(tuple(value for name, value in row.items() if name not in TIMES) for row in rows)


def write_npy(path, rows):
    columns = len(rows[0])
    header = f"{{'descr': '<f4', 'fortran_order': False, 'shape': ({len(rows)}, {columns}), }}"
    header += " " * (63 - (10 + len(header)) % 64) + "\n"
    path.write_bytes(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header.encode()
                     + b"".join(struct.pack(f"<{columns}f", *row) for row in rows))


def write_data(folder, prompts=10, responses=6):
    with open(folder / "items.jsonl", "w", encoding="utf-8") as file:
        for i in range(prompts * responses):
            file.write(json.dumps({"id": f"i{i}", "prompt_id": f"p{i // responses}"}) + "\n")
    values = [((i * 37 % 101) / 50 - 1, (i * 53 % 97) / 48 - 1) for i in range(prompts * responses)]
    write_npy(folder / "response_embeddings.npy", values)
    write_npy(folder / "prompt_embeddings.npy", [(k / prompts,) for k in range(prompts)])
    write_npy(folder / "golden.npy", [(5 * x,) for x, _ in values])


@pytest.fixture(name="data")
def fixture_data(tmp_path):
    (tmp_path / "set").mkdir()
    write_data(tmp_path / "set")
    return tmp_path / "set"


def test_two_seeds_of_two_rounds_give_a_row_each_and_a_table(tmp_path):
    done = simulate(tmp_path, "--seeds", 2, "--rounds", 2, "--jobs", 2)
    assert done.returncode == 0, done.stderr
    rows = rows_of(tmp_path)
    assert len(rows) == 3 * 2 * 2
    assert {row["labels"] for row in rows if row["round"] == "2"} == {"20"}
    assert {row["strategy"] for row in rows} == {"random", "pa-dopt", "greedy"}
    for row in rows:
        assert 0 <= float(row["one_minus_spearman"]) <= 2
        assert 0 < float(row["log_loss"]) < 5
        assert 0.3 < float(row["accuracy"]) < 1
    for strategy in ("random", "pa-dopt", "greedy"):
        assert strategy in done.stdout
    assert "6 of 6 runs" in done.stderr


def test_with_first_random_strategies_begin_with_the_same_labels_and_differ_later(tmp_path):
    done = simulate(tmp_path, "--seeds", 2, "--rounds", 2, "--first", "random")
    assert done.returncode == 0, done.stderr
    losses = {(row["strategy"], row["seed"], row["round"]): row["one_minus_spearman"]
              for row in rows_of(tmp_path)}
    for seed in "01":
        assert losses["random", seed, "1"] == losses["greedy", seed, "1"]
        assert losses["random", seed, "2"] != losses["greedy", seed, "2"]
    assert losses["random", "0", "1"] != losses["random", "1", "1"]


def test_every_seed_draws_different_pairs(tmp_path):
    assert simulate(tmp_path, "--seeds", 8, "--rounds", 1, "--strategies", "random").returncode == 0
    # Of ten pairs; the number of distinct items depends on the draw alone.
    assert len({row["uses_per_item"] for row in rows_of(tmp_path)}) > 1


def test_by_default_they_differ_at_once(tmp_path):
    done = simulate(tmp_path, "--seeds", 1, "--rounds", 1, "--strategies", "random,greedy")
    assert done.returncode == 0, done.stderr
    losses = {row["strategy"]: row["log_loss"] for row in rows_of(tmp_path)}
    assert losses["random"] != losses["greedy"]


def test_lists_run_as_a_full_product(tmp_path):
    done = simulate(tmp_path, "--seeds", 1, "--rounds", 1, "--strategies", "random,greedy",
                    "--batch-sizes", "5,10", "--modes", "in_prompt,any", "--widths", "4,8",
                    "--rewards", "judge,teacher,sum")
    assert done.returncode == 0, done.stderr
    runs = {tuple(row[name] for name in SETTINGS) for row in rows_of(tmp_path)}
    assert len(runs) == 2 * 2 * 2 * 2 * 3


def test_a_resumed_file_equals_an_uninterrupted_one(tmp_path):
    arguments = ("--seeds", 2, "--rounds", 2, "--strategies", "random,greedy")
    assert simulate(tmp_path, *arguments).returncode == 0
    whole = rows_of(tmp_path)
    lines = (tmp_path / "out.csv").read_text().splitlines(keepends=True)
    (tmp_path / "out.csv").write_text("".join(lines[:4]) + lines[4][:40])
    done = simulate(tmp_path, *arguments, "--resume")
    assert done.returncode == 0, done.stderr
    assert "1 are there already" in done.stderr
    assert figures_of(rows_of(tmp_path)) == figures_of(whole)
    done = simulate(tmp_path, *arguments, "--resume")
    assert "4 are there already" in done.stderr
    assert figures_of(rows_of(tmp_path)) == figures_of(whole)


def test_several_jobs_give_the_same_figures_as_one(tmp_path):
    arguments = ("--seeds", 3, "--rounds", 2, "--strategies", "greedy")
    assert simulate(tmp_path, *arguments).returncode == 0
    one = figures_of(rows_of(tmp_path))
    (tmp_path / "out.csv").unlink()
    assert simulate(tmp_path, *arguments, "--jobs", 3).returncode == 0
    assert figures_of(rows_of(tmp_path)) == one


def test_on_a_terminal_the_progress_is_one_line_that_is_overwritten(tmp_path):
    screen, terminal = pty.openpty()
    with subprocess.Popen([PROGRAM, "simulate", "--data=plane", *map(str, SMALL), "--seeds=2", "--rounds=2",
                           "--csv=out.csv"], cwd=tmp_path, env=environment(), stdout=subprocess.DEVNULL,
                          stderr=terminal) as process:
        os.close(terminal)
        shown = b""
        with contextlib.suppress(OSError):  # a terminal whose other side is closed
            while more := os.read(screen, 4096):
                shown += more
    os.close(screen)
    assert process.returncode == 0, shown
    assert shown.count(b"\r") > 6 and b"\x1b[K" in shown
    assert b"6 of 6 runs" in shown.split(b"\r")[-2]


def test_an_existing_file_is_not_overwritten(tmp_path):
    (tmp_path / "out.csv").write_text("mine\n")
    done = simulate(tmp_path)
    assert done.returncode == 2
    assert "--resume" in done.stderr
    assert (tmp_path / "out.csv").read_text() == "mine\n"
    assert simulate(tmp_path, "--resume").returncode == 2
    assert (tmp_path / "out.csv").read_text() == "mine\n"


@pytest.mark.parametrize("arguments", [
    ("--redundancy", 5), ("--control-share", 0.5), ("--stale", 25), ("--stale", 90),
    ("--pending-aware", "no"), ("--retrain", "scratch"), ("--candidates", "all"),
    ("--prompts", 2), ("--responses", 4), ("--modes", "cross_prompt"), ("--hidden-layers", 0),
    ("--widths", 4)])
def test_every_setting_counts_its_labels_and_changes_what_is_learned(tmp_path, arguments):
    plain = (*FIXED, "--seeds", 1, "--rounds", 3, "--strategies", "greedy")
    assert simulate(tmp_path, *plain).returncode == 0
    before = rows_of(tmp_path)
    done = simulate(tmp_path, *plain, *arguments, "--resume")
    assert done.returncode == 0, done.stderr
    rows = [row for row in rows_of(tmp_path) if row not in before]
    assert [row["labels"] for row in rows] == ["60", "120", "180"]
    assert any(rows[-1][name] != before[-1][name] for name in ("log_loss", "logdet"))


def test_the_paper_preset_names_itself_and_later_flags_change_it(tmp_path):
    done = simulate(tmp_path, "--seeds", 1, "--rounds", 1, "--preset", "paper", "--iterations", 30)
    assert done.returncode == 0, done.stderr
    (row,) = rows_of(tmp_path)
    assert row["name"] == "paper"
    assert row["strategy"] == "pa-dopt"
    options = dict(entry.split("=") for entry in row["options"].split(";"))
    assert options["model"] == "network"
    assert options["retrain"] == "scratch"
    assert options["weight-decay"] == "0"
    assert options["held-out"] == "0"
    assert options["patience"] == "0"
    assert options["iterations"] == "30"


def test_files_are_simulated_like_the_folder_that_holds_them(tmp_path, data):
    common = ("--seeds", 1, "--rounds", 2, "--strategies", "random")
    done = simulate(tmp_path, *common, data=("--data-dir", data))
    assert done.returncode == 0, done.stderr
    folder = rows_of(tmp_path)
    (tmp_path / "out.csv").unlink()
    done = simulate(tmp_path, *common, data=(
        "--items", data / "items.jsonl", "--embeddings", data / "response_embeddings.npy",
        "--prompt-embeddings", data / "prompt_embeddings.npy", "--golden", data / "golden.npy"))
    assert done.returncode == 0, done.stderr
    assert [row["one_minus_spearman"] for row in rows_of(tmp_path)] == \
        [row["one_minus_spearman"] for row in folder]
    assert folder[0]["data"] == "set"


def test_a_round_without_pairs_left_ends_with_a_reason(tmp_path, data):
    done = simulate(tmp_path, "--seeds", 1, "--rounds", 50, data=("--data-dir", data))
    assert done.returncode == 1
    assert "every pair was asked" in done.stderr


@pytest.mark.parametrize("arguments, words", [
    (("--strategies", "random,magic"), ["magic"]),
    (("--strategies", "random,"), ["strategies", "empty"]),
    (("--modes", "sideways"), ["modes", "in_prompt", "sideways"]),
    (("--rewards", "gold"), ["rewards", "teacher", "gold"]),
    (("--batch-sizes", "10,x"), ["batch-sizes", "x"]),
    (("--batch-sizes", "0"), ["batch-sizes"]),
    (("--widths", "99999"), ["widths"]),
    (("--candidates", "some"), ["candidates", "some"]),
    (("--preset", "magic"), ["preset", "paper"]),
    (("--retrain", "never"), ["retrain", "scratch"]),
    (("--pending-aware", "maybe"), ["pending-aware"]),
    (("--first", "last"), ["first"]),
    (("--noise", "0"), ["noise"]),
    (("--seeds", "0"), ["seeds"]),
    (("--name", "a,b"), ["name"]),
    (("--magic", "1"), ["magic"]),
    (("--hidden-layers", "9"), ["hidden-layers"]),
    (("--data-dir", "absent"), ["--data"]),
    (("--csv", "absent/out.csv"), ["absent/out.csv"]),
    (("--table", "absent.csv"), ["absent.csv"]),
])
def test_wrong_flags_are_refused_with_a_reason(tmp_path, arguments, words):
    done = simulate(tmp_path, *arguments)
    assert done.returncode == 2, done.stderr
    assert done.stdout == ""
    for word in words:
        assert word in done.stderr
    assert not (tmp_path / "out.csv").exists()


def break_shape(data):
    write_npy(data / "golden.npy", [(1.0,)] * 3)


def break_columns(data):
    write_npy(data / "golden.npy", [(1.0, 2.0)] * 60)


def break_prompts(data):
    write_npy(data / "prompt_embeddings.npy", [(1.0,)] * 3)


def break_line(data):
    lines = (data / "items.jsonl").read_text().splitlines()
    lines[7] = "{"
    (data / "items.jsonl").write_text("\n".join(lines))


def break_count(data):
    lines = (data / "items.jsonl").read_text().splitlines()
    (data / "items.jsonl").write_text("\n".join(lines[:-1]))


def break_number(data):
    write_npy(data / "response_embeddings.npy", [(float("nan"), 1.0)] * 60)


def break_golden(data):
    write_npy(data / "golden.npy", [(float("inf"),)] * 60)


def break_npy(data):
    (data / "response_embeddings.npy").write_bytes(b"no such thing")


def break_missing(data):
    (data / "golden.npy").unlink()


def break_twice(data):
    text = (data / "items.jsonl").read_text()
    (data / "items.jsonl").write_text(text.replace('"i7"', '"i8"'))


def break_single(data):
    (data / "items.jsonl").write_text("".join(
        json.dumps({"id": f"i{i}", "prompt_id": f"p{i % 10 if i < 10 else 0}"}) + "\n"
        for i in range(60)))


@pytest.mark.parametrize("damage, words", [
    (break_shape, ["golden.npy", "3", "60"]), (break_columns, ["golden.npy"]),
    (break_prompts, ["prompt_embeddings.npy", "3", "10"]), (break_line, ["items.jsonl", "line 8"]),
    (break_count, ["59", "60"]), (break_number, ["i0", "finite"]), (break_golden, ["finite"]),
    (break_npy, ["response_embeddings.npy"]), (break_missing, ["golden.npy"]),
    (break_twice, ["line 9", "id"]), (break_single, ["two items"]),
])
def test_wrong_data_are_refused_with_a_reason(tmp_path, data, damage, words):
    damage(data)
    done = simulate(tmp_path, data=("--data-dir", data))
    assert done.returncode == 2, done.stderr
    for word in words:
        assert word in done.stderr


def test_exactly_one_kind_of_data_is_required(tmp_path):
    done = run("simulate", cwd=tmp_path)
    assert done.returncode == 2
    assert "--data" in done.stderr
    done = run("simulate", "--items", "x", cwd=tmp_path)
    assert done.returncode == 2
    assert "--golden" in done.stderr


def test_the_table_is_printed_alone(tmp_path):
    first = simulate(tmp_path, "--seeds", 3, "--rounds", 2)
    table = run("simulate", "--table", "out.csv", cwd=tmp_path)
    assert table.returncode == 0
    assert table.stdout == first.stdout
    assert table.stderr == ""


def test_settings_are_compared_with_those_of_another_name(tmp_path):
    plain = (*FIXED, "--seeds", 3, "--strategies", "random,greedy")
    weak = ("--name", "weak", "--rounds", 3, "--iterations", 1)
    strong = ("--name", "strong", "--rounds", 2, "--iterations", 400)
    assert simulate(tmp_path, *plain, *weak).returncode == 0
    done = simulate(tmp_path, *plain, *strong, "--resume", "--against", "weak:random")
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("saved against weak:random") == 2
    title, _, *lines = done.stdout.split("\n\n")[1].splitlines()
    assert title.startswith("strong:")
    for line in lines:  # the last cell is "2.50 [2.00, 3.00]"
        assert float(line.split()[-3]) > 1


def test_help_lists_the_flags(tmp_path):
    done = run("simulate", "--help", cwd=tmp_path)
    assert done.returncode == 0
    for flag in ("--strategies", "--resume", "--preset", "--pending-aware"):
        assert flag in done.stdout


@pytest.mark.skipif(not shutil.which("gnuplot"), reason="gnuplot is not installed")
def test_figures_are_drawn(tmp_path):
    done = simulate(tmp_path, "--seeds", 2, "--rounds", 5, "--modes", "in_prompt,any", "--widths",
                    "4,8", "--batch-sizes", "5,10", "--strategies", "random,greedy", "--plot",
                    "figures", "--name", "it's `mine` $x")
    assert done.returncode == 0, done.stderr
    names = {path.name for path in (tmp_path / "figures").iterdir()}
    assert {"curves-judge-in_prompt.svg", "curves-judge-any.svg", "modes-judge.svg",
            "widths-judge-in_prompt.svg", "batch-sizes-judge-any.svg", "figure1.png"} <= names
    for name in names:
        assert (tmp_path / "figures" / name).stat().st_size > 500
    assert (tmp_path / "figures" / "figure1.gp").read_text().count("with image") == 8


@pytest.mark.parametrize("end", ["exit 3", "kill -9 $$"])
def test_a_gnuplot_failure_names_its_script(tmp_path, end):
    (tmp_path / "gnuplot").write_text(f"#!/bin/sh\n{end}\n")
    (tmp_path / "gnuplot").chmod(0o755)
    done = simulate(tmp_path, "--seeds", 1, "--rounds", 1, "--plot", "figures",
                    env={"PATH": f"{tmp_path}:{os.environ['PATH']}"})
    assert done.returncode == 1
    assert "gnuplot failed with figures/curves-judge-in_prompt.gp" in done.stderr


def test_a_folder_for_figures_that_cannot_be_created_is_reported(tmp_path):
    (tmp_path / "file").touch()
    done = simulate(tmp_path, "--seeds", 1, "--rounds", 1, "--plot", "file/figures")
    assert done.returncode == 1
    assert "file/figures cannot be made: Not a directory" in done.stderr


def test_a_gnuplot_script_that_cannot_be_written_is_reported(tmp_path):
    (tmp_path / "figures" / "curves-judge-in_prompt.gp").mkdir(parents=True)
    done = simulate(tmp_path, "--seeds", 1, "--rounds", 1, "--plot", "figures")
    assert done.returncode == 1
    assert "curves-judge-in_prompt.gp cannot be written: Is a directory" in done.stderr


def test_a_gnuplot_that_may_not_be_executed_is_reported(tmp_path):
    (tmp_path / "gnuplot").touch()
    done = simulate(tmp_path, "--seeds", 1, "--rounds", 1, "--plot", "figures", env={"PATH": str(tmp_path)})
    assert done.returncode == 1
    assert "Permission denied" in done.stderr


def test_a_missing_gnuplot_is_reported_and_the_script_stays(tmp_path):
    done = simulate(tmp_path, "--seeds", 1, "--rounds", 1, "--plot", "figures",
                    env={"PATH": str(tmp_path)})
    assert done.returncode == 1
    assert "gnuplot is not installed" in done.stderr
    assert (tmp_path / "figures" / "curves-judge-in_prompt.gp").exists()
    assert len(rows_of(tmp_path)) == 3
