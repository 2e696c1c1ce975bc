/* The format "preferences": everything that is known about a label, as a line of JSON. */
#include "export_columns.h"
#include "export_writers.h"

int fd_export_preferences(const fd_export_settings *settings, const fd_labelled_pair *pair,
                          const fd_export_sink *sink) {
    return fd_export_line(sink, fd_export_columns(settings, pair));
}
