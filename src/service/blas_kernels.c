/* Chooses the kernels of OpenBLAS, and restarts the program to change them. */
#include "blas_kernels.h"

#include <cblas.h>
#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "log.h"

/* OpenBLAS reads the first variable. The second tells the restarted program what was chosen. */
static const char core_type[] = "OPENBLAS_CORETYPE";
static const char chosen_before[] = "FISHERD_BLAS_CHOSEN";

/* The names of OpenBLAS's kernels without AVX-512. It chooses one of these on a processor that it
 * does not know yet. */
static const char *const without_avx512[] = {
    "Prescott",  "Atom",       "Core2",        "Penryn",    "Dunnington", "Nehalem",
    "Nano",      "Opteron",    "Opteron_SSE3", "Barcelona", "Bobcat",     "Sandybridge",
    "Bulldozer", "Piledriver", "Steamroller",  "Excavator", "Haswell",    "Zen",
};

static bool lacks_avx512(const char *name) {
    for (size_t i = 0; i < FD_LENGTH(without_avx512); i++)
        if (strcasecmp(without_avx512[i], name) == 0)
            return true;
    return false;
}

static bool processor_has_avx512(void) {
#ifdef __x86_64__
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
           __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl");
#else
    return false;
#endif
}

/* A library that was built for one processor has only one set of kernels. */
static const char *best_kernels(const char *used) {
    bool better = !getenv(core_type) && lacks_avx512(used) && processor_has_avx512() &&
                  strstr(openblas_get_config(), "DYNAMIC_ARCH");
    return better ? "SkylakeX" : used;
}

static void warn(const char *wanted, const char *used, const char *why) {
    fd_log(FD_LOG_WARNING, "blas-kernels", FD_STR("wanted", wanted), FD_STR("used", used),
           FD_STR("error", why));
}

/* Runs the resolved path: with /proc/self/exe itself, the process would be named "exe". */
static void restart(const char *wanted, const char *used, char **argv) {
    FD_FREE char *path = realpath("/proc/self/exe", NULL);
    if (path && setenv(chosen_before, wanted, 1) == 0 && setenv(core_type, wanted, 1) == 0)
        (void)execv(path, argv);
    warn(wanted, used, strerror(errno));
}

static bool is_name(const char *text) {
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_";
    return text[0] != '\0' && text[strspn(text, letters)] == '\0';
}

int fd_blas_kernels_check(const char *kernels, fd_fault *fault) {
    if (is_name(kernels))
        return 0;
    return fd_fault_set(fault, -EINVAL, "",
                        "blas-kernels takes auto, keep or a core type such as SkylakeX, "
                        "not \"%s\"",
                        kernels);
}

int fd_blas_kernels_choose(const char *kernels, char **argv, fd_fault *fault) {
    int r = fd_blas_kernels_check(kernels, fault);
    if (r < 0)
        return r;
    if (strcmp(kernels, "keep") == 0)
        return 0;
    const char *used = openblas_get_corename();
    const char *wanted = getenv(chosen_before);
    if (wanted) {
        if (strcasecmp(wanted, used) != 0)
            warn(wanted, used, "OpenBLAS does not have them");
        return 0;
    }
    wanted = strcmp(kernels, "auto") == 0 ? best_kernels(used) : kernels;
    if (strcasecmp(wanted, used) != 0)
        restart(wanted, used, argv);
    return 0;
}
