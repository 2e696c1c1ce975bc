"""The command line: options, check, migrate, demo."""

import json
import re
import shutil
import signal
import sqlite3
import subprocess
import urllib.request

import pytest

from client import (PATIENCE, PROGRAM, Daemon, environment, labels_by_first_number, run,
                    wait_until)

PAIRS = [{"a": "p0-r0", "b": "p0-r1"}]


def test_help_lists_every_command_and_option_with_its_default():
    done = run("--help")
    assert done.returncode == 0
    for command in ("serve", "export", "migrate", "check", "backup", "restore", "import", "demo"):
        assert f"fisherd {command}" in done.stdout
    options = dict(re.findall(r"^ +--([a-z-]+)(.*)$", done.stdout, re.M))
    assert {"db", "listen", "config", "strategy", "retrain-labels", "hidden-width",
            "version"} <= set(options)
    assert "by default i-opt" in options["strategy"]
    assert "[ranking]" in options["objective"]
    assert "[64]" in options["hidden-width"]
    assert re.search(r"\[[\d.]+:\d+\]", options["listen"])
    assert run("serve", "--help").returncode == 0


COMMANDS = ("serve", "check-config", "import", "export", "re-embed", "migrate", "check", "backup",
            "restore", "token", "demo")


@pytest.mark.parametrize("command", COMMANDS)
def test_the_help_of_a_command_explains_each_flag_of_its_usage_and_no_other_commands(command):
    done = run(command, "--help")
    usage = re.findall(rf"^  fisherd {command} .*$", done.stdout, re.M)
    explained = set(re.findall(r"^  (--[a-z-]+)", done.stdout, re.M))
    assert done.returncode == 0 and usage
    assert set(re.findall(r"--[a-z-]+", " ".join(usage))) <= explained
    assert done.stdout == run("help", command).stdout == run(command, "--db", "x", "--help").stdout
    if command not in ("serve", "check-config", "demo"):
        assert "--learning-rate" in run("--help").stdout and "--learning-rate" not in done.stdout


def test_the_help_of_import_and_export_lists_their_formats():
    for command, names in (("import", ("hh-rlhf", "trl", "csv")), ("export", ("trl", "arena"))):
        formats = run(command, "--help").stdout.split("\nFormats\n")[1]
        assert all(re.search(rf"^  {name}\b", formats, re.M) for name in names), command


def test_version_is_one_line():
    done = run("--version")
    assert done.returncode == 0
    assert re.fullmatch(r"fisherd \d+\.\d+\.\d+(, without libsystemd)?\n", done.stdout)


@pytest.mark.parametrize("arguments, words", [
    ([], ["Usage"]),
    (["sreve"], ["sreve"]),
    (["serve"], ["--db"]),
    (["serve", "--db"], ["--db"]),
    (["serve", "--db", "x.db", "--magic=1"], ["magic"]),
    (["serve", "--db", "x.db", "more"], ["more"]),
    (["serve", "--db", "x.db", "--hidden-layers=4"], ["hidden-layers", "3", "4"]),
    (["serve", "--db", "x.db", "--hidden-width=x"], ["hidden-width", "x"]),
    (["serve", "--db", "x.db", "--prior-precision=nan"], ["prior-precision"]),
    (["serve", "--db", "x.db", "--prior-precision=-1"], ["prior-precision"]),
    (["serve", "--db", "x.db", "--model=cubic"], ["model", "auto|linear|network", "cubic"]),
    (["serve", "--db", "x.db", "--model=net"], ["model", "auto|linear|network", "net"]),
    (["serve", "--db", "x.db", "--retrain="], ["retrain", "scratch|warm|auto"]),
    (["serve", "--db", "x.db", "--strategy=magic"], ["magic"]),
    (["serve", "--db", "x.db", "--objective=worst"], ["objective", "ranking|best_of_n"]),
    (["serve", "--db", "x.db", "--log-level=loud"], ["log-level"]),
    (["serve", "--db", "x.db", "--listen=nowhere"], ["nowhere"]),
    (["serve", "--db", "x.db", "--listen=127.0.0.1:99999"], ["99999"]),
    (["serve", "--db", "x.db", "--listen=999.0.0.1:0"], ["999.0.0.1"]),
    (["serve", "--db", "x.db", "--config=absent.ini"], ["absent.ini"]),
    (["serve", "--db", "absent/x.db", "--listen=127.0.0.1:0"], ["absent/x.db"]),
    (["serve", "--db", "x.db", "--listen=127.0.0.1:0", "--threads=1", "--connections=200"],
     ["threads"]),
    (["check"], ["--db"]),
    (["check", "--db", "absent.db"], ["absent.db"]),
    (["migrate"], ["--db"]),
    (["import", "--db", "x.db"], ["--items"]),
])
def test_a_wrong_command_line_is_refused_with_a_reason(tmp_path, arguments, words):
    done = run(*arguments, cwd=tmp_path)
    assert done.returncode in (1, 2)
    assert done.stdout == ""
    for word in words:
        assert word in done.stderr, done.stderr


