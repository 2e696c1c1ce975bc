"""Durable labels per second on SQLite and on PostgreSQL, in one run on one disk: medians of rounds.

Arguments: the program bench_durable_labels. BENCH_FOLDER names the folder of the SQLite databases.
"""

import pathlib
import statistics
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "store"))

from postgres_server import PostgresServer, programs  # noqa: E402

CLIENTS = [1, 8, 64]
ROUNDS = 5


def measure(program, database, clients):
    done = subprocess.run([program, database, str(clients)], capture_output=True, text=True,
                          check=True)
    return [float(number) for number in done.stdout.split()]


def main():
    program = sys.argv[1]
    if programs() is None:
        print("skipped: PostgreSQL is not installed")
        return
    server = PostgresServer({"shared_buffers": "256MB"})
    found = {(name, clients): [] for clients in CLIENTS for name in ("SQLite", "PostgreSQL")}
    try:
        for number in range(ROUNDS * len(CLIENTS)):
            clients = CLIENTS[number % len(CLIENTS)]
            server.sql(f"CREATE SCHEMA s{number}")
            with tempfile.TemporaryDirectory(prefix="fisherd-bench-") as folder:
                found["SQLite", clients].append(measure(program, f"{folder}/x.db", clients))
            found["PostgreSQL", clients].append(
                measure(program, server.url(f"s{number}"), clients))
    finally:
        server.remove()
    print("clients  database     labels/s   p50 ms   p99 ms   of SQLite")
    for (name, clients), rows in found.items():
        rate, p50, p99 = (statistics.median(column) for column in zip(*rows))
        ratio = statistics.median(row[0] / other[0] for row, other in
                                  zip(rows, found["SQLite", clients]))
        print(f"{clients:7}  {name:<11} {rate:9,.0f} {p50:8.2f} {p99:8.2f} {ratio:11.2f}")


if __name__ == "__main__":
    main()
