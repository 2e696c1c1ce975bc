"""The database taken away while the daemon runs: nothing is acknowledged that would be lost."""

import os
import pathlib
import shutil
import subprocess
import tempfile
import time

import pytest

from client import Daemon, label, run, wait_until

AS_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="only root mounts and gives files away")


@pytest.fixture
def home(tmp_path):
    """The folder of the database, so that it can be moved as a whole."""
    (tmp_path / "home").mkdir()
    return tmp_path / "home"


@pytest.fixture
def serving(home, items):
    with Daemon(home / "fisherd.db") as daemon:
        daemon.add_items(items)
        daemon.add_labels([label("before", "p0-r0", "p0-r1")])
        yield daemon


def answer(daemon, identity):
    return daemon.call("POST", "/v1/labels", {"labels": [label(identity, "p1-r0", "p1-r1")]})


def is_ready(daemon):
    return daemon.call("GET", "/readyz").status == 200


def failures(daemon):
    return [line for line in list(daemon.log) if "level=error" in line]


def move(path):
    path.rename(path.with_name(path.name + ".moved"))
    return lambda: path.with_name(path.name + ".moved").rename(path)


def replace(path):
    back = move(path)
    shutil.copy(path.with_name(path.name + ".moved"), path)
    return lambda: (path.unlink(), back())


def hide_folder(path):
    back = move(path.parent)
    path.parent.mkdir()
    return lambda: (path.parent.rmdir(), back())


def part(suffix, take):
    return lambda path: take(path.with_name(path.name + suffix))


TAKEN = {
    "moved": move,
    "replaced": replace,
    "folder moved": lambda path: move(path.parent),
    "folder replaced": hide_folder,
    "log moved": part("-wal", move),
    "log replaced": part("-wal", replace),
    "index moved": part("-shm", move),
}


@pytest.mark.parametrize("how", TAKEN)
def test_labels_are_refused_while_a_file_is_away_and_accepted_when_it_is_back(serving, how):
    bring_back = TAKEN[how](serving.db)
    try:
        for k in range(3):
            response = answer(serving, f"lost-{k}")
            assert response.status == 503 and response.headers["Retry-After"], response
        ready = serving.call("GET", "/readyz")
        assert ready.status == 503 and "removed, moved or replaced" in ready.json["detail"]
        assert [row["id"] for row in serving.list_all("labels")] == ["before"], "reading goes on"
        wait_until(lambda: failures(serving), "the log line")
        assert len(failures(serving)) == 1 and "event=store-failed" in failures(serving)[0]
        assert "removed, moved or replaced" in failures(serving)[0]
    finally:
        bring_back()
    wait_until(lambda: is_ready(serving), "readiness")
    assert answer(serving, "after").status == 200
    wait_until(lambda: serving.log_text().count("event=store-recovered") == 1, "the log line")
    assert len(failures(serving)) == 1, "it is said once"
    serving.kill()
    with Daemon(serving.db) as again:
        assert [row["id"] for row in again.list_all("labels")] == ["before", "after"]


@pytest.mark.parametrize("how", ["moved", "folder moved", "log moved"])
def test_it_is_noticed_without_a_request_that_writes(serving, how):
    bring_back = TAKEN[how](serving.db)
    try:
        wait_until(lambda: not is_ready(serving), "what /readyz says")
        wait_until(lambda: failures(serving), "the log line")
    finally:
        bring_back()


@pytest.mark.parametrize("suffixes", [[""], ["-wal"], ["", "-wal", "-shm"]])
def test_removed_files_are_never_written_to_again(serving, suffixes):
    for suffix in suffixes:
        os.unlink(f"{serving.db}{suffix}")
    assert answer(serving, "lost").status == 503
    assert serving.call("POST", "/v1/items", {"items": [
        {"id": "x", "prompt_id": "x", "embedding": [1, 2, 3, 4]}]}).status == 503
    wait_until(lambda: failures(serving), "the log line")
    time.sleep(1.5)  # so that the writer tries again; on a slow machine it has less to withstand
    assert answer(serving, "lost").status == 503
    assert not is_ready(serving)


def test_a_database_that_takes_the_place_keeps_its_log(serving):
    """SQLite removes the log of a database by name when it closes it."""
    moved = [part(suffix, move)(serving.db) for suffix in ("", "-wal", "-shm", ".lock")]
    with Daemon(serving.db) as other:
        other.add_items([{"id": "new", "prompt_id": "new", "embedding": [1, 2]}])
        wait_until(lambda: not is_ready(serving), "what /readyz says")
        serving.stop()
        assert os.path.exists(f"{other.db}-wal")
        other.add_items([{"id": "newer", "prompt_id": "new", "embedding": [2, 1]}])
        other.kill()
    with Daemon(serving.db) as other:
        assert [row["id"] for row in other.list_all("items")] == ["new", "newer"]
    assert moved


