#!/bin/sh
# run.sh FOLDER: tests the pages in a real browser. Skips the tests if something is missing; with
# CI=true it fails instead. FISHERD is the program. NODE_MODULES (FOLDER/node_modules) has the
# packages of package.json, installed by `npm ci`.
set -eu
here=$(dirname -- "$0")

skip() {
    printf 'The pages were not tested: %s.\n' "$1" >&2
    [ "${CI:-}" = true ] && exit 1
    exit 77
}

export CHROMIUM="${CHROMIUM:-/usr/bin/chromium}" NODE_MODULES="${NODE_MODULES:-$1/node_modules}"
command -v node >/dev/null || skip 'node is missing'
[ -x "$CHROMIUM" ] || skip "$CHROMIUM is missing"
[ -d "$NODE_MODULES/playwright-core" ] && [ -d "$NODE_MODULES/axe-core" ] ||
    skip "copy package.json and package-lock.json of tests/web to $1 and run npm ci there"

exec node --test "$here"/*.test.mjs
