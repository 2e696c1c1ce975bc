/* GET /v1/export/card: what the labels of an export are, in Markdown. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "dataset_card.h"
#include "embedder_record.h"
#include "handlers.h"
#include "json_read.h"
#include "json_write.h"
#include "labelled_pairs.h"
#include "model_info.h"
#include "problem.h"

enum { AT_ONCE = 500 }; /* labels of one reading: the database's log waits for its end */

struct card_query {
    fd_export_choices choices;
    int64_t since;
    bool names;
};

static const fd_parameter card_parameters[] = {
    {"annotator", FD_PARAMETER_TEXT, .offset = offsetof(struct card_query, choices.annotator)},
    {"arm", FD_PARAMETER_TEXT, .offset = offsetof(struct card_query, choices.arm)},
    {"since", FD_PARAMETER_TIME, .offset = offsetof(struct card_query, since),
     .max = FD_INTEGER_MAX},
    {"names", FD_PARAMETER_BOOLEAN, .offset = offsetof(struct card_query, names)},
};

struct card_reading {
    fd_dataset_card card;
    fd_export_settings settings;
    int64_t last; /* sequence of the last label that was read */
    size_t read;  /* labels of one reading */
};

static void reading_clear(struct card_reading *reading) {
    fd_dataset_card_clear(&reading->card);
}

static int visit_pair(void *context, const fd_labelled_pair *pair) {
    struct card_reading *reading = context;
    reading->last = pair->label.sequence;
    reading->read++;
    return fd_export_is_asked_for(&reading->settings, pair)
               ? fd_dataset_card_add(&reading->card, pair)
               : 0;
}

static int read_labels(const fd_request *request, struct card_reading *reading, fd_fault *fault) {
    int64_t moment = fd_engine_moment(request->engine);
    int r = fd_request_take_memory(request, (size_t)moment * FD_CARD_MEMORY_OF_A_LABEL, fault);
    while (r == 0) {
        const fd_labelled_pairs_query query = {
            .after = reading->last, .moment = moment, .limit = AT_ONCE};
        if (!request->is_awaited(request->await_context))
            return -ECANCELED;
        reading->read = 0;
        r = fd_engine_labelled_pairs_read(request->engine, &query, visit_pair, reading);
        if (reading->read < AT_ONCE)
            break;
    }
    return r;
}

static int write_card(const fd_request *request, struct card_reading *reading, bool has_names,
                      fd_json_text *ret) {
    FD_FREE fd_embedder_row *embedder = NULL;
    fd_model_info model;
    const fd_export_sink sink = {fd_json_text_append, ret};
    int r = fd_engine_model(request->engine, &model);
    if (r == 0)
        r = fd_engine_embedder(request->engine, &embedder);
    if (r < 0)
        return r;
    const fd_card_surroundings surroundings = {
        .settings = &reading->settings,
        .version = request->version,
        .has_names = has_names,
        .has_model = model.version > 0,
        .model = model.row,
        .embedder = embedder ? embedder->name : NULL,
        .dimension = embedder ? embedder->dimension : 0,
    };
    return fd_dataset_card_write(&reading->card, &surroundings, &sink) < 0 ? -ENOMEM : 0;
}

void fd_card_get(const fd_request *request, fd_response *response) {
    struct card_query query = {0};
    FD_CLEANUP(reading_clear) struct card_reading reading;
    FD_CLEANUP(fd_json_text_clear) fd_json_text text = {0};
    char detail[sizeof(((fd_fault *)0)->detail)];
    const char *name;
    fd_fault fault = {0};
    fd_dataset_card_open(&reading.card);
    reading.last = 0;
    if (!fd_query_accept(&request->query, card_parameters, FD_LENGTH(card_parameters), &query,
                         response))
        return;
    int r = fd_export_settings_read(&query.choices, &reading.settings, &name, &fault);
    reading.settings.since_ms = query.since;
    if (r < 0) {
        (void)snprintf(detail, sizeof(detail), "query parameter \"%s\" %.*s", name, 300,
                       fault.detail);
        fd_problem(response, 400, detail);
        return;
    }
    r = read_labels(request, &reading, &fault);
    if (r == 0)
        r = write_card(request, &reading, query.names, &text);
    if (r < 0) {
        fd_problem_of(response, r, &fault);
        return;
    }
    fd_json_text_respond(response, 200, &text);
    if (response->status == 200)
        response->content_type = "text/markdown; charset=utf-8";
}
