/* One copy of a hot loop per instruction set, chosen when the program is loaded; where an optimiser
 * is at work, as there is no other use for it. */
#ifndef FI_TARGET_CLONES_H
#define FI_TARGET_CLONES_H

#if defined(__GLIBC__) && defined(__x86_64__) && !defined(__clang__) && defined(__OPTIMIZE__) &&   \
    !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#define FI_CLONES __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define FI_CLONES
#endif

#endif
