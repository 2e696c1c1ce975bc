"""Rewards of texts in the form in which OpenRLHF asks a remote reward model (openrlhf/utils/agent.py
and openrlhf/cli/serve_rm.py of August 2026)."""

import math
import urllib.parse

import pytest

from client import Daemon

START, END = "<|im_start|>user\n", "<|im_end|>\n<|im_start|>assistant\n"
MARKS = urllib.parse.urlencode({"prompt_start": START, "prompt_end": END, "response_end": "<|im_end|>"})
PROMPTS = ["How do I cook rice for four people?", "Why is the sky blue in the morning?"]
RESPONSES = [
    "Rinse it, then simmer it gently with twice its volume of water.",
    "I do not know.",
    "Ask somebody else, rice is boring and takes long.",
    "Short waves of light are scattered more by the air than long ones.",
]


@pytest.fixture(scope="module")
def taught(tmp_path_factory):
    """A daemon that embeds texts, whose annotators prefer the first and the last response."""
    options = {"embedding-url": "builtin:hash", "model": "linear"}
    with Daemon(tmp_path_factory.mktemp("reward") / "fisherd.db", options) as daemon:
        daemon.add_items([{"id": f"p{p}-r{r}", "prompt_id": f"p{p}", "prompt": prompt, "response": response}
                          for p, prompt in enumerate(PROMPTS) for r, response in enumerate(RESPONSES)])
        daemon.add_labels([{"id": f"{p}{a}{b}", "a": f"p{p}-r{a}", "b": f"p{p}-r{b}", "annotator": "anna",
                            "preference": "a" if a in (0, 3) else "b"}
                           for p in range(2) for a, b in ((0, 1), (0, 2), (3, 1), (3, 2), (1, 0), (2, 3))])
        daemon.train()
        yield daemon


def ask(daemon, body, parameters=""):
    return daemon.call("POST", f"/v1/reward?{parameters}" if parameters else "/v1/reward", body)


def rewards(daemon, body, parameters=""):
    response = ask(daemon, body, parameters)
    assert response.status == 200, response
    return response.json["rewards"]


def scores(daemon, texts, **members):
    """What POST /v1/score says about prompts and responses."""
    return daemon.post("/v1/score", {"items": [{"prompt": prompt, "response": response}
                                               for prompt, response in texts], **members})["scores"]


def close(found, expected):
    return len(found) == len(expected) and all(
        math.isclose(one, other, rel_tol=1e-6, abs_tol=1e-9) for one, other in zip(found, expected))


def test_what_openrlhf_sends_gets_what_it_reads(taught):
    """One query a request, with the prompt of the chat template, and its answer as lists."""
    response = ask(taught, {"query": [PROMPTS[0] + RESPONSES[0]], "prompts": [PROMPTS[0]], "labels": [None]})
    assert response.status == 200, response
    (expected,) = scores(taught, [(PROMPTS[0], RESPONSES[0])])
    answer = response.json
    assert close(answer["rewards"], [expected["reward"]])
    assert close(answer["scores"], [1 / (1 + math.exp(-expected["reward"]))])
    assert close(answer["extra_logs"]["stddev"], [expected["stddev"]])
    assert close(answer["extra_logs"]["content"], [expected["content"]])
    assert set(answer["extra_logs"]) == {"stddev", "content"} and answer["model_version"] == 1


def test_many_queries_keep_their_order_beyond_what_is_embedded_at_once(taught):
    texts = [(PROMPTS[k % 2], f"{RESPONSES[k % 4]} {k}") for k in range(300)]
    expected = [score["reward"] for half in (texts[:150], texts[150:]) for score in scores(taught, half)]
    assert close(rewards(taught, {"query": [p + r for p, r in texts], "prompts": [p for p, _ in texts]}), expected)


@pytest.mark.parametrize("end", ["", "<|im_end|>", "<|im_end|>\n<|endoftext|>"])
@pytest.mark.parametrize("system", ["", "<|im_start|>system\nBe brief.<|im_end|>\n"])
@pytest.mark.parametrize("with_prompts", [True, False])
def test_the_marks_of_a_chat_template_are_left_out(taught, end, system, with_prompts):
    prompts = [system + START + prompt + END for prompt in PROMPTS]
    body = {"query": [prompt + response + end for prompt, response in zip(prompts, RESPONSES)]}
    if with_prompts:
        body["prompts"] = prompts
    expected = scores(taught, zip(PROMPTS, RESPONSES))
    assert close(rewards(taught, body, MARKS), [score["reward"] for score in expected])


def test_the_last_turn_counts_where_there_are_more(taught):
    prompt = f"{START}Hello{END}Hi!<|im_end|>\n{START}{PROMPTS[0]}{END}"
    expected = scores(taught, [(PROMPTS[0], RESPONSES[0])])[0]["reward"]
    for body in ({"query": [prompt + RESPONSES[0]]}, {"query": [prompt + RESPONSES[0]], "prompts": [prompt]}):
        assert close(rewards(taught, body, MARKS), [expected])


