"""Durable labels per second on SQLite and on PostgreSQL, in one run on one disk: medians of rounds.

Argument: the program bench_durable_labels.
"""

import pathlib
import statistics
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "store"))

from postgres_server import PostgresServer, programs  # noqa: E402

# Clients of an engine, and transactions of a store without one, with so many labels at once.
CASES = [("engine", 1), ("engine", 8), ("engine", 64), ("store", 1), ("store", 64)]
DATABASES = ["SQLite", "PostgreSQL"]
ROUNDS = 5


def measure(program, case, database):
    done = subprocess.run([program, case[0], database, str(case[1])], capture_output=True,
                          text=True, check=True)
    return [float(number) for number in done.stdout.split()]


def main():
    program = sys.argv[1]
    if programs() is None:
        print("skipped: PostgreSQL is not installed")
        return
    server = PostgresServer({"shared_buffers": "256MB"})
    found = {(case, name): [] for case in CASES for name in DATABASES}
    try:
        for number in range(ROUNDS * len(CASES)):
            case = CASES[number % len(CASES)]
            server.sql(f"CREATE SCHEMA s{number}")
            with tempfile.TemporaryDirectory(prefix="fisherd-bench-") as folder:
                found[case, "SQLite"].append(measure(program, case, f"{folder}/x.db"))
            found[case, "PostgreSQL"].append(measure(program, case, server.url(f"s{number}")))
    finally:
        server.remove()
    print("through  at once  database     labels/s   p50 ms   p99 ms   of SQLite")
    for (case, name), rows in found.items():
        rate, p50, p99 = (statistics.median(column) for column in zip(*rows))
        ratio = statistics.median(row[0] / other[0]
                                  for row, other in zip(rows, found[case, "SQLite"]))
        print(f"{case[0]:7} {case[1]:8}  {name:<11} {rate:9,.0f} {p50:8.2f} {p99:8.2f} {ratio:11.2f}")


if __name__ == "__main__":
    main()
