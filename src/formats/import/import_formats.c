/* The table of the formats of rows. */
#include "import_formats.h"

#include <string.h>

static const fd_import_format formats[] = {
#define FORMAT(name, about, fits, read) {name, about, fits, read},
#include "import_formats.def"
#undef FORMAT
};

const fd_import_format *fd_import_format_at(size_t place) {
    return place < FD_LENGTH(formats) ? &formats[place] : NULL;
}

const fd_import_format *fd_import_format_named(const char *name) {
    for (size_t i = 0; i < FD_LENGTH(formats); i++)
        if (strcmp(formats[i].name, name) == 0)
            return &formats[i];
    return NULL;
}

const fd_import_format *fd_import_format_of(const json_t *row) {
    for (size_t i = 0; i < FD_LENGTH(formats); i++)
        if (formats[i].fits(row))
            return &formats[i];
    return NULL;
}
