"""What trainers read: exports by the library `datasets`, and by the data utilities of TRL."""

import pathlib

import datasets
import fisherd
import pytest
import trl.data_utils

from client import Daemon, label, run
from conftest import corpus
from token_daemon import create


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


# ---- from the address of the daemon ----

LABELS = 120


@pytest.fixture
def secured(tmp_path, monkeypatch):
    """A daemon with a token, and more labels than a page has in these tests."""
    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", False)  # else no address is asked, ours neither
    db = tmp_path / "fisherd.db"
    token, _ = create(db, "frontend", "trainer")
    with Daemon(db, {"embedding-url": "builtin:hash"}) as daemon:
        daemon.client = fisherd.Client(f"http://{daemon.host}:{daemon.port}", token)
        daemon.token = token
        items = corpus(36)
        daemon.client.add_items({key: item[key] for key in ("id", "prompt_id", "prompt", "response")}
                                for item in items)
        pairs = [(a["id"], b["id"]) for a in items for b in items
                 if a["id"] < b["id"] and a["prompt_id"] == b["prompt_id"]]
        daemon.client.add_labels(label(f"l{i}", *pairs[i % len(pairs)], "ab"[i % 2], annotator=f"ann-{i}")
                                 for i in range(LABELS))
        yield daemon


def load_url(daemon, tmp_path, query):
    """As docs/EXPORT.md says."""
    return datasets.load_dataset(
        "csv" if "csv" in query else "json", data_files=f"http://{daemon.host}:{daemon.port}/v1/export?{query}",
        storage_options={"headers": {"Authorization": f"Bearer {daemon.token}"}},
        download_mode="force_redownload", verification_mode="no_checks", split="train",
        cache_dir=str(tmp_path / "cache"))


@pytest.mark.parametrize(("form", "column"), [("trl", "chosen"), ("trl-conversational", "chosen"),
                                              ("preferences", "response_a"), ("csv", "response_a")])
def test_datasets_read_an_export_from_its_address(secured, tmp_path, form, column):
    data = load_url(secured, tmp_path, f"format={form}&limit=10000")
    assert len(data) == LABELS and column in data.column_names
    if form.startswith("trl"):
        assert trl.data_utils.is_conversational(data[0]) == (form == "trl-conversational")


def test_datasets_read_what_is_new_the_next_time(secured, tmp_path):
    before = len(load_url(secured, tmp_path, "format=trl&limit=10000"))
    rows = list(secured.client.labels())
    secured.client.add_labels([label("one-more", rows[0]["a"], rows[0]["b"], "a", annotator="late")])
    assert len(load_url(secured, tmp_path, "format=trl&limit=10000")) == before + 1


def test_the_client_reads_all_pages_for_a_data_set(secured):
    data = datasets.Dataset.from_list(list(secured.client.export("trl", limit=50)))
    assert len(data) == LABELS and set(data.column_names) == {"prompt", "chosen", "rejected"}
