/* SIGHUP: reads the options again and applies those that may change while the daemon runs. */
#include <stdio.h>
#include <string.h>

#include "log.h"
#include "options_check.h"
#include "service.h"
#include "service_manager.h"

enum { NAMES_SIZE = 1024 };

/* Names of options, separated by spaces; names that do not fit are left out. */
struct changes {
    bool keeps_tls; /* HTTPS before and after, or HTTP before and after */
    char applied[NAMES_SIZE];
    char need_restart[NAMES_SIZE];
};

static bool may_change(const struct changes *changes, const char *name) {
    static const char *const names[] = {"log-level", "stop-seconds"};
    for (size_t i = 0; i < FD_LENGTH(names); i++)
        if (strcmp(name, names[i]) == 0)
            return true;
    return strncmp(name, "tls-", 4) == 0 && changes->keeps_tls;
}

static bool on_difference(void *context, const char *name) {
    struct changes *changes = context;
    bool is_applied = may_change(changes, name);
    char *list = is_applied ? changes->applied : changes->need_restart;
    size_t length = strlen(list);
    (void)snprintf(list + length, NAMES_SIZE - length, "%s%s", length > 0 ? " " : "", name);
    return is_applied;
}

static void apply(fd_service *service, const fd_options *options) {
    fd_log_level level;
    if (fd_log_level_parse(options->log_level, &level) == 0)
        fd_log_set_level(level);
    service->stop_seconds = options->stop_seconds;
}

static int reload(fd_service *service, fd_options *options, int argc, char **argv,
                  fd_fault *fault) {
    FD_CLEANUP(fd_options_clear) fd_options fresh = {0};
    FD_CLEANUP(fd_tls_freep) fd_tls *tls = NULL;
    struct changes changes = {0};
    int r = fd_options_read(argc, argv, &fresh, fault);
    if (r == 0)
        r = fd_options_check(&fresh, fault);
    if (r == 0)
        r = fd_service_load_tls(&fresh, &tls, fault);
    if (r < 0)
        return r;
    changes.keeps_tls = !tls == (options->tls_certificate[0] == '\0');
    fd_options_compare(options, &fresh, on_difference, &changes);
    apply(service, options);
    if (tls && changes.keeps_tls)
        fd_tls_serve(FD_STEAL(tls));
    fd_log(FD_LOG_INFO, "reloaded", FD_STR("changed", changes.applied),
           FD_STR("need_restart", changes.need_restart));
    return 0;
}

void fd_service_reload(fd_service *service, fd_options *options, int argc, char **argv) {
    fd_fault fault = {0};
    fd_service_manager_notify_reloading();
    fd_access_reload(service->access);
    int r = reload(service, options, argc, argv, &fault);
    if (r < 0)
        fd_log(FD_LOG_ERROR, "reload-failed",
               FD_STR("error", fault.detail[0] != '\0' ? fault.detail : strerror(-r)));
    fd_service_manager_notify_ready(service->status);
}
