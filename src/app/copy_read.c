/* Reads the parts of a store into digests: all that a copy keeps of each row. */
#include "copy_read.h"

#include <errno.h>
#include <string.h>

#include "array.h"

/* Items and labels are read in blocks, so that no reading of the database is long. */
enum { READ_AT_ONCE = 1000 };

struct reading {
    fd_digest *digest;
    bool (*goes_on)(void);
    int64_t last; /* index or sequence of the row before */
};

static int begin_row(const struct reading *reading) {
    return reading->goes_on() ? fd_digest_row(reading->digest) : -ECANCELED;
}

/* ---- what there is one of, or few ---- */

int fd_copy_read_key(fd_store *store, bool (*goes_on)(void), fd_digest *ret) {
    unsigned char key[FD_ASSIGNMENT_KEY_SIZE];
    (void)goes_on;
    int r = store->operations->assignment_key(store, key);
    if (r == 0)
        r = fd_digest_row(ret);
    if (r == 0)
        fd_digest_bytes(ret, key, sizeof(key));
    sodium_memzero(key, sizeof(key));
    return r == 0 ? fd_digest_end(ret) : r;
}

static int read_version(void *context, const fd_project_row *row) {
    const struct reading *reading = context;
    int r = begin_row(reading);
    if (r < 0)
        return r;
    fd_digest_integer(reading->digest, (int64_t)row->version);
    fd_digest_text(reading->digest, row->author);
    fd_digest_integer(reading->digest, row->created_ms);
    fd_digest_text(reading->digest, row->settings);
    return 0;
}

int fd_copy_read_project(fd_store *store, bool (*goes_on)(void), fd_digest *ret) {
    struct reading reading = {ret, goes_on, 0};
    int r = store->operations->project_versions_read(store, read_version, &reading);
    return r == 0 ? fd_digest_end(ret) : r;
}

static int read_embedder(void *context, const fd_embedder_row *row) {
    const struct reading *reading = context;
    int r = begin_row(reading);
    if (r < 0)
        return r;
    fd_digest_text(reading->digest, row->name);
    fd_digest_text(reading->digest, row->template);
    fd_digest_integer(reading->digest, (int64_t)row->dimension);
    fd_digest_bytes(reading->digest, row->probes,
                    row->n_probes * row->dimension * sizeof(*row->probes));
    fd_digest_integer(reading->digest, row->created_ms);
    return 0;
}

int fd_copy_read_embedder(fd_store *store, bool (*goes_on)(void), fd_digest *ret) {
    struct reading reading = {ret, goes_on, 0};
    int r = store->operations->embedder_read(store, read_embedder, &reading);
    return r == 0 ? fd_digest_end(ret) : r;
}

/* ---- items and scores ---- */

static int read_item(void *context, const fd_item_row *row) {
    struct reading *reading = context;
    fd_digest *digest = reading->digest;
    int r = begin_row(reading);
    if (r < 0)
        return r;
    reading->last = row->index;
    fd_digest_integer(digest, row->index);
    fd_digest_text(digest, row->id);
    fd_digest_text(digest, row->prompt_id);
    fd_digest_text(digest, row->prompt);
    fd_digest_text(digest, row->response);
    fd_digest_text(digest, row->metadata);
    fd_digest_bytes(digest, row->embedding, row->dimension * sizeof(*row->embedding));
    fd_digest_integer(digest, row->created_ms);
    const fd_text_features_row *counted = &row->text_features;
    fd_digest_integer(digest, counted->values ? (int64_t)counted->version : 0);
    fd_digest_bytes(digest, counted->values, counted->count * sizeof(*counted->values));
    return 0;
}

int fd_copy_read_items(fd_store *store, bool (*goes_on)(void), fd_digest *ret) {
    struct reading reading = {ret, goes_on, -1};
    uint64_t before;
    int r;
    do {
        before = ret->rows;
        r = store->operations->items_read(store, (uint32_t)(reading.last + 1), READ_AT_ONCE, true,
                                          read_item, &reading);
    } while (r == 0 && ret->rows > before);
    return r == 0 ? fd_digest_end(ret) : r;
}

static int read_score(void *context, const fd_score_row *row) {
    const struct reading *reading = context;
    int r = begin_row(reading);
    if (r < 0)
        return r;
    fd_digest_integer(reading->digest, row->item);
    fd_digest_text(reading->digest, row->name);
    fd_digest_real(reading->digest, row->value);
    fd_digest_integer(reading->digest, row->set_ms);
    return 0;
}

