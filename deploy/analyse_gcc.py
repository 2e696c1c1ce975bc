"""analyse_gcc.py FOLDER: gcc -fanalyzer over src. FOLDER is one that meson set up with gcc, and
that was built."""

import json
import multiprocessing.pool
import os
import shlex
import subprocess
import sys

FLAGS = [
    "-fanalyzer",
    # As the code stands: of loops that an optimiser has changed it takes for uninitialised what is
    # not. _FORTIFY_SOURCE needs one.
    "-O0", "-U_FORTIFY_SOURCE",
    # It follows the loops of uthash's own hash function without an end.
    "-DHASH_FUNCTION=HASH_OAT",
    # Twice as far into a file as it would go, which is the whole of http/places.c.
    "--param", "analyzer-bb-explosion-factor=10",
]

# Here it forgets what elements of arrays point to, and members of what they belong to, as soon as
# others are written, and says that they leak; AddressSanitizer looks for leaks too.
FORGETFUL = (
    "src/app/import_command.c",
    "src/service/options.c",
    "src/simulate/results_csv.c",
    "src/simulate/testbed_files.c",
    "src/simulate/curve_groups.c",
    "src/engine/assignment/ready_queue.c",
    "src/engine/selection/candidates.c",
    "src/engine/state/tables.c",
    "src/fisher/information/distinct_items.c",
)


def analyse(entry):
    words = shlex.split(entry["command"]) + FLAGS
    if entry["file"].endswith(FORGETFUL):
        words.append("-Wno-analyzer-malloc-leak")
    words[words.index("-o") + 1] = os.devnull
    done = subprocess.run(words, cwd=entry["directory"], text=True, capture_output=True)
    sys.stderr.write(done.stderr)
    return done.returncode == 0


def main():
    with open(os.path.join(sys.argv[1], "compile_commands.json")) as file:
        entries = [entry for entry in json.load(file) if entry["output"].startswith("src/")]
    with multiprocessing.pool.ThreadPool() as pool:
        fine = pool.map(analyse, entries, chunksize=1)
    print(f"gcc -fanalyzer: {sum(fine)} of {len(fine)} files are clean")
    sys.exit(not all(fine))


main()
