/* Counts the rows that the rules would refuse, and text features that are not those of the texts;
 * describes the first ones. */
#include "verify_rows.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "item_rules.h"
#include "item_text_features.h"
#include "project_settings.h"
#include "score_names.h"

enum { EXAMPLES = 5 };

/* Texts that are counted again: counting all of a large database would take minutes. */
enum { SAMPLE = 2000 };

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

/* ---- text features ---- */

struct sample {
    struct rows rows;
    size_t step; /* every how many items one is looked at */
    fd_text_extractor *extractor;
};

/* Another version of zlib compresses a little better or worse. */
static bool is_near(size_t feature, float stored, float counted) {
    float tolerance = feature == FD_TEXT_COMPRESSIBILITY ? 0.1F : 1e-5F;
    return fabsf(stored - counted) <= tolerance * fmaxf(1, fabsf(counted));
}

static int look_at_text_features(struct sample *sample, const fd_item_row *row) {
    float counted[FD_TEXT_FEATURES];
    if (!fd_item_has_text_features(row))
        return 0;
    if (!fd_item_has_texts(row))
        return note(&sample->rows, row->index, "text features",
                    "are of texts that it does not have");
    if (row->index % sample->step != 0)
        return 0;
    int r = fd_text_features_of(sample->extractor, row, counted);
    for (size_t i = 0; i < FD_TEXT_FEATURES && r == 0; i++)
        if (!is_near(i, row->text_features.values[i], counted[i]))
            return note(&sample->rows, row->index, fd_text_feature_name(i),
                        "is not that of its texts");
    return r;
}

struct items {
    struct rows rules;
    struct sample sample;
};

static int look_at_item(void *context, const fd_item_row *row) {
    struct items *items = context;
    char why[FD_RULE_SIZE];
    const char *member;
    int r = fd_item_rule(row, &member, why);
    r = r < 0 ? note(&items->rules, row->index, member, why) : 0;
    return r == 0 ? look_at_text_features(&items->sample, row) : r;
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

static int summarise(struct rows *rows, const char *what) {
    char finding[160];
    if (rows->refused == 0)
        return 0;
    (void)snprintf(finding, sizeof(finding), "%zu %s%s %s", rows->refused, rows->kind,
                   rows->refused > 1 ? "s" : "", what);
    return rows->visit(rows->context, finding);
}

static int verify_items(fd_store *store, struct items *items) {
    int r = fd_text_extractor_new(&items->sample.extractor);
    if (r == 0)
        r = store->operations->items_read(store, 0, SIZE_MAX, true, look_at_item, items);
    if (items->sample.extractor)
        fd_text_extractor_free(items->sample.extractor);
    return r;
}

int fd_engine_verify_rows(fd_store *store, fd_finding_visit *visit, void *context) {
    static const char *const refused = "would be refused if they were added today";
    struct items items = {.rules = {.kind = "item", .visit = visit, .context = context},
                          .sample = {.rows = {.kind = "item", .visit = visit, .context = context}}};
    struct score_rows scores = {.rows = {.kind = "score row", .visit = visit, .context = context}};
    struct rows labels = {.kind = "label row", .visit = visit, .context = context};
    fd_counts counts;
    int r = store->operations->counts(store, &counts);
    if (r < 0)
        return r;
    items.sample.step = (size_t)counts.items / SAMPLE + 1;
    r = verify_items(store, &items);
    if (r == 0)
        r = summarise(&items.rules, refused);
    if (r == 0)
        r = summarise(&items.sample.rows, "with other text features than those of the texts");
    if (r == 0)
        r = store->operations->scores_read(store, look_at_score, &scores);
    if (r == 0)
        r = summarise(&scores.rows, refused);
    if (r == 0)
        r = store->operations->labels_read(store, 0, SIZE_MAX, look_at_label, &labels);
    return r == 0 ? summarise(&labels, refused) : r;
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
