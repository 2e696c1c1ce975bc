/* `fisherd re-embed`: vectors of another embedder take the place of those that serve. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "clock.h"
#include "commands.h"
#include "database_commands.h"
#include "embedder.h"
#include "options_for_embedder.h"
#include "re_embedding.h"
#include "report_error.h"
#include "store_open.h"

/* Of one transaction, which is lost if the program ends in the middle of it. */
enum { BLOCK_ITEMS = 256, BLOCK_BYTES = 4 << 20, DELETED_AT_ONCE = 10000 };

static const double seconds_between_lines = 10; /* where nobody watches a terminal */

struct re_embed {
    fd_store *store;
    fd_embedder *embedder;
    fd_embedder_identity identity;
    fd_re_embedding counts;
    uint64_t made_before; /* this run */
    double start;         /* monotonic seconds */
    double next_line;
    fd_fault *fault;
};

static void re_embed_clear(struct re_embed *self) {
    fd_store_close(self->store);
    if (self->embedder)
        fd_embedder_close(self->embedder);
}

/* ---- Ctrl-C ---- */

static volatile sig_atomic_t is_interrupted;

static void note_signal(int number) {
    (void)number;
    is_interrupted = 1;
}

static void catch_signals(void) {
    const struct sigaction action = {.sa_handler = note_signal, .sa_flags = (int)SA_RESETHAND};
    (void)sigaction(SIGINT, &action, NULL);
    (void)sigaction(SIGTERM, &action, NULL);
}

static bool goes_on(void *context) {
    (void)context;
    return !is_interrupted;
}

static const fd_patience patience = {.go_on = goes_on};

/* ---- progress ---- */

static void show_progress(struct re_embed *self, bool is_last) {
    bool is_watched = isatty(STDERR_FILENO);
    double now = fd_monotonic_seconds();
    if (!is_watched && !is_last && now < self->next_line)
        return;
    self->next_line = now + seconds_between_lines;
    const fd_re_embedding *counts = &self->counts;
    double made = (double)(counts->made - self->made_before);
    double left =
        made > 0 ? (now - self->start) / made * (double)(counts->items - counts->made) : 0;
    (void)fprintf(stderr, "%s%llu of %llu items embedded", is_watched ? "\r\033[K" : "",
                  (unsigned long long)counts->made, (unsigned long long)counts->items);
    if (counts->made < counts->items && made > 0)
        (void)fprintf(stderr, ", %.0f min %02.0f s left", (double)(int64_t)(left / 60),
                      left - 60 * (double)(int64_t)(left / 60));
    (void)fputs(is_watched && !is_last ? "" : "\n", stderr);
}

/* ---- what must be so ---- */

struct textless {
    uint64_t n;
    char first[64];
};

static int note_textless(void *context, const fd_item_row *row) {
    struct textless *textless = context;
    if (textless->n++ == 0)
        (void)snprintf(textless->first, sizeof(textless->first), "%s", row->id);
    return 0;
}

static int check_texts(const struct re_embed *self) {
    struct textless textless = {0};
    int r = fd_re_embedding_textless(self->store, note_textless, &textless);
    if (r < 0 || textless.n == 0)
        return r;
    return fd_fault_set(
        self->fault, -EINVAL, "",
        "%llu items have no \"response\" to embed, the first is \"%s\"; nothing was "
        "changed",
        (unsigned long long)textless.n, textless.first);
}

struct comparison {
    const fd_embedder_identity *identity;
    bool is_same;
};

static int compare(void *context, const fd_embedder_row *row) {
    struct comparison *comparison = context;
    fd_fault unused = {0};
    const fd_embedder_identity stored = {
        .name = row->name,
        .template = row->template,
        .dimension = row->dimension,
        .n_probes = row->n_probes,
        .probes = row->probes,
    };
    comparison->is_same = fd_embedder_compare(comparison->identity, &stored, &unused) == 0;
    return 0;
}

/* ---- steps ---- */

static int begin(const struct re_embed *self) {
    struct comparison coming = {&self->identity, false};
    int r = fd_re_embedding_coming(self->store, compare, &coming);
    if (r < 0 || coming.is_same)
        return r;
    const fd_embedder_row row = {
        .name = self->identity.name,
        .template = self->identity.template,
        .dimension = self->identity.dimension,
        .n_probes = self->identity.n_probes,
        .probes = self->identity.probes,
        .created_ms = fd_wall_milliseconds(),
    };
    return fd_re_embedding_begin(self->store, &row);
}

struct block {
    size_t n;
    size_t bytes;
    uint32_t items[BLOCK_ITEMS];
    fd_embedder_texts texts[BLOCK_ITEMS]; /* owned */
};

static void block_clear(struct block *block) {
    for (size_t i = 0; i < block->n; i++) {
        free((char *)block->texts[i].prompt);
        free((char *)block->texts[i].response);
    }
}

