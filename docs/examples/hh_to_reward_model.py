"""From a file of preferences like hh-rlhf to a reward model, cell by cell.

    fisherd serve --db hh.db --embedding-url http://127.0.0.1:8080/v1 &   # or builtin:hash, for a try
    python3 hh_to_reward_model.py train.jsonl [http://127.0.0.1:8077]

Each line of the file has "chosen" and "rejected": a conversation of "\n\nHuman: …\n\nAssistant: …" that
differs in the last turn. fisherd.py must lie beside.
"""

# %% What is needed
import gzip
import hashlib
import json
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from fisherd import Client  # noqa: E402

FILE = sys.argv[1]
URL = sys.argv[2] if len(sys.argv) > 2 else "http://127.0.0.1:8077"
TURN = "\n\nAssistant: "
daemon = Client(URL)


# %% Read the file: a prompt is all but the last turn
def name(text):
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def read(path):
    """(prompt, chosen, rejected) of each line that has one prompt and two different responses."""
    with (gzip.open if path.endswith(".gz") else open)(path, "rt", encoding="utf-8") as file:
        for line in filter(str.strip, file):
            row = json.loads(line)
            prompt, _, chosen = row["chosen"].rpartition(TURN)
            other, _, rejected = row["rejected"].rpartition(TURN)
            if prompt == other and chosen.strip() and rejected.strip() and chosen.strip() != rejected.strip():
                yield prompt.strip(), chosen.strip(), rejected.strip()


pairs = list(read(FILE))
print(f"{len(pairs)} pairs of {len({prompt for prompt, _, _ in pairs})} prompts")


# %% Items: each response once; the daemon embeds them
def item(prompt, response):
    return {"id": name(prompt + TURN + response), "prompt_id": name(prompt), "prompt": prompt, "response": response}


items = {each["id"]: each for prompt, *both in pairs for each in (item(prompt, text) for text in both)}
print(daemon.add_items(items.values()))

# %% Labels: a fifth of the prompts is held out, and chance says which response is on the left
held_out = [pair for pair in pairs if int(name(pair[0]), 16) % 5 == 0]
learned = [pair for pair in pairs if int(name(pair[0]), 16) % 5 != 0]


def label(number, prompt, chosen, rejected):
    better, worse = (item(prompt, text)["id"] for text in (chosen, rejected))
    is_left = int(name(f"{number}{better}"), 16) % 2 == 0
    a, b = (better, worse) if is_left else (worse, better)
    return {"id": f"hh-{number}", "a": a, "b": b, "preference": "a" if is_left else "b", "annotator": "hh-rlhf"}


print(daemon.add_labels(label(number, *pair) for number, pair in enumerate(learned)))

# %% Learn, and look at what it says about the prompts that it has not seen
model = daemon.train()
rewards = daemon.reward([(prompt, text) for prompt, *both in held_out for text in both])
right = sum(chosen > rejected for chosen, rejected in zip(rewards[::2], rewards[1::2]))
if held_out:
    print(f"version {model['version']} orders {right} of {len(held_out)} held-out pairs as people did")

# %% Keep it: docs/load_weights.py reads it; or let people go on, on the daemon's page
daemon.save_weights("reward-model.safetensors")
