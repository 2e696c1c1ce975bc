"""The configuration file is read strictly, and `check-config` says what is wrong."""

import os
import signal
import sqlite3

import pytest

from client import Daemon, run, wait_until


@pytest.fixture
def file(tmp_path):
    return tmp_path / "fisherd.conf"


def refusal(file, text):
    """Both `serve` and `check-config` refuse the file, with the same words."""
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    folder = file.parent
    before = sorted(os.listdir(folder))
    said = []
    for command in ("serve", "check-config"):
        done = run(command, "--db", folder / "flag.db", "--listen=127.0.0.1:0", "--config", file,
                   cwd=folder)
        assert done.returncode == 1, done
        said.append(done.stderr.split(": ", 1)[1])
    assert said[0] == said[1]
    assert sorted(os.listdir(folder)) == before, "nothing was made"
    return said[0]


LINES = {
    "db = r.db # comment": ("db", "comment"),
    "db = r.db ; comment": ("db", "comment"),
    "db = # comment": ("db", "comment"),
    'db = "r.db"': ("db", "quotes"),
    "db = 'r.db'": ("db", "quotes"),
    'db = "r.db': ("db", "quotes"),
    "db = r.db \\": ("db", "next line"),
    "db: r.db": ("name = value",),
    "db r.db": ("name = value",),
    "= r.db": ("name = value",),
    "[section": ("name = value",),
    "[]": ("name = value",),
    "[a] strategy = xtx": ("there is no option",),
    "retrain_labels = 5": ("retrain_labels",),
    "DB = r.db": ("DB",),
    "db  extra = r.db": ("db  extra",),
    "config = other.conf": ("config",),
    "ready = 5 6": ("ready", "5 6"),
    "ready = 5,000": ("ready",),
    "ready =": ("ready",),
    "listen = nowhere": ("listen", "nowhere"),
    "strategy = best": ("strategy", "best"),
    "candidates = all": ("candidates", "all"),
    "log-level = loud": ("log-level",),
    "trusted-proxies = 10.0.0.0/8, nobody": ("trusted-proxies", "nobody"),
    "cors-origins = https://a.example, b.example": ("cors-origins", "b.example"),
    "  https://b.example": ("blank",),
    "\tstop-seconds = 5": ("blank",),
    "db = r\u0085.db": ("control",),
    "db = r\u202e.db": ("control",),
    "db = r\u2028.db": ("control",),
    "db = r\x1b.db": ("control",),
    "# \u2066 hidden": ("control",),
    "db = r.\0db": ("control",),
    "ready = 50\rstop-seconds = 5": ("control",),
}


@pytest.mark.parametrize("line", LINES)
def test_a_line_with_another_meaning_elsewhere_names_file_line_and_option(file, line):
    said = refusal(file, f"# a comment\n\n{line}\nmodels-kept = 7\n")
    assert "fisherd.conf: line 3" in said, said
    for word in LINES[line]:
        assert word in said, said


@pytest.mark.parametrize("data", [b"\xff", b"\xc0\xaf", b"\xed\xa0\x80"[:1], b"\xf5\x80\x80\x80"])
def test_bytes_that_are_not_utf8_are_named(file, data):
    said = refusal(file, b"ready = 40\ndb = r" + data + b".db\n")
    assert "fisherd.conf: line 2" in said and "UTF-8" in said


def test_an_option_that_is_set_twice_names_both_lines(file):
    said = refusal(file, "ready = 40\n\n[again]\nready = 40\n")
    assert "line 4" in said and "ready" in said and "line 1" in said


def test_a_file_that_is_too_large_is_refused(file):
    assert "1 MiB" in refusal(file, "# x\n" * 300000)


def origins(count):
    return ", ".join(f"https://labels-{k}.example.org" for k in range(count))


