/* /v1/stats: how labelling goes. */
#include <string.h>

#include "engine.h"
#include "handlers.h"
#include "json_read.h"
#include "json_write.h"
#include "label_statistics.h"
#include "problem.h"

enum { BUCKETS = 60, BUCKETS_MAX = 1000, NAMES = 100, NAMES_MAX = 1000 };

static const int64_t day_ms = 86400000;

/* ---- the query ---- */

struct stats_query {
    int64_t from; /* Unix milliseconds; -1: a day before `to` */
    int64_t to;
    int64_t buckets;
    int64_t names;
    const char *annotator; /* NULL: all */
};

#define AT(member) .offset = offsetof(struct stats_query, member)
static const fd_parameter stats_parameters[] = {
    {"from", FD_PARAMETER_TIME, AT(from), .max = FD_INTEGER_MAX},
    {"to", FD_PARAMETER_TIME, AT(to), .min = 1, .max = FD_INTEGER_MAX},
    {"buckets", FD_PARAMETER_INTEGER, AT(buckets), .min = 1, .max = BUCKETS_MAX},
    {"names", FD_PARAMETER_INTEGER, AT(names), .max = NAMES_MAX},
    {"annotator", FD_PARAMETER_TEXT, AT(annotator)},
};
#undef AT

/* False, with a response, for a wrong query. */
static bool read_query(const fd_request *request, struct stats_query *ret, fd_response *response) {
    *ret = (struct stats_query){.from = -1,
                                .to = fd_engine_time_ms(request->engine) + 1,
                                .buckets = BUCKETS,
                                .names = NAMES};
    if (!fd_query_accept(&request->query, stats_parameters, FD_LENGTH(stats_parameters), ret,
                         response))
        return false;
    if (ret->from < 0)
        ret->from = ret->to > day_ms ? ret->to - day_ms : 0;
    if (ret->from < ret->to)
        return true;
    fd_problem(response, 400, "query parameter \"from\" must be less than \"to\"");
    return false;
}

/* ---- writing ---- */

static json_t *share(double part, uint64_t whole) {
    return whole > 0 ? json_real(part / (double)whole) : json_null();
}

static json_t *tally_json(const fd_label_counts *tally) {
    return json_pack("{s:I, s:I, s:I, s:I, s:I, s:o, s:o, s:o, s:o}", "labels",
                     (json_int_t)tally->labels, "a", (json_int_t)tally->by_preference[FD_PREFER_A],
                     "b", (json_int_t)tally->by_preference[FD_PREFER_B], "tie",
                     (json_int_t)tally->by_preference[FD_PREFER_TIE], "skip",
                     (json_int_t)tally->by_preference[FD_PREFER_SKIP], "mean_duration_ms",
                     share(tally->duration_ms, tally->timed), "median_duration_ms",
                     tally->timed > 0 ? json_real(tally->median_ms) : json_null(), "agreement",
                     share((double)tally->agreed, tally->foretold), "last_at",
                     tally->last_ms > 0 ? fd_json_time(tally->last_ms) : json_null());
}

static json_t *annotators_json(const fd_stats *stats) {
    json_t *list = json_array();
    for (size_t i = 0; list && i < stats->n_annotators; i++) {
        const fd_annotator_counts *annotator = &stats->annotators[i];
        json_t *tally = tally_json(&annotator->tally);
        if (json_object_set_new(tally, "annotator", json_string(annotator->name)) < 0 ||
            json_object_set_new(tally, "reliability", fd_json_real(annotator->reliability)) < 0 ||
            json_object_set_new(tally, "reliability_stddev",
                                fd_json_real(annotator->reliability_stddev)) < 0 ||
            json_array_append(list, tally) < 0)
            json_decref(FD_STEAL(list));
        json_decref(tally);
    }
    return list;
}

static json_t *others_json(const fd_stats *stats) {
    json_t *tally = tally_json(&stats->others);
    if (json_object_set_new(tally, "annotators", json_integer((json_int_t)stats->n_others)) < 0)
        json_decref(FD_STEAL(tally));
    return tally;
}

static json_t *bucket_json(const fd_stats *stats, size_t bucket) {
    json_t *counts = json_object();
    for (size_t i = 0; counts && i < stats->n_columns; i++) {
        uint32_t count = stats->buckets[bucket * stats->n_columns + i];
        if (count > 0 &&
            json_object_set_new(counts, stats->annotators[i].name, json_integer(count)) < 0)
            json_decref(FD_STEAL(counts));
    }
    return counts;
}

