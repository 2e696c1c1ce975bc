#!/bin/sh
# The long versions of tests that CI runs briefly, and tests that are too long for CI. Each part
# prints its figures. Without arguments all parts run.
#
#     sh deploy/soak.sh [PART …]
set -eu
. "$(dirname -- "$0")/common.sh"

python=/usr/bin/python3
export FISHERD_LONG=1
export PYTHONDONTWRITEBYTECODE=1

# c_test FOLDER NAME: runs a C test of a build; its log lines go to a file.
c_test() {
    quietly ninja -C "$builds/$1" "tests/faults/test_$2" &&
        "$builds/$1/tests/faults/test_$2" 2>"$builds/$1/$2.log" || {
        grep -v 'level=' "$builds/$1/$2.log" | tail -n 20
        return 1
    }
}

# More than a thousand power cuts.
power() {
    c_test soak power_loss
}

# Each allocation and each call to the file system fails once. Eight processes share the work.
single() {
    quietly ninja -C "$builds/soak" tests/faults/test_single_faults || return
    log=$builds/soak/single_faults
    processes=''
    for share in 1 2 3 4 5 6 7 8; do
        FISHERD_SHARE=$share/8 "$builds/soak/tests/faults/test_single_faults" >"$log.$share" 2>&1 &
        processes="$processes $!"
    done
    well=true
    for process in $processes; do
        wait "$process" || well=false
    done
    awk '/^faults:/ { n = $2; sub(/.* of about [0-9]* /, ""); faults[$0] += n }
        END { for (what in faults) print "faults:", faults[what], what }' "$log".?
    "$well" || {
        grep -hEv 'level=|^faults|^\[ +(RUN|OK) |^\[==' "$log".? | tail -n 40
        return 1
    }
}

# Each call of the commands that can fail does so once, in each place.
calls() {
    quietly ninja -C "$builds/soak" tests/faults/failing_calls.so &&
        FISHERD_FAILING_CALLS="$builds/soak/tests/faults/failing_calls.so" "$python" -m pytest -q \
            -p no:cacheprovider -n 4 "$top/tests/http/api/test_failing_calls.py"
}

# A part of "single" under AddressSanitizer, which looks for leaks.
leaks() (
    unset FISHERD_LONG
    configure soak-asan -Db_sanitize=address,undefined -Db_lundef=false
    c_test soak-asan single_faults
)

# kill -9 at 200 moments.
kill_() {
    "$python" -m pytest -q -s -p no:cacheprovider "$top/tests/http/api/test_crash.py" -k kill
}

# A disk that is full, at sixty sizes.
disk() {
    quietly ninja -C "$builds/soak" tests/faults/failing_disk.so &&
        FISHERD_FAILING_DISK="$builds/soak/tests/faults/failing_disk.so" "$python" -m pytest -q -s \
            -p no:cacheprovider "$top/tests/http/api/test_full_disk.py"
}

# 127, 128, 129 and 256 connections at once, 20 times each.
connections() {
    "$python" -m pytest -q -s -p no:cacheprovider "$top/tests/http/api/test_connections.py"
}

# 64 people at three replicas, until 600 pairs have all their answers.
replicas() {
    "$python" -m pytest -q -s -p no:cacheprovider "$top/tests/http/api/test_replica_leases.py"
}

# How soon a replica serves what another one activated, 1,000 times.
versions() {
    "$python" -m pytest -q -s -p no:cacheprovider "$top/tests/http/api/test_version_skew.py"
}

# Replicas, PostgreSQL and its standby are killed, stopped and cut off, at each of their moments.
matrix() {
    "$python" -m pytest -q -s -p no:cacheprovider "$top/tests/http/api/test_kills.py"
}

# Latency of normal clients during floods and with slow clients.
load() {
    "$python" "$top/tests/bench/overload.py"
}

# Ten million executions of each target.
fuzz() {
    sh "$top/deploy/fuzz.sh" 10000000x
}

# Seconds from the start until the daemon is ready, with a full database.
start() {
    "$python" "$top/tests/bench/start_up.py"
}

# 64 annotators for half an hour, or for SOAK_MINUTES.
soak() {
    "$python" "$top/tests/e2e/soak.py" --minutes "${SOAK_MINUTES:-30}"
}

# Branches of src that the tests take.
coverage() (
    unset FISHERD_LONG FISHERD
    sh "$top/deploy/coverage.sh"
)

# gcc's and clang's analysis of the paths through src.
analyse() {
    "$python" "$top/deploy/analyse_gcc.py" "$builds/soak" &&
        sh "$top/deploy/analyse.sh" "$builds/soak" paths
}

parts='analyse power single calls leaks kill disk start soak connections replicas versions matrix load fuzz coverage'

[ $# -gt 0 ] || set -- $parts
for part in "$@"; do
    case " $parts " in
    *" $part "*) ;;
    *)
        printf 'unknown part %s; the parts are %s\n' "$part" "$parts" >&2
        exit 2
        ;;
    esac
done

install_packages $build_packages $test_packages slowhttptest wrk nghttp2-client
configure soak
quietly ninja -C "$builds/soak" src/app/fisherd
export FISHERD="$builds/soak/src/app/fisherd"

failed=''
for part in "$@"; do
    say "$part"
    case $part in
    kill) kill_ ;;
    *) "$part" ;;
    esac || failed="$failed $part"
done
[ -z "$failed" ] || {
    printf 'failed:%s\n' "$failed" >&2
    exit 1
}
