/* An OpenBLAS that does not know the processor, by LD_PRELOAD: it says that it computes with the
 * kernels that OPENBLAS_CORETYPE named when it was loaded, or else with BLAS_CORE, and was built as
 * BLAS_CONFIG. With NO_EXEC set no program can be started. */
#include <dlfcn.h>
#include <errno.h>
#include <stdlib.h>

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

int execv(const char *path, char *const arguments[]) {
    int (*call)(const char *, char *const[]);
    *(void **)&call = dlsym(RTLD_NEXT, "execv");
    errno = ENOEXEC;
    return getenv("NO_EXEC") ? -1 : call(path, arguments);
}
