/* /, /ops, /data and /static: the pages; /openapi.json. */
#include "pages_resource.h"

#include <stdio.h>
#include <string.h>

#include "handlers.h"
#include "problem.h"

static void send_file(const fd_request *request, fd_response *response, const char *name) {
    for (size_t i = 0; i < fd_page_file_count; i++) {
        const fd_page_file *file = &fd_page_files[i];
        if (strcmp(file->name, name) != 0)
            continue;
        bool is_known = request->if_none_match && strstr(request->if_none_match, file->etag);
        response->status = is_known ? 304 : 200;
        (void)snprintf(response->etag, sizeof(response->etag), "%s", file->etag);
        response->content_type = file->type;
        response->size = is_known ? 0 : file->size;
        response->body = malloc(response->size + 1);
        if (response->body)
            memcpy(response->body, file->bytes, response->size);
        else
            fd_problem_coded(response, FD_PROBLEM_OUT_OF_MEMORY,
                             "there is not enough memory right now");
        return;
    }
    fd_problem_coded(response, FD_PROBLEM_UNKNOWN_PATH, "there is nothing at this path");
}

void fd_page_label(const fd_request *request, fd_response *response) {
    send_file(request, response, "label.html");
}

void fd_page_ops(const fd_request *request, fd_response *response) {
    send_file(request, response, "ops.html");
}

void fd_page_data(const fd_request *request, fd_response *response) {
    send_file(request, response, "data.html");
}

void fd_openapi_get(const fd_request *request, fd_response *response) {
    send_file(request, response, "openapi.json");
}

void fd_page_part(const fd_request *request, fd_response *response) {
    send_file(request, response, request->id);
}
