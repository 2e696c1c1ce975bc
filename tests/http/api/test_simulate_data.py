"""`fisherd simulate` over folders: embeddings, votes, and what is wrong with them."""

import json
import math

import pytest

from client import run
from simulation import fixture_data, evidence, figures_of, rows_of, simulate, write_npy, write_votes


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
