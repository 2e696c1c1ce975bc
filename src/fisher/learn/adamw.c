/* The steps of AdamW. */
#include "adamw.h"

#include <errno.h>
#include <math.h>

#include "target_clones.h"

int fi_adamw_init(fi_adamw *adam, const fi_model *model, const fi_train_options *options) {
    *adam = (fi_adamw){.options = options,
                       .mean = calloc(model->parameter_count, sizeof(float)),
                       .square = calloc(model->parameter_count, sizeof(float))};
    return adam->mean && adam->square ? 0 : -ENOMEM;
}

void fi_adamw_clear(fi_adamw *adam) {
    free(adam->mean);
    free(adam->square);
}

FI_CLONES static void move(size_t count, float beta1, float beta2, float rate, float root,
                           float epsilon, const float *restrict gradient, float *restrict mean,
                           float *restrict square, float *restrict parameters) {
    for (size_t i = 0; i < count; i++) {
        mean[i] = beta1 * mean[i] + (1.0f - beta1) * gradient[i];
        square[i] = beta2 * square[i] + (1.0f - beta2) * gradient[i] * gradient[i];
        parameters[i] -= rate * mean[i] / (sqrtf(square[i]) * root + epsilon);
    }
}

static void decay(const fi_adamw *adam, fi_model *model) {
    float kept = (float)(1.0 - adam->options->learning_rate * adam->options->weight_decay);
    for (uint32_t l = 0; l <= model->shape.hidden_layers; l++) {
        fi_layer layer = fi_model_layer(model, l);
        for (size_t i = 0; i < layer.outputs * layer.inputs; i++)
            layer.weights[i] *= kept;
    }
}

void fi_adamw_step(fi_adamw *adam, fi_model *model, const float *gradient) {
    const fi_train_options *options = adam->options;
    double step = (double)++adam->step;
    double rate = options->learning_rate / (1.0 - pow(options->beta1, step));
    double root = 1.0 / sqrt(1.0 - pow(options->beta2, step));
    if (options->weight_decay > 0.0)
        decay(adam, model);
    move(model->parameter_count, (float)options->beta1, (float)options->beta2, (float)rate,
         (float)root, (float)options->epsilon, gradient, adam->mean, adam->square,
         model->parameters);
}
