"""Whichever process of several replicas is killed, stopped or cut off, and whenever, each acknowledged
answer is in the history exactly once. deploy/soak.sh runs all cells, three times each."""

import os
import signal
import threading
import time

import network
import pytest
from client import wait_until
from shared_database import programs
from replica_cluster import Cluster, ClockHolder, People, check

IS_LONG = bool(os.environ.get("FISHERD_LONG"))
RUNS = 3 if IS_LONG else 1
PAUSE = 10  # seconds that a process is stopped or cut off
ANSWER = ("before the insert", "before COMMIT", "after COMMIT")

# What is hit, and in which moments of which transaction: that of an answer, or those of the learner.
VICTIMS = {
    "lock holder": ANSWER,
    "learner that trains": ("in the middle",),
    "learner that stores": ANSWER,
    "learner that activates": ANSWER,
    "primary": ANSWER,
    "standby": ANSWER,
    "all": ANSWER,
}
HOWS = ("kill", "stop", "drop")

# Runs with every change.
SHORT = {("lock holder", "kill", "before COMMIT"), ("learner that activates", "kill", "before COMMIT"),
         ("primary", "kill", "after COMMIT"), ("lock holder", "stop", "before the insert")}

CELLS = [(victim, how, moment) for victim, moments in VICTIMS.items() for how in HOWS
         for moment in moments if IS_LONG or (victim, how, moment) in SHORT]


class Moment:
    """Brings a transaction to its moment, and lets it go on after the hit."""

    def __init__(self, cluster, people, victim, moment):
        self.cluster, self.people, self.victim, self.moment = cluster, people, victim, moment
        self.clock = None
        self.replica = None  # whose transaction it is

    def _training(self):
        learner = next((r for r in self.cluster.replicas
                        if r.answers() and r.get("/readyz")["replica"]["trains"]), None)
        return learner and learner.call("POST", "/v1/model/train").status == 202

    def _wait_for(self, where):
        self.replica = wait_until(lambda: self.cluster.numbers_that_wait(where), where)[0]

    def reach(self):
        step = {"learner that stores": "store", "learner that activates": "activate"}.get(
            self.victim, "label")
        if self.victim == "learner that trains":
            wait_until(self._training, "a learner")
            self.replica = wait_until(self._who_trains, "a training")[0]
            return
        if step != "label":
            self.people.pause()
        if self.moment == "after COMMIT":
            self._stop_before_the_end(step)
        elif step == "label" and self.moment == "before the insert":
            self.clock = ClockHolder(self.cluster)
            self._wait_for("wait_event_type = 'Lock'")
        else:
            self.cluster.hold(f"{step}_{'insert' if 'insert' in self.moment else 'commit'}")
            if step != "label":
                wait_until(self._training, "a learner")
            self._wait_for("wait_event = 'PgSleep'")

    def _who_trains(self):
        return [k for k, replica in enumerate(self.cluster.replicas)
                if replica.model()["worker"]["state"] == "training"]

    def _stop_before_the_end(self, step):
        """The commit is on the disk of the primary and waits for the standby."""
        if step != "label":
            name = f"{step}_commit"
            self.cluster.hold(name)
            wait_until(self._training, "a learner")
            self._wait_for("wait_event = 'PgSleep'")
        self.cluster.standby.signal_all(signal.SIGSTOP)
        self.cluster.release()
        self._wait_for("wait_event = 'SyncRep'")

    def pass_on(self):
        """The server goes on, whatever became of the client."""
        if self.clock:
            self.clock.end()
        if self.cluster.primary.process.poll() is None:
            self.cluster.release()
        if self.moment == "after COMMIT" and self.cluster.standby.process.poll() is None:
            self.cluster.standby.signal_all(signal.SIGCONT)