static int take_item(void *context, const fd_item_row *row) {
    struct block *block = context;
    fd_embedder_texts *texts = &block->texts[block->n];
    block->items[block->n] = row->index;
    texts->prompt = row->prompt ? strdup(row->prompt) : NULL;
    texts->response = strdup(row->response);
    block->n++;
    if (!texts->response || (row->prompt && !texts->prompt))
        return -ENOMEM;
    block->bytes += strlen(texts->response) + (texts->prompt ? strlen(texts->prompt) : 0);
    return block->bytes >= BLOCK_BYTES;
}

/* Embeds the next items from *next on; 1: there may be more. */
static int embed_block(struct re_embed *self, uint32_t *next) {
    FD_CLEANUP(block_clear) struct block block = {0};
    FD_CLEANUP(fd_vectors_clear) fd_vectors vectors = {0};
    int r = fd_re_embedding_missing(self->store, *next, BLOCK_ITEMS, take_item, &block);
    if (r < 0 || block.n == 0)
        return r < 0 ? r : 0;
    r = fd_embedder_embed(self->embedder, block.texts, block.n, &patience, &vectors, self->fault);
    if (r == 0)
        r = fd_re_embedding_add(self->store, block.items, block.n, vectors.values,
                                vectors.dimension);
    if (r < 0)
        return r;
    self->counts.made += block.n;
    *next = block.items[block.n - 1] + 1;
    show_progress(self, false);
    return !is_interrupted ? 1 : -ECANCELED;
}

static int embed_all(struct re_embed *self) {
    uint32_t next = 0;
    int r = fd_re_embedding_read(self->store, &self->counts);
    self->made_before = self->counts.made;
    self->start = fd_monotonic_seconds();
    if (r == 0)
        do
            r = embed_block(self, &next);
        while (r > 0);
    show_progress(self, true);
    if (r == -ECANCELED)
        return fd_fault_set(self->fault, r, "",
                            "interrupted with %llu of %llu items embedded; the embeddings from "
                            "before serve, and the same command goes on",
                            (unsigned long long)self->counts.made,
                            (unsigned long long)self->counts.items);
    return r;
}

static int clean(const struct re_embed *self) {
    uint64_t deleted;
    int r;
    do
        r = fd_re_embedding_clean(self->store, DELETED_AT_ONCE, &deleted);
    while (r == 0 && deleted > 0);
    return r;
}

/* The embedder serves already; what was begun with another one is given up. */
static int keep(const struct re_embed *self) {
    int r = fd_re_embedding_abandon(self->store);
    if (r == 0)
        r = clean(self);
    if (r == 0)
        printf("the items have the embeddings of \"%s\" already\n", self->identity.name);
    return r;
}

static int replace(struct re_embed *self) {
    int r = check_texts(self);
    if (r == 0)
        r = begin(self);
    if (r == 0)
        r = embed_all(self);
    if (r == 0)
        r = fd_re_embedding_switch(self->store);
    if (r == 0)
        r = clean(self);
    if (r == 0)
        printf("%llu items have the embeddings of \"%s\" now, with %zu numbers; labels and "
               "assignments are as they were\nmodels know the embeddings from before alone: the "
               "next start trains one from all answers\n",
               (unsigned long long)self->counts.items, self->identity.name,
               self->identity.dimension);
    return r;
}

/* ---- the command ---- */

static int open_all(int argc, char **argv, struct re_embed *self) {
    FD_CLEANUP(fd_options_clear) fd_options options = {0};
    int r = fd_database_options(argc, argv, &options, self->fault);
    if (r == 0)
        r = fd_options_open_embedder(&options, &self->embedder, self->fault);
    if (r == 0 && !self->embedder)
        r = fd_fault_set(self->fault, -EINVAL, "", "the option embedding-url is needed");
    if (r == 0)
        r = fd_database_open_alone(options.db, NULL, &self->store, self->fault);
    if (r != -EBUSY)
        return r;
    const fd_fault busy = *self->fault;
    return fd_fault_set(self->fault, r, "", "%s; a daemon does this itself, by POST /v1/re-embed",
                        busy.detail);
}

int fd_re_embed_main(int argc, char **argv) {
    fd_fault fault = {0};
    FD_CLEANUP(re_embed_clear) struct re_embed self = {.fault = &fault};
    struct comparison serving = {&self.identity, false};
    int r = open_all(argc, argv, &self);
    catch_signals();
    if (r == 0)
        r = fd_embedder_identify(self.embedder, &patience, &self.identity, &fault);
    if (r == 0)
        r = self.store->operations->embedder_read(self.store, compare, &serving);
    if (r == 0)
        r = serving.is_same ? keep(&self) : replace(&self);
    return r < 0 ? fd_report_error("re-embed", r, &fault) : 0;
}
