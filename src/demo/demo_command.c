/*
 * `fisherd demo`: a daemon over an example, whose database is removed at the end. It serves the
 * corpus for a visitor to label; with --simulate, simulated annotators label too. With --once, a
 * simulated annotator labels points of the plane, and the program ends.
 */
#include "demo_command.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "blas_kernels.h"
#include "corpus_items.h"
#include "embedder.h"
#include "log.h"
#include "plane_annotator.h"
#include "report_error.h"
#include "service.h"
#include "simulated_annotators.h"

enum { SIMULATED_MAX = 100 };

/* The demo's own flags; all others are those of serve. */
struct flags {
    bool once;
    size_t simulate;
};

static int take_flags(int *argc, char **argv, struct flags *ret, fd_fault *fault) {
    int kept = 0;
    *ret = (struct flags){.once = fd_option_take_switch("--once", argc, argv)};
    for (int i = 0; i < *argc; i++) {
        if (strcmp(argv[i], "--simulate") != 0) {
            argv[kept++] = argv[i];
            continue;
        }
        char *end = NULL;
        unsigned long count = i + 1 < *argc ? strtoul(argv[++i], &end, 10) : 0;
        if (!end || *end != '\0' || count < 1 || count > SIMULATED_MAX)
            return fd_fault_set(fault, -EINVAL, "",
                                "--simulate takes a number of annotators, 1 to %d", SIMULATED_MAX);
        ret->simulate = count;
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

/* Listens on the usual port, or on a free one if that is in use. */
static int start_service(fd_options *options, fd_service *service, fd_fault *fault) {
    int r = fd_service_start(options, service, fault);
    if (r != -EADDRINUSE)
        return r;
    free(options->listen);
    options->listen = strdup("127.0.0.1:0");
    return options->listen ? fd_service_start(options, service, fault) : -ENOMEM;
}

static int serve_corpus(fd_service *service, size_t simulate, fd_fault *fault) {
    fd_simulated_annotators *annotators = NULL;
    int r = fd_corpus_add(service->engine, fault);
    if (r == 0 && simulate > 0)
        r = fd_simulated_annotators_start(service->url, simulate, &annotators);
    if (r < 0)
        return r;
    printf("Label at      %s/\n"
           "Watch it at   %s/ops\n"
           "Files at      %s/data\n"
           "Stop it with  Ctrl-C; it keeps no answers\n",
           service->url, service->url, service->url);
    if (simulate > 0)
        printf("%zu simulated annotators label with you.\n", simulate);
    else
        printf("With --simulate 5, five simulated annotators label with you.\n");
    (void)fflush(stdout);
    (void)fd_service_wait(service);
    if (annotators)
        fd_simulated_annotators_stop(annotators);
    return 0;
}

static int run_demo(fd_options *options, const struct flags *flags, fd_fault *fault) {
    fd_service service;
    int r = start_service(options, &service, fault);
    if (r < 0)
        return r;
    r = flags->once ? fd_plane_annotate(service.url, fault)
                    : serve_corpus(&service, flags->simulate, fault);
    fd_service_stop(&service);
    return r;
}

/* Defaults of the demo: models come soon. The plane has few answers with little noise, so that the
 * model learns from all of them. */
static void set_defaults(const struct flags *flags) {
    if (flags->once)
        (void)setenv("FISHERD_HELD_OUT", "0", 0);
    (void)setenv("FISHERD_RETRAIN_LABELS", flags->once ? "100" : "20", 0);
}

/* The embedder of the corpus takes the texts that a visitor brings along. */
static int set_embedder(fd_options *options) {
    if (options->embedding_url[0] != '\0' || options->embedding_command[0] != '\0')
        return 0;
    free(options->embedding_url);
    options->embedding_url = strdup(FD_EMBEDDER_BUILTIN);
    return options->embedding_url ? 0 : -ENOMEM;
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
    if (r == 0 && !flags.once)
        r = set_embedder(&options);
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
