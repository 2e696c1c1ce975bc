"""`fisherd simulate`: tables, help and figures."""

import math
import os
import shutil

import pytest

from client import run
from simulation import FIXED, evidence, rows_of, simulate


def test_the_table_is_printed_alone(tmp_path):
    first = simulate(tmp_path, "--seeds", 3, "--rounds", 2)
    table = run("simulate", "--table", "out.csv", cwd=tmp_path)
    assert table.returncode == 0
    assert table.stdout == first.stdout
    assert table.stderr == ""


def test_settings_are_compared_with_those_of_another_name(tmp_path):
    plain = (*FIXED, "--seeds", 3, "--strategies", "random,greedy")
    weak = ("--name", "weak", "--rounds", 3, "--annotators", "2honest+5random")
    strong = ("--name", "strong", "--rounds", 2)
    assert simulate(tmp_path, *plain, *weak).returncode == 0
    done = simulate(tmp_path, *plain, *strong, "--resume", "--against", "weak:random")
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("saved against weak:random") == 2
    title, _, *lines = done.stdout.split("\n\n")[1].splitlines()
    assert title.startswith("strong:")
    for line in lines:  # the last cell is "2.50 [2.00, 3.00]"
        assert float(line.split()[-3]) > 1


def cells_of(table, title, line):
    """The differences of one line of the Markdown table whose title begins so."""
    (found,) = [part for part in table.split("\n\n") if part.startswith(title)]
    part = table[table.index(found):].split("\n\n")[1]
    (row,) = [row for row in part.splitlines() if row.startswith(f"| {line} |")]
    return [cell.strip() for cell in row.split("|")[2:-1]]


def test_learners_are_compared_in_pairs_over_splits_and_teachers(tmp_path):
    arguments = ("--checkpoints=10,40", "--strategies=random", "--rewards=judge,linear:1-3")
    _, rows = evidence(tmp_path, *arguments, "--learners=first")
    (tmp_path / "out.csv").rename(tmp_path / "first.csv")
    _, more = evidence(tmp_path, *arguments, "--learners=timid:prior-precision=1000")
    done = run("simulate", "--table=first.csv,out.csv", "--compare=first:random", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "length alone" in done.stdout and "linear, in_prompt, all part, honest: log loss on unseen prompts, " \
        "3 teachers" in done.stdout
    differences = []
    for teacher in ("linear:1", "linear:2", "linear:3"):
        losses = [[float(row["log_loss"]) for row in side if row["reward"] == teacher and row["labels"] == "40"]
                  for side in (more, rows)]
        differences.append(sum(losses[0]) / 2 - sum(losses[1]) / 2)
    mean = sum(differences) / 3
    half = 4.303 * math.sqrt(sum((d - mean) ** 2 for d in differences) / 2 / 3)
    cell = cells_of(done.stdout, "plane, linear, in_prompt, all part, honest: log loss", "timid:random")[1]
    value, low, high = (float(word.strip("([,])")) for word in cell.split()[1:])
    assert (value, low, high) == pytest.approx((mean, mean - half, mean + half), abs=0.0011)
    assert "2 splits" in done.stdout


def test_a_comparison_with_an_arm_that_did_not_run_is_refused(tmp_path):
    evidence(tmp_path, "--checkpoints=10", "--strategies=random")
    done = run("simulate", "--table=out.csv", "--compare=magic:random", cwd=tmp_path)
    assert done.returncode == 2
    assert "--compare" in done.stderr and "magic:random" in done.stderr


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
