"""A PostgreSQL server of its own in a temporary folder, for tests.

As a program it prints the URL of the server, or a sentence that says why there is none, and stops
the server when its standard input ends.
"""

import ctypes
import os
import pathlib
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
import time

USER = "fisherd"
PATIENCE = 600  # seconds; nothing is measured by it

# What counts for safety is on, as in a server that people use. The rest makes a small one.
SETTINGS = {
    "listen_addresses": "",
    "fsync": "on",
    "synchronous_commit": "on",
    "shared_buffers": "16MB",
    "max_connections": "60",
    "max_wal_size": "256MB",
    "log_min_messages": "log",
}


def programs():
    """The folder of PostgreSQL's programs, the newest of several; None: it is not installed."""
    given = os.environ.get("FISHERD_POSTGRES")
    found = [pathlib.Path(given)] if given else sorted(
        pathlib.Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: float(path.parent.name))
    found = [path for path in found if (path / "initdb").exists() and (path / "postgres").exists()]
    return found[-1] if found else None


def _other_user():
    """PostgreSQL refuses to run as root."""
    if os.geteuid() != 0:
        return {}
    user = pwd.getpwnam("nobody")
    return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}


def _stop_with_parent():
    ctypes.CDLL(None).prctl(1, signal.SIGQUIT)  # PR_SET_PDEATHSIG; SIGQUIT: an immediate shutdown


def _is_running(pid):
    try:
        return pathlib.Path("/proc", pid, "stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


class PostgresServer:
    """Starts at once. `settings` are those of postgresql.conf; `primary` is the server that it is a
    standby of; `before` is a command that runs the server, as nsenter does."""

    def __init__(self, settings=None, primary=None, before=()):
        self.programs = programs()
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="fisherd-pg-"))
        self.data = self.folder / "data"
        self.as_user = _other_user()
        if self.as_user:
            os.chown(self.folder, self.as_user["user"], self.as_user["group"])
        self.settings = {**SETTINGS, "unix_socket_directories": self.folder, **(settings or {})}
        self.port = str(self.settings.get("port", 5432))
        self.before = [*before]
        self.process = None
        self._fill(primary)
        self._write("postgresql.conf", "".join(
            f"{name} = '{value}'\n" for name, value in self.settings.items()))
        self.start()

    def _fill(self, primary):
        if primary:
            self._run("pg_basebackup", "--no-sync", "-R", "-X", "stream", "-c", "fast", "-h",
                      primary.folder, "-p", primary.port, "-U", USER, "-D", self.data)
        else:
            self._run("initdb", "--no-sync", "--auth=trust", "--encoding=UTF8", "--locale=C",
                      f"--username={USER}", f"--pgdata={self.data}")

    def _write(self, name, text):
        self._run("sh", "-c", f'cat >>"$0/{name}"', self.data, input=text)

    def trust(self, network):
        """Lets all of a network connect."""
        self._write("pg_hba.conf", f"host all all {network} trust\n"
                                   f"host replication all {network} trust\n")

    def _run(self, program, *arguments, **more):
        own = self.programs / program
        done = subprocess.run([own if own.exists() else program, *arguments], cwd=self.folder,
                              capture_output=True, text=True, timeout=PATIENCE, check=False,
                              **self.as_user, **more)
        if done.returncode != 0:
            raise RuntimeError(f"{program} failed: {done.stdout}{done.stderr}")
        return done.stdout

    def start(self):
        """Starts it, and waits until it takes connections."""
        with open(self.folder / "log", "ab") as log:
            how = {"preexec_fn": _stop_with_parent, **self.as_user}
            self.process = subprocess.Popen(
                [*self.before, self.programs / "postgres", "-D", self.data], cwd=self.folder,
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, **({} if self.before else how))
        deadline = time.monotonic() + PATIENCE
        while not self.is_ready():
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"PostgreSQL does not start: {self.log()}")
            time.sleep(0.02)

    def is_ready(self):
        return subprocess.run([self.programs / "pg_isready", "-q", "-h", self.folder, "-p",
                               self.port, "-d", "postgres"], check=False).returncode == 0

    def log(self):
        return (self.folder / "log").read_text(errors="replace")

    def url(self, schema=None):
        """Of the whole database, or of a schema of its own in it."""
        path = f"&options=-csearch_path%3D{schema}" if schema else ""
        return f"postgresql://{USER}@/postgres?host={self.folder}{path}"

    def sql(self, text):
        """What the statements print, as psql does without a heading."""
        return self._run("psql", "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-h",
                         str(self.folder), "-p", self.port, "-U", USER, "-d", "postgres", "-c",
                         text).strip()

    def stop(self, how=signal.SIGINT):
        """SIGINT: a fast shutdown; SIGQUIT: an immediate one, as after a crash."""
        if self.process.poll() is None:
            self.process.send_signal(how)
        self.process.wait(PATIENCE)

    def _children(self):
        return subprocess.run(["ps", "-o", "pid=", "--ppid", str(self.process.pid)],
                              capture_output=True, text=True, check=False).stdout.split()

    def signal_all(self, number):
        """To the server and all that works for it."""
        for pid in [self.process.pid, *map(int, self._children())]:
            try:
                os.kill(pid, number)
            except ProcessLookupError:
                pass

    def kill(self):
        """Kills the server and all that works for it, as a crash of the machine would."""
        self.process.send_signal(signal.SIGSTOP)  # it starts no more of them
        children = self._children()
        self.signal_all(signal.SIGKILL)
        self.process.wait(PATIENCE)
        deadline = time.monotonic() + PATIENCE
        while any(_is_running(pid) for pid in children):
            assert time.monotonic() < deadline
            time.sleep(0.01)

    def wait_for_standby(self):
        """From now on each commit waits for the standby that is connected."""
        self.sql("ALTER SYSTEM SET synchronous_standby_names = '*'")
        self.sql("SELECT pg_reload_conf()")
        deadline = time.monotonic() + PATIENCE
        while self.sql("SELECT sync_state FROM pg_stat_replication") != "sync":
            assert time.monotonic() < deadline
            time.sleep(0.02)

    def promote(self):
        """Makes a standby the primary."""
        self.sql("SELECT pg_promote(true, 600)")

    def remove(self):
        self.stop(signal.SIGQUIT)
        shutil.rmtree(self.folder, ignore_errors=True)


class PostgresStandby(PostgresServer):
    """A standby of another server, which waits for it at each commit from now on."""

    def __init__(self, primary):
        super().__init__(primary=primary)
        primary.wait_for_standby()


def main():
    if programs() is None:
        print("PostgreSQL is not installed: no initdb in /usr/lib/postgresql/*/bin", flush=True)
        return
    server = PostgresServer()
    try:
        print(server.url(), flush=True)
        sys.stdin.read()
    finally:
        server.remove()


if __name__ == "__main__":
    main()
