/* Copies the texts of a pair's items from the store into one allocation. */
#include "ready_pair.h"

#include <errno.h>
#include <string.h>

#include "comparable.h"
#include "engine_state.h"
#include "thread.h"

/* A pair with longer texts does not keep them: the queues hold hundreds of pairs. */
enum { KEPT_BYTES_MAX = 32 << 10 };

/* Copies of the texts of an item. */
struct texts {
    char *id, *prompt_id, *prompt, *response;
};

static void texts_clear(struct texts *texts) {
    free(texts->id);
    free(texts->prompt_id);
    free(texts->prompt);
    free(texts->response);
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
    return r == 0 ? copy(row->response, &texts->response) : r;
}

static size_t size_of(const struct texts *texts) {
    const char *const all[] = {texts->id, texts->prompt_id, texts->prompt, texts->response};
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
    };
}

static int read_texts(fd_engine *engine, fi_pair pair, struct texts *a, struct texts *b) {
    const fd_store_operations *store = engine->store->operations;
    int r = store->items_read(engine->store, pair.a, 1, false, copy_texts, a);
    if (r == 0)
        r = store->items_read(engine->store, pair.b, 1, false, copy_texts, b);
    return r == 0 && (!a->id || !b->id) ? -EBADMSG : r;
}

/* *ret_bytes: of both items as JSON. */
static int copy_ids(fd_engine *engine, fi_pair pair, struct texts *a, struct texts *b,
                    size_t *ret_bytes, bool *ret_comparable) {
    FD_READ_LOCKED(&engine->state_lock);
    const fd_item_entry *entries = engine->items.entries;
    if (pair.a >= engine->items.count || pair.b >= engine->items.count)
        return -EBADMSG;
    *ret_bytes = (size_t)entries[pair.a].shown_bytes + entries[pair.b].shown_bytes;
    *ret_comparable = fd_items_differ(&entries[pair.a], &entries[pair.b]);
    int r = copy(entries[pair.a].id, &a->id);
    return r == 0 ? copy(entries[pair.b].id, &b->id) : r;
}

static int make(fd_engine *engine, fi_pair pair, fd_arm arm, const char *strategy,
                const fd_selected_pair *selected, uint64_t model_version, bool is_bare,
                fd_ready_pair **ret) {
    FD_CLEANUP(texts_clear) struct texts a_ids = {0};
    FD_CLEANUP(texts_clear) struct texts b_ids = {0};
    FD_CLEANUP(texts_clear) struct texts a_texts = {0};
    FD_CLEANUP(texts_clear) struct texts b_texts = {0};
    size_t bytes;
    bool comparable;
    int r = copy_ids(engine, pair, &a_ids, &b_ids, &bytes, &comparable);
    bool has_texts = bytes <= KEPT_BYTES_MAX && !is_bare;
    if (r == 0 && has_texts)
        r = read_texts(engine, pair, &a_texts, &b_texts);
    if (r < 0)
        return r;
    const struct texts *a = has_texts ? &a_texts : &a_ids, *b = has_texts ? &b_texts : &b_ids;
    fd_ready_pair *ready_pair = calloc(1, sizeof(*ready_pair) + size_of(a) + size_of(b));
    if (!ready_pair)
        return -ENOMEM;
    atomic_init(&ready_pair->references, 1);
    char *at = ready_pair->text;
    ready_pair->pair = pair;
    ready_pair->bytes = bytes;
    ready_pair->comparable = comparable;
    ready_pair->has_texts = has_texts;
    ready_pair->a = pack_shown(&at, a);
    ready_pair->b = pack_shown(&at, b);
    ready_pair->arm = arm;
    ready_pair->strategy = strategy;
    ready_pair->gain = selected->gain;
    ready_pair->p = selected->p;
    ready_pair->model_version = model_version;
    *ret = ready_pair;
    return 0;
}

int fd_ready_pair_new(fd_engine *engine, fi_pair pair, fd_arm arm, const char *strategy,
                      const fd_selected_pair *selected, uint64_t model_version,
                      fd_ready_pair **ret) {
    return make(engine, pair, arm, strategy, selected, model_version, false, ret);
}

int fd_ready_pair_new_bare(fd_engine *engine, fi_pair pair, fd_arm arm, const char *strategy,
                           const fd_selected_pair *selected, uint64_t model_version,
                           fd_ready_pair **ret) {
    return make(engine, pair, arm, strategy, selected, model_version, true, ret);
}

int fd_ready_pair_show(fd_engine *engine, const fd_ready_pair *ready_pair, fd_shown_pair *ret) {
    FD_CLEANUP(texts_clear) struct texts a = {0};
    FD_CLEANUP(texts_clear) struct texts b = {0};
    *ret = (fd_shown_pair){.a = ready_pair->a, .b = ready_pair->b};
    if (ready_pair->has_texts)
        return 0;
    int r = read_texts(engine, ready_pair->pair, &a, &b);
    if (r < 0)
        return r;
    ret->text = malloc(size_of(&a) + size_of(&b));
    if (!ret->text)
        return -ENOMEM;
    char *at = ret->text;
    ret->a = pack_shown(&at, &a);
    ret->b = pack_shown(&at, &b);
    return 0;
}

void fd_shown_pair_clear(fd_shown_pair *shown) {
    free(shown->text);
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
