/* Counts what an import does, and notes what is refused or looks wrong. */
#include "import_outcome.h"

#include <sodium.h>
#include <string.h>

#include "json_write.h"

static uint64_t hash_of(const void *bytes, size_t size) {
    unsigned char hash[16];
    uint64_t number;
    (void)crypto_generichash(hash, sizeof(hash), bytes, size, NULL, 0);
    memcpy(&number, hash, sizeof(number));
    return number;
}

/* ---- counting ---- */

static void note_prompt(fd_import_outcome *outcome, const char *id) {
    if (outcome->items >= FD_IMPORT_PROMPTS_COMPARED || outcome->has_prompt_twice)
        return;
    uint64_t hash = hash_of(id, strlen(id));
    for (size_t i = 0; i < outcome->items; i++)
        outcome->has_prompt_twice |= outcome->prompts[i] == hash;
    outcome->prompts[outcome->items] = hash;
}

static void note_embedding(fd_import_outcome *outcome, const fd_item_row *row) {
    if (!row->embedding || outcome->has_other_embedding)
        return;
    uint64_t hash = hash_of(row->embedding, row->dimension * sizeof(*row->embedding));
    outcome->has_other_embedding = outcome->has_embedding && hash != outcome->embedding;
    outcome->has_embedding = true;
    outcome->embedding = hash;
}

void fd_import_outcome_row(fd_import_outcome *outcome, const fd_imported_row *row) {
    outcome->rows++;
    for (size_t i = 0; i < row->n_items; i++) {
        const fd_item_row *item = &row->items[i].row;
        note_embedding(outcome, item);
        if (row->items[i].is_embedding)
            continue;
        note_prompt(outcome, item->prompt_id);
        outcome->items++;
        outcome->responses += item->response && item->response[0] != '\0';
    }
}

void fd_import_outcome_refusal(fd_import_outcome *outcome, size_t line, const char *pointer,
                               const char *reason) {
    if (outcome->n_errors == FD_IMPORT_ERRORS_MAX)
        return;
    fd_import_error *error = &outcome->errors[outcome->n_errors++];
    error->line = line;
    (void)fd_fault_set(&error->fault, 0, pointer, "%s", reason);
}

/* ---- the response ---- */

static json_t *warnings_of(const fd_import_outcome *outcome) {
    const struct {
        bool holds;
        const char *words;
    } warnings[] = {
        {outcome->rows == 0, "there are no rows"},
        {outcome->items > 0 && outcome->responses == 0,
         "none of the items has a response, so people have nothing to compare"},
        {outcome->items > 1 && outcome->has_embedding && !outcome->has_other_embedding,
         "all embeddings are equal"},
        {outcome->items >= FD_IMPORT_PROMPTS_COMPARED && !outcome->has_prompt_twice,
         "each of the first items has a prompt of its own, so no two of them can be compared"},
    };
    json_t *list = json_array();
    for (size_t i = 0; i < FD_LENGTH(warnings); i++)
        if (warnings[i].holds && json_array_append_new(list, json_string(warnings[i].words)) < 0) {
            json_decref(list);
            return NULL;
        }
    return list;
}

static json_t *errors_of(const fd_import_outcome *outcome) {
    json_t *list = json_array();
    for (size_t i = 0; i < outcome->n_errors; i++) {
        const fd_import_error *error = &outcome->errors[i];
        if (json_array_append_new(
                list, json_pack("{s:I, s:s, s:s}", "line", (json_int_t)error->line, "pointer",
                                error->fault.pointer, "detail", error->fault.detail)) < 0) {
            json_decref(list);
            return NULL;
        }
    }
    return list;
}

json_t *fd_import_outcome_json(const fd_import_outcome *outcome, const char *format,
                               bool is_dry_run) {
    return json_pack("{s:s?, s:b, s:{s:I, s:I, s:I}, s:{s:I, s:I, s:I}, s:o, s:o}", "format",
                     format, "dry_run", is_dry_run, "items", "created",
                     (json_int_t)outcome->created, "unchanged", (json_int_t)outcome->unchanged,
                     "refused", (json_int_t)outcome->items_refused, "labels", "accepted",
                     (json_int_t)outcome->accepted, "duplicates", (json_int_t)outcome->duplicates,
                     "refused", (json_int_t)outcome->labels_refused, "warnings",
                     warnings_of(outcome), "errors", errors_of(outcome));
}
