#!/bin/sh
# The long versions of what CI runs briefly, and what takes too long for it. Each part prints its
# figures; without arguments all parts run.
#
#     sh deploy/soak.sh [PART …]
set -eu
. "$(dirname -- "$0")/common.sh"

python=/usr/bin/python3
export FISHERD_LONG=1
export PYTHONDONTWRITEBYTECODE=1

# A C test, of the plain build.
c_test() {
    quietly ninja -C "$builds/soak" "tests/faults/test_$1"
    "$builds/soak/tests/faults/test_$1"
}

power() {
    c_test power_loss
}

parts='power'

[ $# -gt 0 ] || set -- $parts
for part in "$@"; do
    case " $parts " in
    *" $part "*) ;;
    *)
        printf 'there is no part %s: there are %s\n' "$part" "$parts" >&2
        exit 2
        ;;
    esac
done

install_packages $build_packages $test_packages
configure soak
quietly ninja -C "$builds/soak" src/app/fisherd
export FISHERD="$builds/soak/src/app/fisherd"

failed=''
for part in "$@"; do
    say "$part"
    "$part" || failed="$failed $part"
done
[ -z "$failed" ] || {
    printf 'failed:%s\n' "$failed" >&2
    exit 1
}
