"""`fisherd import --url`: files go to a running daemon."""

import gzip
import http.server
import json
import os
import socket
import subprocess
import threading

import pytest

from client import Daemon, PATIENCE, PROGRAM, environment, run, wait_until
from token_daemon import TokenDaemon, create

REFUSED = 3  # the exit status


def item(i, **more):
    return {"id": f"i{i}", "prompt_id": f"p{i // 4}", "prompt": f"Question {i // 4}?", "response": f"Answer {i}.",
            "embedding": [i % 7, i % 11 / 2, 1.5, i % 3], **more}


def write(path, rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def url(daemon):
    return f"http://{daemon.host}:{daemon.port}"


@pytest.fixture
def files(tmp_path):
    return [write(tmp_path / "first.jsonl", [item(i) for i in range(100)]),
            write(tmp_path / "second.jsonl", [item(i) for i in range(50, 5200)])]


def test_files_are_sent_and_again_change_nothing(empty, files):
    done = run("import", *files, "--url", url(empty))
    assert done.returncode == 0, done.stderr
    assert done.stdout == "5200 items imported, 50 were there already; 0 labels imported, " \
        "0 were there already; 0 rows refused\n"
    assert f"{files[0]}: items" in done.stderr
    assert len(empty.list_all("items", 1000)) == 5200
    done = run("import", *files, "--url", url(empty) + "/")
    assert done.returncode == 0 and done.stdout.startswith("0 items imported, 5250 were there already")


def test_the_summary_and_the_status_are_those_of_an_import_into_a_database(empty, tmp_path, db):
    file = write(tmp_path / "wrong.jsonl", [item(0), {"prompt": "nothing"}, item(1), item(1)])
    sent = run("import", file, f"--url={url(empty)}")
    other = run("import", file, "--db", db.with_name("other.db"))
    assert sent.returncode == other.returncode == REFUSED
    assert sent.stdout == other.stdout
    assert "/response is required; line 2" in sent.stderr


def test_standard_input_and_compressed_files_are_sent(empty, tmp_path):
    data = "".join(json.dumps(item(i)) + "\n" for i in range(300)).encode()
    done = subprocess.run([PROGRAM, "import", "-", "--url", url(empty)], input=data, env=environment(),
                          capture_output=True, timeout=PATIENCE, check=False)
    assert done.returncode == 0 and done.stdout.startswith(b"300 items imported"), done
    packed = tmp_path / "packed.jsonl.gz"
    packed.write_bytes(gzip.compress(data))
    assert run("import", packed, "--url", url(empty)).stdout.startswith("0 items imported, 300 were")


def test_a_dry_run_and_a_map_are_handed_on(empty, tmp_path):
    file = write(tmp_path / "mapped.jsonl", [{"id": "a", "prompt_id": "p", "text": "A & B=C", "embedding": [1, 2]}])
    done = run("import", file, "--map", "response=text", "--format=items", "--dry-run", "--url", url(empty))
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("1 items would be imported")
    assert empty.list_all("items") == []
    assert run("import", file, "--map=response=text", "--url", url(empty)).returncode == 0
    assert empty.list_all("items")[0]["response"] == "A & B=C"


def test_a_token_is_sent_and_a_refusal_comes_before_the_file(db, tmp_path, files):
    token, _ = create(db, "frontend", "files")
    low, _ = create(db, "annotator", "anna")
    right, wrong, none = tmp_path / "right", tmp_path / "wrong", tmp_path / "none"
    right.write_text(token + "\n")
    wrong.write_text(low)
    none.write_text("\n")
    with TokenDaemon(db) as daemon:
        assert run("import", *files, "--url", url(daemon), "--token-file", right).returncode == 0
        for more, words in ([f"--token-file={wrong}"], "(403)"), ([], "(401)"), \
                ([f"--token-file={none}"], "no token"), (["--token-file=/nothing"], "cannot be opened"):
            done = run("import", *files, "--url", url(daemon), *more)
            assert done.returncode == 1 and words in done.stderr, done.stderr
            assert token not in done.stderr and low not in done.stderr
            assert done.stdout.startswith("0 items imported")


@pytest.mark.parametrize(("arguments", "words"), [
    (["--url", "ftp://x"], "--url takes"), (["--url=http://127.0.0.1:1", "--db=x"], "there is no --db=x"),
    (["--url=http://127.0.0.1:1", "/nothing"], "cannot be read"), (["--url"], "--url")])
def test_wrong_arguments_are_named(arguments, words, tmp_path):
    file = write(tmp_path / "file.jsonl", [item(0)])
    done = run("import", *([] if "/nothing" in arguments else [file]), *arguments)
    assert done.returncode == 1 and words in done.stderr, done.stderr


def test_without_files_or_a_daemon_it_says_so(tmp_path):
    assert "a file is needed" in run("import", "--url=http://127.0.0.1:1").stderr
    file = write(tmp_path / "file.jsonl", [item(0)])
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        done = run("import", file, f"--url=http://127.0.0.1:{unused.getsockname()[1]}")
    assert done.returncode == 1 and "there is no daemon at http://127.0.0.1:" in done.stderr


def test_a_server_that_is_not_fisherd_is_named(tmp_path):
    class Other(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_):
            pass
    file = write(tmp_path / "file.jsonl", [item(0)])
    with http.server.HTTPServer(("127.0.0.1", 0), Other) as server:
        server.timeout = PATIENCE
        thread = threading.Thread(target=server.handle_request)
        thread.start()
        done = run("import", file, f"--url=http://127.0.0.1:{server.server_port}")
        thread.join()
    assert done.returncode == 1 and "does not respond as fisherd does" in done.stderr


def test_what_a_daemon_stored_before_it_stopped_is_told(db, tmp_path):
    """While it waits for a pipe whose end does not come."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with Daemon(db, {"stream-seconds": PATIENCE}) as daemon:
        process = subprocess.Popen([PROGRAM, "import", pipe, "--url", url(daemon)], env=environment(),
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        opened = threading.Event()

        def feed():
            with open(pipe, "w", encoding="utf-8") as end:
                end.write("".join(json.dumps(item(i)) + "\n" for i in range(4100)))
                end.flush()
                opened.wait(PATIENCE)
        feeder = threading.Thread(target=feed)
        feeder.start()
        wait_until(lambda: daemon.get("/v1/items?limit=1")["items"], "the first block")
        daemon.stop()
        out, err = process.communicate(timeout=PATIENCE)
        opened.set()
        feeder.join(PATIENCE)
    assert process.returncode == 1
    assert out.startswith("4096 items imported"), (out, err)
    assert "the daemon is stopping" in err


def test_a_refusal_is_heard_while_the_pipe_is_silent(db):
    """Nothing ever comes through it, and it stays open."""
    create(db, "frontend", "files")
    with TokenDaemon(db) as daemon:
        reading, writing = os.pipe()
        with os.fdopen(writing, "w", encoding="utf-8"), os.fdopen(reading, "rb") as silent:
            done = subprocess.run([PROGRAM, "import", "-", "--url", url(daemon)], stdin=silent,
                                  env=environment(), capture_output=True, text=True,
                                  timeout=PATIENCE, check=False)
    assert done.returncode == 1 and "the daemon refused it (401)" in done.stderr, done.stderr


def test_a_pipe_that_comes_in_parts_is_sent_as_it_comes(db):
    with Daemon(db, {"stream-seconds": PATIENCE}) as daemon:
        process = subprocess.Popen([PROGRAM, "import", "-", "--url", url(daemon)], env=environment(),
                                   stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE, text=True)
        for part in range(2):
            rows = [item(i) for i in range(4100 * part, 4100 * (part + 1))]
            process.stdin.write("".join(json.dumps(row) + "\n" for row in rows))
            process.stdin.flush()
            wait_until(lambda: len(daemon.list_all("items", 1000)) == 4096 * (part + 1), "a block")
        out, err = process.communicate(timeout=PATIENCE)
        assert process.returncode == 0 and out.startswith("8200 items imported"), (out, err)