def test_a_backup_is_refused_while_the_database_is_away(home, items, tmp_path):
    with Daemon(home / "fisherd.db", {"backup-dir": tmp_path}) as daemon:
        daemon.add_items(items)
        bring_back = replace(daemon.db)
        response = daemon.call("POST", "/v1/admin/backup", {"name": "copy.db"})
        assert response.status == 503, response
        assert not (tmp_path / "copy.db").exists()
        bring_back()
        wait_until(lambda: is_ready(daemon), "readiness")
        daemon.ok("POST", "/v1/admin/backup", {"name": "copy.db"}, 201)


# ---- mounts ----

def mount(*arguments):
    done = subprocess.run(["mount", *map(str, arguments)], capture_output=True, check=False)
    if done.returncode != 0:
        pytest.skip(f"nothing can be mounted: {done.stderr.decode().strip()}")


def unmount(path):
    subprocess.run(["umount", "-l", path], check=True)


@AS_ROOT
def test_a_mount_that_vanishes_is_noticed_and_so_is_its_return(home, items):
    disk = home.with_name("disk")
    disk.mkdir()
    mount("--bind", disk, home)
    try:
        with Daemon(home / "fisherd.db") as daemon:
            daemon.add_items(items)
            unmount(home)
            assert answer(daemon, "lost").status == 503
            assert not is_ready(daemon)
            mount("--bind", disk, home)
            wait_until(lambda: is_ready(daemon), "readiness")
            assert answer(daemon, "after").status == 200
    finally:
        unmount(home)
    with Daemon(disk / "fisherd.db") as daemon:
        assert [row["id"] for row in daemon.list_all("labels")] == ["after"]


@AS_ROOT
@pytest.mark.parametrize("command", ["serve", "migrate", "check", "backup"])
def test_a_file_that_is_mounted_without_its_folder_is_refused(home, items, command):
    with Daemon(home / "fisherd.db") as daemon:
        daemon.add_items(items)
    alone = home.with_name("alone.db")
    alone.touch()
    mount("--bind", home / "fisherd.db", alone)
    try:
        more = ["--to", home / "copy.db"] if command == "backup" else []
        done = run(command, "--db", alone, *more)
        assert done.returncode == 1
        assert f"{alone} is mounted alone" in done.stderr and "-wal" in done.stderr
        assert not (home / "copy.db").exists()
    finally:
        unmount(alone)


# ---- one file, two names ----

@pytest.mark.parametrize("command", ["serve", "migrate", "restore"])
def test_a_second_name_of_a_database_in_use_is_refused(serving, command):
    other = serving.db.with_name("other.db")
    os.link(serving.db, other)
    source = serving.db.with_name("source.db")
    assert run("backup", "--db", serving.db, "--to", source).returncode == 0
    more = ["--from", source, "--replace"] if command == "restore" else []
    done = run(command, "--db", other, *more)
    assert done.returncode == 1 and "in use by another process" in done.stderr, done.stderr
    assert answer(serving, "after").status == 200
    serving.stop()
    with Daemon(other) as daemon:
        assert len(daemon.list_all("labels")) == 2


def test_a_database_is_not_restored_from_its_second_name(home, items):
    with Daemon(home / "fisherd.db") as daemon:
        daemon.add_items(items)
    os.link(home / "fisherd.db", home / "other.db")
    done = run("restore", "--db", home / "fisherd.db", "--from", home / "other.db", "--replace")
    assert done.returncode == 1 and "from itself" in done.stderr


# ---- files of others ----

@pytest.mark.parametrize("command", ["serve", "migrate"])
def test_a_lock_that_is_a_link_is_refused_and_its_target_is_unchanged(home, command):
    target = home / "precious"
    target.write_text("precious")
    (home / "fisherd.db.lock").symlink_to(target)
    done = run(command, "--db", home / "fisherd.db")
    assert done.returncode == 1 and "fisherd.db.lock is a symbolic link" in done.stderr
    assert target.read_text() == "precious"


@pytest.mark.parametrize("make", [lambda lock, other: lock.write_text("precious"),
                                  lambda lock, other: os.link(other, lock),
                                  lambda lock, other: os.mkfifo(lock)])
