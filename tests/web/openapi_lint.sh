#!/bin/sh
# openapi_lint.sh FOLDER DOCUMENT: checks the OpenAPI document with Redocly's rules. Skips the check
# if something is missing; with CI=true it fails instead. NODE_MODULES (FOLDER/node_modules) has the
# packages of package.json, installed by `npm ci`.
set -eu
here=$(dirname -- "$0")

skip() {
    printf 'The OpenAPI document was not checked: %s.\n' "$1" >&2
    [ "${CI:-}" = true ] && exit 1
    exit 77
}

export NODE_MODULES="${NODE_MODULES:-$1/node_modules}"
command -v node >/dev/null || skip 'node is missing'
[ -d "$NODE_MODULES/@redocly/openapi-core" ] ||
    skip "copy package.json and package-lock.json of tests/web to $1 and run npm ci there"

exec node "$here/openapi_lint.mjs" "$2"
