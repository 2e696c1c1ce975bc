"""`fisherd simulate`: its runs and their flags."""

import contextlib
import math
import os
import pty
import subprocess

import pytest

from client import PROGRAM, environment, run
from simulation import fixture_data, FIXED, SETTINGS, SMALL, evidence, figures_of, rows_of, simulate


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


def test_strategies_begin_with_the_same_labels_and_differ_later(tmp_path):
    assert simulate(tmp_path, "--seeds", 2, "--rounds", 2, "--first", "random").returncode == 0
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


def test_with_first_strategy_they_differ_at_once(tmp_path):
    done = simulate(tmp_path, *FIXED, "--seeds", 1, "--rounds", 1, "--strategies", "random,greedy",
                    "--first", "strategy")
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


def test_the_paper_preset_is_its_whole_protocol_and_later_flags_change_it(tmp_path):
    done = run("simulate", "--data=plane", "--preset=paper", "--rounds=1", "--iterations=2", "--seeds=1",
               "--modes=in_prompt", "--batch-sizes=10,20", "--csv=out.csv", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    rows = rows_of(tmp_path)
    assert {row["strategy"] for row in rows} == {"random", "entropy", "maxdiff", "xtx", "coreset",
                                                 "batchbald", "dopt", "pa-dopt"}
    assert {row["width"] for row in rows} == {"64", "128"}
    assert len(rows) == 8 * 2 * 2
    row = rows[0]
    assert row["name"] == "paper"
    assert (row["prompts"], row["responses"], row["candidates"]) == ("500", "10", "20000")
    assert row["first"] == "random"
    assert [entry.split(":")[0] for entry in row["best_of"].split(";")] == [str(n) for n in range(2, 25)]
    options = dict(entry.split("=") for entry in row["options"].split(";"))
    assert options["model"] == "network"
    assert options["retrain"] == "scratch"
    assert options["weight-decay"] == "0"
    assert options["held-out"] == "0"
    assert options["patience"] == "0"
    assert options["iterations"] == "2"


def test_the_evidence_preset_measures_from_no_answer_on_over_splits(tmp_path):
    _, rows = evidence(tmp_path, "--checkpoints=0,10,25,50", "--rewards=judge,linear:1-2")
    assert len(rows) == 2 * 2 * 3 * 4
    assert [row["labels"] for row in rows[:4]] == ["0", "10", "25", "50"]
    assert {row["reward"] for row in rows} == {"judge", "linear:1", "linear:2"}
    assert {row["split"] for row in rows} == {"0", "1"}
    first = [row for row in rows if row["labels"] == "10"]
    assert len({row["log_loss"] for row in first}) == len(first)  # strategies differ at once
    ends = [1 - float(row["one_minus_spearman"]) for row in rows
            if row["reward"] != "judge" and row["labels"] == "50"]
    assert min(ends) > 0.5


def test_what_a_daemon_would_learn_does_not_depend_on_the_jobs(tmp_path):
    arguments = ("--checkpoints=10,25,50", "--retrain-labels=25", "--annotators=3honest+random+left",
                 "--ties=0.2", "--rewards=judge,network:1")
    one = figures_of(evidence(tmp_path, *arguments)[1])
    (tmp_path / "out.csv").unlink()
    assert figures_of(evidence(tmp_path, *arguments, "--jobs=4")[1]) == one


def test_the_stop_advice_of_the_daemon_is_in_each_row(tmp_path):
    _, rows = evidence(tmp_path, "--checkpoints=10,100,400,800", "--strategies=random", "--learn=train", "--batch-sizes=50",
                       "--rewards=linear:1", "--held-out=0.5", "--learners=eager:stop-below=100,never:stop-below=0")
    advice = {(row["learner"], row["labels"]): row["stop_recommended"] for row in rows if row["split"] == "0"}
    assert advice["eager", "400"] == "1" and advice["never", "400"] == "0"
    assert advice["eager", "10"] == "0"
    table = run("simulate", "--table=out.csv", "--stops=0.01", cwd=tmp_path).stdout.splitlines()
    for learner in ("eager", "never"):
        found = {"cases": 0, "right": 0, "advised": 0, "wrong": 0, "missed": 0}
        for split in "01":
            curve = [row for row in rows if (row["learner"], row["split"]) == (learner, split)]
            for row, later in zip(curve, curve[1:]):
                right = float(row["log_loss"]) - float(later["log_loss"]) < 0.01
                advised = row["stop_recommended"] == "1"
                for name, counts in (("cases", True), ("right", right), ("advised", advised),
                                     ("wrong", advised and not right), ("missed", right and not advised)):
                    found[name] += counts
        (line,) = [line for line in table if f"{learner}:random" in line]
        assert [int(cell) for cell in line.split("|")[4:9]] == list(found.values())
        assert found["cases"] == 6
    expected = {row["labels"]: float(row["expected_improvement"]) for row in rows if row["split"] == "0"}
    assert math.isnan(expected["10"]) and math.isfinite(expected["400"])


def test_learners_differ_in_options_alone(tmp_path):
    _, rows = evidence(tmp_path, "--checkpoints=10,50", "--strategies=random", "--learners",
                       "first,again,timid:prior-precision=1000;contested=1")
    losses = {(row["learner"], row["split"], row["labels"]): row["log_loss"] for row in rows}
    assert losses["first", "0", "50"] == losses["again", "0", "50"] != losses["timid", "0", "50"]
    assert {"prior-precision=1000", "contested=1"} <= set(
        next(row for row in rows if row["learner"] == "timid")["options"].split(";"))


def test_the_parts_are_told_and_differ(tmp_path):
    told = {}
    for part in ("development", "confirmation"):
        done, rows = evidence(tmp_path, f"--part={part}", "--checkpoints=10", "--resume")
        told[part] = done.stderr.splitlines()[0]
        assert told[part].startswith(f"plane: {part} part ")
    assert told["development"].split()[-1] != told["confirmation"].split()[-1]
    assert len({row["log_loss"] for row in rows}) == len(rows) == 2 * 2 * 2


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
    (("--noise-unit", "metre"), ["noise-unit", "spread", "metre"]),
    (("--rewards", "network"), ["rewards", "network:SEED"]),
    (("--rewards", "network:3-1"), ["rewards", "network:3-1"]),
    (("--rewards", "votes"), ["rewards", "votes", "plane", "--labels"]),
    (("--annotators", "9honest+lazy"), ["annotators", "lazy", "inverted"]),
    (("--annotators", "random:2"), ["annotators", "random:2", "share", "0 to 1"]),
    (("--checkpoints", "10,5"), ["checkpoints", "ascend"]),
    (("--checkpoints", "10,many"), ["checkpoints", "many"]),
    (("--learn", "never"), ["learn", "daemon", "never"]),
    (("--part", "third"), ["part", "confirmation", "third"]),
    (("--learners", "a:magic=1"), ["learners", "a", "magic"]),
    (("--learners", ":contested=1"), ["learners", "name"]),
    (("--labels", "absent.jsonl"), ["absent.jsonl"]),
    (("--test-share", "1.5"), ["test-share"]),
    (("--ties", "1"), ["ties"]),
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