@pytest.mark.parametrize("count", [6, 12, 1000])
def test_a_long_line_is_read_to_its_end(db, file, count):
    file.write_text(f"ready = 40\ncors-origins = {origins(count)}\nmodels-kept = 7\n")
    with Daemon(db, {"config": file}) as daemon:
        for k in (0, count // 2, count - 1):
            origin = f"https://labels-{k}.example.org"
            response = daemon.call("OPTIONS", "/v1/labels", headers={
                "Origin": origin, "Access-Control-Request-Method": "POST"})
            assert response.headers["Access-Control-Allow-Origin"] == origin, k


@pytest.mark.parametrize("text", [
    "", "\n", "# only a comment", "; another", "   # indented", "\ufeffready = 40\n",
    "ready = 40\r\nmodels-kept = 7\r\n", "[a heading]\nready=40",
    "trusted-proxies =\n", "ready\t=\t40\t\n", "db = a#b.db\n", "db = it's.db\n"])
def test_what_is_documented_is_read(file, text):
    file.write_text(text, newline="")
    done = run("check-config", "--db", file.with_name("x.db"), "--config", file, cwd=file.parent)
    assert done.returncode == 0 and "sound" in done.stdout, done.stderr


@pytest.mark.parametrize("command", ["serve", "check-config", "check", "migrate"])
def test_a_folder_is_no_file_of_options(db, tmp_path, command):
    done = run(command, "--db", db, "--config", tmp_path)
    assert done.returncode == 1 and f"{tmp_path} is a folder" in done.stderr
    assert not db.exists()


def test_a_pipe_is_no_file_of_options(db, tmp_path):
    os.mkfifo(tmp_path / "pipe")
    done = run("serve", "--db", db, "--config", tmp_path / "pipe")
    assert done.returncode == 1 and "not a regular file" in done.stderr


def test_an_empty_name_of_a_file_is_refused(db):
    done = run("serve", "--db", db, "--config=")
    assert done.returncode == 1 and "--config" in done.stderr


def test_a_file_that_became_a_folder_changes_nothing_at_sighup(db, file):
    file.write_text("log-level = info\n")
    with Daemon(db, {"config": file}) as daemon:
        file.unlink()
        file.mkdir()
        daemon.process.send_signal(signal.SIGHUP)
        wait_until(lambda: "event=reload-failed" in daemon.log_text(), "the refusal")
        assert "is a folder" in daemon.log_text()
        assert "event=reloaded" not in daemon.log_text()


# ---- check-config ----

def check(*arguments, env=None):
    return run("check-config", *arguments, env=env)


def test_a_sound_configuration_is_reported_and_nothing_is_made(db):
    done = check("--db", db)
    assert done.returncode == 0 and "sound" in done.stdout
    assert os.listdir(db.parent) == []


def test_it_is_right_while_a_daemon_runs(empty):
    assert check("--db", empty.db).returncode == 0


def test_everything_that_is_wrong_is_said_at_once(db, tmp_path):
    db.write_text("no database\n" * 100)
    tokens = tmp_path / "tokens"
    tokens.write_text("nonsense")
    tokens.chmod(0o600)
    done = check("--db", db, "--tokens", tokens, "--backup-dir", tmp_path / "absent",
                 "--tls-certificate", tmp_path / "cert.pem", "--tls-key", tmp_path / "key.pem",
                 "--blas-kernels", "a b")
    assert done.returncode == 1 and "sound" not in done.stdout
    for word in (f"{db}", "tokens", "absent", ".pem", "blas-kernels"):
        assert word in done.stderr, done.stderr
    assert len(done.stderr.splitlines()) == 5, done.stderr


@pytest.mark.parametrize("arguments, word", [
    ([], "--db"),
    (["--db", "absent/x.db"], "absent"),
    (["--db", "/"], "/"),
    (["--db", "x.db", "--listen", "0.0.0.0:1"], "loopback"),
    (["--db", "x.db", "--tls-key", "x"], "tls-certificate"),
    (["--db", "x.db", "--trusted-proxies", "x"], "trusted-proxies"),
    (["--db", "x.db", "--backup-dir", "/dev/null"], "not a folder"),
    (["--db", "x.db", "more"], "more"),
])
def test_each_thing_that_is_wrong_is_named(tmp_path, arguments, word):
    done = run("check-config", *arguments, cwd=tmp_path)
    assert done.returncode == 1 and word in done.stderr, done
    assert os.listdir(tmp_path) == []


def test_a_variable_that_sets_nothing_is_noted(db):
    done = check("--db", db, env={"FISHERD_RETRAIN_LABEL": "5"})
    assert done.returncode == 0 and "FISHERD_RETRAIN_LABEL sets no option" in done.stderr


def test_an_older_schema_is_sound_because_serving_migrates_it(db):
    with Daemon(db) as daemon:
        daemon.add_items([{"id": "a", "prompt_id": "p", "embedding": [1, 2]}])
    with sqlite3.connect(db) as connection:
        connection.execute("PRAGMA user_version = 1")
    connection.close()
    assert check("--db", db).returncode == 0
    with sqlite3.connect(db) as connection:
        connection.execute("PRAGMA user_version = 977")
    connection.close()
    done = check("--db", db)
    assert done.returncode == 1 and "newer" in done.stderr
