#!/bin/sh
# Builds fisherd with both compilers and under the sanitizers, and runs every test. The last line
# says how many of all stages passed and failed.
set -eu
. "$(dirname -- "$0")/common.sh"

passed=0
failed=0
skipped=0
started=$(date +%s)

count() {
    passed=$((passed + $1))
    failed=$((failed + $2))
    skipped=$((skipped + $3))
}

# One step that either works or does not.
step() {
    say "$1"
    shift
    if "$@"; then
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

# run_tests NAME [ARGUMENT OF MESON TEST …]: a run that leaves no log, or fails with none of its
# tests to blame, counts as one failure.
run_tests() {
    folder=$builds/$1
    shift
    rm -f "$folder/meson-logs/testlog.json"
    status=0
    meson test -C "$folder" --no-rebuild --print-errorlogs "$@" || status=$?
    counts=$(results "$folder") || counts='0 1 0'
    if [ "$status" -ne 0 ] && [ "$(echo "$counts" | cut -d' ' -f2)" -eq 0 ]; then
        counts='0 1 0'
    fi
    # shellcheck disable=SC2086 # three numbers
    count $counts
}

build() {
    configure "$@" && quietly ninja -C "$builds/$1"
}

build_with_clang() (
    export CC=clang
    build clang
)

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

install_packages $build_packages $test_packages

export NODE_MODULES="$builds/web/node_modules"
step 'packages of npm' install_node_modules || true

step 'format' formatted || true

if step 'build with gcc' build gcc; then
    run_tests gcc
fi

step 'build with clang' build_with_clang || true

if step 'build with AddressSanitizer and UndefinedBehaviorSanitizer' \
    build asan -Db_sanitize=address,undefined; then
    export UBSAN_OPTIONS=print_stacktrace=1:halt_on_error=1
    run_tests asan --no-suite e2e --no-suite web --timeout-multiplier 4
fi

if step 'build with ThreadSanitizer' build tsan -Db_sanitize=thread; then
    export TSAN_OPTIONS="suppressions=$top/tests/tsan.supp halt_on_error=1 second_deadlock_stack=1"
    run_tests tsan --suite engine --suite http --timeout-multiplier 4
fi

say "$(($(date +%s) - started)) seconds, $skipped skipped"
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
