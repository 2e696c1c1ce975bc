#!/bin/sh
# analyse.sh FOLDER: cppcheck and clang-tidy over src. FOLDER is one that meson set up with clang.
# analyse.sh FOLDER paths: the paths through src, as clang follows them.
set -eu
top=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
cd "$top"

# Off: leaks and uses after a free, since what frees at the end of a scope is an attribute, which it
# does not know (gcc's analyzer and AddressSanitizer do); functions of C11's Annex K in place of
# memcpy and snprintf, which glibc does not have.
paths='-*,clang-analyzer-*,-clang-analyzer-unix.Malloc'
paths=$paths,-clang-analyzer-security.insecureAPI.DeprecatedOrUnsafeBufferHandling
if [ "${2:-}" = paths ]; then
    exec run-clang-tidy -p "$1" -j2 -quiet -checks="$paths" "$top/src/.*"
fi

# Suppressed: leaks, since what frees at the end of a scope is an attribute, which it does not know
# (AddressSanitizer looks for leaks); casts between numbers in the one allocation of a model;
# uninitialised variables, since it takes the loops of uthash for calls (gcc and clang look too).
cppcheck -j2 --quiet --std=c11 --enable=warning,performance,portability --inline-suppr \
    --error-exitcode=1 --library=posix -D_GNU_SOURCE '-D__attribute__(what)=' \
    '-Djson_array_foreach(array,index,value)=while ((value = json_array_get(array, index++)))' \
    --suppress=memleak --suppress=resourceLeak --suppress=invalidPointerCast \
    --suppress=uninitvar -I include $(find src -type d -printf '-I %p ') src

run-clang-tidy -p "$1" -j2 -quiet "$top/src/.*"
