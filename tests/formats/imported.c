/* Writes down what the import's parser makes of a text. */
#include "imported.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

static void put_text(FILE *out, const char *text) {
    json_t *value = text ? json_string(text) : json_null();
    char *quoted = json_dumps(value, JSON_ENCODE_ANY);
    (void)fprintf(out, " %s", quoted);
    free(quoted);
    json_decref(value);
}

static void put_item(FILE *out, size_t line, const fd_imported_item *item) {
    const fd_item_row *row = &item->row;
    (void)fprintf(out, "%zu item %s %s", line,
                  strncmp(row->id, "item-", 5) == 0 ? "derived" : row->id,
                  strncmp(row->prompt_id, "prompt-", 7) == 0 ? "derived" : row->prompt_id);
    put_text(out, row->prompt);
    put_text(out, row->response);
    if (row->metadata)
        (void)fprintf(out, " %s", row->metadata);
    for (size_t i = 0; i < row->n_scores; i++)
        (void)fprintf(out, " %s=%g", row->scores[i].name, row->scores[i].value);
    if (row->embedding)
        (void)fprintf(out, " [%zu]%s", row->dimension, item->is_embedding ? " only" : "");
    (void)fputc('\n', out);
}

/* The number of an item in its row, or its id. */
static void put_id(FILE *out, const fd_imported_row *row, const char *id) {
    for (size_t i = 0; i < row->n_items; i++)
        if (strncmp(id, "item-", 5) == 0 && strcmp(row->items[i].row.id, id) == 0) {
            (void)fprintf(out, " #%zu", i + 1);
            return;
        }
    (void)fprintf(out, " %s", id);
}

static int write_row(void *context, const fd_imported_row *row) {
    FILE *out = context;
    for (size_t i = 0; i < row->n_items; i++)
        put_item(out, row->line, &row->items[i]);
    for (size_t i = 0; i < row->n_labels; i++) {
        const fd_imported_label *label = &row->labels[i];
        (void)fprintf(out, "%zu label %s", row->line,
                      strncmp(label->id, "label-", 6) == 0 ? "derived" : label->id);
        put_id(out, row, label->a);
        (void)fprintf(out, " %s", fd_preference_name(label->preference));
        put_id(out, row, label->b);
        (void)fprintf(out, " %s %lld %lld", label->annotator, (long long)label->created_ms,
                      (long long)label->duration_ms);
        if (label->comment)
            put_text(out, label->comment);
        (void)fputc('\n', out);
    }
    return 0;
}

static int write_refusal(void *context, const fd_import_refusal *refusal) {
    (void)fprintf(context, "%zu refused %s: %s\n", refusal->line, refusal->pointer,
                  refusal->reason);
    return 0;
}

char *imported(const fd_import_settings *settings, const char *text, size_t size, size_t piece) {
    char *written = NULL;
    size_t length;
    FILE *out = open_memstream(&written, &length);
    fd_import_parser *parser = NULL;
    fd_fault fault = {0};
    const fd_import_sink sink = {write_row, write_refusal, out};
    int r = fd_import_parser_open(settings, &sink, &parser, &fault);
    for (size_t at = 0; r == 0 && at < size; at += piece)
        r = fd_import_parser_feed(parser, text + at, piece < size - at ? piece : size - at, &fault);
    if (r == 0)
        r = fd_import_parser_end(parser, &fault);
    if (r < 0)
        (void)fprintf(out, "failed %d: %s\n", r, fault.detail);
    if (parser && fd_import_parser_format(parser))
        (void)fprintf(out, "format %s\n", fd_import_parser_format(parser));
    if (parser)
        fd_import_parser_close(parser);
    (void)fclose(out);
    return written;
}
