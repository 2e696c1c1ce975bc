#!/bin/sh
# Runs fisherd with programs of others, from PyPI: Label Studio, a server of embeddings with a real
# model, and the Python clients of OpenAI, Hugging Face and Argilla. FISHERD names the program; by
# default it is built. Exits with 77, and says why, where the tests cannot run.
set -eu
. "$(dirname -- "$0")/common.sh"

tests=$top/tests/peers
environments=$builds/peers
python=/usr/bin/python3

# The versions in the lists are those for the Python of Debian 12.
wanted=3.11

cannot_run() {
    say "tests with programs of others: skipped, because $*"
    exit 77
}

# environment NAME LIST: a virtual environment with the packages of the list, made once.
environment() {
    place=$environments/$1
    cmp -s "$2" "$place/installed.txt" && return 0
    rm -rf "$place"
    quietly "$python" -m venv "$place" &&
        quietly "$place/bin/pip" install --no-compile --no-deps --timeout 60 -r "$2" &&
        cp "$2" "$place/installed.txt"
}

# One small package tells whether PyPI answers.
pypi_answers() {
    rm -rf "$environments/reachable"
    "$python" -m pip download --quiet --no-deps --retries 1 --timeout 20 \
        --dest "$environments/reachable" iniconfig==2.3.0 >/dev/null 2>&1
}

install_packages $peer_packages
found=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
[ "$found" = "$wanted" ] || cannot_run "Python is $found and the packages are for $wanted"
[ "$(uname -m)" = x86_64 ] || cannot_run "the bundled model is for x86_64"
mkdir -p "$environments"
if ! cmp -s "$tests/clients.txt" "$environments/clients/installed.txt" ||
    ! cmp -s "$tests/label_studio.txt" "$environments/label_studio/installed.txt"; then
    pypi_answers || cannot_run "PyPI is out of reach"
fi
environment clients "$tests/clients.txt" && environment label_studio "$tests/label_studio.txt" ||
    cannot_run "packages of PyPI could not be installed"

if [ -z "${FISHERD:-}" ]; then
    install_packages $build_packages
    configure gcc
    quietly ninja -C "$builds/gcc" src/app/fisherd
    FISHERD=$builds/gcc/src/app/fisherd
fi

# Nothing is fetched while the tests run, and none of them waits for ever.
export FISHERD
export LABEL_STUDIO="$environments/label_studio/bin/label-studio"
export HF_HUB_OFFLINE=1 HF_HOME="$environments/hugging_face" TRANSFORMERS_VERBOSITY=error
export PYTHONDONTWRITEBYTECODE=1
unset PYTEST_ADDOPTS # those of deploy/test.sh are for Debian's plugins
exec timeout 1500 "$environments/clients/bin/python" -m pytest -q -p no:cacheprovider "$tests" "$@"