def test_a_prompt_that_was_cut_at_its_beginning_still_counts_whole(taught):
    """OpenRLHF keeps the end of a prompt that is too long, and sends all of it as the prompt."""
    expected = scores(taught, [(PROMPTS[0], RESPONSES[0])])[0]["reward"]
    body = {"query": [PROMPTS[0][-20:] + RESPONSES[0]], "prompts": PROMPTS[:1]}
    assert close(rewards(taught, body), [expected])


def test_a_query_without_prompts_is_a_response_alone(taught):
    expected = taught.post("/v1/score", {"items": [{"response": RESPONSES[0]}]})["scores"][0]["reward"]
    assert close(rewards(taught, {"query": RESPONSES[:1]}), [expected])
    assert close(rewards(taught, {"query": RESPONSES[:1], "prompts": None, "labels": ["x"]}), [expected])


def test_an_empty_response_has_a_reward(taught):
    (reward,) = rewards(taught, {"query": [PROMPTS[0]], "prompts": [PROMPTS[0]]})
    assert math.isfinite(reward)
    (other,) = rewards(taught, {"query": [START + PROMPTS[0] + END + "<|im_end|>"]}, MARKS)
    assert reward == other


def test_the_style_may_be_left_out(taught):
    texts = [(PROMPTS[0], RESPONSES[0])]
    body = {"query": [PROMPTS[0] + RESPONSES[0]], "prompts": [PROMPTS[0]]}
    assert close(rewards(taught, body, "style=exclude"), [scores(taught, texts)[0]["content"]])
    assert close(rewards(taught, body, "style=include"), [scores(taught, texts)[0]["reward"]])


@pytest.mark.parametrize("body,pointer", [
    ({}, "/query"),
    ({"query": []}, "/query"),
    ({"query": "text"}, "/query"),
    ({"query": ["a", 7]}, "/query/1"),
    ({"query": ["a" * 1048577]}, "/query/0"),
    ({"query": ["a", "b"], "prompts": ["a"]}, "/prompts"),
    ({"query": ["ab", "b"], "prompts": ["a", None]}, "/prompts/1"),
    ({"query": ["ab", "cd"], "prompts": ["a", "e"]}, "/query/1"),
    ({"query": ["is the sky blue? No"], "prompts": ["Why is the sky red?"]}, "/query/0"),
    ({"query": ["is the sky red? No"], "prompts": ["Why is the sky red?"]}, "/query/0"),  # 15 bytes
    ({"query": ["a"], "response": ["b"]}, "/response"),
    ({"query": ["a"] * 4097}, "/query"),
])
def test_a_wrong_body_is_refused(taught, body, pointer):
    response = ask(taught, body)
    assert response.status == 422, response
    assert [error["pointer"] for error in response.json["errors"]] == [pointer]


@pytest.mark.parametrize("parameters,word", [("style=loud", "style"), ("marks=1", "marks"),
                                             ("prompt_end=a&prompt_end=b", "prompt_end")])
def test_a_wrong_parameter_is_refused(taught, parameters, word):
    response = ask(taught, {"query": ["a"]}, parameters)
    assert response.status == 400 and word in response.json["detail"], response


def test_a_query_without_the_mark_is_refused(taught):
    response = ask(taught, {"query": ["a|b", "ab"]}, "prompt_end=%7C")
    assert response.status == 422 and response.json["errors"][0]["pointer"] == "/query/1", response


def test_there_must_be_an_embedder(shared):
    response = ask(shared, {"query": ["a"]})
    assert response.status == 409 and "embedder" in response.json["detail"], response


def test_the_items_must_have_as_many_numbers_as_the_embedder_gives(db, items):
    with Daemon(db, {"embedding-url": "builtin:hash"}) as daemon:
        daemon.add_items(items)
        response = ask(daemon, {"query": ["a", "b"]})
        assert response.status == 422, response
        assert response.json["errors"][0]["pointer"].startswith("/query/0"), response


def test_nothing_has_a_reward_before_there_are_items(db):
    with Daemon(db, {"embedding-url": "builtin:hash"}) as daemon:
        assert ask(daemon, {"query": ["a"]}).status == 503


def test_the_blocks_of_many_queries_do_not_add_up_in_memory(db):
    """Embedding 256 texts of 512 numbers takes ten MB, and there are sixteen blocks."""
    options = {"embedding-url": "builtin:hash", "memory": 64, "request-memory": 64}
    with Daemon(db, options) as daemon:
        daemon.add_items([{"id": f"t{k}", "prompt_id": "p", "prompt": "Q?", "response": f"An answer {k}"}
                          for k in range(4)])
        assert len(rewards(daemon, {"query": [f"Answer {k}" for k in range(4096)]})) == 4096
