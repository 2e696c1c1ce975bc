/*
 * /v1/model/weights and /v1/models/{id}/weights: models as safetensors files. Such a file has the
 * header's length (8 bytes, little-endian), the header (JSON, padded with spaces), and the tensors
 * in the order of the header. docs/load_weights.py reads them.
 */
#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "embedder_record.h"
#include "handlers.h"
#include "item_extras.h"
#include "json_tree.h"
#include "model_versions.h"
#include "model_versions_resource.h"
#include "prior_scores.h"
#include "problem.h"
#include "weights_metadata.h"

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "numbers are copied without conversion");

enum { TENSORS_MAX = 20, ALIGNMENT = 8, LENGTH_SIZE = 8, HASH_SIZE = 16 };

/* The exported model, and its projection transposed. */
struct weights {
    fd_model_row row;
    fi_model *model;
    fi_factor *design; /* NULL for a stored version */
    fd_embedder_row *embedder;
    float *projection;  /* [inputs x components] */
    int32_t *extra_ids; /* [extras] */
    fd_score_counts scores;
};

static void weights_clear(struct weights *weights) {
    fi_model_free(weights->model);
    fi_factor_free(weights->design);
    free(weights->embedder);
    free(weights->projection);
    free(weights->extra_ids);
}

/* ---- tensors ---- */

typedef struct tensor {
    char name[32];
    const char *type;
    size_t n_axes;
    size_t axes[2];
    const void *data;
    size_t size; /* bytes */
} tensor;

typedef struct tensors {
    size_t count;
    tensor list[TENSORS_MAX];
} tensors;

/* Adds a tensor; `columns` 0: a vector. */
static tensor *add(tensors *to, const char *type, size_t rows, size_t columns, const void *data) {
    size_t width = strcmp(type, "F64") == 0 ? 8 : 4;
    tensor *one = &to->list[to->count++];
    *one = (tensor){
        .type = type,
        .n_axes = columns > 0 ? 2 : 1,
        .axes = {rows, columns},
        .data = data,
        .size = rows * (columns > 0 ? columns : 1) * width,
    };
    return one;
}

static void name(tensor *one, const char *text) {
    (void)snprintf(one->name, sizeof(one->name), "%s", text);
}

static void name_layer(tensor *one, uint32_t layer, const char *part) {
    (void)snprintf(one->name, sizeof(one->name), "layers.%u.%s", layer, part);
}

/* What float64 says about the last layer and its extras. */
static void list_wide_extras(const struct weights *weights, tensors *ret) {
    const fi_last_layer *layer = fi_model_last_layer(weights->model);
    fi_extra_statistics statistics = fi_model_extra_statistics(weights->model);
    size_t extras = fi_model_shape(weights->model)->extras;
    size_t features = fi_model_feature_count(weights->model);
    if (weights->design)
        name(add(ret, "F64", features, features, fi_factor_upper(weights->design)), "design");
    if (layer)
        name(add(ret, "F64", layer->n_features, layer->n_features, layer->covariance),
             "covariance");
    if (extras == 0)
        return;
    name(add(ret, "F64", extras, 0, statistics.mean), "extras.mean");
    name(add(ret, "F64", extras, 0, statistics.scale), "extras.scale");
    name(add(ret, "F64", extras, 0, statistics.within), "extras.within");
}

/* The widest type comes first, so that all are aligned. */
static void list_tensors(const struct weights *weights, tensors *ret) {
    const fi_shape *shape = fi_model_shape(weights->model);
    fi_inputs inputs = fi_model_inputs(weights->model);
    name(add(ret, "F64", shape->inputs, 0, inputs.mean), "input.mean");
    list_wide_extras(weights, ret);
    name(add(ret, "F32", shape->inputs, 0, inputs.scale), "input.scale");
    if (weights->projection)
        name(add(ret, "F32", shape->inputs, shape->components, weights->projection), "projection");
    for (uint32_t l = 0; l < shape->hidden_layers; l++) {
        fi_layer layer = fi_model_layer(weights->model, l);
        name_layer(add(ret, "F32", layer.outputs, layer.inputs, layer.weights), l, "weight");
        name_layer(add(ret, "F32", layer.outputs, 0, layer.biases), l, "bias");
    }
    fi_layer last = fi_model_layer(weights->model, shape->hidden_layers);
    size_t embedded = last.inputs - shape->extras;
    name(add(ret, "F32", embedded, 0, last.weights), "beta");
    if (shape->extras == 0)
        return;
    name(add(ret, "F32", shape->extras, 0, last.weights + embedded), "extras.beta");
    name(add(ret, "I32", shape->extras, 0, weights->extra_ids), "extras.id");
}

static int transpose_projection(struct weights *weights) {
    const fi_shape *shape = fi_model_shape(weights->model);
    const float *from = fi_model_inputs(weights->model).projection;
    if (!from)
        return 0;
    weights->projection = calloc(shape->inputs, shape->components * sizeof(float));
    if (!weights->projection)
        return -ENOMEM;
    for (size_t k = 0; k < shape->components; k++)
        for (size_t j = 0; j < shape->inputs; j++)
            weights->projection[j * shape->components + k] = from[k * shape->inputs + j];
    return 0;
}

