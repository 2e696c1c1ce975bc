/* Counts refusals by their reasons, and looks for what is surely wrong. */
#include "import_report.h"

#include <ctype.h>
#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>

enum {
    PROMPTS_MAX = 1 << 20, /* prompts that are looked at */
    ROOM_LEAST = 1024,
    FEW = 20, /* with fewer items, a prompt each may be meant */
};

struct fd_report_prompt {
    uint64_t id;
    uint64_t text;
};

void fd_import_report_clear(fd_import_report *report) {
    free(report->prompts);
    *report = (fd_import_report){0};
}

/* ---- refusals ---- */

/* With * in the place of numbers, so that the same fault in other places has the same name. */
static void copy_pointer(const char *pointer, char *ret, size_t size) {
    size_t n = 0;
    while (*pointer && n + 1 < size) {
        bool is_place = isdigit((unsigned char)*pointer) && n > 0 && ret[n - 1] == '/';
        size_t digits = is_place ? strspn(pointer, "0123456789") : 0;
        ret[n] = *pointer;
        if (is_place)
            ret[n] = '*';
        n++;
        pointer += is_place ? digits : 1;
    }
    ret[n] = '\0';
}

/* Whether two reasons differ in numbers alone. */
static bool is_alike(const char *a, const char *b) {
    while (*a && *b) {
        size_t digits_a = strspn(a, "0123456789"), digits_b = strspn(b, "0123456789");
        if ((digits_a > 0) != (digits_b > 0) || (digits_a == 0 && *a != *b))
            return false;
        a += digits_a > 0 ? digits_a : 1;
        b += digits_b > 0 ? digits_b : 1;
    }
    return *a == *b;
}

static fd_report_reason *find_reason(fd_import_report *report, const char *pointer,
                                     const char *text) {
    for (size_t i = 0; i < report->n_reasons; i++)
        if (strcmp(report->reasons[i].pointer, pointer) == 0 &&
            is_alike(report->reasons[i].reason, text))
            return &report->reasons[i];
    if (report->n_reasons == FD_REPORT_REASONS)
        return NULL;
    fd_report_reason *reason = &report->reasons[report->n_reasons++];
    (void)snprintf(reason->pointer, sizeof(reason->pointer), "%s", pointer);
    (void)snprintf(reason->reason, sizeof(reason->reason), "%s", text);
    return reason;
}

void fd_import_report_refuse(fd_import_report *report, size_t file,
                             const fd_import_refusal *refusal) {
    char pointer[sizeof(report->reasons[0].pointer)], text[sizeof(report->reasons[0].reason)];
    copy_pointer(refusal->pointer, pointer, sizeof(pointer));
    (void)snprintf(text, sizeof(text), "%s", refusal->reason);
    fd_report_reason *reason = find_reason(report, pointer, text);
    report->refused++;
    if (!reason) {
        report->others++;
        return;
    }
    if (reason->count < FD_REPORT_FIRST) {
        reason->files[reason->count] = file;
        reason->lines[reason->count] = refusal->line;
    }
    reason->count++;
}

/* ---- what is surely wrong ---- */

static uint64_t hash_of(const void *bytes, size_t size) {
    static const unsigned char key[crypto_shorthash_KEYBYTES];
    uint64_t hash;
    (void)crypto_shorthash((unsigned char *)&hash, bytes, size, key);
    return hash ? hash : 1; /* 0 is an empty place */
}

static struct fd_report_prompt *place_of(struct fd_report_prompt *prompts, size_t room,
                                         uint64_t id) {
    size_t at = (size_t)id & (room - 1);
    while (prompts[at].id != 0 && prompts[at].id != id)
        at = (at + 1) & (room - 1);
    return &prompts[at];
}

static int grow(fd_import_report *report) {
    if (2 * report->n_prompts < report->room)
        return 0;
    size_t room = report->room ? 2 * report->room : ROOM_LEAST;
    struct fd_report_prompt *prompts = calloc(room, sizeof(*prompts));
    if (!prompts)
        return -ENOMEM;
    for (size_t i = 0; i < report->room; i++)
        if (report->prompts[i].id != 0)
            *place_of(prompts, room, report->prompts[i].id) = report->prompts[i];
    free(report->prompts);
    report->prompts = prompts;
    report->room = room;
    return 0;
}

static int note_prompt(fd_import_report *report, const fd_item_row *row) {
    int r = grow(report);
    if (r < 0)
        return r;
    uint64_t text = row->prompt ? hash_of(row->prompt, strlen(row->prompt)) : 1;
    uint64_t id = hash_of(row->prompt_id, strlen(row->prompt_id));
    struct fd_report_prompt *prompt = place_of(report->prompts, report->room, id);
    if (prompt->id == 0 && report->n_prompts == PROMPTS_MAX)
        return 0;
    if (prompt->id == 0) {
        *prompt = (struct fd_report_prompt){id, text};
        report->n_prompts++;
    } else if (prompt->text != text) {
        if (report->differing++ == 0)
            (void)snprintf(report->example, sizeof(report->example), "%s", row->prompt_id);
    }
    return 0;
}

int fd_import_report_note(fd_import_report *report, const fd_imported_item *item) {
    const fd_item_row *row = &item->row;
    if (row->embedding) {
        uint64_t hash = hash_of(row->embedding, row->dimension * sizeof(*row->embedding));
        if (report->n_embeddings++ == 0)
            report->first_embedding = hash;
        report->n_other_embeddings += hash != report->first_embedding;
    }
    if (item->is_embedding)
        return 0;
    report->n_texts++;
    report->n_without_response += !row->response;
    return note_prompt(report, row);
}

void fd_import_report_warn(const fd_import_report *report,
                           void (*tell)(void *context, const char *warning), void *context) {
    char text[320];
    if (report->rows == 0)
        tell(context, report->refused > 0 ? "every row was refused" : "there are no rows");
    if (report->n_texts >= FEW && report->n_prompts == report->n_texts)
        tell(context, "each item has a prompt_id of its own, so no two are of the same prompt");
    if (report->n_texts > 0 && report->n_without_response == report->n_texts)
        tell(context, "no item has a response, so there is nothing to compare");
    if (report->n_embeddings > 1 && report->n_other_embeddings == 0)
        tell(context, "all embeddings are the same, so nothing can be learned from them");
    if (report->differing > 0) {
        (void)snprintf(text, sizeof(text),
                       "%zu items have another prompt than others of the same prompt_id, such as "
                       "\"%s\"",
                       report->differing, report->example);
        tell(context, text);
    }
}
