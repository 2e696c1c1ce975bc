"""Measures how long `fisherd import` takes for 1,000 rows of each format, and prints the rows of the
table in docs/DATA.md: items, labels, seconds. Each row has texts of its own, of some forty words."""

import csv
import io
import json
import os
import pathlib
import random
import re
import subprocess
import tempfile
import time

PROGRAM, ROWS, RUNS = os.environ["FISHERD"], 1000, 3
WORDS = ("a promise with an end that two parties make about a thing which one of them owns and the other "
         "uses for as long as both agree and pays for at fixed times").split()


def text(draw, count):
    return " ".join(draw.choice(WORDS) for _ in range(count)) + f" {draw.randrange(1 << 40)}."


def user(content):
    return {"role": "user", "content": content}


def model(content):
    return {"role": "assistant", "content": content}


def battle(k, q, a, b):
    return {"question_id": f"q{k}", "model_a": "m", "model_b": "n", "winner": "model_a", "judge": "arena_user_5",
            "conversation_a": [user(q), model(a)], "conversation_b": [user(q), model(b)], "turn": 1,
            "anony": True, "language": "English", "tstamp": 1682351591.1 + k}


def transcript(q, a):
    return f"\n\nHuman: {q}\n\nAssistant: {a}"


def label_studio(k, q, a, b):
    return {"id": k, "project": 3, "data": {"prompt": q, "text1": a, "text2": b}, "annotations": [
        {"id": k, "completed_by": 10, "was_cancelled": False, "lead_time": 4.2,
         "created_at": "2026-03-09T22:16:08.728353Z",
         "result": [{"from_name": "pw", "to_name": "pw", "type": "pairwise", "value": {"selected": "left"}}]}]}


def argilla(k, q, a, b):
    return {"id": f"r{k}", "fields": {"prompt": q, "response_a": a, "response_b": b}, "metadata": {},
            "suggestions": {}, "vectors": {},
            "responses": {"preference": [{"value": "response_a", "user_id": "u-1", "status": "submitted"}]}}


def vector(k, *_):
    data = [{"object": "embedding", "index": 0, "embedding": [k / 7, 1, -0.5, k % 5]}]
    return {"id": f"batch-{k}", "custom_id": f"i{k}", "error": None, "response": {
        "status_code": 200, "request_id": "x", "body": {"object": "list", "data": data, "model": "m"}}}


def item(k, q, a, _):
    return {"id": f"i{k}", "prompt_id": f"p{k // 4}", "prompt": q, "response": a}


