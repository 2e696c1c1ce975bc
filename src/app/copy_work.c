/* Transactions and progress of a run of `fisherd copy`. */
#include "copy_work.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "clock.h"

static const double seconds_between_lines = 10; /* where nobody watches a terminal */

/* ---- progress ---- */

void fd_copy_begin_part(fd_copy *copy, const char *part, uint64_t before) {
    copy->part = part;
    copy->start = fd_monotonic_seconds();
    copy->before = before;
}

void fd_copy_show(fd_copy *copy, uint64_t done, uint64_t total) {
    bool is_watched = isatty(STDERR_FILENO), is_last = done >= total;
    double now = fd_monotonic_seconds(), made = (double)(done - copy->before);
    if (!is_watched && !is_last && now < copy->next_line)
        return;
    copy->next_line = now + seconds_between_lines;
    (void)fprintf(stderr, "%s%s: %llu", is_watched ? "\r\033[K" : "", copy->part,
                  (unsigned long long)done);
    if (total != UINT64_MAX)
        (void)fprintf(stderr, " of %llu", (unsigned long long)total);
    if (total != UINT64_MAX && !is_last && made > 0)
        (void)fprintf(stderr, ", %.0f s left", (now - copy->start) / made * (double)(total - done));
    (void)fputs(is_watched && !is_last ? "" : "\n", stderr);
}

/* ---- transactions ---- */

/* Nothing is kept of the rows of others: the target has none, or the rows of a copy before. */
static int pass_item(void *context, const fd_item_row *row) {
    (void)context;
    (void)row;
    return 0;
}

static int pass_score(void *context, const fd_score_row *row) {
    (void)context;
    (void)row;
    return 0;
}

static int pass_project(void *context, const fd_project_row *row) {
    (void)context;
    (void)row;
    return 0;
}

static int pass_embedder(void *context, const fd_embedder_row *row) {
    (void)context;
    (void)row;
    return 0;
}

static int pass_label(void *context, const fd_label_row *row) {
    (void)context;
    (void)row;
    return 0;
}

static int pass_assignment(void *context, const fd_assignment_row *row) {
    (void)context;
    (void)row;
    return 0;
}

static int pass_model(void *context, const fd_model_row *row) {
    (void)context;
    (void)row;
    return 0;
}

static int begin(fd_store *store) {
    static const fd_change_visits visits = {
        .item = pass_item,
        .score = pass_score,
        .project = pass_project,
        .embedder = pass_embedder,
        .label = pass_label,
        .assignment = pass_assignment,
        .model = pass_model,
    };
    int r = store->operations->begin(store);
    return r == 0 && store->replicas ? store->replicas->catch_up(store, &visits, NULL) : r;
}

int fd_copy_write(fd_copy *copy, int (*write)(const fd_copy *copy, const void *context),
                  const void *context) {
    const fd_store_operations *to = copy->to->operations;
    if (!copy->goes_on())
        return -ECANCELED;
    int r = begin(copy->to);
    if (r == 0)
        r = write(copy, context);
    if (r == 0)
        r = to->commit(copy->to);
    if (r < 0)
        to->rollback(copy->to);
    return r;
}
