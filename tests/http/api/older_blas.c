/* An OpenBLAS that does not know the processor, by LD_PRELOAD: it reports the kernels that
 * OPENBLAS_CORETYPE named when it was loaded, or else BLAS_CORE, and the build BLAS_CONFIG. With
 * NO_EXEC set, a program cannot start itself again. */
#include <dlfcn.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static char *core;

__attribute__((constructor)) static void choose(void) {
    char *told = getenv("OPENBLAS_CORETYPE");
    core = told ? told : getenv("BLAS_CORE");
}

char *openblas_get_corename(void) {
    return core;
}

char *openblas_get_config(void) {
    return getenv("BLAS_CONFIG");
}

static bool is_this_program(const char *path) {
    char *own = realpath("/proc/self/exe", NULL);
    bool is = own && strcmp(path, own) == 0;
    free(own);
    return is;
}

int execv(const char *path, char *const arguments[]) {
    int (*call)(const char *, char *const[]);
    *(void **)&call = dlsym(RTLD_NEXT, "execv");
    if (!getenv("NO_EXEC") || !is_this_program(path))
        return call(path, arguments);
    errno = ENOEXEC;
    return -1;
}
