#!/bin/sh
# hardening.sh PROGRAM: checks that PROGRAM has the protections of the compiler and the linker.
set -eu
program=$1
failed=0

# expect DESCRIPTION yes|no PATTERN TEXT: whether TEXT has the PATTERN
expect() {
    found=no
    if printf '%s\n' "$4" | grep -Eq -- "$3"; then
        found=yes
    fi
    if [ "$found" = "$2" ]; then
        echo "ok: $1"
    else
        echo "failed: $1"
        failed=1
    fi
}

headers=$(LC_ALL=C readelf --wide --file-header --program-headers --dynamic "$program")
symbols=$(LC_ALL=C readelf --wide --dyn-syms "$program")

expect 'the program is position-independent (PIE)' yes '^ *Type: +DYN' "$headers"
expect 'relocations become read-only (RELRO)' yes '^ *GNU_RELRO ' "$headers"
expect 'all relocations are resolved at the start (BIND_NOW)' yes '\(FLAGS(_1)?\).*\bNOW\b' "$headers"
expect 'the headers describe the stack' yes '^ *GNU_STACK ' "$headers"
expect 'the stack is not executable' no '^ *GNU_STACK .* RWE ' "$headers"
expect 'no segment is writable and executable' no '^ *[A-Z_]+ +0x.* RWE ' "$headers"
expect 'code has a segment of its own, without the headers' no '^ *LOAD +0x000000 .* R E ' "$headers"
# A program that is not installed yet also names the folder of OpenBLAS.
expect 'libraries come from system folders' no \
    '\((RPATH|RUNPATH)\).*\[(|.*:)([^/]|/[^u]|/usr/[^l]|/usr/lo)' "$headers"
expect 'stacks have canaries' yes '__stack_chk_fail' "$symbols"
expect 'copies are checked (FORTIFY)' yes '__(memcpy|memset|snprintf|vsnprintf|fprintf|vfprintf|read)_chk' "$symbols"
if [ "$(uname -m)" = x86_64 ]; then
    # Debian's start files lack the note for CET, and so does the program; the code shows it.
    expect 'indirect jumps are restricted (CET)' yes '\bendbr64\b' "$(objdump -d --disassemble=main "$program")"
fi
exit "$failed"