int fd_copy_read_scores(fd_store *store, bool (*goes_on)(void), fd_digest *ret) {
    struct reading reading = {ret, goes_on, 0};
    int r = store->operations->scores_read(store, read_score, &reading);
    return r == 0 ? fd_digest_end(ret) : r;
}

/* ---- assignments and labels ---- */

static int read_assignment(void *context, const fd_assignment_row *row) {
    const struct reading *reading = context;
    fd_digest *digest = reading->digest;
    int r = begin_row(reading);
    if (r < 0)
        return r;
    fd_digest_text(digest, row->id);
    fd_digest_integer(digest, row->item_a);
    fd_digest_integer(digest, row->item_b);
    fd_digest_text(digest, row->annotator);
    fd_digest_integer(digest, row->slot);
    fd_digest_integer(digest, row->control);
    fd_digest_real(digest, row->p);
    fd_digest_real(digest, row->gain);
    fd_digest_text(digest, row->strategy);
    fd_digest_integer(digest, row->swapped);
    fd_digest_integer(digest, row->model_version);
    fd_digest_integer(digest, row->expires_ms);
    fd_digest_integer(digest, row->ended_ms);
    return 0;
}

int fd_copy_read_assignments(fd_store *store, bool (*goes_on)(void), fd_digest *ret) {
    struct reading reading = {ret, goes_on, 0};
    int r = store->operations->assignments_read(store, read_assignment, &reading);
    return r == 0 ? fd_digest_end(ret) : r;
}

static int read_label(void *context, const fd_label_row *row) {
    struct reading *reading = context;
    fd_digest *digest = reading->digest;
    int r = begin_row(reading);
    if (r < 0)
        return r;
    reading->last = row->sequence;
    fd_digest_integer(digest, row->sequence);
    fd_digest_integer(digest, row->original);
    fd_digest_text(digest, row->id);
    fd_digest_integer(digest, row->revision);
    fd_digest_integer(digest, row->item_a);
    fd_digest_integer(digest, row->item_b);
    fd_digest_integer(digest, row->preference);
    fd_digest_text(digest, row->annotator);
    fd_digest_text(digest, row->assignment);
    fd_digest_integer(digest, row->duration_ms);
    fd_digest_integer(digest, row->created_ms);
    fd_digest_text(digest, row->comment);
    fd_digest_integer(digest, row->is_old_assignment);
    return 0;
}

int fd_copy_read_labels(fd_store *store, bool (*goes_on)(void), fd_digest *ret) {
    struct reading reading = {ret, goes_on, 0};
    uint64_t before;
    int r;
    do {
        before = ret->rows;
        r = store->operations->labels_read(store, reading.last, READ_AT_ONCE, read_label, &reading);
    } while (r == 0 && ret->rows > before);
    return r == 0 ? fd_digest_end(ret) : r;
}

/* ---- models ---- */

static int read_model(void *context, const fd_model_row *row) {
    const struct reading *reading = context;
    fd_digest *digest = reading->digest;
    int r = begin_row(reading);
    if (r < 0)
        return r;
    const int64_t integers[] = {
        (int64_t)row->version,
        row->state,
        (int64_t)row->parent,
        row->scratch,
        (int64_t)row->labels,
        (int64_t)row->items,
        row->iterations,
        row->created_ms,
        (int64_t)row->held_out_labels,
        (int64_t)row->control_labels,
        row->answers,
        row->is_foreign,
    };
    const double reals[] = {
        row->prior_precision,
        row->train_loss,
        row->held_out_loss,
        row->held_out_accuracy,
        row->held_out_accuracy_low,
        row->held_out_accuracy_high,
        row->held_out_calibration_error,
        row->control_accuracy,
        row->seconds,
        row->logdet,
    };
    double unseen[sizeof(row->unseen) / sizeof(double)];
    memcpy(unseen, &row->unseen, sizeof(unseen));
    for (size_t i = 0; i < FD_LENGTH(integers); i++)
        fd_digest_integer(digest, integers[i]);
    for (size_t i = 0; i < FD_LENGTH(reals); i++)
        fd_digest_real(digest, reals[i]);
    for (size_t i = 0; i < FD_LENGTH(unseen); i++)
        fd_digest_real(digest, unseen[i]);
    fd_digest_text(digest, row->reason);
    fd_digest_bytes(digest, row->bytes, row->size);
    return 0;
}

