"""The scripts and the frontend in docs/examples, against a daemon."""

import gzip
import itertools
import json
import pathlib
import random
import re
import shutil
import subprocess
import sys

import pytest

from client import Daemon, PATIENCE, wait_until

EXAMPLES = pathlib.Path(__file__).parents[3] / "docs" / "examples"

# ---- from preferences to a reward model ----

TOPICS = ["bake bread", "plant a tree", "mend a bicycle", "learn Danish", "paint a wall", "brew tea", "tune a piano",
          "fold a map", "light a stove", "keep bees", "read music", "sharpen a knife"]
ASKED = ["How do I {}?", "Could you tell me how to {}?", "What should I know before I {}?", "Is it hard to {}?"]
GOOD = ["Gladly: take your time to {}, step by step, and begin with a small part.",
        "You need patience to {}. Gladly I will go through it step by step."]
BAD = ["Whatever. Go and {} or leave it, I could not care less.",
       "Only a fool would {}. Whatever, find out alone."]


def sample_rows():
    """Conversations of our own wording in the form of hh-rlhf."""
    draw = random.Random(3)
    for topic, asked in itertools.product(TOPICS, ASKED):
        before = "\n\nHuman: Hello\n\nAssistant: Good day, what is it?" if draw.random() < 0.4 else ""
        prompt = f"{before}\n\nHuman: {asked.format(topic)}"
        yield {name: f"{prompt}\n\nAssistant: {draw.choice(texts).format(topic)}"
               for name, texts in (("chosen", GOOD), ("rejected", BAD))}


def run_script(name, *arguments, cwd):
    done = subprocess.run([sys.executable, str(EXAMPLES / name), *map(str, arguments)], cwd=cwd,
                          capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("packed", [False, True], ids=["plain", "gzip"])
def test_the_script_makes_a_reward_model_of_preferences(db, tmp_path, packed):
    rows = list(sample_rows())
    broken = [{"chosen": "\n\nHuman: a\n\nAssistant: same", "rejected": "\n\nHuman: a\n\nAssistant: same "},
              {"chosen": "\n\nHuman: a\n\nAssistant: x", "rejected": "\n\nHuman: b\n\nAssistant: y"},
              {"chosen": "\n\nHuman: a\n\nAssistant: ", "rejected": "\n\nHuman: a\n\nAssistant: y"}]
    text = "\n".join(map(json.dumps, rows + broken)) + "\n\n"
    path = tmp_path / ("train.jsonl.gz" if packed else "train.jsonl")
    path.write_bytes(gzip.compress(text.encode()) if packed else text.encode())
    with Daemon(db, {"embedding-url": "builtin:hash", "model": "linear"}) as daemon:
        said = run_script("hh_to_reward_model.py", path, f"http://{daemon.host}:{daemon.port}", cwd=tmp_path)
        assert f"{len(rows)} pairs of {len(rows)} prompts" in said, said
        right, of = map(int, re.search(r"orders (\d+) of (\d+) held-out pairs", said).groups())
        assert 3 <= of <= 20 and right >= 0.8 * of, said
        labels = daemon.list_all("labels")
        assert len(labels) == len(rows) - of and {label["preference"] for label in labels} == {"a", "b"}
        assert (tmp_path / "reward-model.safetensors").stat().st_size > 1000
        again = run_script("hh_to_reward_model.py", path, f"http://{daemon.host}:{daemon.port}", cwd=tmp_path)
        assert "'created': 0" in again and "'accepted': 0" in again, again


# ---- the frontend ----

HARNESS = """
import { label } from '%s';
const page = Object.fromEntries(['prompt', 'a', 'b', 'status', 'choices'].map((id) => [id, { textContent: '' }]));
let answers = 0;
const preferences = ['a', 'b', 'tie', 'skip'];
let handler;
Object.defineProperty(page.choices, 'onclick', { set(given) {
    queueMicrotask(() => {
        given({ target: {} }); // beside the buttons
        console.log(JSON.stringify({ prompt: page.prompt.textContent, a: page.a.textContent, b: page.b.textContent }));
        given({ target: { value: preferences[answers++ %% 4] } });
    });
} });
await label(page, { url: '%s', annotator: 'anna', until: () => answers === 8 });
"""


@pytest.mark.skipif(not shutil.which("node"), reason="node is missing")
def test_the_frontend_labels_with_a_daemon(daemon, items):
    script = HARNESS % ((EXAMPLES / "frontend.mjs").as_uri(), f"http://{daemon.host}:{daemon.port}")
    done = subprocess.run(["node", "--input-type=module", "-e", script], capture_output=True, text=True,
                          timeout=PATIENCE, check=False)
    assert done.returncode == 0, done.stderr
    shown = [json.loads(line) for line in done.stdout.splitlines()]
    labels = wait_until(lambda: (rows := daemon.list_all("labels")) and len(rows) == 8 and rows, "eight labels")
    by_id = {item["id"]: item for item in items}
    for pair, label in zip(shown, labels, strict=True):
        assert pair == {"prompt": by_id[label["a"]].get("prompt"), "a": by_id[label["a"]].get("response"),
                        "b": by_id[label["b"]].get("response")}
        assert label["id"] == f"answer-{label['assignment']}" and label["annotator"] == "anna"
    assert [label["preference"] for label in labels] == ["a", "b", "tie", "skip"] * 2


def test_the_page_has_the_elements_that_the_frontend_uses():
    page, script = (EXAMPLES / "frontend.html").read_text(), (EXAMPLES / "frontend.mjs").read_text()
    for name in set(re.findall(r"page\.(\w+)", script)):
        assert f'id="{name}"' in page
    assert set(re.findall(r'value="(\w+)"', page)) == {"a", "b", "tie", "skip"}
