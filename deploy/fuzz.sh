#!/bin/sh
# Fuzzes the targets of tests/fuzz with libFuzzer, under AddressSanitizer and
# UndefinedBehaviorSanitizer.
#
#     sh deploy/fuzz.sh [SECONDS | RUNSx] [TARGET …]   fuzzes
#     sh deploy/fuzz.sh merge [TARGET …]               keeps what was found
#
# The first form fuzzes each target, or those named, for a number of seconds or of executions
# (10000000x); the default is 60 seconds. It starts from the stored inputs and a fixed seed, and
# ends at the first failure; the input that failed is in the build folder. Fix the failure and store
# its input in tests/fuzz/regressions/TARGET. Inputs that reach new code are collected in
# build/fuzz/grown/TARGET.
#
# The second form adds to the archive tests/fuzz/corpus/TARGET.tar.gz those of the collected inputs
# that reach code which no input of the archive reaches. Commit the archive then.
set -eu
. "$(dirname -- "$0")/common.sh"

mode=fuzz
case ${1:-60} in
merge) mode=merge ;;
*x) limit=-runs=${1%x} ;;
*) limit=-max_total_time=${1:-60} ;;
esac
[ $# -eq 0 ] || shift

install_packages $build_packages clang libclang-rt-dev

export CC=clang
configure fuzz -Db_sanitize=address,undefined -Db_lundef=false -Dc_args=-fsanitize=fuzzer-no-link
sources=$top/tests/fuzz
programs=$builds/fuzz/tests/fuzz
quietly ninja -C "$builds/fuzz" fuzzers
if [ $# -eq 0 ]; then
    for program in "$sources"/fuzz_*.c; do
        target=${program##*/fuzz_}
        set -- "$@" "${target%.c}"
    done
fi

# A small quarantine of freed blocks: the default costs more than it finds.
export ASAN_OPTIONS=quarantine_size_mb=8:malloc_context_size=2:max_malloc_fill_size=0
export UBSAN_OPTIONS=print_stacktrace=1:halt_on_error=1

# The longest input of a target: a little more than what it takes at most.
longest() {
    case $1 in
    framing | http) echo 20000 ;;
    import) echo 4096 ;;
    npy) echo 8192 ;;
    *) echo 1024 ;;
    esac
}

# The file of words that inputs of a target are made of.
dictionary() {
    case $1 in
    embedding | items | labels | scores | selections | tokens) echo "$sources/json.dict" ;;
    framing) echo "$sources/http.dict" ;;
    *) echo "$sources/$1.dict" ;;
    esac
}

# The folders of a target's stored inputs that exist.
stored() {
    for folder in "$programs/inputs/$1" "$sources/corpus/$1" "$sources/regressions/$1"; do
        [ ! -d "$folder" ] || echo "$folder"
    done
    [ "$1" != import ] || echo "$top/tests/formats/import/data"
}

# libfuzzer TARGET ARGUMENT …: its output goes to a log, which is shown when it fails.
libfuzzer() {
    program=$programs/fuzz_$1
    log=$builds/fuzz/$1.log
    options="-seed=1 -max_len=$(longest "$1") -detect_leaks=0 -timeout=20 -malloc_limit_mb=128"
    shift
    # No search for leaks: a thread that is about to end looks like one. The tests of the stored
    # inputs do search.
    # shellcheck disable=SC2086 # a list of words
    "$program" $options "$@" >"$log" 2>&1 || {
        tail -n 60 "$log" >&2
        return 1
    }
}

fuzz() {
    # shellcheck disable=SC2046 # a list of folders
    libfuzzer "$1" "$limit" -entropic=0 -print_final_stats=1 -dict="$(dictionary "$1")" \
        -artifact_prefix="$builds/fuzz/$1-" "$grown" $(stored "$1")
    printf '%-12s %s executions, %s a second, %s\n' "$1" \
        "$(sed -n 's/^stat::number_of_executed_units: //p' "$log")" \
        "$(sed -n 's/^stat::average_exec_per_sec: *//p' "$log")" \
        "$(sed -n 's/.*DONE *\(cov: [0-9]* ft: [0-9]*\).*/\1/p' "$log")"
}

merge() {
    merged=$builds/fuzz/merged/$1
    rm -rf "$merged"
    mkdir -p "$merged"
    [ ! -d "$programs/inputs/$1" ] || cp "$programs/inputs/$1"/* "$merged"
    libfuzzer "$1" -merge=1 "$merged" "$grown"
    python3 "$sources/corpus.py" pack "$merged" "$sources/corpus/$1.tar.gz"
}

for target in "$@"; do
    grown=$builds/fuzz/grown/$target
    mkdir -p "$grown"
    "$mode" "$target"
done
