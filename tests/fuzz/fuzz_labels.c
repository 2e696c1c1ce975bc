/* Requests of annotators; the first byte chooses which: labels, corrections, requests for
 * assignments, or renewals. A request changes everything that it asks for or nothing, and a repeat
 * changes nothing. */
#include <stdlib.h>

#include "fuzz.h"

static fd_engine *engine;

static bool same(const fuzz_counts *one, const fuzz_counts *other) {
    return one->items == other->items && one->labels == other->labels &&
           one->counts == other->counts;
}

static void add_labels(const uint8_t *body, size_t size) {
    fuzz_counts before = fuzz_count(engine);
    fd_response response = fuzz_call(fd_labels_add, engine, NULL, body, size);
    fuzz_counts after = fuzz_count(engine);
    int64_t accepted = fuzz_member(&response, "accepted");
    int64_t duplicates = fuzz_member(&response, "duplicates");
    assert((response.status == 200) == (accepted >= 0));
    assert(after.labels - before.labels == (size_t)(accepted > 0 ? accepted : 0));
    assert(after.items == before.items);
    free(response.body);
    if (response.status != 200)
        return;
    response = fuzz_call(fd_labels_add, engine, NULL, body, size);
    assert(fuzz_member(&response, "accepted") == 0);
    assert(fuzz_member(&response, "duplicates") == accepted + duplicates);
    free(response.body);
    if (accepted > 0)
        fuzz_engine_note_change(&engine);
}

static void correct_label(const uint8_t *body, size_t size) {
    fuzz_counts before = fuzz_count(engine);
    fd_response response = fuzz_call(fd_label_correct, engine, "l", body, size);
    fuzz_counts after = fuzz_count(engine);
    int64_t revision = fuzz_member(&response, "revision");
    assert((response.status == 200) == (revision >= 0));
    assert(response.status == 200 ? after.labels <= before.labels + 1 : same(&before, &after));
    free(response.body);
    if (revision < 0)
        return;
    response = fuzz_call(fd_label_correct, engine, "l", body, size);
    assert(fuzz_member(&response, "revision") == revision);
    assert(fuzz_count(engine).labels == after.labels);
    free(response.body);
    if (after.labels > before.labels)
        fuzz_engine_note_change(&engine);
}

static void call_without_labels(fd_handler *handler, const char *id, const uint8_t *body,
                                size_t size) {
    fuzz_counts before = fuzz_count(engine);
    fd_response response = fuzz_call(handler, engine, id, body, size);
    fuzz_counts after = fuzz_count(engine);
    assert(same(&before, &after));
    free(response.body);
    if (response.status == 200)
        fuzz_engine_note_change(&engine);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (!engine) {
        fuzz_be_quiet();
        engine = fuzz_engine_open();
    }
    if (size == 0)
        return 0;
    switch (data[0]) {
    case 'l':
        add_labels(data + 1, size - 1);
        break;
    case 'c':
        correct_label(data + 1, size - 1);
        break;
    case 'a':
        call_without_labels(fd_assignments_post, NULL, data + 1, size - 1);
        break;
    case 'r':
        call_without_labels(fd_assignment_renew, "none", data + 1, size - 1);
        break;
    default:
        break;
    }
    return 0;
}
