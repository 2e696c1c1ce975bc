#!/bin/sh
# Builds fisherd and runs its demo: sh deploy/demo.sh [--once] [OPTION …]
set -eu
. "$(dirname -- "$0")/common.sh"

install_packages $build_packages
say 'building'
configure release --buildtype=release
quietly ninja -C "$builds/release" src/app/fisherd
exec "$builds/release/src/app/fisherd" demo "$@"
