/* Checks the options that a daemon starts with, beyond the bounds of each. */
#include "options_check.h"

#include <errno.h>
#include <fisher/design.h>

#include "log.h"
#include "origins.h"

int fd_options_check(const fd_options *options, fd_fault *fault) {
    fd_log_level level;
    if (options->db[0] == '\0')
        return fd_fault_set(fault, -EINVAL, "", "--db FILE is missing");
    if (fd_log_level_parse(options->log_level, &level) < 0)
        return fd_fault_set(fault, -EINVAL, "", "log-level takes debug, info, warning or error");
    if (!fi_strategy_find(options->strategy))
        return fd_fault_set(fault, -EINVAL, "", "there is no strategy \"%s\"", options->strategy);
    fi_scope scope;
    if (fi_scope_parse(options->candidates, &scope) < 0)
        return fd_fault_set(fault, -EINVAL, "",
                            "candidates takes in_prompt, cross_prompt or any, not \"%s\"",
                            options->candidates);
    return fd_origins_check(options->cors_origins, fault);
}
