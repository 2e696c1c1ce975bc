"""`fisherd simulate`, from flags to files."""
import contextlib
import csv
import json
import math
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
FIXED = ("--preset", "paper", *SMALL, "--batch-sizes", 60, "--held-out", 0.2, "--retrain", "warm",
         "--widths", 8, "--modes", "in_prompt", "--seeds", 1, "--strategies", "random,greedy")
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


def evidence(folder, *arguments, data=("--data", "plane")):
    done = run("simulate", *data, "--preset=evidence", "--splits=2", "--csv=out.csv", "--model=linear",
               *arguments, cwd=folder)
    assert done.returncode == 0, done.stderr
    return done, rows_of(folder)


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


def write_votes(folder):
    """Three votes for each of the pairs of neighbours: the larger first number wins; one is a tie."""
    with open(folder / "items.jsonl", encoding="utf-8") as file:
        items = [json.loads(line) for line in file]
    with open(folder / "pairs.jsonl", "w", encoding="utf-8") as file:
        for i, (one, other) in enumerate(zip(items, items[1:])):
            if one["prompt_id"] != other["prompt_id"]:
                continue
            for k in range(3):
                wins = "tie" if k == 2 else "a" if i * 37 % 101 > (i + 1) * 37 % 101 else "b"
                file.write(json.dumps({"a": one["id"], "b": other["id"], "preference": wins,
                                       "annotator": f"w{k}", "duration_ms": 1000 * (k + 1)}) + "\n")


def test_recorded_votes_are_replayed_until_they_are_used_up(tmp_path, data):
    write_votes(data)
    _, rows = evidence(tmp_path, "--checkpoints=10,35,100,1000", "--test-share=0.3",
                       data=("--data", data))
    assert {row["reward"] for row in rows} == {"votes"}
    for begin in range(0, len(rows), 4):
        curve = rows[begin:begin + 4]
        # Seven prompts of five pairs with three votes: 35 pairs, 105 votes.
        assert [row["labels"] for row in curve] == ["10", "35", "100", "105"]
        assert curve[1]["responses_shown"] == "42"
        assert float(curve[2]["accuracy"]) > 0.8
        assert math.isnan(float(curve[3]["accuracy"]))
        assert float(curve[3]["cost_seconds"]) == 35 * (1 + 2 + 3)


def test_votes_without_pairs_in_scope_are_refused(tmp_path, data):
    write_votes(data)
    done = simulate(tmp_path, "--modes", "cross_prompt", data=("--data", data))
    assert done.returncode == 1
    assert "--modes cross_prompt" in done.stderr and "no votes" in done.stderr


def test_a_folder_without_golden_rewards_is_measured_by_its_votes(tmp_path, data):
    write_votes(data)
    (data / "golden.npy").unlink()
    _, rows = evidence(tmp_path, "--checkpoints=25", data=("--data", data))
    for row in rows:
        assert math.isnan(float(row["one_minus_spearman"]))
        assert 0.4 < float(row["accuracy"]) <= 1
        assert 0 < float(row["log_loss"]) < 1


def test_votes_of_another_file_count_where_they_are_named(tmp_path, data):
    write_votes(data)
    (data / "pairs.jsonl").rename(tmp_path / "votes.jsonl")
    _, rows = evidence(tmp_path, "--checkpoints=10", "--labels=votes.jsonl", data=("--data", data))
    assert {row["reward"] for row in rows} == {"votes"}


def test_further_embeddings_lie_in_a_folder_of_the_data(tmp_path, data):
    (data / "other").mkdir()
    values = [(float(i % 7), 0.5, float(i % 3)) for i in range(60)]
    write_npy(data / "other" / "response_embeddings.npy", values)
    _, rows = evidence(tmp_path, "--checkpoints=10", data=("--data", f"{data},{data}/other@judge+linear:3"))
    assert {(row["data"], row["embedding"], row["reward"]) for row in rows} == {
        ("set", "", "judge"), ("set", "other", "judge"), ("set", "other", "linear:3")}


def test_prompt_embeddings_follow_the_order_of_the_prompts_file(tmp_path, data):
    _, rows = evidence(tmp_path, "--checkpoints=20", data=("--data", data))
    (tmp_path / "out.csv").unlink()
    write_npy(data / "prompt_embeddings.npy", [((9 - k) / 10,) for k in range(10)])
    (data / "prompts.jsonl").write_text("".join(json.dumps({"prompt_id": f"p{9 - k}"}) + "\n" for k in range(10)))
    assert figures_of(evidence(tmp_path, "--checkpoints=20", data=("--data", data))[1]) == figures_of(rows)
    (data / "prompts.jsonl").write_text('{"prompt_id": "p1"}\n')
    done = simulate(tmp_path, "--resume", data=("--data", data))
    assert done.returncode == 2 and "prompts.jsonl has 1 of the 10 prompts" in done.stderr


def test_the_length_of_the_responses_is_a_baseline_in_each_row(tmp_path, data):
    with open(data / "items.jsonl", "w", encoding="utf-8") as file:
        for i in range(60):
            file.write(json.dumps({"id": f"i{i}", "prompt_id": f"p{i // 6}", "prompt": "p",
                                   "response": "é" * (i * 37 % 101)}) + "\n")
    _, rows = evidence(tmp_path, "--checkpoints=40", data=("--data", data))
    for row in rows:  # the reward is the first number, which the length follows
        assert float(row["length_spearman"]) == pytest.approx(1)
        assert float(row["length_best_of_n_share"]) == pytest.approx(1)
        assert float(row["length_log_loss"]) < math.log(2)
        assert abs(float(row["partial_spearman"])) < 0.01 < 1 - float(row["one_minus_spearman"])


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