static json_t *series_json(const fd_stats_request *request, const fd_stats *stats) {
    json_t *list = json_array();
    for (size_t b = 0; list && b < stats->n_buckets; b++) {
        json_t *bucket =
            json_pack("{s:o, s:o, s:I}", "start",
                      fd_json_time(request->from_ms + (int64_t)b * request->bucket_ms), "labels",
                      bucket_json(stats, b), "others", (json_int_t)stats->bucket_others[b]);
        if (json_array_append_new(list, bucket) < 0)
            json_decref(FD_STEAL(list));
    }
    return list;
}

static json_t *batches_json(const fd_stats *stats) {
    json_t *list = json_array();
    for (size_t i = 0; list && i < stats->n_batches; i++) {
        const fd_batch_record *batch = &stats->batches[i];
        json_t *json = json_pack(
            "{s:o, s:s, s:I, s:I, s:o, s:o, s:o}", "at", fd_json_time(batch->created_ms),
            "strategy", batch->strategy, "model_version", (json_int_t)batch->model_version, "pairs",
            (json_int_t)batch->count, "logdet_after", fd_json_real(batch->logdet_after),
            "d_efficiency", fd_json_real(batch->d_efficiency), "random_d_efficiency",
            fd_json_real(batch->random_d_efficiency));
        if (json_array_append_new(list, json) < 0)
            json_decref(FD_STEAL(list));
    }
    return list;
}

static json_t *incomparable_json(const fd_incomparable_counts *counts) {
    return json_pack("{s:I, s:I, s:I}", "items_without_text",
                     (json_int_t)counts->items_without_text, "pairs_without_text",
                     (json_int_t)counts->pairs_without_text, "pairs_of_equal_texts",
                     (json_int_t)counts->pairs_of_equal_texts);
}

static json_t *stats_json(const fd_stats_request *request, const fd_stats *stats) {
    return json_pack(
        "{s:o, s:o, s:I, s:o, s:o, s:o, s:{s:o, s:o}, s:o, s:{s:I, s:I, s:I}, s:o, s:o}", "from",
        fd_json_time(request->from_ms), "to", fd_json_time(request->to_ms), "labels",
        (json_int_t)stats->all.labels, "all", tally_json(&stats->all), "annotators",
        annotators_json(stats), "others", others_json(stats), "arms", "active",
        tally_json(&stats->active), "control", tally_json(&stats->control), "series",
        series_json(request, stats), "queue", "open_leases", (json_int_t)stats->open_leases,
        "ready", (json_int_t)stats->ready_active, "ready_control", (json_int_t)stats->ready_control,
        "batches", batches_json(stats), "incomparable", incomparable_json(&stats->incomparable));
}

/* ---- memory ---- */

/* Bytes of a tally, a bucket, a batch or a count, as a tree and as text, without its name. */
enum { ROW_MEMORY = 2048, CELL_MEMORY = 192 };

/* Bytes that the response takes while it is built. A name stands in the tree and in the text, which
 * may double while it grows. */
static size_t estimate_memory(const fd_stats *stats) {
    size_t bytes = ROW_MEMORY * (4 + stats->n_annotators + stats->n_buckets / 4 + stats->n_batches);
    for (size_t i = 0; i < stats->n_annotators; i++) {
        size_t cells = 0, name = 5 * strlen(stats->annotators[i].name);
        for (size_t b = 0; i < stats->n_columns && b < stats->n_buckets; b++)
            cells += stats->buckets[b * stats->n_columns + i] > 0;
        bytes += name + cells * (CELL_MEMORY + name);
    }
    return bytes;
}

void fd_stats_get(const fd_request *request, fd_response *response) {
    struct stats_query query;
    FD_CLEANUP(fd_stats_clear) fd_stats stats = {0};
    if (!read_query(request, &query, response))
        return;
    const fd_stats_request wanted = {
        .from_ms = query.from,
        .to_ms = query.to,
        .bucket_ms = (query.to - query.from + query.buckets - 1) / query.buckets,
        .names = (size_t)query.names,
        .annotator = query.annotator,
    };
    int r = fd_engine_stats(request->engine, &wanted, &stats);
    fd_fault fault = {0};
    if (r == 0)
        r = fd_request_take_memory(request, estimate_memory(&stats), &fault);
    if (r < 0)
        fd_problem_of(response, r, &fault);
    else
        fd_json_respond(response, 200, stats_json(&wanted, &stats));
}
