#!/bin/sh
# coverage.sh [SUITE …]: measures which branches of src the tests take, in about ten minutes. It
# prints the total, the ten lowest files, and the files below the floor of 75 %, and ends with 1 if
# there are such files or if a test failed. build/coverage/branches.txt lists the branches that no
# test took.
#
# Some branches are not counted, because no input decides them: those of assert, of FD_CLEANUP and
# the like (is the pointer null), of uthash's macros, and of an option's row (of which kind it is).
set -eu
. "$(dirname -- "$0")/common.sh"

install_packages $build_packages $test_packages
# Threads count atomically. Warnings are not errors here: with less optimisation the compiler warns
# about variables that it cannot follow. gcc keeps the counts from before an execv only in GNU C.
configure coverage -Db_coverage=true -Doptimization=1 -Dwerror=false -Dc_std=gnu11 \
    -Dc_args=-fprofile-update=atomic
quietly ninja -C "$builds/coverage"
find "$builds/coverage" -name '*.gcda' -delete
[ $# -gt 0 ] || set -- base formats fisher store engine http simulate demo faults fuzz
for suite in "$@"; do
    suites="${suites:-} --suite $suite"
done
# Inject faults into more calls than CI does.
export FISHERD_DENSER="${FISHERD_DENSER:-6}"
# A test that fails (on a busy machine, one that measures time) fails the run, but the figures are
# printed all the same.
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
