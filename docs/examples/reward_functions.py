"""fisherd as the reward of a policy: functions in the forms in which trainers call them.

FISHERD_URL and FISHERD_TOKEN name the daemon, which needs an embedder. fisherd.py must lie beside.
Rewards of different prompts are not comparable, so compare several responses to each prompt.

    TRL         GRPOTrainer(reward_funcs=trl_reward, …)
    OpenRLHF    --reward.remote_url docs/examples/reward_functions.py
    verl        reward.custom_reward_function.path=docs/examples/reward_functions.py
                reward.custom_reward_function.name=verl_reward
                (custom_reward_function.… in versions before reward.…)
"""

import functools
import os
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from fisherd import Client  # noqa: E402

# "exclude" leaves out what length and style add, so that the policy does not learn to write long.
STYLE = os.environ.get("FISHERD_STYLE", "exclude")

# The marks of the chat template that OpenRLHF leaves in its texts: here those of ChatML.
PROMPT_START, PROMPT_END = "<|im_start|>user\n", "<|im_end|>\n<|im_start|>assistant\n"
RESPONSE_END = "<|im_end|>"


@functools.cache
def daemon():
    return Client(os.environ.get("FISHERD_URL", "http://127.0.0.1:8077"), os.environ.get("FISHERD_TOKEN"))


def last_text(value):
    """A text, or the text of the last message of a conversation."""
    return value if isinstance(value, str) else value[-1]["content"]


def trl_reward(prompts, completions, **_):
    """For TRL: prompts and completions are texts, or lists of messages."""
    return daemon().reward([(last_text(prompt), last_text(completion))
                            for prompt, completion in zip(prompts, completions)], style=STYLE)


def reward_func(queries, prompts, labels, **_):
    """For OpenRLHF: a query is a prompt and what follows it."""
    body = {"query": list(queries), "prompts": list(prompts)}
    answer = daemon().call("POST", "/v1/reward", body, style=STYLE, prompt_start=PROMPT_START,
                           prompt_end=PROMPT_END, response_end=RESPONSE_END)
    try:
        import torch  # which OpenRLHF has
    except ImportError:
        return answer
    return {"rewards": torch.tensor(answer["rewards"]), "scores": torch.tensor(answer["scores"]),
            "extra_logs": {name: torch.tensor(values) for name, values in answer["extra_logs"].items()}}


def verl_reward(data_source, solution_str, ground_truth, extra_info=None, **_):
    """For verl: one response. The data set's extra_info has the prompt as "prompt" or "question"."""
    about = extra_info or {}
    prompt = about.get("prompt") or about.get("question") or ""
    return daemon().reward([(last_text(prompt), solution_str)], style=STYLE)[0]
