"""analyse_gcc.py FOLDER: gcc -fanalyzer over src. FOLDER is one that meson set up with gcc, and
that was built."""

import json
import multiprocessing.pool
import os
import shlex
import subprocess
import sys

# As the code stands: what an optimiser makes of it, of loops above all, it takes for uninitialised.
# Leaks are AddressSanitizer's: it does not see that uthash's tables hold what is linked into them.
FLAGS = ["-fanalyzer", "-O0", "-U_FORTIFY_SOURCE", "-D__SANITIZE_THREAD__", "-fno-openmp-simd",
         "-Wno-unknown-pragmas", "-Wno-analyzer-malloc-leak"]

# It follows the macros of uthash there without an end.
ENDLESS = ("src/http/places.c",)


def analyse(entry):
    words = shlex.split(entry["command"])
    words[words.index("-o") + 1] = os.devnull
    done = subprocess.run(words + FLAGS, cwd=entry["directory"], text=True, capture_output=True)
    sys.stderr.write(done.stderr)
    return done.returncode == 0


def main():
    with open(os.path.join(sys.argv[1], "compile_commands.json")) as file:
        entries = [entry for entry in json.load(file) if entry["output"].startswith("src/")
                   and not entry["file"].endswith(ENDLESS)]
    with multiprocessing.pool.ThreadPool() as pool:
        fine = pool.map(analyse, entries, chunksize=1)
    print(f"gcc -fanalyzer: {sum(fine)} of {len(fine)} files are clean")
    sys.exit(not all(fine))


main()
