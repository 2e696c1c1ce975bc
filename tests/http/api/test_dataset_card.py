"""The dataset card: GET /v1/export/card and `fisherd export --card`."""

import itertools
import re

import pytest

from client import Daemon, label, labels_by_first_number, run

CARD = "/v1/export/card"


def card(daemon, query=""):
    response = daemon.call("GET", CARD + query)
    assert response.status == 200, response
    assert response.headers["Content-Type"] == "text/markdown; charset=utf-8"
    return response.body.decode()


def figures(text):
    """The rows of all tables of two columns, as texts."""
    return dict(re.findall(r"^\| ([^|]+?) \| ([^|]*?) \|$", text, re.M))


def section(text, title):
    found = re.search(rf"^## {title}\n(.*?)(?=^## |\Z)", text, re.M | re.S)
    assert found, title
    return found[1]


def alpha(answers):
    """Krippendorff's alpha of names by its coincidence matrix. `answers`: a list for each pair."""
    units = [unit for unit in answers if len(unit) > 1]
    names = sorted({name for unit in units for name in unit})
    matrix = {(a, b): 0.0 for a in names for b in names}
    for unit in units:
        for a, b in itertools.permutations(range(len(unit)), 2):
            matrix[unit[a], unit[b]] += 1 / (len(unit) - 1)
    totals = {a: sum(matrix[a, b] for b in names) for a in names}
    n = sum(totals.values())
    observed = sum(matrix[a, b] for a in names for b in names if a != b)
    expected = sum(totals[a] * totals[b] for a in names for b in names if a != b) / (n - 1)
    return 1 - observed / expected


@pytest.fixture
def answered(daemon):
    daemon.add_labels([
        label("one", "p0-r0", "p0-r1", "a", duration_ms=1000),
        label("two", "p0-r0", "p0-r1", "a", annotator="bob", duration_ms=5000),
        label("three", "p0-r1", "p0-r0", "a", annotator="c|d*", duration_ms=9000),
        label("four", "p1-r0", "p1-r1", "tie"), label("five", "p1-r1", "p1-r0", "tie", annotator="bob"),
        label("six", "p2-r0", "p2-r1", "b"), label("seven", "p2-r1", "p2-r0", "b", annotator="bob"),
        label("eight", "p2-r2", "p2-r3", "skip"), label("nine", "p1-r2", "p1-r3", "a"),
        label("ten", "p1-r2", "p1-r3", "a", annotator="bob")])
    daemon.ok("PUT", "/v1/labels/ten", {"preference": "b"})
    daemon.ok("DELETE", "/v1/labels/nine")
    return daemon


def test_the_counts_are_of_the_newest_revisions(answered):
    found = figures(section(card(answered), "Counts"))
    assert found["labels that count"] == "8"
    assert found["of these `a` is better"] == "3"
    assert found["of these `b` is better"] == "3"
    assert found["of these ties"] == "2"
    assert found["of these corrected since"] == "1"
    assert found["skipped, which do not count"] == "1"
    assert found["retracted, which do not count"] == "1"
    assert (found["pairs"], found["responses in them"], found["prompts"]) == ("4", "8", "3")
    assert found["annotators"] == "3"
    assert found["median seconds of an answer"] == "5.0"


def test_agreement_is_that_of_an_independent_computation(answered):
    # Each pair by its first item: 0-1 a a b, 1-1 tie tie, 2-1 b a (seven says p2-r0 is better).
    answers = [["a", "a", "b"], ["tie", "tie"], ["b", "a"]]
    text = section(card(answered), "Agreement")
    assert "3 pairs were answered more than once" in text
    assert "Of 5 couples of answers to one pair, 40.0 % agree" in text
    found = re.search(r"alpha over `a`, `b` and ties is (-?[\d.]+)\.", text)
    assert float(found[1]) == pytest.approx(alpha(answers), abs=6e-4)


def test_names_are_told_only_if_they_are_asked_for_and_say_nothing_in_markdown(answered):
    assert "bob" not in card(answered) and "## Annotators" not in card(answered)
    assert figures(section(card(answered, "?names=false"), "Counts"))["annotators"] == "3"
    text = section(card(answered, "?names=true"), "Annotators")
    rows = [line for line in text.splitlines() if line.startswith("| ")][1:]
    assert rows == ["| bob | 4 |", "| anna | 3 |", "| c\\|d\\* | 1 |"]


