#!/bin/sh
# fuzz.sh [SECONDS | RUNSx] [TARGET …]: fuzzes each target, or those named, for so many seconds or
# executions (10000000x), 60 seconds when nothing is said, from the stored corpus and a fixed seed.
# Ends at the first finding, whose input lies in the build folder. To keep what a long run found
# worth keeping: fuzz_TARGET -merge=1 tests/fuzz/corpus/TARGET build/fuzz/grown/TARGET
set -eu
. "$(dirname -- "$0")/common.sh"

case ${1:-60} in
*x) limit=-runs=${1%x} ;;
*) limit=-max_total_time=${1:-60} ;;
esac
[ $# -eq 0 ] || shift

install_packages $build_packages clang libclang-rt-dev

export CC=clang
configure fuzz -Db_sanitize=address,undefined -Db_lundef=false -Dc_args=-fsanitize=fuzzer-no-link
fuzz=$top/tests/fuzz
quietly ninja -C "$builds/fuzz" fuzzers
[ $# -gt 0 ] || set -- $(cd "$fuzz/corpus" && ls)

# Fewer freed blocks are kept than usual: they would cost more than they find.
export ASAN_OPTIONS=quarantine_size_mb=8:malloc_context_size=2:max_malloc_fill_size=0
export UBSAN_OPTIONS=print_stacktrace=1:halt_on_error=1
for target in "$@"; do
    grown=$builds/fuzz/grown/$target
    mkdir -p "$grown"
    known=$fuzz/regressions/$target
    [ -d "$known" ] || known=''
    length=1024
    case $target in
    items | labels | selections | tokens) dictionary=$fuzz/json.dict ;;
    guard) dictionary=$fuzz/http.dict ;;
    *) dictionary=$fuzz/$target.dict ;;
    esac
    case $target in # beyond their bounds
    guard | http) length=20000 ;;
    npy) length=8192 ;;
    esac
    log=$builds/fuzz/$target.log
    # A thread that ends meanwhile looks like a leak, so that those are left to the stored inputs.
    if ! "$builds/fuzz/tests/fuzz/fuzz_$target" "$limit" -seed=1 -max_len=$length -entropic=0 \
        -detect_leaks=0 -timeout=20 -malloc_limit_mb=128 -print_final_stats=1 -dict="$dictionary" \
        -artifact_prefix="$builds/fuzz/$target-" "$grown" "$fuzz/corpus/$target" $known >"$log" 2>&1; then
        tail -n 60 "$log" >&2
        exit 1
    fi
    printf '%-12s %s executions, %s a second, %s\n' "$target" \
        "$(sed -n 's/^stat::number_of_executed_units: //p' "$log")" \
        "$(sed -n 's/^stat::average_exec_per_sec: *//p' "$log")" \
        "$(sed -n 's/.*DONE *\(cov: [0-9]* ft: [0-9]*\).*/\1/p' "$log")"
done
