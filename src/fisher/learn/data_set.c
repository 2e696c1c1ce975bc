/* Prepares the items and answers of a training, and cuts them into mini-batches. */
#include "data_set.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "loss.h"
#include "standardisation.h"

static int allocate_answers(fi_data_set *data, size_t count) {
    data->count = count;
    data->pairs = calloc(count + 1, sizeof(*data->pairs));
    data->targets = calloc(count + 1, sizeof(*data->targets));
    return data->pairs && data->targets ? 0 : -ENOMEM;
}

static int allocate_items(fi_data_set *data, const fi_model *model, size_t n_items) {
    data->n_items = n_items;
    data->inputs = calloc(n_items + 1, fi_model_prepared_count(model) * sizeof(*data->inputs));
    data->rewards = calloc(n_items + 1, sizeof(*data->rewards));
    data->slopes = calloc(n_items + 1, sizeof(*data->slopes));
    if (!data->inputs || !data->rewards || !data->slopes)
        return -ENOMEM;
    return fi_pass_init(model, n_items, &data->pass);
}

void fi_data_set_clear(fi_data_set *data) {
    free(data->pairs);
    free(data->targets);
    free(data->inputs);
    free(data->rows);
    free(data->rewards);
    free(data->slopes);
    fi_pass_clear(&data->pass);
}

static bool is_in_range(size_t n_items, const fi_answers *answers) {
    for (size_t i = 0; i < answers->count; i++)
        if (answers->pairs[i].a >= n_items || answers->pairs[i].b >= n_items ||
            !(answers->targets[i] >= 0.0f && answers->targets[i] <= 1.0f))
            return false;
    return true;
}

/* Replaces the rows that the pairs name by their numbers. */
static void number_items(fd_row_numbering *numbering, size_t count, fi_pair *pairs) {
    for (size_t i = 0; i < count; i++) {
        pairs[i].a = fd_row_numbering_add(numbering, pairs[i].a);
        pairs[i].b = fd_row_numbering_add(numbering, pairs[i].b);
    }
}

/* The answers, and the rows of the items that they name. */
static int take_answers(fi_data_set *data, const fi_model *model, size_t n_items,
                        const fi_answers *answers) {
    if (!is_in_range(n_items, answers))
        return -EINVAL;
    FD_CLEANUP(fd_row_numbering_clear) fd_row_numbering numbering = {0};
    int r = fd_row_numbering_init(&numbering, n_items, 2 * answers->count);
    if (r == 0)
        r = allocate_answers(data, answers->count);
    if (r < 0)
        return r;
    for (size_t i = 0; i < answers->count; i++) {
        data->pairs[i] = answers->pairs[i];
        data->targets[i] = answers->targets[i];
    }
    number_items(&numbering, data->count, data->pairs);
    r = allocate_items(data, model, numbering.count);
    if (r == 0)
        data->rows = FD_STEAL(numbering.rows);
    return r;
}

int fi_data_set_init(fi_data_set *data, const fi_model *model, size_t n_items,
                     const float *embeddings, const fi_answers *answers) {
    int r = take_answers(data, model, n_items, answers);
    return r < 0 ? r : fi_prepare_rows(model, data->n_items, data->rows, embeddings, data->inputs);
}

int fi_data_set_init_prepared(fi_data_set *data, const fi_model *model, size_t n_items,
                              const float *prepared, size_t stride, const fi_answers *answers) {
    size_t width = fi_model_prepared_count(model);
    int r = take_answers(data, model, n_items, answers);
    for (size_t i = 0; r == 0 && i < data->n_items; i++)
        memcpy(data->inputs + i * width, prepared + data->rows[i] * stride, width * sizeof(float));
    return r;
}

static void run(fi_data_set *data, const fi_model *model) {
    const float *features = fi_forward(model, data->n_items, data->inputs, &data->pass);
    fi_model_rewards(model, data->n_items, features, data->rewards);
}

fi_fit fi_data_set_loss(fi_data_set *data, const fi_model *model) {
    fi_answers answers = {.count = data->count, .pairs = data->pairs, .targets = data->targets};
    run(data, model);
    return fi_evaluate(data->rewards, &answers);
}

double fi_data_set_gradient(fi_data_set *data, const fi_model *model, float *gradient) {
    fi_answers answers = {.count = data->count, .pairs = data->pairs, .targets = data->targets};
    run(data, model);
    double loss = fi_loss_slopes(data->n_items, data->rewards, &answers, data->slopes);
    fi_backward(model, data->n_items, data->inputs, &data->pass, data->slopes, gradient);
    return loss;
}

/* ---- mini-batches ---- */

int fi_batches_init(fi_batches *batches, const fi_model *model, fi_data_set *whole, size_t size,
                    uint64_t seed) {
    *batches = (fi_batches){.whole = whole, .next = whole->count, .rng = fd_rng_seeded(seed)};
    if (size == 0 || size >= whole->count)
        return 0;
    size_t most = 2 * size < whole->n_items ? 2 * size : whole->n_items;
    batches->order = calloc(whole->count, sizeof(*batches->order));
    if (!batches->order)
        return -ENOMEM;
    int r = fd_row_numbering_init(&batches->items, whole->n_items, most);
    if (r < 0)
        return r;
    for (size_t i = 0; i < whole->count; i++)
        batches->order[i] = (uint32_t)i;
    r = allocate_answers(&batches->part, size);
    return r < 0 ? r : allocate_items(&batches->part, model, most);
}

void fi_batches_clear(fi_batches *batches) {
    fi_data_set_clear(&batches->part);
    free(batches->order);
    fd_row_numbering_clear(&batches->items);
}

static void shuffle(fd_rng *rng, size_t n, uint32_t *values) {
    for (size_t i = n; i > 1; i--) {
        size_t j = (size_t)fd_rng_below(rng, i);
        uint32_t swapped = values[i - 1];
        values[i - 1] = values[j];
        values[j] = swapped;
    }
}

fi_data_set *fi_batches_next(fi_batches *batches, const fi_model *model) {
    const fi_data_set *whole = batches->whole;
    fi_data_set *part = &batches->part;
    if (!batches->order)
        return batches->whole;
    if (batches->next + part->count > whole->count) {
        shuffle(&batches->rng, whole->count, batches->order);
        batches->next = 0;
    }
    for (size_t i = 0; i < part->count; i++) {
        uint32_t answer = batches->order[batches->next + i];
        part->pairs[i] = whole->pairs[answer];
        part->targets[i] = whole->targets[answer];
    }
    batches->next += part->count;
    fd_row_numbering_reset(&batches->items);
    number_items(&batches->items, part->count, part->pairs);
    part->n_items = batches->items.count;
    size_t width = fi_model_prepared_count(model);
    for (size_t i = 0; i < part->n_items; i++)
        memcpy(part->inputs + i * width, whole->inputs + batches->items.rows[i] * width,
               width * sizeof(float));
    return part;
}