def strategy_served(db, items, options, env=None):
    with Daemon(db, options, env) as daemon:
        daemon.add_items(items)
        return daemon.select(batch_size=1, pairs=PAIRS)["strategy"]


def test_a_flag_overrides_the_environment_which_overrides_the_file(db, items, tmp_path):
    config = tmp_path / "fisherd.ini"
    config.write_text("# a comment\n[selection]\nstrategy = xtx\n")
    env = {"FISHERD_STRATEGY": "dopt"}
    flag = {"strategy": "entropy"}
    file = {"config": config}
    assert strategy_served(db, items, {}) == "i-opt"
    assert strategy_served(db, items, file) == "xtx"
    assert strategy_served(db, items, {}, {"FISHERD_CONFIG": str(config)}) == "xtx"
    assert strategy_served(db, items, file, env) == "dopt"
    assert strategy_served(db, items, {**file, **flag}, env) == "entropy"


def test_the_objective_decides_the_strategy_that_is_not_named(db, items):
    assert strategy_served(db, items, {"objective": "ranking"}) == "i-opt"
    assert strategy_served(db, items, {"objective": "best_of_n"}) == "knowledge-gradient"
    assert strategy_served(
        db, items, {"objective": "best_of_n", "strategy": "xtx"}) == "xtx"


def test_every_option_can_be_set_by_the_environment(db, items):
    env = {"FISHERD_DB": str(db), "FISHERD_HIDDEN_WIDTH": "5", "FISHERD_RETRAIN_LABELS": "0"}
    with Daemon(None, {}, env) as daemon:
        daemon.add_items(items)
    assert db.exists()


@pytest.mark.parametrize("text, words", [
    ("magic = 1\n", ["magic"]),
    ("hidden-width = x\n", ["hidden-width", "x"]),
    ("strategy\n", ["1"]),
])
def test_a_wrong_file_is_refused_with_a_reason(db, tmp_path, text, words):
    config = tmp_path / "wrong.ini"
    config.write_text(text)
    done = run("serve", "--db", db, "--config", config)
    assert done.returncode == 1
    for word in ["wrong.ini", *words]:
        assert word in done.stderr, done.stderr


def test_a_wrong_environment_is_refused_with_a_reason(db):
    done = run("serve", "--db", db, env={"FISHERD_ITERATIONS": "many"})
    assert done.returncode == 1
    assert "FISHERD_ITERATIONS" in done.stderr


# ---- databases ----

@pytest.fixture
def used(db, items):
    """A database with items, labels and a model."""
    with Daemon(db) as daemon:
        daemon.add_items(items)
        daemon.add_labels(labels_by_first_number(items, 30))
        daemon.train()
    return db


def test_migrate_creates_a_database_and_does_not_change_a_new_one(db):
    assert run("migrate", "--db", db).returncode == 0
    assert run("migrate", "--db", db).returncode == 0
    assert run("check", "--db", db).returncode == 0
    with sqlite3.connect(db) as connection:
        assert connection.execute("PRAGMA application_id").fetchone()[0] != 0


def test_check_finds_nothing_wrong_with_a_good_database(used):
    done = run("check", "--db", used)
    assert done.returncode == 0, done.stderr


def test_check_creates_no_database(tmp_path):
    assert run("check", "--db", tmp_path / "absent.db").returncode == 1
    assert list(tmp_path.iterdir()) == []


def test_check_finds_damaged_pages(used):
    with open(used, "r+b") as file:
        file.seek(4096 + 100)
        file.write(b"\xa5" * 12000)
    done = run("check", "--db", used)
    assert done.returncode == 1
    assert str(used) in done.stderr, done.stderr


def tamper(db, statement):
    """Changes rows that triggers protect."""
    connection = sqlite3.connect(db)
    connection.execute("PRAGMA foreign_keys = OFF")
    connection.execute("PRAGMA ignore_check_constraints = ON")
    triggers = connection.execute("SELECT name FROM sqlite_schema WHERE type = 'trigger'")
    for (name,) in triggers.fetchall():
        connection.execute(f"DROP TRIGGER {name}")
    assert connection.execute(statement).rowcount > 0
    connection.commit()
    connection.close()


