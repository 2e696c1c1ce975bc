/*
 * FI_CLONES compiles a hot loop once per instruction set. The loader picks the copy that suits the
 * processor. Builds without an optimiser, with sanitizers or with clang get one copy.
 */
#ifndef FI_TARGET_CLONES_H
#define FI_TARGET_CLONES_H

#include <stdint.h> /* for __GLIBC__ */

#if defined(__GLIBC__) && defined(__x86_64__) && !defined(__clang__) && defined(__OPTIMIZE__) &&   \
    !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#define FI_CLONES __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define FI_CLONES
#endif

#endif
