/* The formats of rows, and the functions that import_formats.def names. */
#ifndef FD_IMPORT_FORMATS_H
#define FD_IMPORT_FORMATS_H

#include <jansson.h>

#include "row_draft.h"

typedef bool fd_import_fits(const json_t *row);
typedef int fd_import_read(fd_row_draft *draft, const json_t *row);

typedef struct fd_import_format {
    const char *name;
    const char *about;
    fd_import_fits *fits;
    fd_import_read *read;
} fd_import_format;

/* By name; by the first that fits a row. NULL: there is none. */
const fd_import_format *fd_import_format_named(const char *name);
const fd_import_format *fd_import_format_of(const json_t *row);

/* The format at a place of the table; NULL after the last. */
const fd_import_format *fd_import_format_at(size_t place);

#define FORMAT(name, about, fits, read)                                                            \
    fd_import_fits fits;                                                                           \
    fd_import_read read;
#include "import_formats.def"
#undef FORMAT

#endif