# The name in docs/DATA.md, the name of the file, and a row of (number, prompt, two responses).
FORMATS = [
    ("Anthropic hh-rlhf", "hh.jsonl", lambda k, q, a, b: {"chosen": transcript(q, a), "rejected": transcript(q, b)}),
    ("summarize-from-feedback", "batch3.json", lambda k, q, a, b: {
        "info": {"id": f"t3_{k}", "post": q, "title": "A lease", "subreddit": "advice"}, "split": "train",
        "summaries": [{"text": a, "policy": "m"}, {"text": b, "policy": "n"}], "choice": 0, "worker": "w1"}),
    ("UltraFeedback", "ultra.jsonl", lambda k, q, a, b: {
        "source": "evol", "instruction": q, "models": ["m", "n"], "completions": [
            {"model": m, "response": r, "overall_score": s, "fine-grained_score": s}
            for m, r, s in (("m", a, 8.5), ("n", b, 4))]}),
    ("HelpSteer3", "train.jsonl", lambda k, q, a, b: {
        "domain": "general", "language": "english", "context": [user(q)], "response1": a, "response2": b,
        "overall_preference": -2}),
    ("Chatbot Arena", "arena.jsonl", battle),
    ("the arena's table", "train.csv", lambda k, q, a, b: {
        "id": k, "model_a": "m", "model_b": "n", "prompt": json.dumps([q]), "response_a": json.dumps([a]),
        "response_b": json.dumps([b]), "winner_model_a": 1, "winner_model_b": 0, "winner_tie": 0}),
    ("AlpacaEval outputs", "outputs.json", lambda k, q, a, b: {
        "dataset": "helpful_base", "instruction": q, "output": a, "generator": "m", "datasplit": "eval"}),
    ("AlpacaEval annotations", "annotations.json", lambda k, q, a, b: {
        "instruction": q, "output_1": a, "generator_1": "m", "output_2": b, "generator_2": "n",
        "annotator": "weighted_gpt4", "preference": 1.0}),
    ("RewardBench", "rewardbench.jsonl", lambda k, q, a, b: {
        "prompt": q, "chosen": a, "chosen_model": "m", "rejected": b, "rejected_model": "n", "subset": "x", "id": k}),
    ("TRL, prompt given", "trl.jsonl", lambda k, q, a, b: {"prompt": q, "chosen": " " + a, "rejected": " " + b}),
    ("TRL, prompt implied", "trl.jsonl", lambda k, q, a, b: {"chosen": f"{q} {a}", "rejected": f"{q} {b}"}),
    ("TRL, conversational", "trl.jsonl", lambda k, q, a, b: {
        "prompt": [user(q)], "chosen": [model(a)], "rejected": [model(b)]}),
    ("a prompt and n responses", "texts.jsonl", lambda k, q, a, b: {"prompt": q, "responses": [a, b]}),
    ("CSV", "table.csv", lambda k, q, a, b: {
        "prompt": q, "response_a": a, "response_b": b, "preference": "a", "annotator": "ann"}),
    ("TSV", "table.tsv", lambda k, q, a, b: {"prompt": q, "response_a": a, "response_b": b, "preference": "b"}),
    ("Label Studio", "project.json", label_studio),
    ("Argilla", "records.json", argilla),
    ("OpenAI batch embeddings", "output.jsonl", vector),
    ("`fisherd export`", "answers.jsonl", lambda k, q, a, b: {
        "id": f"l{k}", "annotator": "ann", "preference": "b", "a": f"i{2 * k}", "b": f"i{2 * k + 1}",
        "prompt_id": f"p{k}", "prompt": q, "response_a": a, "response_b": b, "duration_ms": 4200,
        "created_at": "2026-05-01T06:07:54.872Z", "arm": None, "p": None}),
    ("items", "items.jsonl", item),
]


def rows(make):
    draw = random.Random(1)
    return [make(k, text(draw, 20), text(draw, 40), text(draw, 40)) for k in range(ROWS)]


def write(path, made):
    kind = path.suffix
    if kind == ".jsonl":
        content = "".join(json.dumps(row) + "\n" for row in made)
    elif kind == ".json":
        content = json.dumps(made)
    else:
        out = io.StringIO()
        table = csv.DictWriter(out, made[0], dialect="excel" if kind == ".csv" else "excel-tab")
        table.writeheader()
        table.writerows(made)
        content = out.getvalue()
    path.write_text(content, encoding="utf-8")


def measure(name, file, make):
    with tempfile.TemporaryDirectory() as folder:
        paths = [pathlib.Path(folder) / file]
        write(paths[0], rows(make))
        if make is vector:
            paths.insert(0, pathlib.Path(folder) / "items.jsonl")
            write(paths[0], rows(item))
        best = None
        for run in range(RUNS):
            start = time.monotonic()
            done = subprocess.run([PROGRAM, "import", *paths, "--db", f"{folder}/{run}.db", "--embedding-url",
                                   "builtin:hash"], capture_output=True, text=True, check=False)
            seconds = time.monotonic() - start
            best = seconds if best is None else min(best, seconds)
            assert done.returncode == 0, (name, done.stdout, done.stderr)
        found = re.search(r"(\d+) items imported.*?(\d+) labels imported", done.stdout + done.stderr)
        print(f"| {name:24} | {found[1]:>5} items | {found[2]:>5} labels | {best:5.2f} s |", flush=True)


def main():
    for one in FORMATS:
        measure(*one)


if __name__ == "__main__":
    main()
