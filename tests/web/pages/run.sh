#!/bin/sh
# run.sh FOLDER: the pages in a real browser. Skipped where something is missing, but not under
# CI=true. FISHERD names the program; NODE_MODULES, or else FOLDER, is where `npm ci` has put
# what package.json names.
set -eu
here=$(dirname -- "$0")

skip() {
    printf 'The pages were not tested: %s.\n' "$1" >&2
    [ "${CI:-}" = true ] && exit 1
    exit 77
}

export CHROMIUM="${CHROMIUM:-/usr/bin/chromium}" NODE_MODULES="${NODE_MODULES:-$1/node_modules}"
command -v node >/dev/null || skip 'there is no node'
[ -x "$CHROMIUM" ] || skip "there is no $CHROMIUM"
[ -d "$NODE_MODULES/playwright-core" ] && [ -d "$NODE_MODULES/axe-core" ] ||
    skip "put package.json and package-lock.json of tests/web into $1 and run npm ci there"

exec node --test "$here"/*.test.mjs
