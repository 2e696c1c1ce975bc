/* POST /v1/items, with embeddings as numbers and in base64: all items are stored or none, and they
 * are stored as they were sent. */
#include <string.h>

#include "fuzz.h"
#include "items.h"
#include "json_read.h"

struct sent {
    const json_t *item;
    fd_embedding embedding;
};

static void sent_clear(struct sent *sent) {
    free(sent->embedding.numbers);
}

static bool is_text(const json_t *value, const char *text) {
    return text ? json_is_string(value) && strcmp(json_string_value(value), text) == 0
                : !value || json_is_null(value);
}

static int check_stored(void *context, const fd_item_row *row) {
    const struct sent *sent = context;
    const json_t *item = sent->item;
    assert(is_text(json_object_get(item, "id"), row->id));
    assert(is_text(json_object_get(item, "prompt_id"), row->prompt_id));
    assert(is_text(json_object_get(item, "prompt"), row->prompt));
    assert(is_text(json_object_get(item, "response"), row->response));
    assert(row->dimension == FUZZ_DIMENSION && sent->embedding.count == FUZZ_DIMENSION);
    const json_t *embedding = json_object_get(item, "embedding");
    assert(!json_is_string(embedding) ||
           json_string_length(embedding) == (FUZZ_DIMENSION * sizeof(float) + 2) / 3 * 4);
    assert(memcmp(row->embedding, sent->embedding.numbers,
                  FUZZ_DIMENSION * sizeof(*row->embedding)) == 0);
    FD_JSON json_t *metadata = row->metadata ? json_loads(row->metadata, 0, NULL) : json_null();
    const json_t *metadata_sent = json_object_get(item, "metadata");
    assert(metadata_sent ? json_equal(metadata, metadata_sent) : json_is_null(metadata));
    return 0;
}

static void check_all_stored(fd_engine *engine, const json_t *items) {
    size_t i;
    json_t *item;
    json_array_foreach(items, i, item) {
        FD_CLEANUP(sent_clear) struct sent sent = {.item = item};
        fd_fault fault = {0};
        int r =
            fd_json_embedding(json_object_get(item, "embedding"), NULL, &sent.embedding, &fault);
        assert(r == 0);
        r = fd_engine_item_read(engine, json_string_value(json_object_get(item, "id")), true,
                                check_stored, &sent);
        assert(r == 0);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static fd_engine *engine;
    if (!engine) {
        fuzz_be_quiet();
        engine = fuzz_engine_open();
    }
    fuzz_counts before = fuzz_count(engine);
    fd_response response = fuzz_call(fd_items_add, engine, NULL, data, size);
    fuzz_counts after = fuzz_count(engine);
    int64_t created = fuzz_member(&response, "created");
    assert((response.status == 200) == (created >= 0));
    assert(after.items - before.items == (size_t)(created > 0 ? created : 0));
    free(response.body);
    if (response.status != 200)
        return 0;

    FD_JSON json_t *body = json_loadb((const char *)data, size, 0, NULL);
    const json_t *items = json_object_get(body, "items");
    check_all_stored(engine, items);
    response = fuzz_call(fd_items_add, engine, NULL, data, size);
    assert(response.status == 200 && fuzz_member(&response, "created") == 0);
    assert(fuzz_member(&response, "unchanged") == (int64_t)json_array_size(items));
    free(response.body);
    if (created > 0)
        fuzz_engine_note_change(&engine);
    return 0;
}
