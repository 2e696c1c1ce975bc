"""Three replicas on PostgreSQL with a synchronous standby, moments at which their transactions stand
still, and people who answer until every answer is acknowledged."""

import collections
import contextlib
import http.client
import random
import signal
import socket
import subprocess
import threading
import time

from client import Daemon, plane_items, run, wait_until
from shared_database import USER, PostgresServer
from token_daemon import create

OPTIONS = {"retrain-labels": 0, "retrain-seconds": 0, "refit": "no"}
REPLICAS = 3
PEOPLE = 6

# A transaction stands still where a trigger finds its name in this table, until it is gone.
HOLDS = """
CREATE TABLE holds (name text);
CREATE FUNCTION hold() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    WHILE EXISTS (SELECT 1 FROM holds WHERE name = TG_NAME) LOOP PERFORM pg_sleep(0.01); END LOOP;
    RETURN NEW;
END;
$$;
CREATE CONSTRAINT TRIGGER label_commit AFTER INSERT ON labels
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION hold();
CREATE TRIGGER store_insert BEFORE INSERT ON models FOR EACH ROW EXECUTE FUNCTION hold();
CREATE CONSTRAINT TRIGGER store_commit AFTER INSERT ON models
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION hold();
CREATE TRIGGER activate_insert BEFORE UPDATE ON models FOR EACH ROW
    WHEN (NEW.state = 'active') EXECUTE FUNCTION hold();
CREATE CONSTRAINT TRIGGER activate_commit AFTER UPDATE ON models
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (NEW.state = 'active') EXECUTE FUNCTION hold();
"""


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Replica(Daemon):
    """Runs inside a place of the network, if it has one."""

    def __init__(self, url, options, place, token):
        self.token = token
        super().__init__(url, options, before=place.inside() if place else ())

    def call(self, *arguments, headers=None, **more):  # pylint: disable=arguments-differ
        headers = {"Authorization": f"Bearer {self.token}", **(headers or {})}
        return super().call(*arguments, headers=headers, **more)

    def is_running(self):
        return self.process.poll() is None

    def answers(self, path="/readyz"):
        with contextlib.suppress(OSError, http.client.HTTPException):
            return self.call("GET", path, timeout=5).status == 200
        return False


class Cluster:
    def __init__(self, network=None, is_synchronous=True):
        self.network = network
        self.servers, self.replicas = [], []
        try:
            self._build(is_synchronous)
        except BaseException:
            self.remove()
            raise

    def _build(self, is_synchronous):
        self.primary = self._server(None)
        self.standby = self._server(self.primary)
        if is_synchronous:
            self.primary.wait_for_standby()
        self.places = [self.network.place() if self.network else None for _ in range(REPLICAS)]
        self.token, _ = create(self.url("-command"), "admin", "test")
        for k in range(REPLICAS):
            self.replicas.append(self.start_replica(k))
        self.local_sql(HOLDS)

    def _server(self, primary):
        place = self.network.place() if self.network else None
        host = place.address if place else "127.0.0.1"
        server = PostgresServer(
            {"listen_addresses": host, "port": 5432 if place else free_port(), "wal_level": "replica",
             "wal_sender_timeout": "60s", "shared_buffers": "16MB"},
            primary, place.inside("nobody") if place else ())
        server.host, server.place = host, place
        self.servers.append(server)
        if not primary:
            server.trust("10.77.0.0/24")
            server.sql("SELECT pg_reload_conf()")
        return server

    def url(self, k):
        hosts = ",".join(server.host for server in self.servers)
        ports = ",".join(server.port for server in self.servers)
        return (f"postgresql://{USER}@/postgres?host={hosts}&port={ports}&application_name=replica{k}"
                "&target_session_attrs=read-write&connect_timeout=2")

    def start_replica(self, k):
        place = self.places[k]
        listen = f"{place.address}:8571" if place else "127.0.0.1:0"
        return Replica(self.url(k), {**OPTIONS, "listen": listen}, place, self.token)

    # ---- what the database says ----

    def local_sql(self, text):
        """At the primary, without waiting for the standby."""
        return self.primary.sql(f"SET synchronous_commit = local; {text}")

    def numbers_that_wait(self, where):
        """The replicas whose backends are in such a state."""
        names = self.local_sql("SELECT application_name FROM pg_stat_activity WHERE application_name"
                               f" LIKE 'replica%' AND {where}").split()
        return [int(name.removeprefix("replica")) for name in names]

    def hold(self, name):
        self.local_sql(f"INSERT INTO holds VALUES ('{name}')")

    def release(self):
        self.local_sql("DELETE FROM holds")

    # ---- the end ----

    def remove(self):
        for replica in self.replicas:
            if replica.is_running():
                replica.process.send_signal(signal.SIGCONT)
                replica.kill()
        for server in self.servers:
            server.signal_all(signal.SIGCONT)
            server.remove()
        if self.network:
            self.network.remove()


