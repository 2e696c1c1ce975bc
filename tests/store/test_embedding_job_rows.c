/* Embedding jobs and their items in the store. */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "backends.h"

enum { MANY = 1000, BYTES = 1 << 20 };

static const fd_embedding_job_item items_of_a[] = {
    {.place = 0, .wanted = true, .content = "{\"id\":\"a\"}"},
    {.place = 1, .wanted = false, .content = "{\"id\":\"b\"}"},
    {.place = 2, .wanted = true, .content = "{\"id\":\"c\"}"},
};

static fd_embedding_job_row job(const char *id, const char *key) {
    return (fd_embedding_job_row){
        .id = id,
        .author = "anna",
        .key = key,
        .body_hash = {1, 2, 3},
        .items = 3,
        .bytes = 30,
        .total = 2,
        .created_ms = 1000,
        .started_ms = -1,
        .finished_ms = -1,
    };
}

static int add(fd_store *store, const fd_embedding_job_row *row, uint64_t most) {
    fixture_begin(store);
    int r = store->operations->embedding_job_add(
        store, row, items_of_a, row->state < FD_EMBEDDING_JOB_DONE ? 3 : 0, most, BYTES);
    fixture_commit(store);
    return r;
}

static int write_job(fd_store *store, const fd_embedding_job_row *row,
                     const fd_embedding_job_item *items, size_t n) {
    fixture_begin(store);
    int r = store->operations->embedding_job_write(store, row, items, n);
    fixture_commit(store);
    return r;
}

struct read_jobs {
    size_t n;
    fd_embedding_job_row rows[16];
    char ids[16][16];
    char errors[16][32];
};

static int note_job(void *context, const fd_embedding_job_row *row) {
    struct read_jobs *read = context;
    read->rows[read->n] = *row;
    (void)snprintf(read->ids[read->n], sizeof(read->ids[0]), "%s", row->id);
    (void)snprintf(read->errors[read->n], sizeof(read->errors[0]), "%s",
                   row->error ? row->error : "");
    read->n++;
    return 0;
}

static struct read_jobs jobs_of(fd_store *store) {
    struct read_jobs read = {0};
    assert_int_equal(store->operations->embedding_jobs_read(store, INT64_MAX, 16, note_job, &read),
                     0);
    return read;
}

/* Prints the items of a job as a text. */
static int note_item(void *context, const fd_embedding_job_item *item) {
    char *text = context, more[64];
    (void)snprintf(more, sizeof(more), "%u%s%s", item->place, item->wanted ? "+" : "",
                   item->content);
    strcat(text, more);
    for (size_t k = 0; k < item->dimension; k++) {
        (void)snprintf(more, sizeof(more), "[%g]", (double)item->vector[k]);
        strcat(text, more);
    }
    strcat(text, " ");
    return 0;
}

static void assert_items(fd_store *store, int64_t sequence, uint32_t first, const char *expected) {
    char text[512] = "";
    assert_int_equal(
        store->operations->embedding_job_items_read(store, sequence, first, note_item, text), 0);
    assert_string_equal(text, expected);
}

static void a_job_and_its_items_are_read_as_they_were_added(void **state) {
    fd_store *store = backend_of(state);
    fd_embedding_job_row row = job("one", "k");
    assert_int_equal(add(store, &row, MANY), 0);
    struct read_jobs read = jobs_of(store);
    assert_int_equal(read.n, 1);
    assert_string_equal(read.ids[0], "one");
    assert_int_equal(read.rows[0].state, FD_EMBEDDING_JOB_QUEUED);
    assert_int_equal(read.rows[0].total, 2);
    assert_int_equal(read.rows[0].bytes, 30);
    assert_int_equal(read.rows[0].started_ms, -1);
    assert_memory_equal(read.rows[0].body_hash, row.body_hash, sizeof(row.body_hash));
    assert_items(store, 1, 0, "0+{\"id\":\"a\"} 1{\"id\":\"b\"} 2+{\"id\":\"c\"} ");
    assert_items(store, 1, 2, "2+{\"id\":\"c\"} ");
    assert_items(store, 2, 0, "");
    fixture_check(store);
}

static void vectors_are_kept_until_the_job_ends(void **state) {
    fd_store *store = backend_of(state);
    fd_embedding_job_row row = job("one", NULL);
    const float numbers[] = {1, -2, 3};
    const fd_embedding_job_item first = {.place = 0, .vector = numbers, .dimension = 1};
    const fd_embedding_job_item last = {.place = 2, .vector = numbers + 1, .dimension = 2};
    assert_int_equal(add(store, &row, MANY), 0);
    row.sequence = 1;
    row.state = FD_EMBEDDING_JOB_RUNNING;
    row.done = 1;
    row.started_ms = 2000;
    assert_int_equal(write_job(store, &row, &last, 1), 0);
    assert_items(store, 1, 2, "2+{\"id\":\"c\"}[-2][3] ");
    row.done = 2;
    assert_int_equal(write_job(store, &row, &first, 1), 0);
    assert_items(store, 1, 0, "0+{\"id\":\"a\"}[1] 1{\"id\":\"b\"} 2+{\"id\":\"c\"}[-2][3] ");
    row.done = 0;
    assert_int_equal(write_job(store, &row, NULL, 0), 0);
    assert_items(store, 1, 2, "2+{\"id\":\"c\"} ");
    row.state = FD_EMBEDDING_JOB_FAILED;
    row.error = "it refuses";
    row.finished_ms = 3000;
    assert_int_equal(write_job(store, &row, NULL, 0), 0);
    assert_items(store, 1, 0, "");
    struct read_jobs read = jobs_of(store);
    assert_string_equal(read.errors[0], "it refuses");
    assert_int_equal(read.rows[0].started_ms, 2000);
    assert_int_equal(read.rows[0].finished_ms, 3000);
    assert_int_equal(write_job(store, &row, NULL, 0), -ECANCELED);
    fixture_check(store);
}