class Hit:
    """Kills, stops or cuts off the victims, and brings them back."""

    def __init__(self, cluster, victim, replica):
        self.cluster, self.victim = cluster, victim
        everyone = victim == "all"
        self.replicas = list(range(len(cluster.replicas))) if everyone else (
            [replica] if victim not in ("primary", "standby") else [])
        self.servers = [cluster.primary] * (everyone or victim == "primary") + \
                       [cluster.standby] * (everyone or victim == "standby")

    def kill(self):
        for k in self.replicas:
            self.cluster.replicas[k].kill()
        for server in self.servers:
            server.kill()

    def revive(self):
        cluster = self.cluster
        if self.victim == "primary":
            cluster.standby.promote()
            cluster.primary = cluster.standby
        else:
            for server in self.servers:
                server.start()
        cluster.release()  # the standby has the holds too
        self.start_replicas()

    def signal(self, number):
        for k in self.replicas:
            self.cluster.replicas[k].process.send_signal(number)
        for server in self.servers:
            server.signal_all(number)

    def drop(self, drops):
        for k in self.replicas:
            self.cluster.places[k].drop(drops)
        for server in self.servers:
            server.place.drop(drops)

    def start_replicas(self):
        """As a service manager does with those that have ended."""
        for k, replica in enumerate(self.cluster.replicas):
            if not replica.is_running():
                self.cluster.replicas[k] = wait_until(lambda n=k: self._started(n), "a new process")

    def _started(self, k):
        try:
            return self.cluster.start_replica(k)
        except AssertionError:  # the database is not there yet
            time.sleep(0.2)
            return None


def run_cell(victim, how, moment):
    cluster = Cluster(network.Network() if how == "drop" else None)
    try:
        people = People(cluster)
        people.answer_some()
        point = Moment(cluster, people, victim, moment)
        point.reach()
        hit = Hit(cluster, victim, point.replica)
        before, began = people.count(), time.monotonic()
        if how == "kill":
            hit.kill()
            point.pass_on()
            hit.revive()
        else:
            act = hit.drop if how == "drop" else lambda on: hit.signal(
                signal.SIGSTOP if on else signal.SIGCONT)
            act(True)
            if how == "drop" or victim not in ("primary", "all"):
                point.pass_on()
            time.sleep(PAUSE)
            act(False)
            point.pass_on()
            hit.start_replicas()
        people.pause(False)
        people.answer_some()
        seconds = time.monotonic() - began
        acknowledged = people.stop()
        hit.start_replicas()
        rows = check(cluster, acknowledged)
        return (f"{victim}, {how}, {moment}: {before} acknowledged before, {len(acknowledged)} in all, "
                f"{rows} in the history, {seconds:.1f} s until 20 more")
    finally:
        cluster.remove()


def in_a_thread(function, *arguments):
    """A network of its own belongs to a thread."""
    result = []

    def work():
        try:
            result.append(function(*arguments))
        except BaseException as error:  # pylint: disable=broad-exception-caught
            result.append(error)
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    if isinstance(result[0], BaseException):
        raise result[0]
    return result[0]


@pytest.fixture(scope="module", autouse=True)
def _postgres():
    if programs() is None:
        assert not IS_LONG, "PostgreSQL is not installed"
        pytest.skip("PostgreSQL is not installed here")


@pytest.mark.parametrize("victim, how, moment", CELLS)
def test_every_acknowledged_answer_is_there_once(victim, how, moment, capsys):
    for _ in range(RUNS):
        line = in_a_thread(run_cell, victim, how, moment)
        with capsys.disabled():
            print(f"\n{line}")


def test_a_failover_to_an_asynchronous_standby_loses_answers_and_the_replicas_notice(capsys):
    cluster = Cluster(is_synchronous=False)
    try:
        people = People(cluster)
        people.answer_some()
        sender = int(cluster.primary.sql("SELECT pid FROM pg_stat_replication"))
        os.kill(sender, signal.SIGSTOP)  # the standby gets nothing more
        people.answer_some(40)
        cluster.primary.kill()
        for person in people.all:
            person.stops.set()
        cluster.standby.promote()
        cluster.primary = cluster.standby
        for replica in cluster.replicas:
            wait_until(lambda r=replica: not r.is_running(), "that the replica ends")
            assert "history-lost" in replica.log_text()
        Hit(cluster, "", None).start_replicas()
        acknowledged = people.stop()
        there = set(cluster.primary.sql("SELECT id FROM labels").split())
        lost = set(acknowledged) - there
        with capsys.disabled():
            print(f"\nasynchronous standby: {len(acknowledged)} acknowledged, {len(lost)} lost")
        assert lost, "nothing was lost: this test shows nothing"
        check(cluster, set(acknowledged) - lost)
    finally:
        cluster.remove()
