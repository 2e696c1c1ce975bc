/* Counts the rows that the rules would refuse, and describes the first ones. */
#include "verify_rows.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "item_rules.h"
#include "project_settings.h"
#include "score_names.h"

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

struct score_rows {
    struct rows rows;
    fd_score_names names;
    size_t number; /* of rows that were looked at */
};

static int look_at_score(void *context, const fd_score_row *row) {
    struct score_rows *scores = context;
    char why[FD_RULE_SIZE] = "is one too many";
    uint32_t unused;
    const char *member = "name";
    int r = fd_score_names_take(&scores->names, &scores->names.count, row->name, &unused);
    if (r == -EINVAL)
        r = fd_score_name_rule(row->name, strlen(row->name), why);
    if (r == 0 && !isnan(row->value)) {
        member = "value";
        r = fd_score_value_rule(row->value, why);
    }
    scores->number++;
    return r < 0 ? note(&scores->rows, (long long)scores->number, member, why) : 0;
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
    struct score_rows scores = {.rows = {.kind = "score row", .visit = visit, .context = context}};
    struct rows labels = {.kind = "label row", .visit = visit, .context = context};
    int r = store->operations->items_read(store, 0, SIZE_MAX, true, look_at_item, &items);
    if (r == 0)
        r = summarise(&items);
    if (r == 0)
        r = store->operations->scores_read(store, look_at_score, &scores);
    if (r == 0)
        r = summarise(&scores.rows);
    if (r == 0)
        r = store->operations->labels_read(store, 0, SIZE_MAX, look_at_label, &labels);
    return r == 0 ? summarise(&labels) : r;
}

/* ---- settings ---- */

static int look_at_project(void *context, const fd_project_row *row) {
    const struct rows *rows = context;
    fd_project_settings settings;
    fd_fault fault = {0};
    int r = fd_project_settings_parse(row->settings, &settings, &fault);
    return r == -EBADMSG ? rows->visit(rows->context, fault.detail) : r;
}

int fd_engine_verify_project(fd_store *store, fd_finding_visit *visit, void *context) {
    struct rows rows = {.visit = visit, .context = context};
    return store->operations->project_read(store, look_at_project, &rows);
}