@pytest.mark.parametrize("statement", [
    "DELETE FROM items WHERE idx = 0",
    "DELETE FROM items WHERE idx = 11",
    "UPDATE item_embeddings SET bytes = x'00' WHERE idx = 11",
    "DELETE FROM item_embeddings WHERE idx = 11",
    "UPDATE assignment_key SET bytes = x'00'",
    "UPDATE labels SET item_a = 99 WHERE sequence = 3",
    "UPDATE labels SET preference = 'skip' WHERE sequence = 3",
    "UPDATE labels SET item_a = (item_a + 1) % 12 WHERE sequence = 3",
    "UPDATE models SET logdet = logdet + 0.001",
], ids=["first item missing", "labelled item missing", "short embedding", "no embedding", "short key",
        "unknown item", "other answer", "other pair", "other information"])
def test_check_finds_rows_that_contradict_each_other(used, statement):
    tamper(used, statement)
    done = run("check", "--db", used)
    assert done.returncode == 1, done.stdout + done.stderr
    assert done.stderr


def test_a_damaged_model_gives_way_to_the_one_before(used):
    with Daemon(used) as daemon:
        assert daemon.train()["version"] == 2
    tamper(used, "UPDATE models SET bytes = substr(bytes, 1, 50) WHERE version = 2")
    with Daemon(used) as daemon:
        assert daemon.model()["version"] == 1
        assert daemon.model()["labels"] == 30
        daemon.ok("POST", "/v1/model/train", None, 202)
        assert daemon.wait_for_version(3)["version"] == 3, "a version means one model for ever"


def flip(db, version, position):
    """Flips one bit of a stored model; negative positions count from the end."""
    with sqlite3.connect(db) as connection:
        (model,) = connection.execute("SELECT bytes FROM models WHERE version = ?",
                                      (version,)).fetchone()
        spoiled = bytearray(model)
        spoiled[position] ^= 1
        connection.execute("UPDATE models SET bytes = ? WHERE version = ?",
                           (bytes(spoiled), version))
    connection.close()


@pytest.mark.parametrize("position", [0, 9, 60, 200, -30, -1])
def test_a_model_with_a_bit_flipped_is_found_and_reported_and_the_one_before_serves(used, position):
    with Daemon(used) as daemon:
        assert daemon.train()["version"] == 2
    flip(used, 2, position)
    done = run("check", "--db", used)
    assert done.returncode == 1 and "model 2 is damaged" in done.stderr
    with Daemon(used) as daemon:
        assert daemon.model()["version"] == 1
        assert "event=model-damaged model_version=2" in daemon.log_text()


def test_every_command_refuses_a_truncated_file(used):
    with open(used, "r+b") as file:
        file.truncate(9000)
    for command in (["serve", "--listen", "127.0.0.1:0"], ["migrate"], ["check"]):
        done = run(*command, "--db", used)
        assert done.returncode == 1, command
        assert str(used) in done.stderr and ("malformed" in done.stderr or
                                             "damaged" in done.stderr), done.stderr


def test_check_reports_everything_that_is_wrong(used):
    tamper(used, "UPDATE labels SET preference = 'c' WHERE sequence IN (3, 5)")
    tamper(used, "UPDATE item_embeddings SET bytes = x'00' WHERE idx = 11")
    flip(used, 1, 50)
    done = run("check", "--db", used)
    assert done.returncode == 1
    findings = [line for line in done.stderr.splitlines() if line.startswith(str(used))]
    for word in ("label-2", "label-4", "p2-r3", "model 1 is damaged"):
        assert sum(word in line for line in findings) >= 1, done.stderr


def refuses(db, *words):
    before = db.read_bytes()
    for command in (["serve", "--listen", "127.0.0.1:0"], ["migrate"], ["check"]):
        done = run(*command, "--db", db)
        assert done.returncode == 1, command
        for word in (str(db), *words):
            assert word in done.stderr, done.stderr
        assert db.read_bytes() == before, "the file is left as it was"


def test_a_newer_database_is_refused_and_not_changed(used):
    with sqlite3.connect(used) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        connection.execute("PRAGMA journal_mode = DELETE")
        connection.execute("PRAGMA user_version = 9999")
    connection.close()
    refuses(used, "newer")


def test_a_database_of_another_program_is_refused_and_not_changed(db):
    with sqlite3.connect(db) as connection:
        connection.execute("CREATE TABLE items (x)")
    connection.close()
    refuses(db, "fisherd")


def test_a_file_that_is_not_a_database_is_refused_and_not_changed(db):
    db.write_text("Dear diary,\n" * 1000)
    refuses(db, "fisherd")


