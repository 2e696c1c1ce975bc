#!/bin/sh
# schemathesis.sh [SECONDS [OPTION …]]: lets Schemathesis, from PyPI, try the API for three minutes,
# or SECONDS. Options, such as --seed 1, are Schemathesis's. FISHERD names the program; by default
# it is built. Exits with 77, and says why, where it cannot run.
set -eu
. "$(dirname -- "$0")/common.sh"

peer_environment schemathesis || {
    say "Schemathesis did not try the API, because $why"
    exit 77
}
find_program
export FISHERD PYTHONDONTWRITEBYTECODE=1
seconds=${1:-180}
[ "$#" -eq 0 ] || shift
exec nice /usr/bin/python3 "$top/tests/peers/try_schemathesis.py" \
    "$peers/schemathesis/bin/schemathesis" "$seconds" "$@"
