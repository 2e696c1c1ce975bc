/* The files of the pages, built into the program from src/web. */
#ifndef FD_PAGES_RESOURCE_H
#define FD_PAGES_RESOURCE_H

#include <stddef.h>

typedef struct fd_page_file {
    const char *name;
    const char *type; /* media type */
    const char *etag; /* quoted */
    size_t size;
    const unsigned char *bytes;
} fd_page_file;

extern const fd_page_file fd_page_files[];
extern const size_t fd_page_file_count;

#endif
