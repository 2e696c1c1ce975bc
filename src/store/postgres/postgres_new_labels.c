/* Labels that are certainly new: kept as columns, and sent as rows of one statement. */
#include "postgres_new_labels.h"

void fd_postgres_new_labels_clear(fd_postgres_new_labels *labels) {
    for (size_t i = 0; i < FD_POSTGRES_LABEL_INTEGERS; i++)
        fd_postgres_array_clear(&labels->integers[i]);
    for (size_t i = 0; i < FD_POSTGRES_LABEL_TEXTS; i++)
        fd_postgres_array_clear(&labels->texts[i]);
    fd_postgres_known_ids_clear(&labels->known);
}

void fd_postgres_new_labels_forget(fd_postgres_new_labels *labels) {
    labels->count = 0;
    for (size_t i = 0; i < FD_POSTGRES_LABEL_INTEGERS; i++)
        fd_postgres_array_empty(&labels->integers[i]);
    for (size_t i = 0; i < FD_POSTGRES_LABEL_TEXTS; i++)
        fd_postgres_array_empty(&labels->texts[i]);
}

/* The columns in the order of LABELS_ADD_NEW. */
void fd_postgres_new_labels_keep(fd_postgres_new_labels *labels, const fd_label_row *row,
                                 int64_t sequence) {
    const int64_t integers[FD_POSTGRES_LABEL_INTEGERS] = {sequence, row->created_ms, row->item_a,
                                                          row->item_b, row->duration_ms};
    const char *const texts[FD_POSTGRES_LABEL_TEXTS] = {
        row->id, fd_preference_name(row->preference), row->annotator, row->assignment,
        row->comment};
    for (size_t i = 0; i < FD_POSTGRES_LABEL_INTEGERS; i++)
        fd_postgres_array_append_integer(&labels->integers[i], integers[i]);
    for (size_t i = 0; i < FD_POSTGRES_LABEL_TEXTS; i++)
        fd_postgres_array_append_text(&labels->texts[i], texts[i]);
    labels->count++;
}

int fd_postgres_new_labels_bind(fd_postgres_new_labels *labels, fd_postgres_binding *binding) {
    int r = 0;
    for (size_t i = 0; i < FD_POSTGRES_LABEL_INTEGERS && r == 0; i++)
        r = fd_postgres_bind_integers(binding, &labels->integers[i]);
    for (size_t i = 0; i < FD_POSTGRES_LABEL_TEXTS && r == 0; i++)
        r = fd_postgres_bind_texts(binding, &labels->texts[i]);
    return r;
}

int fd_postgres_new_labels_send(fd_postgres_new_labels *labels, fd_postgres_connection *writer) {
    fd_postgres_binding binding = {0};
    if (labels->count == 0)
        return 0;
    int r = fd_postgres_new_labels_bind(labels, &binding);
    if (r == 0)
        r = fd_postgres_modify(writer, FD_PG_LABELS_ADD_NEW, &binding);
    fd_postgres_new_labels_forget(labels);
    return r < 0 ? r : 0;
}
