#include "blas_kernels.h"

#include <cblas.h>
#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "log.h"

/* OpenBLAS reads the first; the second tells the program started anew what it was started for. */
static const char core_type[] = "OPENBLAS_CORETYPE";
static const char chosen[] = "FISHERD_BLAS_CHOSEN";

/* What OpenBLAS calls kernels without AVX-512. It takes one of these for a processor that is newer
 * than itself. */
static const char *const older[] = {
    "Prescott",  "Atom",       "Core2",        "Penryn",    "Dunnington", "Nehalem",
    "Nano",      "Opteron",    "Opteron_SSE3", "Barcelona", "Bobcat",     "Sandybridge",
    "Bulldozer", "Piledriver", "Steamroller",  "Excavator", "Haswell",    "Zen",
};

static bool is_older(const char *name) {
    for (size_t i = 0; i < FD_LENGTH(older); i++)
        if (strcasecmp(older[i], name) == 0)
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

/* A library that was built for one processor has nothing to choose from. */
static const char *best_instead_of(const char *used) {
    bool better = !getenv(core_type) && is_older(used) && processor_has_avx512() &&
                  strstr(openblas_get_config(), "DYNAMIC_ARCH");
    return better ? "SkylakeX" : used;
}

static void warn(const char *wanted, const char *used, const char *why) {
    fd_log(FD_LOG_WARNING, "blas-kernels", FD_STR("wanted", wanted), FD_STR("used", used),
           FD_STR("error", why));
}

/* The path rather than /proc/self/exe itself, after which the process would be named "exe". */
static void start_anew(const char *wanted, const char *used, char **argv) {
    FD_FREE char *path = realpath("/proc/self/exe", NULL);
    if (path && setenv(chosen, wanted, 1) == 0 && setenv(core_type, wanted, 1) == 0)
        (void)execv(path, argv);
    warn(wanted, used, strerror(errno));
}

static bool is_name(const char *text) {
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_";
    return text[0] != '\0' && text[strspn(text, letters)] == '\0';
}

int fd_blas_kernels_choose(const char *kernels, char **argv, fd_fault *fault) {
    if (!is_name(kernels))
        return fd_fault_set(fault, -EINVAL, "",
                            "blas-kernels takes auto, keep or a core type such as SkylakeX, "
                            "not \"%s\"",
                            kernels);
    if (strcmp(kernels, "keep") == 0)
        return 0;
    const char *used = openblas_get_corename();
    const char *wanted = getenv(chosen);
    if (wanted) {
        if (strcasecmp(wanted, used) != 0)
            warn(wanted, used, "OpenBLAS does not take it");
        return 0;
    }
    wanted = strcmp(kernels, "auto") == 0 ? best_instead_of(used) : kernels;
    if (strcasecmp(wanted, used) != 0)
        start_anew(wanted, used, argv);
    return 0;
}