class Person(threading.Thread):
    """Answers pairs, each at any replica and again until it is acknowledged."""

    def __init__(self, cluster, number, items):
        super().__init__(daemon=True)
        self.cluster = cluster
        self.number = number
        self.items = items
        self.random = random.Random(number)
        self.acknowledged = []
        self.stops = threading.Event()
        self.pauses = threading.Event()
        self.rests = threading.Event()

    def run(self):
        while not self.stops.is_set():
            if self.pauses.is_set():
                self.rests.set()
                time.sleep(0.01)
                continue
            self.rests.clear()
            a, b = self.random.sample(self.items, 2)
            body = {"id": f"{self.number}-{len(self.acknowledged)}", "a": a, "b": b,
                    "preference": self.random.choice("ab"), "annotator": f"person-{self.number}"}
            while not self.try_at(self.random.choice(self.cluster.replicas), body):
                time.sleep(0.05)
            self.acknowledged.append(body["id"])
        self.rests.set()

    @staticmethod
    def try_at(replica, body):
        with contextlib.suppress(OSError, http.client.HTTPException):
            return replica.call("POST", "/v1/labels", {"labels": [body]}, timeout=5).status == 200
        return False


class People:
    def __init__(self, cluster):
        items = plane_items()
        wait_until(lambda: cluster.replicas[0].call("POST", "/v1/items", {"items": items}).status
                   == 200, "the items")
        self.all = [Person(cluster, k, [item["id"] for item in items]) for k in range(PEOPLE)]
        for person in self.all:
            person.start()

    def count(self):
        return sum(len(person.acknowledged) for person in self.all)

    def pause(self, pauses=True):
        for person in self.all:
            (person.pauses.set if pauses else person.pauses.clear)()
        for person in self.all if pauses else ():
            person.rests.wait()

    def answer_some(self, n=20):
        before = self.count()
        wait_until(lambda: self.count() >= before + n, f"{n} more answers")

    def stop(self):
        for person in self.all:
            person.stops.set()
        for person in self.all:
            person.join()
        return [identity for person in self.all for identity in person.acknowledged]


def check(cluster, acknowledged):
    """Every acknowledged answer is in the history exactly once, which has no gaps, and all replicas
    say the same of it."""
    rows = cluster.primary.sql("SELECT sequence, id FROM labels ORDER BY sequence").splitlines()
    sequences, ids = zip(*(row.split("|") for row in rows))
    assert [int(number) for number in sequences] == list(range(1, len(rows) + 1)), "gaps"
    assert max(collections.Counter(ids).values()) == 1, "an answer is there twice"
    lost = set(acknowledged) - set(ids)
    assert not lost, f"{len(lost)} acknowledged answers are lost"
    for replica in cluster.replicas:
        wait_until(lambda r=replica: r.call("GET", "/readyz").status == 200, "that it is ready")
        wait_until(lambda r=replica: r.model()["labels"] == len(rows), "all answers")
    wait_until(lambda: len({replica.model()["version"] for replica in cluster.replicas}) == 1,
               "one version at all replicas")
    models = [replica.model() for replica in cluster.replicas]
    for model in models:
        assert abs(model["logdet"] - models[0]["logdet"]) <= 1e-9 * abs(models[0]["logdet"])
    done = run("check", "--db", cluster.url(0))
    assert done.returncode == 0, done.stdout + done.stderr
    return len(rows)


class ClockHolder:
    """A session that holds the row of the clock until it is told to end."""

    def __init__(self, cluster):
        server = cluster.primary
        self.process = subprocess.Popen(
            [server.programs / "psql", "-X", "-q", "-A", "-t", "-h", server.folder, "-p", server.port,
             "-U", USER, "-d", "postgres"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.process.stdin.write("BEGIN; SELECT 'held' FROM clock FOR UPDATE;\n")
        self.process.stdin.flush()
        assert self.process.stdout.readline().strip() == "held"

    def end(self):
        self.process.stdin.close()
        self.process.wait()
