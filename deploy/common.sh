# What the scripts here share: Debian packages, quiet commands, build folders, packages of PyPI. To
# be sourced.

top=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
builds=${BUILD_DIR:-$top/build}
mkdir -p "$builds"

libraries='
    libmicrohttpd-dev libgnutls28-dev libjansson-dev libopenblas-dev liblapacke-dev libsqlite3-dev
    zlib1g-dev libzstd-dev libunistring-dev libsodium-dev libcurl4-openssl-dev libpq-dev libsystemd-dev
    uthash-dev libcmocka-dev
'
# What the pages contain of others.
page_packages='node-markdown-it libjs-katex fonts-katex libjs-highlight.js'
build_packages="gcc libc6-dev meson ninja-build pkg-config python3 python3-yaml $libraries
    $page_packages"
# Of PostgreSQL only the programs: tests make servers of their own in temporary folders.
test_packages='
    clang clang-format libclang-rt-dev clang-tidy cppcheck gcovr llvm postgresql
    python3-pytest python3-pytest-rerunfailures python3-pytest-xdist python3-numpy
    python3-jsonschema
    chromium curl fonts-dejavu-core gnuplot-nox nodejs openssl nginx-light haproxy systemd python3-seccomp libfaketime
'
# For deploy/test-peers.sh, which takes the rest from PyPI.
peer_packages='python3-pip python3-venv'
# For deploy/arm64.sh, which has nothing to do on arm64 itself.
if command -v dpkg >/dev/null && [ "$(dpkg --print-architecture)" != arm64 ]; then
    test_packages="$test_packages gcc-aarch64-linux-gnu qemu-user"
fi
# Other packagings of Node.js bring npm along, and have no package of this name.
command -v npm >/dev/null || test_packages="$test_packages npm"

say() {
    printf '== %s\n' "$*"
}

# Runs a command and shows what it printed only when it fails.
quietly() (
    log=$(mktemp "$builds/command.XXXXXX")
    trap 'rm -f "$log"' EXIT
    if "$@" >"$log" 2>&1; then
        return 0
    fi
    printf 'failed: %s\n' "$*" >&2
    tail -n 60 "$log" >&2
    return 1
)

missing_packages() {
    for package in "$@"; do
        dpkg-query -W -f='${Status}\n' "$package" 2>/dev/null | grep -q '^install ok installed$' ||
            printf '%s ' "$package"
    done
}

# Nothing is asked of the network or of root when every package is there.
install_packages() {
    command -v dpkg-query >/dev/null || return 0
    missing=$(missing_packages "$@")
    [ -n "$missing" ] || return 0
    say "installing $missing"
    root=''
    if [ "$(id -u)" -ne 0 ]; then
        if ! command -v sudo >/dev/null; then
            printf 'These packages are missing and only root can install them: %s\n' "$missing" >&2
            return 1
        fi
        root=sudo
    fi
    quietly $root apt-get update
    # shellcheck disable=SC2086 # a list of words
    quietly $root env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends \
        $missing
}

# configure NAME [MESON OPTION …]: the build folder NAME, made once.
configure() {
    name=$1
    shift
    [ -f "$builds/$name/build.ninja" ] || quietly meson setup "$builds/$name" "$top" "$@"
}

# The program to test: FISHERD, or the one of the folder gcc, which is built then.
find_program() {
    [ -z "${FISHERD:-}" ] || return 0
    # shellcheck disable=SC2086 # a list of words
    install_packages $build_packages
    configure gcc
    quietly ninja -C "$builds/gcc" src/app/fisherd
    FISHERD=$builds/gcc/src/app/fisherd
}

# ---- packages of PyPI ----

peers=$builds/peers

# One small package tells whether PyPI answers.
pypi_answers() {
    rm -rf "$peers/reachable"
    /usr/bin/python3 -m pip download --quiet --no-deps --retries 1 --timeout 20 \
        --dest "$peers/reachable" iniconfig==2.3.0 >/dev/null 2>&1
}

# peer_environment NAME: a virtual environment, $peers/NAME, of the packages that
# tests/peers/NAME.txt lists; made once. Where that cannot be, $why says why.
peer_environment() {
    list=$top/tests/peers/$1.txt
    cmp -s "$list" "$peers/$1/installed.txt" && return 0
    why=''
    install_packages $peer_packages || why='packages of Debian are missing'
    found=$(/usr/bin/python3 -c 'import sys; print("%d.%d" % sys.version_info[:2])')
    # The versions in the lists are those for the Python of Debian 12.
    [ "$found" = 3.11 ] || why="Python is $found and the packages are for 3.11"
    [ "$(uname -m)" = x86_64 ] || why='the packages are for x86_64'
    mkdir -p "$peers"
    [ -n "$why" ] || pypi_answers || why='PyPI is out of reach'
    [ -z "$why" ] || return 1
    why='packages of PyPI could not be installed'
    rm -rf "${peers:?}/$1"
    quietly /usr/bin/python3 -m venv "$peers/$1" &&
        quietly "$peers/$1/bin/pip" install --no-compile --no-deps --timeout 60 -r "$list" &&
        cp "$list" "$peers/$1/installed.txt"
}