def test_a_folder_is_refused_as_a_database(tmp_path):
    done = run("check", "--db", tmp_path)
    assert done.returncode == 1 and str(tmp_path) in done.stderr


def test_a_copy_of_a_database_serves_the_same_data(used, tmp_path):
    copy = tmp_path / "copy.db"
    shutil.copy(used, copy)
    with Daemon(copy) as daemon:
        assert daemon.model()["version"] == 1
        assert len(daemon.list_all("labels")) == 30


def test_the_refusal_of_a_database_in_use_names_the_process(empty):
    used = "is in use by another process"
    assert f"{used}, {empty.process.pid}\n" in run("migrate", f"--db={empty.db}").stderr
    lock = empty.db.with_name(empty.db.name + ".lock")
    for text in ("", "nobody"):
        lock.write_text(text)
        assert f"{used}\n" in run("migrate", f"--db={empty.db}").stderr


def test_a_database_that_cannot_be_locked_is_refused_with_the_reason(db):
    db.with_name(db.name + ".lock").mkdir()
    assert "cannot be locked: Is a directory" in run("migrate", f"--db={db}").stderr


def test_demo_ends_after_its_rounds_when_asked():
    done = run("demo", "--once", "--listen", "127.0.0.1:0")
    assert done.returncode == 0, done.stderr
    rounds = re.findall(r"^ +(\d+) +(-?[\d.]+) +([\d.]+)$", done.stdout, re.M)
    assert len(rounds) >= 5
    answers = [int(row[0]) for row in rounds]
    assert answers == sorted(set(answers))
    assert float(rounds[-1][1]) > 0.7, done.stdout
    assert all(0 < float(row[2]) <= 1 for row in rounds)


def test_the_demo_ends_with_a_reason_if_its_points_do_not_fit_the_database(used):
    done = run("demo", "--once", "--listen", "127.0.0.1:0", f"--db={used}")
    assert done.returncode == 1
    assert "/v1/items answered 4" in done.stderr and "numbers" in done.stderr, done
    assert not re.search(r"^ +\d", done.stdout, re.M), "no round was counted"


def test_in_the_demo_simulated_annotators_label_and_learning_goes_on(db):
    with subprocess.Popen([PROGRAM, "demo", "--simulate", "3", f"--db={db}", "--listen=127.0.0.1:0",
                           "--retrain-labels=2", "--blas-kernels=keep"], env=environment(),
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        told = [process.stdout.readline() for _ in range(5)]
        url = told[0].split()[-1]

        def learned():
            with urllib.request.urlopen(f"{url}v1/model", timeout=PATIENCE) as response:
                return json.load(response)["version"] > 0
        wait_until(learned, "a model of simulated answers")
        process.send_signal(signal.SIGTERM)
        wrong = process.communicate(timeout=PATIENCE)[1]
    assert process.returncode == 0 and not wrong, wrong
    assert "3 simulated annotators" in told[4]
    done = run("check", f"--db={db}")
    assert done.returncode == 0 and " 0 labels" not in done.stdout, done


def test_simulated_annotators_are_refused_without_a_token(db):
    token = run("token", "create", f"--db={db}", "--role=admin", "--name=first").stdout.split()[-1]
    with subprocess.Popen([PROGRAM, "demo", "--simulate", "1", f"--db={db}", "--listen=127.0.0.1:0",
                           "--blas-kernels=keep"], env=environment(), stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True) as process:
        url = process.stdout.readline().split()[-1]
        asked = urllib.request.Request(f"{url}metrics", headers={"Authorization": f"Bearer {token}"})

        def refused():
            with urllib.request.urlopen(asked, timeout=PATIENCE) as response:
                return b'requests_total{route="assign",status="401"} ' in response.read()
        wait_until(refused, "an annotator that was refused")
        process.send_signal(signal.SIGTERM)
        wrong = process.communicate(timeout=PATIENCE)[1]
    assert process.returncode == 0 and not wrong, wrong
    assert " 0 labels" in run("check", f"--db={db}").stdout


@pytest.mark.parametrize("number", [[], ["0"], ["1000000"], ["some"], ["3x"]])
def test_the_demo_takes_only_a_number_of_annotators(number):
    done = run("demo", "--simulate", *number)
    assert done.returncode == 1 and "--simulate takes a number" in done.stderr, done


def test_the_demo_takes_another_port_if_the_usual_one_is_taken(empty):
    done = run("demo", "--once", f"--listen={empty.host}:{empty.port}")
    assert done.returncode == 0, done.stderr
    assert empty.list_all("labels") == []
