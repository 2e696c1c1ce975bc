/* Bodies through the JSON reader: any JSON, and the requests for a selection and for scores. */
#include <errno.h>
#include <math.h>
#include <string.h>

#include "fuzz.h"
#include "json_read.h"
#include "score.h"
#include "select.h"
#include "selection_request.h"

/* Faults are sent as JSON, which is UTF-8. */
static void check_is_utf8(const fd_fault *fault) {
    FD_JSON json_t *detail = json_string(fault->detail);
    FD_JSON json_t *pointer = json_string(fault->pointer);
    assert(detail && pointer);
}

static size_t depth_of(const json_t *value) {
    size_t deepest = 0, i;
    const char *name;
    json_t *inner;
    json_array_foreach(value, i, inner) {
        size_t depth = depth_of(inner);
        deepest = depth > deepest ? depth : deepest;
    }
    json_object_foreach((json_t *)value, name, inner) {
        size_t depth = depth_of(inner);
        deepest = depth > deepest ? depth : deepest;
    }
    return deepest + (json_is_array(value) || json_is_object(value));
}

static void check_round_trip(const json_t *root) {
    FD_FREE char *text = json_dumps(root, JSON_COMPACT | JSON_REAL_PRECISION(17));
    assert(text);
    FD_JSON json_t *again = NULL;
    fd_fault fault = {0};
    int r = fd_json_parse(text, strlen(text), &again, &fault);
    assert(r == 0);
    assert(json_equal(root, again));
}

static void check_reference(const fd_item_reference *item) {
    assert(!item->id == (item->embedding != NULL));
    assert(!item->id || (strlen(item->id) >= 1 && strlen(item->id) <= FD_ID_MAX));
    assert(!item->id || !item->texts);
    assert(!item->texts || !item->texts->prompt_id || strlen(item->texts->prompt_id) <= FD_ID_MAX);
    assert(item->id || (item->dimension >= 1 && item->dimension <= FI_INPUTS_MAX));
    for (size_t i = 0; !item->id && i < item->dimension; i++)
        assert(fabsf(item->embedding[i]) <= FI_EMBEDDING_MAX);
}

static void check_pairs(const fd_pair_reference *pairs, size_t n) {
    for (size_t i = 0; i < n; i++) {
        check_reference(&pairs[i].a);
        check_reference(&pairs[i].b);
    }
}

static void check_selection(const json_t *root) {
    FD_CLEANUP(fd_selection_lists_clear) fd_selection_lists lists = {0};
    fd_selection_request request = {0};
    fd_fault fault = {0};
    int r = fd_selection_read(root, &lists, &request, &fault);
    assert(r == 0 || r == -EINVAL);
    fuzz_check_fault(r, &fault);
    check_is_utf8(&fault);
    if (r < 0)
        return;
    check_pairs(request.pairs, request.n_pairs);
    check_pairs(request.pending, request.n_pending);
    check_pairs(request.exclude, request.n_exclude);
    for (size_t i = 0; i < request.n_exclude; i++)
        assert(request.exclude[i].a.id && request.exclude[i].b.id);
    assert(request.batch_size >= 1);
    assert(request.prior_precision >= 0.0 && request.copy_distance < 1.0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static fd_engine *engine;
    if (!engine) {
        fuzz_be_quiet();
        engine = fuzz_engine_open();
    }
    FD_JSON json_t *root = NULL;
    fd_fault fault = {0};
    int r = fd_json_parse((const char *)data, size, &root, &fault);
    assert(r == 0 || r == -EBADMSG || r == -EINVAL);
    fuzz_check_fault(r, &fault);
    check_is_utf8(&fault);
    assert((r == 0) == (root != NULL));
    if (r < 0)
        return 0;
    assert(depth_of(root) <= FD_JSON_DEPTH_MAX);
    check_round_trip(root);
    check_selection(root);
    fd_response response = fuzz_call(fd_score_post, engine, NULL, data, size);
    free(response.body);
    return 0;
}