static int copy_extra_ids(struct weights *weights) {
    size_t extras = fi_model_shape(weights->model)->extras;
    const uint32_t *ids = fi_model_extra_ids(weights->model);
    weights->extra_ids = calloc(extras + 1, sizeof(*weights->extra_ids));
    if (!weights->extra_ids)
        return -ENOMEM;
    for (size_t j = 0; j < extras; j++)
        weights->extra_ids[j] = (int32_t)ids[j];
    return 0;
}

/* ---- the header ---- */

static char *header_text(const struct weights *weights, const tensors *all) {
    FD_JSON json_t *header = json_pack(
        "{s:o}", "__metadata__",
        fd_weights_metadata(&weights->row, weights->model, &weights->scores, weights->embedder));
    size_t at = 0;
    for (size_t i = 0; i < all->count; i++) {
        const tensor *one = &all->list[i];
        json_t *axes = one->n_axes == 2
                           ? json_pack("[I, I]", (json_int_t)one->axes[0], (json_int_t)one->axes[1])
                           : json_pack("[I]", (json_int_t)one->axes[0]);
        json_t *entry =
            json_pack("{s:s, s:o, s:[I, I]}", "dtype", one->type, "shape", axes, "data_offsets",
                      (json_int_t)at, (json_int_t)at + (json_int_t)one->size);
        if (json_object_set_new(header, one->name, entry) < 0)
            return NULL;
        at += one->size;
    }
    return json_dumps(header, JSON_COMPACT);
}

/* ---- the file ---- */

static int write_file(const struct weights *weights, char **ret, size_t *ret_size) {
    tensors all = {0};
    list_tensors(weights, &all);
    FD_FREE char *header = header_text(weights, &all);
    if (!header)
        return -ENOMEM;
    size_t used = strlen(header);
    uint64_t padded = (used + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    size_t size = LENGTH_SIZE + padded;
    for (size_t i = 0; i < all.count; i++)
        size += all.list[i].size;
    char *file = malloc(size);
    if (!file)
        return -ENOMEM;
    memcpy(file, &padded, LENGTH_SIZE);
    memset(file + LENGTH_SIZE, ' ', padded);
    /* NOLINTNEXTLINE(bugprone-not-null-terminated-result): spaces pad it. */
    memcpy(file + LENGTH_SIZE, header, used);
    char *next = file + LENGTH_SIZE + padded;
    for (size_t i = 0; i < all.count; i++) {
        memcpy(next, all.list[i].data, all.list[i].size);
        next += all.list[i].size;
    }
    *ret = file;
    *ret_size = size;
    return 0;
}

/* For the model, its projection transposed, and the file. */
static int take_memory(const fd_request *request, fi_model *model, fd_fault *fault) {
    const fi_shape *shape = fi_model_shape(model);
    size_t parameters = 0;
    (void)fi_model_parameters(model, &parameters);
    size_t features = fi_model_feature_count(model); /* covariance and design are in the file too */
    return fd_request_take_memory(
        request,
        3 * sizeof(float) * (parameters + (size_t)shape->inputs * (shape->components + 4)) +
            3 * sizeof(double) * features * features,
        fault);
}

static int export(const fd_request *request, uint64_t version, fd_response *response,
                  fd_fault *fault) {
    FD_CLEANUP(weights_clear)
    struct weights weights = {.scores = fd_engine_score_counts(request->engine)};
    int r = version > 0 ? fd_engine_model_copy(request->engine, version, &weights.row,
                                               &weights.model, fault)
                        : fd_engine_serving_copy(request->engine, &weights.row, &weights.model,
                                                 &weights.design, fault);
    if (r == 0)
        r = fd_engine_embedder(request->engine, &weights.embedder);
    if (r == 0)
        r = take_memory(request, weights.model, fault);
    if (r == 0)
        r = transpose_projection(&weights);
    if (r == 0)
        r = copy_extra_ids(&weights);
    if (r == 0)
        r = write_file(&weights, &response->body, &response->size);
    if (r < 0)
        return r;
    (void)snprintf(response->file_name, sizeof(response->file_name),
                   "fisherd-model-%llu.safetensors", (unsigned long long)weights.row.version);
    return 0;
}

/* The ETag is a hash of the content, since refits change a version. */
static void set_etag(fd_response *response) {
    unsigned char hash[HASH_SIZE];
    char text[2 * HASH_SIZE + 1];
    (void)crypto_generichash(hash, sizeof(hash), (const unsigned char *)response->body,
                             response->size, NULL, 0);
    (void)sodium_bin2hex(text, sizeof(text), hash, sizeof(hash));
    (void)snprintf(response->etag, sizeof(response->etag), "\"%s\"", text);
}

static void respond(const fd_request *request, fd_response *response, uint64_t version) {
    fd_fault fault = {0};
    int r = export(request, version, response, &fault);
    if (r < 0) {
        fd_problem_of(response, r, &fault);
        return;
    }
    set_etag(response);
    bool is_known = request->if_none_match && strstr(request->if_none_match, response->etag);
    response->status = is_known ? 304 : 200;
    response->content_type = "application/octet-stream";
}

/* ---- GET /v1/model/weights, GET /v1/models/{version}/weights ---- */

void fd_weights_get(const fd_request *request, fd_response *response) {
    if (fd_query_accept_none(&request->query, response))
        respond(request, response, 0);
}

void fd_version_weights_get(const fd_request *request, fd_response *response) {
    uint64_t version;
    if (fd_query_accept_none(&request->query, response) &&
        fd_model_version_accept(request, response, &version))
        respond(request, response, version);
}
