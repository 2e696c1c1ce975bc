"""`fisherd simulate` with learners that have prior scores."""

import csv
import json

import numpy
import pytest

from client import run

PROMPTS, RESPONSES = 12, 6
ALONE = ("--strategies", "random", "--splits", 1, "--test-share", 0.5, "--checkpoints", "0,20",
         "--batch-sizes", 10, "--hidden-layers", 0, "--seeds", 1)


@pytest.fixture(name="data")
def fixture_data(tmp_path):
    folder = tmp_path / "set"
    folder.mkdir()
    random = numpy.random.default_rng(1)
    golden = random.normal(size=PROMPTS * RESPONSES)
    with open(folder / "items.jsonl", "w", encoding="utf-8") as file:
        for i in range(PROMPTS * RESPONSES):
            file.write(json.dumps({"id": f"i{i}", "prompt_id": f"p{i // RESPONSES}"}) + "\n")
    numpy.save(folder / "response_embeddings.npy", random.normal(size=(golden.size, 3)))
    numpy.save(folder / "golden.npy", golden)
    numpy.save(folder / "judge.npy", golden)
    return folder


def correlations(data, learners):
    """Spearman's correlation of each learner at each checkpoint."""
    done = run("simulate", "--data", data, *ALONE, "--learners", learners, "--csv", "out.csv",
               cwd=data.parent)
    assert done.returncode == 0, done.stderr
    with open(data.parent / "out.csv", encoding="utf-8") as file:
        return {(row["learner"], int(row["labels"])): 1 - float(row["one_minus_spearman"])
                for row in csv.DictReader(file)}


def test_a_score_of_a_file_orders_unseen_items_as_far_as_it_is_trusted(data):
    found = correlations(data, "none,right:scores=judge.npy@trusted,"
                               "wrong:scores=judge.npy@inverted,open:scores=judge.npy")
    assert found["right", 0] == pytest.approx(1)
    assert found["wrong", 0] == pytest.approx(-1)
    assert found["none", 0] == found["open", 0] == 0
    assert found["open", 20] > found["none", 20] + 0.3


def test_a_made_up_score_is_like_the_reward_as_much_as_asked(data):
    found = correlations(data, "same:scores=like:1@trusted,none:scores=like:0@trusted")
    assert found["same", 0] == pytest.approx(1)
    assert abs(found["none", 0]) < 0.6


def test_an_item_without_a_score_counts_as_average(data):
    scores = numpy.load(data / "judge.npy")
    scores[::2] = numpy.nan
    numpy.save(data / "judge.npy", scores)
    found = correlations(data, "right:scores=judge.npy@trusted")
    assert 0.2 < found["right", 0] < 0.99


def spoil_shape(data):
    numpy.save(data / "judge.npy", numpy.zeros(3))


def spoil_value(data):
    numpy.save(data / "judge.npy", numpy.full(PROMPTS * RESPONSES, 1e9))


@pytest.mark.parametrize("scores, spoil, words", [
    ("like:2", None, "like:CORRELATION"),
    ("like:", None, "like:CORRELATION"),
    ("judge.npy@much", None, "@trusted"),
    ("", None, "FILE.npy"),
    ("other.npy", None, "other.npy"),
    ("judge.npy", spoil_shape, "has 3 rows"),
    ("judge.npy", spoil_value, "score 0 must be a number from -1e+06"),
])
def test_wrong_scores_are_refused_before_the_first_run(data, scores, spoil, words):
    if spoil:
        spoil(data)
    done = run("simulate", "--data", data, *ALONE, "--learners", f"x:scores={scores}", "--csv",
               "out.csv", cwd=data.parent)
    assert done.returncode != 0 and words in done.stderr, done
    assert not (data.parent / "out.csv").exists()


def test_the_plane_has_no_files_of_scores(tmp_path):
    done = run("simulate", "--data", "plane", *ALONE, "--learners", "x:scores=judge.npy", cwd=tmp_path)
    assert done.returncode != 0 and "has no files" in done.stderr
