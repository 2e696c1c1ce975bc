/* POST /v1/import: items and labels of a file, committed block by block while it arrives. */
#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "handlers.h"
#include "import_commit.h"
#include "import_outcome.h"
#include "import_parser.h"
#include "json_write.h"
#include "problem.h"
#include "streamed_block.h"

/* What the parser holds of a row, and a block on its way to the store. */
enum { MEMORY = 2 * FD_IMPORT_RECORD_MAX + 2 * FD_STREAMED_BLOCK_BYTES };

struct import_query {
    const char *format;
    const char *map;
    bool dry_run;
};

static const fd_parameter import_parameters[] = {
    {"format", FD_PARAMETER_TEXT, .offset = offsetof(struct import_query, format)},
    {"map", FD_PARAMETER_TEXT, .offset = offsetof(struct import_query, map)},
    {"dry_run", FD_PARAMETER_BOOLEAN, .offset = offsetof(struct import_query, dry_run)},
};

struct import {
    fd_import_parser *parser;
    fd_streamed_block block;
    fd_import_commit commit;
    fd_import_outcome outcome;
    size_t noted;   /* bytes of memory taken for the warnings */
    fd_fault fault; /* of the sink */
};

static void import_free(void *state) {
    struct import *import = state;
    fd_import_parser_closep(&import->parser);
    fd_streamed_block_clear(&import->block);
    fd_import_commit_clear(&import->commit);
    fd_import_outcome_clear(&import->outcome);
    free(import);
}

/* ---- rows ---- */

static int commit_block(struct import *import) {
    int r = fd_import_commit_block(&import->commit, &import->block, &import->fault);
    fd_streamed_block_reset(&import->block);
    return r;
}

/* Warnings are not worth the memory of others. */
static int note_row(struct import *import, const fd_imported_row *row) {
    const fd_request *request = import->commit.request;
    size_t more = fd_import_outcome_growth(&import->outcome);
    if (more > import->noted) {
        if (!request->take_memory(request->await_context, more - import->noted))
            return 0;
        import->noted = more;
    }
    return fd_import_outcome_note(&import->outcome, row);
}

static int take_row(void *context, const fd_imported_row *row) {
    struct import *import = context;
    int r = fd_streamed_block_is_full(&import->block, row) ? commit_block(import) : 0;
    if (r < 0)
        return r;
    r = note_row(import, row);
    return r < 0 ? r : fd_streamed_block_add(&import->block, row);
}

static int take_refusal(void *context, const fd_import_refusal *refusal) {
    struct import *import = context;
    import->outcome.items_refused++;
    fd_import_outcome_refuse(&import->outcome, refusal->line, refusal->pointer, refusal->reason);
    return 0;
}

/* ---- responses ---- */

static json_t *outcome_json(const struct import *import) {
    return fd_import_outcome_json(&import->outcome, fd_import_parser_format(import->parser),
                                  import->commit.is_dry_run);
}

/* Failures of our own say "nothing was changed" elsewhere; here blocks may have been stored. */
static const struct {
    int error;
    const char *detail;
} failures[] = {
    {-ENOSPC, "there is no space left to store the rest"},
    {-EDQUOT, "there is no space left to store the rest"},
    {-EFBIG, "there is no space left to store the rest"},
    {-EIO, "the store cannot be read or written right now"},
    {-EROFS, "the store cannot be read or written right now"},
    {-EACCES, "the store cannot be read or written right now"},
    {-ESTALE, "the store cannot be read or written right now"},
    {-ENOMEM, "there is not enough memory right now"},
    {-ECANCELED, "the daemon is stopping, or the client has gone"},
    {-ESHUTDOWN, "the daemon is stopping"},
};

/* Adds to a problem document what was stored before it. */
static void tell_imported(const struct import *import, fd_response *response) {
    json_t *document = response->body ? json_loads(response->body, 0, NULL) : NULL;
    if (!document || json_object_set_new(document, "imported", outcome_json(import)) < 0) {
        json_decref(document);
        return;
    }
    char *text = json_dumps(document, JSON_COMPACT);
    json_decref(document);
    if (!text)
        return;
    free(response->body);
    response->body = text;
    response->size = strlen(text);
}

static void fail(const struct import *import, int error, fd_fault *fault, fd_response *response) {
    for (size_t i = 0; i < FD_LENGTH(failures) && fault->detail[0] == '\0'; i++)
        if (failures[i].error == error)
            (void)fd_fault_set(fault, error, "", "%s", failures[i].detail);
    fd_problem_of(response, error, fault);
    tell_imported(import, response);
}

/* ---- the steps ---- */

static int open_parser(const fd_request *request, const struct import_query *query,
                       struct import *import, fd_fault *fault) {
    const fd_import_settings settings = {
        .format = query->format,
        .map = query->map,
        .score_metadata = request->score_metadata,
    };
    const fd_import_sink sink = {take_row, take_refusal, import};
    int r = fd_request_take_memory(request, MEMORY, fault);
    return r < 0 ? r : fd_import_parser_open(&settings, &sink, &import->parser, fault);
}

static void begin(const fd_request *request, fd_response *response) {
    struct import_query query = {0};
    fd_fault fault = {0};
    if (!fd_query_accept(&request->query, import_parameters, FD_LENGTH(import_parameters), &query,
                         response))
        return;
    struct import *import = calloc(1, sizeof(*import));
    request->stream->state = import;
    request->stream->free = import_free;
    if (!import) {
        request->stream->free = NULL;
        fd_problem_of(response, -ENOMEM, NULL);
        return;
    }
    import->commit = (fd_import_commit){
        .request = request, .outcome = &import->outcome, .is_dry_run = query.dry_run};
    int r = open_parser(request, &query, import, &fault);
    if (r == -EINVAL)
        fd_problem(response, 400, fault.detail);
    else if (r < 0)
        fd_problem_of(response, r, &fault);
}

static void feed(const fd_request *request, struct import *import, fd_response *response) {
    fd_fault fault = {0};
    int r = fd_import_parser_feed(import->parser, request->body, request->body_size, &fault);
    if (r < 0)
        fail(import, r, fault.detail[0] ? &fault : &import->fault, response);
}

static void end(struct import *import, fd_response *response) {
    fd_fault fault = {0};
    int r = fd_import_parser_end(import->parser, &fault);
    if (r == 0)
        r = commit_block(import);
    if (r < 0)
        fail(import, r, fault.detail[0] ? &fault : &import->fault, response);
    else
        fd_json_respond(response, 200, outcome_json(import));
}

/* What has arrived since the last block is dropped: another import brings it again. */
static void break_off(const fd_request *request, const struct import *import,
                      fd_response *response) {
    fd_problem(response, request->stream->status, request->stream->detail);
    tell_imported(import, response);
}

void fd_import_post(const fd_request *request, fd_response *response) {
    switch (request->stream->step) {
    case FD_STREAM_BEGINS:
        begin(request, response);
        break;
    case FD_STREAM_PIECE:
        feed(request, request->stream->state, response);
        break;
    case FD_STREAM_ENDS:
        end(request->stream->state, response);
        break;
    case FD_STREAM_BREAKS_OFF:
        break_off(request, request->stream->state, response);
        break;
    }
}
