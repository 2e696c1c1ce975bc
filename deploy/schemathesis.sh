#!/bin/sh
# schemathesis.sh [SECONDS]: lets Schemathesis, from PyPI, try the API for three minutes, or SECONDS.
# FISHERD names the program. Exits with 77, and says why, where it cannot run.
set -eu
. "$(dirname -- "$0")/common.sh"
folder=$builds/peers/schemathesis
version=4.32.5

skip() {
    printf 'Schemathesis did not try the API: %s.\n' "$1" >&2
    exit 77
}

if [ ! -x "$folder/bin/schemathesis" ]; then
    rm -rf "$folder"
    mkdir -p "$builds/peers"
    /usr/bin/python3 -m venv "$folder" >/dev/null 2>&1 || skip 'python3-venv is missing'
    "$folder/bin/pip" install --quiet --disable-pip-version-check "schemathesis==$version" \
        >"$folder/pip.log" 2>&1 || { rm -rf "$folder"; skip 'PyPI is out of reach'; }
fi
exec /usr/bin/python3 "$top/tests/peers/try_schemathesis.py" "$folder/bin/schemathesis" "${1:-180}"
