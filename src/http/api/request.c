/* Whom a request acts for. */
#include "request.h"

#include <errno.h>
#include <string.h>

#include "memory_budget.h"

const char *fd_request_bound_to(const fd_request *request) {
    return request->identity->role == FD_ROLE_ANNOTATOR ? request->identity->name : NULL;
}

int fd_request_check_annotator(const fd_request *request, const fd_path *at, const char **annotator,
                               fd_fault *fault) {
    const char *bound = fd_request_bound_to(request);
    if (!*annotator)
        *annotator = bound;
    if (!*annotator)
        return fd_json_member_fault(fault, at, "annotator", "is required");
    if (!bound || strcmp(*annotator, bound) == 0)
        return 0;
    (void)fd_json_member_fault(fault, at, "annotator", "must be the token's name, or left out");
    return -EPERM;
}

int fd_request_take_memory(const fd_request *request, size_t bytes, fd_fault *fault) {
    return bytes <= FD_MEMORY_BUDGET_SMALL || request->take_memory(request->await_context, bytes)
               ? 0
               : fd_fault_set(fault, -EBUSY, "",
                              "other requests use all of the memory for requests");
}
