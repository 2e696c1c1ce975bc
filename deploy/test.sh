#!/bin/sh
# Builds fisherd with both compilers and under the sanitizers, and runs every test. The last line
# says how many of all stages passed and failed.
set -eu
. "$(dirname -- "$0")/common.sh"

started=$(date +%s)
counts=$builds/counts
: >"$counts"

# count PASSED FAILED SKIPPED
count() {
    echo "$@" >>"$counts"
}

# total COLUMN
total() {
    awk -v column="$1" '{ sum += $column } END { print sum + 0 }' "$counts"
}

# block NAME COMMAND …: stages run side by side, so what one prints is shown when it has ended.
block() (
    title=$1
    shift
    begun=$(date +%s)
    output=$(mktemp "$builds/output.XXXXXX")
    status=0
    "$@" >"$output" 2>&1 || status=$?
    {
        flock 9
        say "$title: $(($(date +%s) - begun)) s"
        cat "$output"
    } 9>"$builds/printing"
    rm "$output"
    return "$status"
)

# One step that either works or does not.
step() {
    if block "$@"; then
        count 1 0 0
    else
        count 0 1 0
        return 1
    fi
}

# Passed, failed and skipped tests of a build folder, out of meson's own log.
results() {
    python3 - "$1/meson-logs/testlog.json" <<'PYTHON'
import json, sys

results = [json.loads(line)["result"] for line in open(sys.argv[1])]
passed = sum(result in ("OK", "EXPECTEDFAIL") for result in results)
skipped = results.count("SKIP")
print(passed, len(results) - passed - skipped, skipped)
PYTHON
}

# The tests of a build folder that failed, one a line, without those of which a sanitizer reported
# something: that is a fault even where it comes only now and then.
without_a_report() {
    python3 - "$1/meson-logs/testlog.json" <<'PYTHON'
import json, re, sys

report = re.compile(r"ERROR: \w+Sanitizer|WARNING: ThreadSanitizer|runtime error:")
for line in open(sys.argv[1]):
    test = json.loads(line)
    output = test.get("stdout", "") + test.get("stderr", "")
    if test["result"] in ("FAIL", "TIMEOUT") and not report.search(output):
        print(test["name"].split(":")[-1].split(" / ")[-1])
PYTHON
}

# unsteady NAME [ARGUMENT OF MESON TEST …]: runs the tests that failed once more, and prints how
# many of them pass then. What the machine's load made fail is to be mended, but is not a failure.
unsteady() (
    folder=$builds/$1
    shift
    without_a_report "$folder" >"$folder/again"
    [ -s "$folder/again" ] || {
        echo 0
        return
    }
    say "unsteady, run again: $(paste -sd ' ' "$folder/again")" >&2
    tr '\n' '\0' <"$folder/again" |
        xargs -0 meson test -C "$folder" --no-rebuild --print-errorlogs --logbase again "$@" >&2 || true
    python3 - "$folder/meson-logs/again.json" <<'PYTHON'
import json, sys

print(sum(json.loads(line)["result"] == "OK" for line in open(sys.argv[1])))
PYTHON
)

# run_tests NAME [ARGUMENT OF MESON TEST …]: a run that leaves no log, or fails with none of its
# tests to blame, counts as one failure.
run_tests() {
    name=$1
    folder=$builds/$1
    shift
    rm -f "$folder/meson-logs/testlog.json"
    status=0
    block "tests, $name" meson test -C "$folder" --no-rebuild --print-errorlogs \
        --timeout-multiplier 4 "$@" || status=$?
    grep -ho '^RERUN .*' "$folder/meson-logs/testlog.txt" | sort -u || true
    found=$(results "$folder") || found='0 1 0'
    if [ "$status" -ne 0 ] && [ "$(echo "$found" | cut -d' ' -f2)" -eq 0 ]; then
        found='0 1 0'
    elif [ "$status" -ne 0 ]; then
        again=$(unsteady "$name" --timeout-multiplier 4)
        found=$(echo "$found $again" | awk '{ print $1 + $4, $2 - $4, $3 }')
    fi
    # shellcheck disable=SC2086 # three numbers
    count $found
}