int fd_copy_read_models(fd_store *store, bool (*goes_on)(void), fd_digest *ret) {
    struct reading reading = {ret, goes_on, 0};
    int r = store->operations->models_read(store, UINT64_MAX, SIZE_MAX, true, read_model, &reading);
    return r == 0 ? fd_digest_end(ret) : r;
}

struct numbers {
    size_t n, capacity;
    uint64_t *list;
};

static int note_number(struct numbers *numbers, uint64_t number) {
    int r = fd_array_reserve(&numbers->list, &numbers->capacity, numbers->n + 1, sizeof(uint64_t));
    if (r == 0)
        numbers->list[numbers->n++] = number;
    return r;
}

static void reverse(const struct numbers *numbers) {
    for (size_t i = 0; i < numbers->n / 2; i++) {
        uint64_t number = numbers->list[i];
        numbers->list[i] = numbers->list[numbers->n - 1 - i];
        numbers->list[numbers->n - 1 - i] = number;
    }
}

static int note_model(void *context, const fd_model_row *row) {
    return note_number(context, row->version);
}

int fd_copy_model_versions(fd_store *store, uint64_t **ret, size_t *ret_n) {
    struct numbers numbers = {0};
    int r =
        store->operations->models_read(store, UINT64_MAX, SIZE_MAX, false, note_model, &numbers);
    reverse(&numbers);
    *ret = numbers.list;
    *ret_n = numbers.n;
    return r;
}

/* ---- embedding jobs ---- */

static int note_job(void *context, const fd_embedding_job_row *row) {
    return note_number(context, (uint64_t)row->sequence);
}

int fd_copy_job_sequences(fd_store *store, int64_t **ret, size_t *ret_n) {
    struct numbers numbers = {0};
    int r = store->operations->embedding_jobs_read(store, INT64_MAX, SIZE_MAX, note_job, &numbers);
    reverse(&numbers);
    *ret = (int64_t *)numbers.list;
    *ret_n = numbers.n;
    return r;
}

static int read_job(void *context, const fd_embedding_job_row *row) {
    const struct reading *reading = context;
    fd_digest *digest = reading->digest;
    int r = begin_row(reading);
    if (r < 0)
        return r;
    const int64_t integers[] = {
        row->immediate,      row->state,         (int64_t)row->items,   (int64_t)row->bytes,
        (int64_t)row->total, (int64_t)row->done, (int64_t)row->created, (int64_t)row->unchanged,
        row->embedder_ms,    row->created_ms,    row->started_ms,       row->finished_ms,
    };
    fd_digest_text(digest, row->id);
    fd_digest_text(digest, row->author);
    fd_digest_text(digest, row->key);
    fd_digest_text(digest, row->error);
    fd_digest_bytes(digest, row->body_hash, sizeof(row->body_hash));
    for (size_t i = 0; i < FD_LENGTH(integers); i++)
        fd_digest_integer(digest, integers[i]);
    return 0;
}

static int read_job_item(void *context, const fd_embedding_job_item *item) {
    const struct reading *reading = context;
    fd_digest *digest = reading->digest;
    int r = begin_row(reading);
    if (r < 0)
        return r;
    fd_digest_integer(digest, item->place);
    fd_digest_integer(digest, item->wanted);
    fd_digest_text(digest, item->content);
    fd_digest_bytes(digest, item->vector, item->dimension * sizeof(*item->vector));
    return 0;
}

/* Stores number jobs on their own: the order counts, and the numbers do not. */
int fd_copy_read_jobs(fd_store *store, bool (*goes_on)(void), fd_digest *ret) {
    FD_FREE int64_t *sequences = NULL;
    size_t n;
    struct reading reading = {ret, goes_on, 0};
    int r = fd_copy_job_sequences(store, &sequences, &n);
    for (size_t i = 0; i < n && r == 0; i++) {
        r = store->operations->embedding_jobs_read(store, sequences[i] + 1, 1, read_job, &reading);
        if (r == 0)
            r = store->operations->embedding_job_items_read(store, sequences[i], 0, read_job_item,
                                                            &reading);
    }
    return r == 0 ? fd_digest_end(ret) : r;
}
