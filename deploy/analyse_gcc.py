"""analyse_gcc.py FOLDER: runs gcc -fanalyzer over src. FOLDER is a build folder that meson set up
with gcc, and that is built."""

import json
import multiprocessing.pool
import os
import shlex
import subprocess
import sys

FLAGS = [
    "-fanalyzer",
    # Without an optimiser: in optimised loops it wrongly reports uninitialised variables.
    # _FORTIFY_SOURCE needs an optimiser.
    "-O0", "-U_FORTIFY_SOURCE",
    # It does not get to the end of the loops of uthash's own hash function.
    "-DHASH_FUNCTION=HASH_OAT",
    # Twice as far into a file as by default, which covers all of http/server/connection_slots.c.
    "--param", "analyzer-bb-explosion-factor=10",
]

# In these files it forgets what elements of arrays and members of structures point to as soon as
# others are written, and wrongly reports leaks. AddressSanitizer looks for leaks too.
FORGETFUL = (
    "src/app/import_reader.c",
    "src/service/options/option_table.c",
    "src/simulate/results/results_csv.c",
    "src/simulate/testbed/testbed_files.c",
    "src/simulate/results/curve_groups.c",
    "src/engine/assignment/label_statistics.c",
    "src/engine/selection/candidates.c",
    "src/engine/state/annotators.c",
    "src/engine/state/item_table.c",
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
    for name in FORGETFUL:
        if not any(entry["file"].endswith(name) for entry in entries):
            sys.exit(f"{name} is not in the build: correct FORGETFUL")
    with multiprocessing.pool.ThreadPool() as pool:
        fine = pool.map(analyse, entries, chunksize=1)
    print(f"gcc -fanalyzer: {sum(fine)} of {len(fine)} files are clean")
    sys.exit(not all(fine))


main()
