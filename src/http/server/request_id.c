/* Makes request ids, or takes those that clients give. */
#include "request_id.h"
#include "random_bytes.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void fd_request_id_make(char id[static FD_REQUEST_ID_SIZE]) {
    uint64_t number;
    fd_random_bytes(&number, sizeof(number));
    (void)snprintf(id, FD_REQUEST_ID_SIZE, "%016llx", (unsigned long long)number);
}

void fd_request_id_choose(const char *given, char id[static FD_REQUEST_ID_SIZE]) {
    static const char allowed[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-";
    size_t length = given ? strlen(given) : 0;
    if (length >= 1 && length < FD_REQUEST_ID_SIZE && strspn(given, allowed) == length)
        memcpy(id, given, length + 1);
    else
        fd_request_id_make(id);
}
