"""Durable labels per second on SQLite and on PostgreSQL, in one run on one disk: medians of rounds.

Through an engine, which groups the answers of its clients, not over HTTP; or by people, who take a
pair, answer it and think for 100 ms: the times are those of the next pair; or through the store
alone. Several replicas share the clients. Argument: the program bench_durable_labels.
"""

import contextlib
import pathlib
import statistics
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "store"))

from postgres_server import PostgresServer, PostgresStandby, programs  # noqa: E402

# Who adds the labels, clients (or labels of a transaction), database, replicas.
SQLITE, ALONE, STANDBY = "SQLite", "PostgreSQL", "with a standby"
CASES = [
    *[("engine", n, name, 1) for n in (1, 8) for name in (SQLITE, ALONE)],
    ("engine", 64, SQLITE, 1),
    *[("engine", 64, name, n) for name in (ALONE, STANDBY) for n in (1, 2, 4)],
    ("people", 64, SQLITE, 1),
    *[("people", 64, name, 2) for name in (ALONE, STANDBY)],
    *[("store", n, name, 1) for n in (1, 64) for name in (SQLITE, ALONE)],
]
ROUNDS = 5


def measure(program, through, at_once, database, replicas):
    """Labels per second of all, the median of their medians, and the worst 99th percentile."""
    found = []
    with contextlib.ExitStack() as stack:
        begun = []
        for _ in range(replicas):
            begun.append(stack.enter_context(subprocess.Popen(
                [program, through, database, str(at_once // replicas)], text=True,
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)))
            assert begun[-1].stdout.readline() == "ready\n"
        for process in begun:
            process.stdin.write("\n")
            process.stdin.flush()
        for process in begun:
            output, _ = process.communicate()
            assert process.returncode == 0
            found.append([float(number) for number in output.split()])
    rates, medians, worst = zip(*found)
    return sum(rates), statistics.median(medians), max(worst)


def main():
    program = sys.argv[1]
    if programs() is None:
        print("skipped: PostgreSQL is not installed")
        return
    found = {case: [] for case in CASES}
    with contextlib.ExitStack() as stack:
        servers = {}
        for name in (ALONE, STANDBY):
            servers[name] = PostgresServer({"shared_buffers": "256MB"})
            stack.callback(servers[name].remove)
        stack.callback(PostgresStandby(servers[STANDBY]).remove)
        for number in range(ROUNDS * len(CASES)):
            case = CASES[number % len(CASES)]
            through, at_once, name, replicas = case
            with tempfile.TemporaryDirectory(prefix="fisherd-bench-") as folder:
                database = f"{folder}/x.db"
                if name in servers:
                    servers[name].sql(f"CREATE SCHEMA s{number}")
                    database = servers[name].url(f"s{number}")
                found[case].append(measure(program, through, at_once, database, replicas))
    print("through  at once  database        replicas  labels/s   p50 ms   p99 ms   of SQLite")
    for case, rows in found.items():
        through, at_once, name, replicas = case
        rate, p50, p99 = (statistics.median(column) for column in zip(*rows))
        ratio = statistics.median(row[0] / other[0] for row, other in
                                  zip(rows, found[through, at_once, SQLITE, 1]))
        print(f"{through:7} {at_once:8}  {name:<14} {replicas:9} {rate:9,.0f} {p50:8.2f} {p99:8.2f}"
              f" {ratio:11.2f}")


if __name__ == "__main__":
    main()
