#include "data_set.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "loss.h"
#include "standardisation.h"

static int allocate_answers(fi_data_set *lesson, size_t count) {
    lesson->count = count;
    lesson->pairs = calloc(count + 1, sizeof(*lesson->pairs));
    lesson->targets = calloc(count + 1, sizeof(*lesson->targets));
    return lesson->pairs && lesson->targets ? 0 : -ENOMEM;
}

static int allocate_items(fi_data_set *lesson, const fi_model *model, size_t n_items) {
    lesson->n_items = n_items;
    lesson->inputs = calloc(n_items + 1, fi_model_prepared_count(model) * sizeof(*lesson->inputs));
    lesson->rewards = calloc(n_items + 1, sizeof(*lesson->rewards));
    lesson->slopes = calloc(n_items + 1, sizeof(*lesson->slopes));
    if (!lesson->inputs || !lesson->rewards || !lesson->slopes)
        return -ENOMEM;
    return fi_pass_init(model, n_items, &lesson->pass);
}

void fi_data_set_clear(fi_data_set *lesson) {
    free(lesson->pairs);
    free(lesson->targets);
    free(lesson->inputs);
    free(lesson->rewards);
    free(lesson->slopes);
    fi_pass_clear(&lesson->pass);
}

static bool is_in_range(size_t n_items, const fi_answers *answers) {
    for (size_t i = 0; i < answers->count; i++)
        if (answers->pairs[i].a >= n_items || answers->pairs[i].b >= n_items ||
            !(answers->targets[i] >= 0.0f && answers->targets[i] <= 1.0f))
            return false;
    return true;
}

/* Numbers the items that the pairs name in the order of their first use, rows gets them. */
static size_t number_items(size_t n_items, size_t count, fi_pair *pairs, uint32_t *numbers,
                           uint32_t *rows) {
    memset(numbers, 0xff, n_items * sizeof(*numbers));
    uint32_t found = 0;
    for (size_t i = 0; i < count; i++) {
        uint32_t *sides[] = {&pairs[i].a, &pairs[i].b};
        for (size_t side = 0; side < 2; side++) {
            uint32_t row = *sides[side];
            if (numbers[row] == UINT32_MAX) {
                rows[found] = row;
                numbers[row] = found++;
            }
            *sides[side] = numbers[row];
        }
    }
    return found;
}

int fi_data_set_init(fi_data_set *lesson, const fi_model *model, size_t n_items,
                     const float *embeddings, const fi_answers *answers) {
    if (!is_in_range(n_items, answers))
        return -EINVAL;
    FD_FREE uint32_t *numbers = calloc(n_items + 1, sizeof(*numbers));
    FD_FREE uint32_t *rows = calloc(n_items + 1, sizeof(*rows));
    int r = allocate_answers(lesson, answers->count);
    if (!numbers || !rows || r < 0)
        return -ENOMEM;
    for (size_t i = 0; i < answers->count; i++) {
        lesson->pairs[i] = answers->pairs[i];
        lesson->targets[i] = answers->targets[i];
    }
    r = allocate_items(lesson, model,
                       number_items(n_items, answers->count, lesson->pairs, numbers, rows));
    return r < 0 ? r : fi_prepare_rows(model, lesson->n_items, rows, embeddings, lesson->inputs);
}

static void run(fi_data_set *lesson, const fi_model *model) {
    const float *features = fi_forward(model, lesson->n_items, lesson->inputs, &lesson->pass);
    fi_model_rewards(model, lesson->n_items, features, lesson->rewards);
}

fi_fit fi_data_set_loss(fi_data_set *lesson, const fi_model *model) {
    fi_answers answers = {lesson->count, lesson->pairs, lesson->targets};
    run(lesson, model);
    return fi_evaluate(lesson->rewards, &answers);
}

double fi_data_set_gradient(fi_data_set *lesson, const fi_model *model, float *gradient) {
    fi_answers answers = {lesson->count, lesson->pairs, lesson->targets};
    run(lesson, model);
    double loss = fi_loss_slopes(lesson->n_items, lesson->rewards, &answers, lesson->slopes);
    fi_backward(model, lesson->n_items, lesson->inputs, &lesson->pass, lesson->slopes, gradient);
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
    batches->numbers = calloc(whole->n_items, sizeof(*batches->numbers));
    batches->rows = calloc(most, sizeof(*batches->rows));
    if (!batches->order || !batches->numbers || !batches->rows)
        return -ENOMEM;
    for (size_t i = 0; i < whole->count; i++)
        batches->order[i] = (uint32_t)i;
    int r = allocate_answers(&batches->part, size);
    return r < 0 ? r : allocate_items(&batches->part, model, most);
}

void fi_batches_clear(fi_batches *batches) {
    fi_data_set_clear(&batches->part);
    free(batches->order);
    free(batches->numbers);
    free(batches->rows);
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
    part->n_items =
        number_items(whole->n_items, part->count, part->pairs, batches->numbers, batches->rows);
    size_t width = fi_model_prepared_count(model);
    for (size_t i = 0; i < part->n_items; i++)
        memcpy(part->inputs + i * width, whole->inputs + batches->rows[i] * width,
               width * sizeof(float));
    return part;
}
