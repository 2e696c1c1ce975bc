/* Copies the texts of a pair's items from the store into one allocation. */
#include "ready_pair.h"

#include <errno.h>
#include <string.h>

#include "engine_state.h"

/* Copies of the texts of an item. */
struct texts {
    char *id, *prompt_id, *prompt, *response, *metadata;
};

static void texts_clear(struct texts *texts) {
    free(texts->id);
    free(texts->prompt_id);
    free(texts->prompt);
    free(texts->response);
    free(texts->metadata);
}

static int copy(const char *from, char **to) {
    *to = from ? strdup(from) : NULL;
    return from && !*to ? -ENOMEM : 0;
}

static int copy_texts(void *context, const fd_item_row *row) {
    struct texts *texts = context;
    int r = copy(row->id, &texts->id);
    if (r == 0)
        r = copy(row->prompt_id, &texts->prompt_id);
    if (r == 0)
        r = copy(row->prompt, &texts->prompt);
    if (r == 0)
        r = copy(row->response, &texts->response);
    return r == 0 ? copy(row->metadata, &texts->metadata) : r;
}

static size_t size_of(const struct texts *texts) {
    const char *const all[] = {texts->id, texts->prompt_id, texts->prompt, texts->response,
                               texts->metadata};
    size_t size = 0;
    for (size_t i = 0; i < FD_LENGTH(all); i++)
        size += all[i] ? strlen(all[i]) + 1 : 0;
    return size;
}

static const char *pack(char **at, const char *text) {
    if (!text)
        return NULL;
    size_t size = strlen(text) + 1;
    char *packed = memcpy(*at, text, size);
    *at += size;
    return packed;
}

static fd_shown_item pack_shown(char **at, const struct texts *texts) {
    return (fd_shown_item){
        .id = pack(at, texts->id),
        .prompt_id = pack(at, texts->prompt_id),
        .prompt = pack(at, texts->prompt),
        .response = pack(at, texts->response),
        .metadata = pack(at, texts->metadata),
    };
}

int fd_ready_pair_new(fd_engine *engine, fi_pair pair, fd_arm arm, const char *strategy,
                      const fd_selected_pair *selected, uint64_t model_version,
                      fd_ready_pair **ret) {
    FD_CLEANUP(texts_clear) struct texts a = {0};
    FD_CLEANUP(texts_clear) struct texts b = {0};
    const fd_store_operations *store = engine->store->operations;
    int r = store->items_read(engine->store, pair.a, 1, false, copy_texts, &a);
    if (r == 0)
        r = store->items_read(engine->store, pair.b, 1, false, copy_texts, &b);
    if (r < 0)
        return r;
    if (!a.id || !b.id)
        return -EBADMSG;
    fd_ready_pair *ready_pair = calloc(1, sizeof(*ready_pair) + size_of(&a) + size_of(&b));
    if (!ready_pair)
        return -ENOMEM;
    atomic_init(&ready_pair->references, 1);
    char *at = ready_pair->text;
    ready_pair->pair = pair;
    ready_pair->a = pack_shown(&at, &a);
    ready_pair->b = pack_shown(&at, &b);
    ready_pair->arm = arm;
    ready_pair->strategy = strategy;
    ready_pair->gain = selected->gain;
    ready_pair->p = selected->p;
    ready_pair->model_version = model_version;
    *ret = ready_pair;
    return 0;
}

fd_ready_pair *fd_ready_pair_reference(fd_ready_pair *ready_pair) {
    (void)atomic_fetch_add_explicit(&ready_pair->references, 1, memory_order_relaxed);
    return ready_pair;
}

void fd_ready_pair_free(fd_ready_pair *ready_pair) {
    if (ready_pair &&
        atomic_fetch_sub_explicit(&ready_pair->references, 1, memory_order_acq_rel) == 1)
        free(ready_pair);
}
