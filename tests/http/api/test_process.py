"""The daemon as a process: notifications to the service manager, signals, reloads."""

import contextlib
import json
import os
import signal
import socket
import statistics
import subprocess
import threading
import time

import pytest

from client import (PATIENCE, SANITIZER, SLOWNESS, Daemon, plane_items, read_response, run,
                    wait_until)


class ServiceManager:
    """Listens at NOTIFY_SOCKET in place of systemd."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(str(path))
        self.path = path
        self.heard = []
        self.times = []
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self):
        with contextlib.suppress(OSError):
            while message := self.socket.recv(4096):
                self.times.append(time.monotonic())
                self.heard.append(message.decode())

    def lines(self):
        return [line for message in list(self.heard) for line in message.splitlines()]

    def wait_for(self, line):
        return wait_until(lambda: line in self.lines(), line)

    def forget(self):
        self.heard.clear()
        self.times.clear()


@pytest.fixture
def manager(tmp_path):
    if "without libsystemd" in run("--version").stdout:
        pytest.skip("the program tells a service manager nothing")
    manager = ServiceManager(tmp_path / "notify")
    yield manager
    manager.socket.close()


def events(daemon, event):
    return [line for line in list(daemon.log) if f" event={event} " in line]


def reload(daemon, event="reloaded"):
    """Sends SIGHUP; returns the log line that follows."""
    seen = len(events(daemon, event))
    daemon.process.send_signal(signal.SIGHUP)
    return wait_until(lambda: events(daemon, event)[seen:], event)[0]


class HangingDisk:
    def __init__(self, folder):
        library = folder / "hanging_sync.so"
        subprocess.run(["cc", "-shared", "-fPIC", "-D_GNU_SOURCE", "-o", library,
                        os.path.join(os.path.dirname(__file__), "hanging_sync.c")], check=True)
        self.file = folder / "hang"
        self.waiting = folder / "hang.waiting"
        self.environment = {"LD_PRELOAD": str(library), "HANG_WHILE": str(self.file)}

    def hang(self):
        self.file.touch()

    def is_waited_for(self):
        return self.waiting.exists()

    def go_on(self):
        self.file.unlink()


@pytest.fixture
def hanging_disk(tmp_path):
    if SANITIZER:
        pytest.skip("a sanitizer wants to be the first library")
    return HangingDisk(tmp_path)


@contextlib.contextmanager
def reader_that_does_not_read(daemon):
    """A connection with an unread response that is larger than the system's buffers."""
    with socket.socket() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.settimeout(PATIENCE)
        connection.connect((daemon.host, daemon.port))
        connection.sendall(b"GET /v1/items?limit=1000&embeddings=true HTTP/1.1\r\nHost: x\r\n\r\n")
        assert connection.recv(1)
        yield connection


@contextlib.contextmanager
def adding_items(daemon, items):
    """Keeps a request to add items running; its result does not matter."""
    data = json.dumps({"items": items}).encode()
    with socket.create_connection((daemon.host, daemon.port), timeout=PATIENCE) as connection:
        connection.sendall(b"POST /v1/items HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
                           b"Content-Length: %d\r\n\r\n%s" % (len(data), data))
        yield connection


# ---- the service manager ----

def test_the_service_manager_hears_of_the_start_a_reload_and_the_end(db, manager):
    with Daemon(db, env={"NOTIFY_SOCKET": str(manager.path)}) as daemon:
        manager.wait_for("READY=1")
        manager.wait_for(f"STATUS=serves http://127.0.0.1:{daemon.port}")
        manager.forget()
        before = time.monotonic_ns() // 1000
        reload(daemon)
        manager.wait_for("READY=1")
        lines = manager.lines()
        assert lines.index("RELOADING=1") < lines.index("READY=1")
        told = int(next(line for line in lines if "MONOTONIC_USEC=" in line).partition("=")[2])
        assert before <= told <= time.monotonic_ns() // 1000
        assert "STOPPING=1" not in lines
    manager.wait_for("STOPPING=1")


def test_the_service_manager_hears_what_the_start_does_and_waits_for_it(db, manager):
    with Daemon(db, env={"NOTIFY_SOCKET": str(manager.path)}):
        manager.wait_for("READY=1")
    lines = manager.lines()
    start = lines[:lines.index("READY=1")]
    assert "STATUS=opens the database" in start
    assert any(line.startswith("EXTEND_TIMEOUT_USEC=") for line in start)


def test_the_daemon_notifies_the_watchdog_more_often_than_required(db, manager):
    watchdog = SLOWNESS
    with Daemon(db, env={"NOTIFY_SOCKET": str(manager.path),
                         "WATCHDOG_USEC": str(int(watchdog * 1e6))}):
        wait_until(lambda: manager.lines().count("WATCHDOG=1") >= 8, "eight signs of life")
    times = [at for at, message in zip(manager.times, manager.heard) if "WATCHDOG=1" in message]
    # In the median: a machine that does other work may be late now and then.
    assert statistics.median(b - a for a, b in zip(times, times[1:])) < watchdog


def test_without_a_watchdog_the_daemon_sends_no_keep_alive(db, manager):
    with Daemon(db, env={"NOTIFY_SOCKET": str(manager.path)}):
        manager.wait_for("READY=1")
    manager.wait_for("STOPPING=1")
    assert "WATCHDOG=1" not in manager.lines()


