/* `fisherd serve`: runs the daemon until a signal stops it. */
#include "blas_kernels.h"
#include "commands.h"
#include "log.h"
#include "options_check.h"
#include "report_error.h"
#include "service.h"

int fd_serve_main(int argc, char **argv) {
    FD_CLEANUP(fd_options_clear) fd_options options = {0};
    fd_fault fault = {0};
    fd_service service;

    int r = fd_options_read(argc, argv, &options, &fault);
    if (r < 0)
        return fd_report_error("serve", r, &fault);
    fd_log_level level;
    r = fd_options_check(&options, &fault);
    if (r == 0)
        r = fd_log_level_parse(options.log_level, &level);
    if (r != 0)
        return fd_report_error("serve", r, &fault);
    fd_log_set_level(level);
    r = fd_blas_kernels_choose(options.blas_kernels, argv - 2, &fault);
    if (r < 0)
        return fd_report_error("serve", r, &fault);

    fd_signals_catch(true);
    r = fd_service_start(&options, &service, &fault);
    if (r < 0)
        return fd_report_error("serve", r, &fault);
    while (fd_service_wait(&service) != FD_SIGNAL_STOP)
        fd_service_reload(&service, &options, argc, argv);
    fd_service_stop(&service);
    return 0;
}
