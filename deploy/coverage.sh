#!/bin/sh
# coverage.sh [SUITE …]: branches of src that the tests take. Prints the total, the ten lowest files,
# and those below the floor of 75 %; ends with 1 when there are any, or a test failed. The branches
# that were not taken stand in build/coverage/branches.txt. Some ten minutes.
#
# Not counted, as no input decides them: branches of assert; those of FD_CLEANUP and the like (is
# there something to free), of the macros of uthash, and of an option's row (what kind it is).
set -eu
. "$(dirname -- "$0")/common.sh"

install_packages $build_packages $test_packages
# Threads count too, and what an optimiser cannot tell for sure without more of it is no error here.
# What was counted before execv is kept in GNU C alone.
configure coverage -Db_coverage=true -Doptimization=1 -Dwerror=false -Dc_std=gnu11 \
    -Dc_args=-fprofile-update=atomic
quietly ninja -C "$builds/coverage"
find "$builds/coverage" -name '*.gcda' -delete
[ $# -gt 0 ] || set -- base fisher store engine http app faults fuzz
for suite in "$@"; do
    suites="${suites:-} --suite $suite"
done
# More of the calls that can fail do than in CI.
export FISHERD_DENSER="${FISHERD_DENSER:-6}"
# A test that fails, on a busy machine one of those that measure time, fails the run, but the figures
# are those of all.
status=0
# shellcheck disable=SC2086 # a list of words
quietly meson test -C "$builds/coverage" --no-rebuild --timeout-multiplier 6 $suites || status=1

gcovr --root "$top" --filter "$top/src/" --branches --exclude-unreachable-branches \
    --exclude-throw-branches --exclude-lines-by-pattern '.*\bassert\(.*' \
    --exclude-branches-by-pattern \
    '.*\b(FD_CLEANUP\(|FD_DEFINE_CLEANUP\(|FD_FREE |FD_JSON |OPTION\(|(HASH|DL|LL)_[A-Z_]+\().*' \
    --sort-percentage --gcov-ignore-parse-errors --txt "$builds/coverage/branches.txt" \
    --json-summary "$builds/coverage/branches.json" "$builds/coverage"
python3 - "$builds/coverage/branches.json" <<'PYTHON'
import json, sys

FLOOR = 75
summary = json.load(open(sys.argv[1]))
files = sorted((100 * file["branch_covered"] / file["branch_total"], file["filename"])
               for file in summary["files"] if file["branch_total"])
low = [name for share, name in files if name.endswith(".c") and share < FLOOR]
print(f"{summary['branch_percent']} % of {summary['branch_total']} branches taken; the lowest files:")
for share, name in files[:10]:
    print(f"{share:5.1f} %  {name}")
print("below the floor:", " ".join(low) or "none")
sys.exit(bool(low))
PYTHON
exit "$status"
