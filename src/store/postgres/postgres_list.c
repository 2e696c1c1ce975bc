/* Adds a list of rows in a round trip or two, and undoes it where a row contradicts a stored one.
 */
#include "postgres_list.h"

#include <errno.h>

void fd_postgres_list_clear(fd_postgres_list *list) {
    free(list->numbers);
    free(list->is_new);
    free(list->stored);
}

static int note_added(void *context, size_t i, const PGresult *result) {
    fd_postgres_list *list = context;
    list->is_new[i] = PQntuples(result) > 0;
    if (list->is_new[i])
        list->numbers[i] = fd_postgres_integer_at(result, 0, 0);
    else
        list->stored[list->n_stored++] = i;
    return 0;
}

static void bind_added(void *context, size_t i, fd_postgres_binding *binding) {
    const fd_postgres_list *list = context;
    list->bind(list->context, i, binding);
}

static void bind_stored(void *context, size_t i, fd_postgres_binding *binding) {
    const fd_postgres_list *list = context;
    list->bind(list->context, list->stored[i], binding);
}

static int note_compared(void *context, size_t i, const PGresult *result) {
    fd_postgres_list *list = context;
    size_t row = list->stored[i];
    bool found = PQntuples(result) > 0;
    int64_t number = found ? fd_postgres_integer_at(result, 0, 1) : 0;
    if (found && fd_postgres_integer_at(result, 0, 0)) {
        list->numbers[row] = number;
        return 0;
    }
    list->failed = row;
    list->failed_number = number;
    return found ? -EEXIST : -ENOENT;
}

int fd_postgres_list_undo(fd_postgres_store *store, const fd_postgres_list *list, int result) {
    if (list->n_stored == list->n)
        return result;
    int r = fd_postgres_execute(&store->writer, "ROLLBACK TO list");
    return r < 0 ? r : result;
}

/* A list of one row that is not added leaves nothing to undo. */
int fd_postgres_list_add(fd_postgres_store *store, fd_postgres_list *list) {
    size_t n = list->n;
    list->numbers = calloc(n + 1, sizeof(*list->numbers));
    list->is_new = calloc(n + 1, sizeof(*list->is_new));
    list->stored = calloc(n + 1, sizeof(*list->stored));
    if (!list->numbers || !list->is_new || !list->stored)
        return -ENOMEM;
    fd_postgres_connection *writer = &store->writer;
    int r = n > 1 || list->goes_on ? fd_postgres_execute(writer, "SAVEPOINT list") : 0;
    if (r == 0)
        r = fd_postgres_run_rows(writer, list->add, n, bind_added, note_added, list);
    if (r < 0)
        return r;
    r = fd_postgres_run_rows(writer, list->same, list->n_stored, bind_stored, note_compared, list);
    if (r == -EEXIST || r == -ENOENT)
        return fd_postgres_list_undo(store, list, r);
    store->has_written |= list->n_stored < n;
    store->owes_flush |= list->n_stored > 0;
    return r;
}
