/* Reads a body that is a list of items. */
#include "items_body.h"

#include "json_read.h"

enum { ITEMS_MAX = 20000 };

static const fd_field items_fields[] = {
    {"items", FD_FIELD_ARRAY, .required = true, .offset = offsetof(fd_items_body, items),
     .max = ITEMS_MAX},
};

int fd_items_body_read(const char *body, size_t size, json_t **ret_root, fd_items_body *ret,
                       fd_fault *fault) {
    return fd_json_read_body(body, size, items_fields, FD_LENGTH(items_fields), ret_root, ret,
                             fault);
}
