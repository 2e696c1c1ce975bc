/* Files of the field through the import's parser: whatever comes, in pieces of any size, it gives
 * the same rows and refusals, and all that it gives has passed the rules of requests. */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "fuzz.h"
#include "import_parser.h"
#include "import_report.h"
#include "json_tree.h"
#include "text_rules.h"

/* What came out, as a checksum, and for the report. */
struct found {
    uint64_t sum;
    fd_import_report report;
};

static void mix(struct found *found, const char *text) {
    for (; text && *text; text++)
        found->sum = (found->sum ^ (unsigned char)*text) * UINT64_C(1099511628211);
    found->sum = found->sum * 31 + (text != NULL);
}

static void check(int rule(const char *text, size_t length, char why[static FD_RULE_SIZE]),
                  const char *text) {
    char why[FD_RULE_SIZE];
    int r = text ? rule(text, strlen(text), why) : 0;
    assert(r == 0);
}

static void check_item(struct found *found, const fd_imported_item *item) {
    const fd_item_row *row = &item->row;
    check(fd_id_rule, row->id);
    assert(row->id && row->prompt_id);
    if (!item->is_embedding)
        check(fd_id_rule, row->prompt_id);
    check(fd_text_rule, row->prompt);
    check(fd_text_rule, row->response);
    check(fd_metadata_rule, row->metadata);
    assert(!item->is_embedding || row->embedding);
    for (size_t i = 0; row->embedding && i < row->dimension; i++)
        assert(isfinite(row->embedding[i]));
    for (size_t i = 0; i < row->n_scores; i++)
        check(fd_score_name_rule, row->scores[i].name);
    mix(found, row->id);
    mix(found, row->prompt);
    mix(found, row->response);
    mix(found, row->metadata);
    int r = fd_import_report_note(&found->report, item);
    assert(r == 0);
}

static int take_row(void *context, const fd_imported_row *row) {
    struct found *found = context;
    assert(row->line > 0 && row->n_items + row->n_labels > 0);
    for (size_t i = 0; i < row->n_items; i++)
        check_item(found, &row->items[i]);
    for (size_t i = 0; i < row->n_labels; i++) {
        const fd_imported_label *label = &row->labels[i];
        assert(strcmp(label->a, label->b) != 0);
        assert(label->preference <= FD_PREFER_SKIP);
        assert(label->duration_ms >= -1 && label->created_ms >= -1);
        check(fd_id_rule, label->id);
        check(fd_id_rule, label->annotator);
        check(fd_text_rule, label->comment);
        mix(found, label->id);
    }
    found->report.rows++;
    return 0;
}

static int take_refusal(void *context, const fd_import_refusal *refusal) {
    struct found *found = context;
    FD_JSON json_t *reason = json_string(refusal->reason);
    FD_JSON json_t *pointer = json_string(refusal->pointer);
    assert(refusal->line > 0 && reason && pointer && refusal->reason[0] != '\0');
    mix(found, refusal->reason);
    fd_import_report_refuse(&found->report, 0, refusal);
    return 0;
}

static void warn(void *context, const char *warning) {
    mix(context, warning);
}

static uint64_t parse(const fd_import_settings *settings, const uint8_t *data, size_t size,
                      size_t piece) {
    struct found found = {0};
    fd_import_parser *parser;
    fd_fault fault = {0};
    const fd_import_sink sink = {take_row, take_refusal, &found};
    int r = fd_import_parser_open(settings, &sink, &parser, &fault);
    assert(r == 0);
    for (size_t at = 0; r == 0 && at < size; at += piece)
        r = fd_import_parser_feed(parser, (const char *)data + at,
                                  piece < size - at ? piece : size - at, &fault);
    if (r == 0)
        r = fd_import_parser_end(parser, &fault);
    assert(r == 0 || (r == -EINVAL && fault.detail[0] != '\0'));
    mix(&found, fd_import_parser_format(parser));
    fd_import_report_warn(&found.report, warn, &found);
    fd_import_report_clear(&found.report);
    fd_import_parser_close(parser);
    return found.sum;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const fd_import_settings settings[] = {
        {0},
        {.format = "ultrafeedback-preferences"},
        {.map = "response=completion,prompt=data.prompt,scores=metadata.judge", .record_max = 300},
    };
    for (size_t i = 0; i < sizeof(settings) / sizeof(settings[0]); i++) {
        uint64_t whole = parse(&settings[i], data, size, size + 1);
        assert(parse(&settings[i], data, size, 1) == whole);
        assert(parse(&settings[i], data, size, 13) == whole);
    }
    return 0;
}
