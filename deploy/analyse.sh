#!/bin/sh
# analyse.sh FOLDER: checks the tree's structure, and runs cppcheck and clang-tidy over src. FOLDER
# is a build folder that meson set up with clang, and that is built.
# analyse.sh FOLDER paths: runs clang's static analyser, which follows the paths through src.
set -eu
top=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
cd "$top"

# Two checks are off. One looks for leaks and uses after a free, and does not know the cleanup
# attribute, which frees at the end of a scope (gcc's analyser and AddressSanitizer know it). The
# other asks for functions of C11's Annex K instead of memcpy and snprintf; glibc has none of them.
paths='-*,clang-analyzer-*,-clang-analyzer-unix.Malloc'
paths=$paths,-clang-analyzer-security.insecureAPI.DeprecatedOrUnsafeBufferHandling
if [ "${2:-}" = paths ]; then
    exec run-clang-tidy -p "$1" -j2 -quiet -checks="$paths" "$top/src/.*"
fi

python3 "$top/deploy/structure.py" "$1"

# Suppressed: leaks, because cppcheck does not know the cleanup attribute (AddressSanitizer looks
# for leaks); casts between numbers in the one allocation of a model; uninitialised variables,
# because it takes uthash's loops for calls (gcc and clang look for them too).
cppcheck -j2 --quiet --std=c11 --enable=warning,performance,portability --inline-suppr \
    --error-exitcode=1 --library=posix -D_GNU_SOURCE '-D__attribute__(what)=' \
    '-Djson_array_foreach(array,index,value)=while ((value = json_array_get(array, index++)))' \
    --suppress=memleak --suppress=resourceLeak --suppress=invalidPointerCast \
    --suppress=uninitvar --suppress=normalCheckLevelMaxBranches -I include $(find src -type d -printf '-I %p ') src

run-clang-tidy -p "$1" -j2 -quiet "$top/src/.*"