def test_a_lock_that_is_a_file_of_somebody_else_is_refused_and_unchanged(home, make):
    other = home / "precious"
    other.write_text("12")
    lock = home / "fisherd.db.lock"
    make(lock, other)
    done = run("migrate", "--db", home / "fisherd.db")
    assert done.returncode == 1 and "fisherd.db.lock" in done.stderr, done.stderr
    assert other.read_text() == "12"
    assert not lock.is_file() or lock.read_text() in ("precious", "12")


def test_a_partial_copy_that_is_no_copy_is_unchanged(serving, tmp_path):
    (tmp_path / "copy.db.partial").write_text("my notes")
    done = run("backup", "--db", serving.db, "--to", tmp_path / "copy.db")
    assert done.returncode == 1 and "copy.db.partial" in done.stderr
    assert (tmp_path / "copy.db.partial").read_text() == "my notes"


NAMES = ["fisherd.db-wal", "fisherd.db-shm", "fisherd.db-journal", "fisherd.db.lock",
         "fisherd.db.tokens", "fisherd.db.token-key", "fisherd.db.restoring", "other.db-wal",
         "other.db.tokens", "fisherd.db.before-0005", "x.partial"]


@pytest.mark.parametrize("name", NAMES)
def test_a_backup_cannot_take_the_name_of_a_file_that_the_daemon_uses(home, items, name):
    with Daemon(home / "fisherd.db", {"backup-dir": home}) as daemon:
        daemon.add_items(items)
        before = sorted(os.listdir(home))
        response = daemon.call("POST", "/v1/admin/backup", {"name": name})
        assert response.status in (409, 422), response
        assert response.json["errors"][0]["pointer"] == "/name"
        assert run("backup", "--db", daemon.db, "--to", home / name).returncode == 1
        assert sorted(os.listdir(home)) == before
        daemon.ok("POST", "/v1/admin/backup", {"name": "fisherd.db.monday"}, 201)


# ---- owners ----

OWNER = (65534, 65534)


def owner(path):
    about = os.stat(path)
    return about.st_uid, about.st_gid


@AS_ROOT
def test_what_root_makes_in_the_folder_of_a_service_belongs_to_the_service(home, items):
    os.chown(home, *OWNER)
    with Daemon(home / "fisherd.db") as daemon:
        daemon.add_items(items)
        for suffix in ("", "-wal", "-shm", ".lock"):
            assert owner(f"{daemon.db}{suffix}") == OWNER, suffix


@pytest.fixture
def open_folder():
    """A folder that every user may use: those of pytest are their owner's alone."""
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o777)
        yield pathlib.Path(folder)


@AS_ROOT
@pytest.mark.parametrize("mode", [0o600, 0o640])
def test_a_restored_database_keeps_the_owner_and_the_mode_of_the_old_one(home, items, mode):
    db, source = home / "fisherd.db", home / "source.db"
    with Daemon(db) as daemon:
        daemon.add_items(items)
    assert run("backup", "--db", db, "--to", source).returncode == 0
    for made in (db, home / "fisherd.db.lock"):
        os.chown(made, *OWNER)
    os.chmod(db, mode)
    done = run("restore", "--db", db, "--from", source, "--replace")
    assert done.returncode == 0, done.stderr
    assert owner(db) == OWNER and os.stat(db).st_mode & 0o777 == mode


@AS_ROOT
def test_a_database_restored_to_a_new_place_belongs_to_the_owner_of_the_folder(home, items):
    with Daemon(home / "fisherd.db") as daemon:
        daemon.add_items(items)
    assert run("backup", "--db", home / "fisherd.db", "--to", home / "source.db").returncode == 0
    os.chown(home, *OWNER)
    assert run("restore", "--db", home / "new.db", "--from", home / "source.db").returncode == 0
    assert owner(home / "new.db") == OWNER and owner(home / "new.db.lock") == OWNER


@AS_ROOT
def test_a_restore_that_cannot_keep_the_owner_says_so_and_changes_nothing(open_folder, items):
    home = open_folder
    db, source = home / "fisherd.db", home / "source.db"
    with Daemon(db) as daemon:
        daemon.add_items(items)
    assert run("backup", "--db", db, "--to", source).returncode == 0
    for path in (db, source, home / "fisherd.db.lock"):
        os.chmod(path, 0o666)
    before = db.read_bytes()
    program = shutil.copy(os.environ["FISHERD"], home)  # the build may be in a home of root's
    done = subprocess.run([program, "restore", "--db", db, "--from", source,
                           "--replace"], user=OWNER[0], group=OWNER[1], extra_groups=[],
                          capture_output=True, text=True, check=False)
    assert done.returncode == 1 and "owner 0:0" in done.stderr, done
    assert db.read_bytes() == before and not (home / "fisherd.db.restoring").exists()
