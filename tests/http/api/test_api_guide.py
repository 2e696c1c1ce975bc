"""Every call that docs/API.md shows works, as a reader would type it: in order, by curl."""

import pathlib
import re
import shutil
import subprocess

import numpy as np
import pytest

from client import PATIENCE, Daemon, environment

DOCS = pathlib.Path(__file__).parents[3] / "docs"

# What a reader finds in place of the values of the guide.
VALUES = [("cursor=41-2-2-0", "cursor=0"), ("fisherd-model-2.safetensors", "fisherd-model-*.safetensors"),
          ("docs/load_weights.py", str(DOCS / "load_weights.py")), ("python3 ", "/usr/bin/python3 ")]
NEEDS_EMBEDDER = ['"p2-r1"', "/v1/reward"]
NEEDS_ANOTHER_EMBEDDER = "/v1/re-embed"  # and a restart: test_re_embed_online.py makes it
SHELL = '''set -e
curl() { command curl --silent --show-error --fail-with-body --max-time %d "$@"; }
B=http://%s:%d; J='Content-Type: application/json'
%s'''


def shown_calls():
    """The indented blocks that begin with a call."""
    text = (DOCS / "API.md").read_text(encoding="utf-8")
    blocks = re.findall(r"(?m)^(?:    .*\n)+", text)
    return [re.sub("(?m)^    ", "", block) for block in blocks
            if re.match(r"    (curl|printf|cursor=)", block) and NEEDS_ANOTHER_EMBEDDER not in block]


def needs_embedder(call):
    return any(mark in call for mark in NEEDS_EMBEDDER)


def make_call(daemon, call, folder):
    for shown, found in VALUES:
        call = call.replace(shown, found)
    done = subprocess.run(["sh", "-c", SHELL % (PATIENCE, daemon.host, daemon.port, call)], cwd=folder,
                          env=environment(), capture_output=True, text=True, timeout=2 * PATIENCE, check=False)
    assert done.returncode == 0, f"{call}\n{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.mark.skipif(not shutil.which("curl"), reason="curl is not installed")
@pytest.mark.parametrize("embedder", [False, True])
def test_each_call_of_the_guide_works(tmp_path, embedder):
    calls = [call for call in shown_calls() if needs_embedder(call) == embedder]
    assert len(calls) >= (2 if embedder else 25)
    (tmp_path / "items.jsonl").write_text('{"id": "p9-r1", "prompt_id": "p9", "embedding": [1, 2, 3]}\n')
    np.save(tmp_path / "embeddings.npy", np.eye(3, dtype=np.float32))
    options = {"embedding-url": "builtin:hash"} if embedder else {"backup-dir": tmp_path}
    with Daemon(tmp_path / "fisherd.db", options) as daemon:
        for call in calls:
            said = make_call(daemon, call, tmp_path)
            if "/v1/model/train" in call:
                daemon.wait_for_version(1)
            if "/v1/assignments" in call:
                assert '"arm":' in said, said
