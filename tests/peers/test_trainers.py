"""What trainers read: exports by the library `datasets`, and by the data utilities of TRL."""

import pathlib

import datasets
import pytest
import trl.data_utils

from client import label, run


@pytest.fixture
def answered(embedded):
    rows = embedded.get("/v1/items?limit=36")["items"]
    pairs = [(rows[6 * p + i]["id"], rows[6 * p + i + 1]["id"]) for p in range(6) for i in range(0, 6, 2)]
    embedded.add_labels([label(f"l{i}", a, b, ["a", "b", "tie"][i % 3]) for i, (a, b) in enumerate(pairs)])
    return embedded


def load(path, daemon, *more):
    done = run("export", "--db", daemon.db, "--to", path, *more)
    assert done.returncode == 0, done.stderr
    kind = "csv" if path.suffix == ".csv" else "json"
    return datasets.load_dataset(kind, data_files=str(path), split="train",
                                 cache_dir=str(path.parent / "cache"))


def test_datasets_read_the_implicit_columns_of_trl(answered, tmp_path):
    data = load(tmp_path / "train.jsonl", answered, "--format", "trl")
    assert len(data) == 12 and set(data.column_names) == {"prompt", "chosen", "rejected"}
    assert not trl.data_utils.is_conversational(data[0])
    assert trl.data_utils.maybe_extract_prompt(data[0]) == data[0]


def test_trl_knows_the_conversational_columns(answered, tmp_path):
    data = load(tmp_path / "train.jsonl", answered, "--format", "trl-conversational")
    assert len(data) == 12
    assert trl.data_utils.is_conversational(data[0])
    assert [turn["role"] for turn in data[0]["prompt"]] == ["user"]
    assert [turn["role"] for turn in data[0]["chosen"]] == ["assistant"]


@pytest.mark.parametrize(("name", "form"), [("all.jsonl", "preferences"), ("all.csv", "csv")])
def test_datasets_read_everything_that_is_known(answered, tmp_path, name, form):
    data = load(tmp_path / name, answered, "--format", form)
    assert len(data) == 18
    assert {"a", "b", "tie"} == set(data["preference"])
    texts = {row["id"]: row["response"] for row in answered.get("/v1/items?limit=36")["items"]}
    assert all(row["response_a"] == texts[row["a"]] for row in data)
    assert pathlib.Path(tmp_path / name).stat().st_size > 1000