static void a_rollback_undoes_all_of_it(void **state) {
    fd_store *store = backend_of(state);
    fd_embedding_job_row row = job("one", NULL);
    const float number = 7;
    const fd_embedding_job_item vector = {.place = 0, .vector = &number, .dimension = 1};
    assert_int_equal(add(store, &row, MANY), 0);
    row.sequence = 1;
    row.done = 1;
    fixture_begin(store);
    assert_int_equal(store->operations->embedding_job_write(store, &row, &vector, 1), 0);
    fd_embedding_job_row other = job("two", NULL);
    assert_int_equal(
        store->operations->embedding_job_add(store, &other, items_of_a, 3, MANY, BYTES), 0);
    assert_int_equal(jobs_of(store).n, 1); /* readers see what is committed */
    store->operations->rollback(store);
    assert_int_equal(jobs_of(store).n, 1);
    assert_int_equal(jobs_of(store).rows[0].done, 0);
    assert_items(store, 1, 0, "0+{\"id\":\"a\"} 1{\"id\":\"b\"} 2+{\"id\":\"c\"} ");
}

static void a_key_is_its_authors_own_and_used_once(void **state) {
    fd_store *store = backend_of(state);
    fd_embedding_job_row row = job("one", "k"), again = job("two", "k"), other = job("three", "k");
    other.author = "ben";
    assert_int_equal(add(store, &row, MANY), 0);
    assert_int_equal(add(store, &again, MANY), -EEXIST);
    assert_int_equal(add(store, &other, MANY), 0);
    fd_embedding_job_row none = job("four", NULL), neither = job("five", NULL);
    assert_int_equal(add(store, &none, MANY), 0);
    assert_int_equal(add(store, &neither, MANY), 0);
    assert_int_equal(jobs_of(store).n, 4);
}

static void jobs_that_have_not_ended_are_limited(void **state) {
    fd_store *store = backend_of(state);
    fd_embedding_job_row row = job("one", NULL), second = job("two", NULL);
    assert_int_equal(add(store, &row, 1), 0);
    assert_int_equal(add(store, &second, 1), -EINVAL);
    second.bytes = BYTES;
    assert_int_equal(add(store, &second, MANY), -EINVAL);
    second.state = FD_EMBEDDING_JOB_DONE;
    assert_int_equal(add(store, &second, 1), 0);
    row.sequence = 1;
    row.state = FD_EMBEDDING_JOB_CANCELLED;
    assert_int_equal(write_job(store, &row, NULL, 0), 0);
    fd_embedding_job_row third = job("three", NULL);
    assert_int_equal(add(store, &third, 1), 0);
    assert_string_equal(jobs_of(store).ids[0], "three"); /* the newest first */
}

static void old_jobs_are_dropped_once_they_have_ended(void **state) {
    fd_store *store = backend_of(state);
    const char *const ids[] = {"0", "1", "2", "3", "4"};
    for (int i = 0; i < 5; i++) {
        fd_embedding_job_row row = job(ids[i], NULL);
        row.state = i == 1 ? FD_EMBEDDING_JOB_QUEUED : FD_EMBEDDING_JOB_DONE;
        row.finished_ms = i == 1 ? -1 : 1000 * i;
        assert_int_equal(add(store, &row, MANY), 0);
    }
    fixture_begin(store);
    assert_int_equal(store->operations->embedding_jobs_prune(store, 1, 3), 0);
    fixture_commit(store);
    struct read_jobs read = jobs_of(store);
    assert_int_equal(read.n, 4); /* 0 was too old */
    assert_string_equal(read.ids[3], "1");
    fixture_begin(store);
    assert_int_equal(store->operations->embedding_jobs_prune(store, 1, 1), 0);
    fixture_commit(store);
    read = jobs_of(store);
    assert_int_equal(read.n, 2);
    assert_string_equal(read.ids[0], "4");
    assert_string_equal(read.ids[1], "1");
    fixture_check(store);
}

#define ON_ALL(test) ON_MEMORY(test), ON_SQLITE(test), ON_POSTGRES(test)

int main(void) {
    const struct CMUnitTest tests[] = {
        ON_ALL(a_job_and_its_items_are_read_as_they_were_added),
        ON_ALL(vectors_are_kept_until_the_job_ends),
        ON_ALL(a_rollback_undoes_all_of_it),
        ON_ALL(a_key_is_its_authors_own_and_used_once),
        ON_ALL(jobs_that_have_not_ended_are_limited),
        ON_ALL(old_jobs_are_dropped_once_they_have_ended),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
