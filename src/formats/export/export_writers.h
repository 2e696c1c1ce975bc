/* The functions that export_formats.def names, and what they share. */
#ifndef FD_EXPORT_WRITERS_H
#define FD_EXPORT_WRITERS_H

#include <jansson.h>

#include "export_format.h"

typedef int fd_export_head_writer(const fd_export_settings *settings, const fd_export_sink *sink);
typedef int fd_export_writer(const fd_export_settings *settings, const fd_labelled_pair *pair,
                             const fd_export_sink *sink);

fd_export_head_writer fd_export_csv_head;
#define FORMAT(identifier, name, content_type, says, needs_texts, write_head, write)               \
    fd_export_writer write;
#include "export_formats.def"
#undef FORMAT

/* Writes a value, which it takes, as a line of JSON. */
int fd_export_line(const fd_export_sink *sink, json_t *value) FD_MUST_CHECK;

/* The time as RFC 3339 in UTC; NULL: there is no memory. */
json_t *fd_export_time(int64_t milliseconds);

/* The turns of a prompt, as a list of {"role", "content"}; NULL: there is no memory. */
json_t *fd_export_turns(const char *prompt);

#endif