def test_arms_strategies_and_versions_are_those_of_the_assignments(db, items):
    with Daemon(db, {"control-fraction": 0.5, "strategy": "greedy"}) as daemon:
        daemon.add_items(items)
        daemon.add_labels(labels_by_first_number(items, 4))
        daemon.train()
        arms = {"active": [], "control": []}
        agreeing = {"active": 0, "control": 0}
        for i in range(10):
            one = daemon.post("/v1/assignments", {"annotator": "anna"})["assignments"][0]
            preference = "ab"[i % 2]
            arms[one["arm"]].append(one)
            p = one["why"]["p"]
            agreeing[one["arm"]] += (p > 0.5) == (preference == "a")
            daemon.add_labels([label(f"l{i}", one["a"]["id"], one["b"]["id"], preference,
                                     assignment=one["id"])])
        text = section(card(daemon), "How the pairs were chosen")
        rows = {name.split(":")[0]: (int(n), share) for name, n, share in
                re.findall(r"^\| (active|control|not known)[^|]* \| (\d+) \| ?([^|]*?) ?\|$", text, re.M)}
        for arm in arms:
            assert rows[arm][0] == len(arms[arm])
            if arms[arm]:
                assert f"{100 * agreeing[arm] / len(arms[arm]):.1f} % of {len(arms[arm])}" == rows[arm][1]
        assert rows["not known"] == (4, "")
        told = dict(re.findall(r"^\| `([\w-]+)` \| (\d+) \|$", text, re.M))
        assert sum(map(int, told.values())) == len(arms["active"])
        assert "Versions 1 to 1" in text
        # `a` was shown on the left each time, and won every other time.
        assert "won 50.0 % of 10 decided labels" in text
        only = card(daemon, "?arm=control")
        assert "of the arm `control`" in only
        assert figures(section(only, "Counts"))["labels that count"] == str(len(arms["control"]))


def test_biases_are_told_for_what_is_there(answered, empty):
    text = section(card(answered), "Known biases, and how to weigh")
    assert "There is no control arm" in text and "without a known assignment" in text
    assert "Inverse propensities" not in text and "One person" not in text


def test_the_model_and_the_embedder_are_named(db, items):
    with Daemon(db, {"embedding-url": "builtin:hash"}) as daemon:
        daemon.add_items([{key: item[key] for key in ("id", "prompt_id", "prompt", "response")}
                          for item in items])
        pairs = [("p0-r0", "p0-r1"), ("p1-r0", "p1-r1"), ("p2-r0", "p2-r2")]
        daemon.add_labels([label(f"l{i}", a, b, "ab"[i % 2]) for i, (a, b) in enumerate(pairs)])
        assert "## The model" not in card(daemon)
        daemon.train()
        text = card(daemon)
        assert "Version 1 of the reward model was trained on 3 labels." in text
        assert "The embeddings are of " in text
        assert "One person gave all answers" in text


def test_a_card_of_nothing_is_a_card(empty):
    text = card(empty)
    assert figures(text)["labels that count"] == "0"
    assert "Each pair was answered once" in text
    assert text.startswith("---\ntags:\n")


@pytest.mark.parametrize("query", ["arm=both", "since=x", "names=yes", "limit=3", "format=trl"])
def test_a_wrong_query_is_refused_by_name(shared, query):
    response = shared.call("GET", f"{CARD}?{query}")
    assert response.status == 400 and f'"{query.split("=")[0]}"' in response.json["detail"]


# ---- the command ----

def test_the_command_writes_the_same_card_beside_the_export(answered, tmp_path):
    done = run("export", "--db", answered.db, "--to", tmp_path / "labels.jsonl", "--card",
               tmp_path / "README.md", "--names", "true")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "README.md").read_text() == card(answered, "?names=true")
    assert len((tmp_path / "labels.jsonl").read_text().splitlines()) == 8
    done = run("export", "--db", answered.db, "--to", tmp_path / "bob.jsonl", "--card",
               tmp_path / "bob.md", "--annotator", "bob")
    assert done.returncode == 0 and (tmp_path / "bob.md").read_text() == card(answered, "?annotator=bob")


def test_the_command_writes_the_model_that_serves(daemon, items, tmp_path):
    daemon.add_labels(labels_by_first_number(items, 20))
    daemon.train()
    daemon.train()
    daemon.ok("POST", "/v1/models/1/activate")
    run("export", "--db", daemon.db, "--to", tmp_path / "l.jsonl", "--card", tmp_path / "c.md")
    assert "Version 1 of the reward model" in (tmp_path / "c.md").read_text()
    assert (tmp_path / "c.md").read_text() == card(daemon)


@pytest.mark.parametrize(("arguments", "words"), [
    (["--names", "true"], "--names is for --card"), (["--card", "c.md", "--names", "maybe"], "--names"),
    (["--card", "there.md"], "exists already"), (["--card", "none/c.md"], "cannot be written")])
def test_a_wrong_card_writes_nothing(answered, tmp_path, arguments, words):
    (tmp_path / "there.md").write_text("mine")
    done = run("export", "--db", answered.db, "--to", "labels.jsonl", *arguments, cwd=tmp_path)
    assert done.returncode != 0 and words in done.stderr
    assert [path.name for path in tmp_path.iterdir() if path.suffix in (".md", ".jsonl")] == ["there.md"]
    assert (tmp_path / "there.md").read_text() == "mine"
