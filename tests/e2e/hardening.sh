#!/bin/sh
# hardening.sh PROGRAM: is what the compiler and the linker can do against an intruder in PROGRAM?
set -eu
program=$1
failed=0

# expect WHAT THERE IS|NO PATTERN TEXT
expect() {
    found=no
    if printf '%s\n' "$4" | grep -Eq -- "$3"; then
        found=yes
    fi
    if [ "$found" = "$2" ]; then
        echo "ok: $1"
    else
        echo "not so: $1"
        failed=1
    fi
}

headers=$(LC_ALL=C readelf --wide --file-header --program-headers --dynamic "$program")
symbols=$(LC_ALL=C readelf --wide --dyn-syms "$program")

expect 'its address is chosen at each start (PIE)' yes '^ *Type: +DYN' "$headers"
expect 'its relocations become read-only' yes '^ *GNU_RELRO ' "$headers"
expect 'all of them, since they are resolved at the start' yes '\(FLAGS(_1)?\).*\bNOW\b' "$headers"
expect 'its stack is named in the headers' yes '^ *GNU_STACK ' "$headers"
expect 'and not executable' no '^ *GNU_STACK .* RWE ' "$headers"
expect 'no segment is writable and executable' no '^ *[A-Z_]+ +0x.* RWE ' "$headers"
expect 'code has a segment of its own, without the headers' no '^ *LOAD +0x000000 .* R E ' "$headers"
# Until it is installed it names the folder of OpenBLAS.
expect 'libraries come from folders of the system' no \
    '\((RPATH|RUNPATH)\).*\[(|.*:)([^/]|/[^u]|/usr/[^l]|/usr/lo)' "$headers"
expect 'stacks have canaries' yes '__stack_chk_fail' "$symbols"
expect 'copies are measured (FORTIFY)' yes '__(memcpy|memset|snprintf|vsnprintf|fprintf|vfprintf|read)_chk' "$symbols"
if [ "$(uname -m)" = x86_64 ]; then
    # Debian's start files have no note of it, so the program has none either: its code is looked at.
    expect 'jumps go where they may (CET)' yes '\bendbr64\b' "$(objdump -d --disassemble=main "$program")"
fi
exit "$failed"
