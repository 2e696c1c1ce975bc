/*
 * `fisherd demo`: a daemon over an example, which goes when it ends. By itself it serves the corpus
 * for its visitor to label; with --simulate others label beside; with --once points of the plane
 * are labelled by themselves, and the program ends.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "blas_kernels.h"
#include "demo_command.h"
#include "examples.h"
#include "log.h"
#include "report_error.h"
#include "service.h"

enum { SIMULATED_MAX = 100 };

/* The demo's own flags; the others are those of serve. */
struct flags {
    bool once;
    size_t simulate;
};

static int take_flags(int *argc, char **argv, struct flags *ret, fd_fault *fault) {
    int kept = 0;
    *ret = (struct flags){0};
    for (int i = 0; i < *argc; i++) {
        if (strcmp(argv[i], "--once") == 0) {
            ret->once = true;
        } else if (strcmp(argv[i], "--simulate") == 0) {
            char *end = NULL;
            unsigned long count = i + 1 < *argc ? strtoul(argv[i + 1], &end, 10) : 0;
            if (!end || *end != '\0' || count < 1 || count > SIMULATED_MAX)
                return fd_fault_set(fault, -EINVAL, "",
                                    "--simulate takes a number of annotators, 1 to %d",
                                    SIMULATED_MAX);
            ret->simulate = count;
            i++;
        } else {
            argv[kept++] = argv[i];
        }
    }
    *argc = kept;
    return 0;
}

static void remove_database(const char *folder, const char *db) {
    static const char *const suffixes[] = {"", "-wal", "-shm", ".lock"};
    for (size_t i = 0; i < FD_LENGTH(suffixes); i++) {
        char path[256];
        (void)snprintf(path, sizeof(path), "%s%s", db, suffixes[i]);
        (void)unlink(path);
    }
    (void)rmdir(folder);
}

/* Takes the usual port, or a free one where that is in use. */
static int start_service(fd_options *options, fd_service *service, fd_fault *fault) {
    int r = fd_service_start(options, service, fault);
    if (r != -EADDRINUSE)
        return r;
    free(options->listen);
    options->listen = strdup("127.0.0.1:0");
    return options->listen ? fd_service_start(options, service, fault) : -ENOMEM;
}

static int serve_corpus(fd_service *service, size_t simulate, fd_fault *fault) {
    fd_simulated_annotators *crowd = NULL;
    int r = fd_corpus_add(service->engine, fault);
    if (r == 0 && simulate > 0)
        r = fd_simulated_annotators_start(service->url, simulate, &crowd);
    if (r < 0)
        return r;
    printf("Label at      %s/\n"
           "Watch it at   %s/ops\n"
           "End it with   Ctrl-C; the answers are gone then\n",
           service->url, service->url);
    if (simulate > 0)
        printf("%zu simulated annotators label beside you.\n", simulate);
    else
        printf("With --simulate 5, simulated annotators label beside you.\n");
    (void)fflush(stdout);
    (void)fd_service_wait(service);
    if (crowd)
        fd_simulated_annotators_stop(crowd);
    return 0;
}

static int run_demo(fd_options *options, const struct flags *flags, fd_fault *fault) {
    fd_service service;
    int r = start_service(options, &service, fault);
    if (r < 0)
        return r;
    r = flags->once ? fd_plane_label(service.url, fault)
                    : serve_corpus(&service, flags->simulate, fault);
    fd_service_stop(&service);
    return r;
}

/* Unless somebody says otherwise: models come soon, and of the plane, whose answers are few and
 * nearly without noise, all answers are learned from. */
static void set_defaults(const struct flags *flags) {
    if (flags->once)
        (void)setenv("FISHERD_HELD_OUT", "0", 0);
    (void)setenv("FISHERD_RETRAIN_LABELS", flags->once ? "100" : "20", 0);
}

int fd_demo_main(int argc, char **argv) {
    FD_CLEANUP(fd_options_clear) fd_options options = {0};
    fd_fault fault = {0};
    struct flags flags;
    char folder[] = "/tmp/fisherd-demo-XXXXXX";
    FD_FREE char **kept = calloc((size_t)argc + 1, sizeof(*kept));
    if (!kept)
        return fd_report_error("demo", -ENOMEM, &fault);
    memcpy(kept, argv, (size_t)argc * sizeof(*kept));
    int r = take_flags(&argc, kept, &flags, &fault);
    if (r < 0)
        return fd_report_error("demo", r, &fault);
    set_defaults(&flags);
    r = fd_options_read(argc, kept, &options, &fault);
    if (r < 0)
        return fd_report_error("demo", r, &fault);
    fd_log_set_level(FD_LOG_WARNING);
    r = fd_blas_kernels_choose(options.blas_kernels, argv - 2, &fault);
    if (r < 0)
        return fd_report_error("demo", r, &fault);
    bool temporary = options.db[0] == '\0';
    if (temporary) {
        free(options.db);
        options.db = NULL;
        if (!mkdtemp(folder) || asprintf(&options.db, "%s/demo.db", folder) < 0)
            return fd_report_error("demo", -errno, &fault);
    }
    fd_signals_catch(false);
    r = run_demo(&options, &flags, &fault);
    if (temporary)
        remove_database(folder, options.db);
    return r < 0 ? fd_report_error("demo", r, &fault) : 0;
}
