/* A small engine in memory, with a few items and one label. It trains nothing by itself. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "items.h"
#include "labels.h"
#include "log.h"
#include "memory_store.h"
#include "model_versions.h"

void fuzz_be_quiet(void) {
    fd_log_set_level(FD_LOG_ERROR);
}

static void add_items(fd_engine *engine) {
    char ids[FUZZ_PROMPTS * FUZZ_RESPONSES][8], prompts[FUZZ_PROMPTS * FUZZ_RESPONSES][8];
    float embeddings[FUZZ_PROMPTS * FUZZ_RESPONSES][FUZZ_DIMENSION];
    fd_item_row rows[FUZZ_PROMPTS * FUZZ_RESPONSES];
    for (unsigned i = 0; i < FUZZ_PROMPTS * FUZZ_RESPONSES; i++) {
        unsigned prompt = i / FUZZ_RESPONSES, response = i % FUZZ_RESPONSES;
        (void)snprintf(ids[i], sizeof(ids[i]), "p%ur%u", prompt, response);
        (void)snprintf(prompts[i], sizeof(prompts[i]), "p%u", prompt);
        embeddings[i][0] = (float)i;
        embeddings[i][1] = (float)(i * i % 5);
        rows[i] = (fd_item_row){.id = ids[i],
                                .prompt_id = prompts[i],
                                .response = ids[i],
                                .embedding = embeddings[i],
                                .dimension = FUZZ_DIMENSION};
    }
    fd_added added;
    fd_fault fault = {0};
    int r = fd_engine_items_add(engine, rows, FUZZ_PROMPTS * FUZZ_RESPONSES, &added, &fault);
    assert(r == 0);
}

static void add_label(fd_engine *engine) {
    const fd_label label = {.id = "l",
                            .a = "p0r0",
                            .b = "p0r1",
                            .preference = FD_PREFER_A,
                            .annotator = "anna",
                            .duration_ms = -1};
    fd_added added;
    fd_fault fault = {0};
    int r = fd_engine_labels_add(engine, &label, 1, &added, &fault);
    assert(r == 0);
}

fd_engine *fuzz_engine_open(void) {
    fd_engine_options options = fd_engine_defaults();
    options.kind = FI_KIND_LINEAR;
    options.ready = 1;
    options.retrain_labels = 0;
    options.retrain_seconds = 0;
    options.refit = false;
    options.seed = 1;
    fd_store *store = NULL;
    fd_engine *engine = NULL;
    fd_fault fault = {0};
    int r = fd_store_open_memory(&store);
    assert(r == 0);
    r = fd_engine_open(&options, store, &engine, &fault);
    assert(r == 0);
    add_items(engine);
    add_label(engine);
    return engine;
}

void fuzz_engine_note_change(fd_engine **engine) {
    static unsigned changes;
    if (++changes % 64 > 0)
        return;
    fd_engine_close(*engine);
    *engine = fuzz_engine_open();
}

static int count_label(void *context, const fd_label_view *label) {
    (void)label;
    ++*(size_t *)context;
    return 0;
}

fuzz_counts fuzz_count(fd_engine *engine) {
    fuzz_counts counts = {0};
    fd_model_info info;
    int r = fd_engine_model(engine, &info);
    assert(r == 0);
    r = fd_engine_labels_read(engine, 0, SIZE_MAX, count_label, &counts.labels);
    assert(r == 0);
    counts.items = info.items;
    counts.counts = info.labels;
    return counts;
}
