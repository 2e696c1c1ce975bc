#!/bin/sh
# coverage.sh [SUITE …]: branches of src that the tests take, of each file; ends with 1 when a file
# of C is below 75 %. Branches of assert and those that the compiler adds are not counted.
set -eu
. "$(dirname -- "$0")/common.sh"

install_packages $build_packages $test_packages
# Threads count too, and what an optimiser cannot tell for sure without more of it is no error here.
configure coverage -Db_coverage=true -Doptimization=1 -Dwerror=false \
    -Dc_args=-fprofile-update=atomic
quietly ninja -C "$builds/coverage"
find "$builds/coverage" -name '*.gcda' -delete
[ $# -gt 0 ] || set -- base fisher store engine http app faults fuzz
for suite in "$@"; do
    suites="${suites:-} --suite $suite"
done
# shellcheck disable=SC2086 # a list of words
quietly meson test -C "$builds/coverage" --no-rebuild --timeout-multiplier 4 $suites

gcovr --root "$top" --filter "$top/src/" --branches --exclude-unreachable-branches \
    --exclude-throw-branches --exclude-lines-by-pattern '.*\bassert\(.*' --sort-percentage \
    --gcov-ignore-parse-errors --txt "$builds/coverage/branches.txt" \
    --json-summary "$builds/coverage/branches.json" "$builds/coverage"
cat "$builds/coverage/branches.txt"
python3 - "$builds/coverage/branches.json" <<'PYTHON'
import json, sys

files = json.load(open(sys.argv[1]))["files"]
low = [file["filename"] for file in files
       if file["filename"].endswith(".c") and file["branch_covered"] < 0.75 * file["branch_total"]]
print("below 75 %:", " ".join(low) or "none")
sys.exit(bool(low))
PYTHON
