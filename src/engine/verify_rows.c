/* Counts the rows that the rules would refuse, and describes the first ones. */
#include "verify_rows.h"

#include <stdio.h>

#include "item_rules.h"

enum { EXAMPLES = 5 };

struct rows {
    const char *kind;
    size_t refused;
    fd_finding_visit *visit;
    void *context;
};

/* Without the texts themselves: they may change what a terminal shows. */
static int note(struct rows *rows, long long number, const char *member, const char *why) {
    char finding[256];
    if (++rows->refused > EXAMPLES)
        return 0;
    (void)snprintf(finding, sizeof(finding), "%s %lld: its %s %s", rows->kind, number, member, why);
    return rows->visit(rows->context, finding);
}

static int look_at_item(void *context, const fd_item_row *row) {
    char why[FD_RULE_SIZE];
    const char *member;
    int r = fd_item_rule(row, &member, why);
    return r < 0 ? note(context, row->index, member, why) : 0;
}

static int look_at_label(void *context, const fd_label_row *row) {
    char why[FD_RULE_SIZE];
    const char *member;
    int r = fd_label_rule(row, &member, why);
    return r < 0 ? note(context, row->sequence, member, why) : 0;
}

static int summarise(struct rows *rows) {
    char finding[160];
    if (rows->refused == 0)
        return 0;
    (void)snprintf(finding, sizeof(finding), "%zu %s%s would be refused if they were added today",
                   rows->refused, rows->kind, rows->refused > 1 ? "s" : "");
    return rows->visit(rows->context, finding);
}

int fd_engine_verify_rows(fd_store *store, fd_finding_visit *visit, void *context) {
    struct rows items = {.kind = "item", .visit = visit, .context = context};
    struct rows labels = {.kind = "label row", .visit = visit, .context = context};
    int r = store->operations->items_read(store, 0, SIZE_MAX, true, look_at_item, &items);
    if (r == 0)
        r = summarise(&items);
    if (r == 0)
        r = store->operations->labels_read(store, 0, SIZE_MAX, look_at_label, &labels);
    return r == 0 ? summarise(&labels) : r;
}
