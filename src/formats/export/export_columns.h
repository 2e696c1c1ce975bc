/* The columns of a label: all that is known about it. */
#ifndef FD_EXPORT_COLUMNS_H
#define FD_EXPORT_COLUMNS_H

#include <jansson.h>

#include "export_format.h"

/* The columns of a label, or of none with NULL: then all are null. NULL: there is no memory. */
json_t *fd_export_columns(const fd_export_settings *settings, const fd_labelled_pair *pair);

#endif