build() {
    configure "$@" && quietly ninja -C "$builds/$1"
}

# Versions of clang-format differ about a few lines; that of Debian 12 decides.
formatter=14

formatted() {
    find "$top/src" "$top/include" "$top/tests" -name '*.[ch]' -exec \
        clang-format --dry-run -Werror {} +
}

# What the browser tests need of npm, as the lock file has it; asked for once.
install_node_modules() (
    mkdir -p "$builds/web"
    cd "$builds/web"
    cmp -s "$top/tests/web/package-lock.json" node_modules/installed.json && return 0
    cp "$top/tests/web/package.json" "$top/tests/web/package-lock.json" .
    quietly npm ci --no-audit --no-fund
    cp package-lock.json node_modules/installed.json
)

# The tests with programs of PyPI need more packages, and a network: CI runs them.
[ "${CI:-}" = true ] || peer_packages=''
install_packages $build_packages $test_packages $peer_packages

# Three runs share the machine, so a test of the API that failed without a report of a sanitizer may
# try once more. The summary names it.
export PYTEST_ADDOPTS="--reruns 1 --only-rerun '(?s)^(?!.*(Sanitizer|runtime error:))' -rR"
export NODE_MODULES="$builds/web/node_modules"
step 'packages of npm' install_node_modules || true

# Builds run one after another, each on all cores. Tests mostly wait, so they run in the background
# of the builds that follow.
running=''
in_background() {
    "$@" &
    running="$running $!"
}

address_tests() {
    export UBSAN_OPTIONS=print_stacktrace=1:halt_on_error=1
    run_tests asan --no-suite e2e --no-suite web
}

thread_tests() {
    export TSAN_OPTIONS="suppressions=$top/tests/tsan.supp halt_on_error=1 second_deadlock_stack=1"
    run_tests tsan --suite engine --suite http
}

analysis() {
    step 'static analysis' sh "$top/deploy/analyse.sh" "$builds/asan" || true
}

fuzzing() {
    step 'fuzzing' sh "$top/deploy/fuzz.sh" 5000x || true
}

# Its tests are those that it built.
arm64() {
    status=0
    block 'build for arm64' sh "$top/deploy/arm64.sh" || status=$?
    case $status in
    0)
        count 1 0 0
        run_tests arm64 array information model_golden design_golden train last_layer strategies \
            store
        ;;
    77) count 0 0 1 ;;
    *) count 0 1 0 ;;
    esac
}

peers() (
    if [ -z "$peer_packages" ]; then
        say 'tests with programs of others: not run; they are sh deploy/test-peers.sh'
        return 0
    fi
    status=0
    export FISHERD="$builds/gcc/src/app/fisherd"
    block 'tests with programs of others' sh "$top/deploy/test-peers.sh" || status=$?
    if [ "$status" -ne 0 ] && [ "$status" -ne 77 ]; then
        say 'unsteady, run again: the tests with programs of others'
        status=0
        block 'tests with programs of others' sh "$top/deploy/test-peers.sh" || status=$?
    fi
    case $status in
    0) count 1 0 0 ;;
    77) count 0 0 1 ;;
    *) count 0 1 0 ;;
    esac
)

build_with_clang() (
    export CC=clang
    build "$@"
)

case $(clang-format --version) in
*"version $formatter."*) step 'format' formatted || true ;;
*)
    say "the format was not checked: that takes clang-format $formatter"
    count 0 0 1
    ;;
esac

# clang's warnings and the sanitizers share one build.
if step 'build with clang, AddressSanitizer and UndefinedBehaviorSanitizer' \
    build_with_clang asan -Db_sanitize=address,undefined -Db_lundef=false; then
    in_background address_tests
    in_background analysis
fi
if step 'build with ThreadSanitizer' build tsan -Db_sanitize=thread; then
    in_background thread_tests
fi
if step 'build with gcc' build gcc; then
    in_background run_tests gcc
    in_background peers
fi
in_background fuzzing
in_background arm64

for process in $running; do
    wait "$process" || count 0 1 0
done

say "$(($(date +%s) - started)) seconds, $(total 3) skipped"
echo "$(total 1) passed, $(total 2) failed"
[ "$(total 2)" -eq 0 ]
