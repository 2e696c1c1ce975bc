#!/bin/sh
# arm64.sh: builds fisherd for arm64 in the build folder arm64, with a cross compiler and Debian's
# arm64 packages of the libraries. It unpacks these next to the build and leaves the machine's own
# packages alone. Ends with 77 where it cannot try.
#
# It shows that src compiles without a warning and links; deploy/test.sh runs some tests of it under
# qemu. It does not show that the daemon serves there: qemu is too slow for the API's tests, and does
# not order memory accesses as loosely as a processor of that kind may.
set -eu
. "$(dirname -- "$0")/common.sh"

skip() {
    printf 'Nothing was built for arm64: %s.\n' "$1"
    exit 77
}

tests='
    tests/base/test_array tests/fisher/test_information tests/fisher/test_model_golden
    tests/fisher/test_design_golden tests/fisher/test_train tests/fisher/test_last_layer
    tests/fisher/test_strategies tests/store/test_store
'

command -v apt-get >/dev/null || skip 'there is no apt to get its libraries with'
[ "$(dpkg --print-architecture)" != arm64 ] || skip 'this machine is one, so all other stages were'

mkdir -p "$builds/arm64.root"
root=$(CDPATH='' cd -- "$builds/arm64.root" && pwd)
folder=$root/usr/lib/aarch64-linux-gnu
blas=openblas-pthread

# An apt of its own, which knows of no installed package and has no other architecture.
apt_arm64() {
    apt-get -q -o APT::Architecture=arm64 -o APT::Architectures=arm64 -o APT::Sandbox::User=root \
        -o Debug::NoLocking=true -o Dir::State::lists="$root/apt/lists" \
        -o Dir::State::status="$root/apt/status" -o Dir::Cache="$root/apt/cache" "$@"
}

fetch() {
    rm -rf "$root"
    mkdir -p "$root/apt/lists/partial" "$root/apt/cache/archives/partial"
    : >"$root/apt/status"
    quietly apt_arm64 -o APT::Update::Error-Mode=any update ||
        skip 'apt finds no packages for it'
    # shellcheck disable=SC2086 # a list of words
    quietly apt_arm64 install -y --no-install-recommends --download-only libc6-dev $libraries
}

# What installing would do is done here: /lib is /usr/lib, and LAPACK is that of OpenBLAS.
unpack() {
    mkdir -p "$root/usr/lib"
    ln -s usr/lib "$root/lib"
    for package in "$root"/apt/cache/archives/*.deb; do
        dpkg-deb --fsys-tarfile "$package" | tar -x --keep-directory-symlink -C "$root"
    done
    find "$root" -type l | while read -r link; do
        case $(readlink "$link") in
        /*) ln -sfn "$root$(readlink "$link")" "$link" ;;
        esac
    done
    for name in blas lapack; do
        ln -s "$name-openblas.pc" "$folder/$blas/pkgconfig/$name.pc"
    done
    rm -r "$root/apt"
}

# meson before 1.3 writes pkgconfig, without a hyphen.
describe() {
    cat <<INI
[binaries]
c = 'aarch64-linux-gnu-gcc'
ar = 'aarch64-linux-gnu-ar'
strip = 'aarch64-linux-gnu-strip'
pkgconfig = 'pkg-config'
pkg-config = 'pkg-config'
exe_wrapper = ['qemu-aarch64', '-L', '$root', '-E', 'LD_LIBRARY_PATH=/usr/lib/aarch64-linux-gnu/$blas']

[built-in options]
c_args = ['--sysroot=$root']
c_link_args = ['--sysroot=$root', '-Wl,-rpath-link,$folder/$blas']

[properties]
sys_root = '$root'
pkg_config_libdir = ['$folder/$blas/pkgconfig', '$folder/pkgconfig', '$root/usr/share/pkgconfig']

[host_machine]
system = 'linux'
cpu_family = 'aarch64'
cpu = 'aarch64'
endian = 'little'
INI
}

if [ ! -f "$root/unpacked" ]; then
    fetch
    unpack
    : >"$root/unpacked"
fi
describe >"$builds/arm64.ini"
configure arm64 --cross-file "$builds/arm64.ini"
# shellcheck disable=SC2086 # a list of words
quietly ninja -C "$builds/arm64" src/app/fisherd $tests