def test_a_daemon_whose_writer_hangs_does_not_notify_the_watchdog(db, items, manager, hanging_disk):
    with Daemon(db, env={**hanging_disk.environment, "NOTIFY_SOCKET": str(manager.path),
                         "WATCHDOG_USEC": "400000"}) as daemon:
        manager.wait_for("WATCHDOG=1")
        hanging_disk.hang()
        with adding_items(daemon, items):
            wait_until(hanging_disk.is_waited_for, "a sync that hangs")
            wait_until(lambda: time.monotonic() > manager.times[-1] + 1, "silence")
            assert daemon.call("GET", "/livez").status == 200
            hanging_disk.go_on()
            manager.forget()
            manager.wait_for("WATCHDOG=1")


# ---- the end ----

@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_the_daemon_in_order(db, number):
    with Daemon(db) as daemon:
        daemon.process.send_signal(number)
        assert daemon.process.wait(PATIENCE) == 0
        assert wait_until(lambda: events(daemon, "stopped"), "the end")


def test_a_second_signal_ends_the_daemon_at_once(db):
    with Daemon(db, {"stop-seconds": 600}) as daemon:
        daemon.add_items(plane_items(prompts=200, dimension=512))
        with reader_that_does_not_read(daemon):
            daemon.process.send_signal(signal.SIGTERM)
            wait_until(lambda: events(daemon, "stopping"), "the beginning of the end")
            daemon.process.send_signal(signal.SIGTERM)
            assert daemon.process.wait(PATIENCE) == -signal.SIGTERM
        assert not events(daemon, "stopped")


def test_a_response_being_sent_gets_the_stop_time_to_finish(db):
    with Daemon(db, {"stop-seconds": 600}) as daemon:
        daemon.add_items(plane_items(prompts=200, dimension=512))
        with reader_that_does_not_read(daemon) as connection:
            daemon.process.send_signal(signal.SIGTERM)
            wait_until(lambda: events(daemon, "stopping"), "the beginning of the end")
            assert len(read_response(connection)) > 1_000_000
        assert daemon.process.wait(PATIENCE) == 0


def test_a_hanging_disk_does_not_delay_the_stop_beyond_its_limit(db, items, hanging_disk):
    with Daemon(db, {"stop-seconds": 0.5}, hanging_disk.environment) as daemon:
        hanging_disk.hang()
        with adding_items(daemon, items):
            wait_until(hanging_disk.is_waited_for, "a sync that hangs")
            daemon.process.send_signal(signal.SIGTERM)
            assert daemon.process.wait(PATIENCE) == 1
        wait_until(lambda: "not everything ended within stop-seconds" in daemon.log_text(),
                   "the reason")
    hanging_disk.go_on()
    with Daemon(db) as daemon:
        assert daemon.call("GET", "/livez").status == 200


# ---- reloading ----

def test_a_reload_applies_what_may_change_and_names_the_rest(db, tmp_path):
    file = tmp_path / "fisherd.conf"
    file.write_text("log-level = info\nstop-seconds = 3\n", encoding="utf-8")
    with Daemon(db, {"config": file, "stop-seconds": None}) as daemon:
        daemon.call("GET", "/livez")
        assert not events(daemon, "request")
        file.write_text("log-level = debug\nstop-seconds = 4\nstrategy = random\nready = 40\n",
                        encoding="utf-8")
        line = reload(daemon)
        assert 'changed="log-level stop-seconds" need_restart="strategy ready"' in line
        daemon.call("GET", "/livez")
        wait_until(lambda: events(daemon, "request"), "a line of the level debug")
        assert daemon.get("/v1/strategies")["default"] != "random"
        line = reload(daemon)
        assert 'changed="" need_restart="strategy ready"' in line
    assert " grace_seconds=2" in events(daemon, "stopping")[0]


def test_a_reload_does_not_override_a_flag(db, tmp_path):
    file = tmp_path / "fisherd.conf"
    file.write_text("", encoding="utf-8")
    with Daemon(db, {"config": file, "stop-seconds": 5}) as daemon:
        file.write_text("stop-seconds = 4\n", encoding="utf-8")
        assert 'changed="" need_restart=""' in reload(daemon)


@pytest.mark.parametrize("text, error", [
    ("log-level = debug\nstop-seconds = soon\n", "stop-seconds takes a number, not"),
    ("log-level = debug\nstop-seconds = -1\n", "stop-seconds takes 0.1 to 3600"),
    ("log-level = debug\nno-such-option = 1\n", "there is no option"),
    ("log-level = debug\nlog-level = loud\n", "log-level takes debug, info, warning or error"),
    ("log-level = debug\nstrategy = best\n", "there is no strategy"),
    ("log-level = debug\nthis is no line of options\n", "line 2 is not name = value"),
    (None, "cannot be opened"),
])
def test_a_wrong_file_changes_nothing(db, tmp_path, text, error):
    file = tmp_path / "fisherd.conf"
    file.write_text("", encoding="utf-8")
    with Daemon(db, {"config": file}) as daemon:
        if text is None:
            file.unlink()
        else:
            file.write_text(text, encoding="utf-8")
        line = reload(daemon, "reload-failed")
        assert error in line.replace('\\"', '"') and "level=error" in line
        daemon.call("GET", "/livez")
        file.write_text("", encoding="utf-8")
        assert 'changed="" need_restart=""' in reload(daemon)
        assert not events(daemon, "request")
