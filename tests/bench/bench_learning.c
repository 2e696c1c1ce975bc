/*
 * Measures training, against matrix products and against the plain recipe of research code, in one
 * process. First the principal components of the inputs, against their exact eigendecomposition.
 * Then one step: a full-batch iteration with 10,000 answers, against the GEMMs that it cannot
 * avoid, which are those of the layers forward and backward without the gradient of the inputs.
 * Then a whole training: the time until a recipe reaches the held-out loss of 1,000 full-batch Adam
 * steps without decay, on answers about a random two-layer teacher. Last, learning as the daemon
 * does it, with the choice of the kind.
 */
#include <cblas.h>
#include <fisher/learn.h>
#include <lapacke.h>
#include <math.h>

#include "bench.h"
#include "macros.h"

enum { ANSWERS = 10000, HELD_OUT = 2000, WIDTH = 64, LAYERS = 3, TEACHER_WIDTH = 32, STEPS = 31 };
enum { PLAIN_STEPS = 1000, COMPONENTS = 128, EXACT_ROWS = 256 };

static const double teacher_spread = 3.0; /* standard deviation of the true rewards */

/* ---- the problem ---- */

struct bench {
    size_t n_items;
    size_t inputs;
    float *embeddings; /* [n_items x inputs] */
    fi_pair *pairs;    /* [ANSWERS + HELD_OUT] */
    float *targets;    /* [ANSWERS + HELD_OUT] */
    fi_model *model;
    double floor; /* held-out loss of the teacher itself */
    /* For the products alone: */
    float *weights;  /* [WIDTH x inputs] */
    float *gradient; /* [WIDTH x inputs] */
    float *hidden;   /* [n_items x WIDTH] */
    float *back;     /* [n_items x WIDTH] */
    float *product;  /* [n_items x WIDTH] */
};

static fi_model *new_model(const bench *state, uint32_t layers, uint32_t width, uint64_t seed) {
    fi_shape shape = {.inputs = (uint32_t)state->inputs,
                      .components = 0,
                      .hidden_layers = layers,
                      .hidden_width = width};
    fi_model *model = NULL;
    require(fi_model_new(&shape, seed, &model), "model");
    require(fi_model_fit_inputs(model, state->n_items, state->embeddings), "statistics");
    return model;
}

/* Makes a teacher with weights three times as large as those that training starts from, so that it
 * is far from linear, and scales its rewards [n_items]. */
static void ask_teacher(const bench *state, float *rewards) {
    fi_model *teacher = new_model(state, 2, TEACHER_WIDTH, 99);
    float *features = allocate(state->n_items * TEACHER_WIDTH, sizeof(float));
    size_t count;
    float *parameters = fi_model_parameters(teacher, &count);
    for (size_t i = 0; i < count; i++)
        parameters[i] *= 3.0f;
    require(fi_model_features(teacher, state->n_items, state->embeddings, NULL, features),
            "features");
    fi_model_rewards(teacher, state->n_items, features, rewards);

    double mean = 0.0, square = 0.0;
    for (size_t i = 0; i < state->n_items; i++) {
        mean += (double)rewards[i] / (double)state->n_items;
        square += (double)rewards[i] * (double)rewards[i] / (double)state->n_items;
    }
    float scale = (float)(teacher_spread / sqrt(square - mean * mean));
    for (size_t i = 0; i < state->n_items; i++)
        rewards[i] *= scale;
    free(features);
    fi_model_free(teacher);
}

static fi_answers learnt(const bench *state) {
    return (fi_answers){.count = ANSWERS, .pairs = state->pairs, .targets = state->targets};
}

static fi_answers held_out(const bench *state) {
    return (fi_answers){
        .count = HELD_OUT, .pairs = state->pairs + ANSWERS, .targets = state->targets + ANSWERS};
}

/* Makes pairs to learn from that name all items equally often. */
static void fill_covering_pairs(fd_rng *rng, size_t n_items, fi_pair *pairs) {
    uint32_t *order = allocate(n_items, sizeof(*order));
    for (size_t i = 0; i < n_items; i++)
        order[i] = (uint32_t)i;
    size_t next = n_items;
    for (size_t i = 0; i < ANSWERS; i++, next += 2) {
        if (next + 2 > n_items) {
            for (size_t j = n_items; j > 1; j--) {
                size_t other = (size_t)fd_rng_below(rng, j);
                uint32_t swapped = order[j - 1];
                order[j - 1] = order[other];
                order[other] = swapped;
            }
            next = 0;
        }
        pairs[i] = (fi_pair){order[next], order[next + 1]};
    }
    fill_pairs(rng, n_items, HELD_OUT, pairs + ANSWERS);
    free(order);
}

static void prepare(bench *state, size_t inputs, size_t n_items) {
    fd_rng rng = fd_rng_seeded(1);
    size_t count = ANSWERS + HELD_OUT;
    *state = (bench){.n_items = n_items, .inputs = inputs};
    state->embeddings = allocate(n_items * inputs, sizeof(float));
    state->pairs = allocate(count, sizeof(fi_pair));
    state->targets = allocate(count, sizeof(float));
    state->weights = allocate(WIDTH * inputs, sizeof(float));
    state->gradient = allocate(WIDTH * inputs, sizeof(float));
    state->hidden = allocate(n_items * WIDTH, sizeof(float));
    state->back = allocate(n_items * WIDTH, sizeof(float));
    state->product = allocate(n_items * WIDTH, sizeof(float));
    float *rewards = allocate(n_items, sizeof(float));
    fill_normal(&rng, n_items * inputs, state->embeddings);
    fill_normal(&rng, WIDTH * inputs, state->weights);
    fill_normal(&rng, n_items * WIDTH, state->hidden);
    fill_normal(&rng, n_items * WIDTH, state->back);
    fill_covering_pairs(&rng, n_items, state->pairs);
    ask_teacher(state, rewards);
    for (size_t i = 0; i < count; i++) {
        double logit = (double)rewards[state->pairs[i].a] - (double)rewards[state->pairs[i].b];
        state->targets[i] = fd_rng_uniform(&rng) < 1.0 / (1.0 + exp(-logit)) ? 1.0f : 0.0f;
    }
    fi_answers answers = held_out(state);
    state->floor = fi_evaluate(rewards, &answers).loss;
    state->model = new_model(state, LAYERS, WIDTH, 1);
    free(rewards);
}

static void release(bench *state) {
    free(state->embeddings);
    free(state->pairs);
    free(state->targets);
    free(state->weights);
    free(state->gradient);
    free(state->hidden);
    free(state->back);
    free(state->product);
    fi_model_free(state->model);
}

/* ---- principal components ---- */

static void fit_components(bench *state) {
    require(fi_model_fit_inputs(state->model, state->n_items, state->embeddings), "components");
}

/* Decomposes the correlation matrix of all items, which a model without components standardises. */
static void decompose(bench *state) {
    size_t inputs = state->inputs;
    int d = (int)inputs, found;
    fi_model *standard = new_model(state, 0, 0, 1);
    float *block = allocate(EXACT_ROWS * inputs, sizeof(float));
    float *product = allocate(inputs * inputs, sizeof(float));
    double *correlation = allocate(inputs * inputs, sizeof(double));
    double *vectors = allocate(COMPONENTS * inputs, sizeof(double));
    double *values = allocate(inputs, sizeof(double));
    int support[2 * COMPONENTS];
    for (size_t first = 0; first < state->n_items; first += EXACT_ROWS) {
        size_t count = state->n_items - first < EXACT_ROWS ? state->n_items - first : EXACT_ROWS;
        require(fi_model_prepare(standard, count, state->embeddings + first * inputs, block),
                "standardise");
        cblas_ssyrk(CblasRowMajor, CblasUpper, CblasTrans, d, (int)count, 1.0f, block, d, 1.0f,
                    product, d);
    }
    for (size_t i = 0; i < inputs * inputs; i++)
        correlation[i] = (double)product[i];
    require(LAPACKE_dsyevr(LAPACK_COL_MAJOR, 'V', 'I', 'L', d, correlation, d, 0.0, 0.0,
                           d - COMPONENTS + 1, d, 0.0, &found, values, vectors, d, support) == 0
                ? 0
                : -EIO,
            "eigenvectors");
    free(block);
    free(product);
    free(correlation);
    free(vectors);
    free(values);
    fi_model_free(standard);
}

static void report_components(size_t inputs, size_t n_items, double target) {
    bench state = {.n_items = n_items, .inputs = inputs};
    fi_shape shape = {.inputs = (uint32_t)inputs,
                      .components = COMPONENTS,
                      .hidden_layers = 0,
                      .hidden_width = 0};
    fd_rng rng = fd_rng_seeded(1);
    require(fi_model_new(&shape, 1, &state.model), "model");
    state.embeddings = allocate(n_items * inputs, sizeof(float));
    fill_normal(&rng, n_items * inputs, state.embeddings);
    double one = median(fit_components, &state, STEPS);
    double exact = time_once(decompose, &state);
    printf("D = %4zu, %6zu items: %d components %8.1f ms, exactly %9.1f ms, target %.0f ms  %s\n",
           inputs, n_items, COMPONENTS, one, exact, target, one <= target ? "met" : "MISSED");
    release(&state);
}

/* ---- a step ---- */

/* z = rows W', and the gradient of W from that of z. */
static void forward_and_back(bench *state, size_t fan_in, const float *rows) {
    int n = (int)state->n_items, k = (int)fan_in;
    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, n, WIDTH, k, 1.0f, rows, k, state->weights,
                k, 0.0f, state->product, WIDTH);
    cblas_sgemm(CblasRowMajor, CblasTrans, CblasNoTrans, WIDTH, k, n, 1.0f, state->back, WIDTH,
                rows, k, 0.0f, state->gradient, k);
}

static void products_of_a_step(bench *state) {
    forward_and_back(state, state->inputs, state->embeddings);
    for (int l = 1; l < LAYERS; l++) {
        forward_and_back(state, WIDTH, state->hidden);
        cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, (int)state->n_items, WIDTH, WIDTH,
                    1.0f, state->back, WIDTH, state->weights, WIDTH, 0.0f, state->product, WIDTH);
    }
}

struct stopwatch {
    bench *state;
    double last;
    uint32_t count;
    double steps[STEPS];
    double products[STEPS];
};

/* Measures a step and its products in turns. */
static int between_steps(void *context, const fi_train_progress *progress) {
    struct stopwatch *watch = context;
    (void)progress;
    watch->steps[watch->count] = milliseconds() - watch->last;
    watch->products[watch->count] = time_once(products_of_a_step, watch->state);
    watch->count++;
    watch->last = milliseconds();
    return 0;
}

static void report_step(size_t inputs, size_t n_items) {
    bench state;
    prepare(&state, inputs, n_items);
    struct stopwatch watch = {.state = &state};
    fi_train_options options = fi_train_defaults();
    options.batch_size = 0; /* a full-batch step */
    options.iterations = STEPS;
    options.progress = between_steps;
    options.context = &watch;
    fi_answers answers = learnt(&state);
    fi_train_result result;
    watch.last = milliseconds();
    require(fi_train(state.model, n_items, state.embeddings, &answers, NULL, &options, &result),
            "train");
    qsort(watch.steps, STEPS, sizeof(double), by_value);
    qsort(watch.products, STEPS, sizeof(double), by_value);
    double one = watch.steps[STEPS / 2], products = watch.products[STEPS / 2];
    printf("D = %4zu, %5zu items: step %8.3f ms, its GEMMs %8.3f ms, ratio %.2f, target 1.30  %s\n",
           inputs, n_items, one, products, one / products,
           one <= 1.3 * products ? "met" : "MISSED");
    release(&state);
}

/* ---- a whole training ---- */

typedef struct recipe {
    const char *name;
    uint32_t batch_size;
    double learning_rate;
    uint32_t patience;
} recipe;

static const recipe plain = {"all answers, 1e-3, never stops", 0, 1e-3, 0};
static const recipe others[] = {
    {"all answers, 1e-3", 0, 1e-3, 10},
    {"256 answers, 1e-3", 256, 1e-3, 10},
    {"256 answers, 5e-4", 256, 5e-4, 10},
    {"64 answers, 1e-3", 64, 1e-3, 10},
};

/* The held-out losses of a training, each with the first step after which it was known. */
struct path {
    double start;
    double goal;
    double reached; /* milliseconds until the goal; NAN before that */
    double lowest;
    double last;
};

static int along_the_path(void *context, const fi_train_progress *progress) {
    struct path *path = context;
    path->last = progress->held_out_loss;
    path->lowest = fmin(path->lowest, path->last);
    if (isnan(path->reached) && path->last <= path->goal)
        path->reached = milliseconds() - path->start;
    return 0;
}

/* Returns its time in milliseconds, with preparation and evaluations. */
static double follow(const bench *state, const recipe *chosen, struct path *path) {
    fi_train_options options = fi_train_defaults();
    options.weight_decay = 0.0;
    options.iterations = PLAIN_STEPS;
    options.batch_size = chosen->batch_size;
    options.learning_rate = chosen->learning_rate;
    options.patience = chosen->patience;
    options.progress = along_the_path;
    options.context = path;
    fi_answers learn = learnt(state), test = held_out(state);
    fi_train_result result;
    fi_model *model = NULL;
    path->reached = NAN;
    path->lowest = INFINITY;
    require(fi_model_copy(state->model, &model), "copy");
    path->start = milliseconds();
    require(fi_train(model, state->n_items, state->embeddings, &learn, &test, &options, &result),
            "train");
    double time = milliseconds() - path->start;
    fi_model_free(model);
    printf("%-32s %5u steps %9.0f ms, held-out loss %.4f", chosen->name, result.iterations, time,
           path->lowest);
    return time;
}

static void report_recipes(size_t inputs, size_t n_items) {
    bench state;
    prepare(&state, inputs, n_items);
    printf("D = %zu, %zu items, %d answers, %d held out; the teacher's own loss is %.4f\n", inputs,
           n_items, ANSWERS, HELD_OUT, state.floor);
    struct path path = {.goal = -INFINITY};
    double whole = follow(&state, &plain, &path);
    printf(" at its lowest, %.4f at the end\n", path.last);
    path.goal = path.lowest;
    for (size_t i = 0; i < FD_LENGTH(others); i++) {
        (void)follow(&state, &others[i], &path);
        double share = path.reached / whole;
        printf("; at the lowest above after %.0f ms, %.4f of all its time, target 0.1  %s\n",
               path.reached, share, share <= 0.1 ? "met" : "MISSED");
    }
    release(&state);
}

/* ---- learning ---- */

static void report_learning(size_t inputs, size_t n_items, size_t count) {
    bench state;
    prepare(&state, inputs, n_items);
    fi_learn_options options = {.shape = {.inputs = (uint32_t)inputs,
                                          .components = COMPONENTS,
                                          .hidden_layers = 2,
                                          .hidden_width = WIDTH},
                                .train = fi_train_defaults(),
                                .seed = 1};
    fi_answers answers = {.count = count, .pairs = state.pairs, .targets = state.targets};
    fi_learned learned;
    double start = milliseconds();
    require(fi_learn(n_items, state.embeddings, NULL, &answers, NULL, NULL, &options, &learned),
            "learn");
    double fresh = milliseconds() - start;
    start = milliseconds();
    fi_learned again;
    require(
        fi_learn(n_items, state.embeddings, NULL, &answers, learned.model, NULL, &options, &again),
        "learn");
    double kept = milliseconds() - start;
    bool network = fi_model_shape(learned.model)->hidden_layers > 0;
    printf(
        "D = %4zu, %5zu answers: %s after %4u steps, tried on %5zu, %8.1f ms, with the inputs of "
        "the model before %8.1f ms\n",
        inputs, count, network ? "network" : "linear", learned.iterations, learned.tried, fresh,
        kept);
    fi_model_free(learned.model);
    fi_model_free(again.model);
    release(&state);
}

int main(void) {
    openblas_set_num_threads(1);
    printf("%s kernels, %d thread; %d answers, %d hidden layers of %d\n", openblas_get_corename(),
           openblas_get_num_threads(), ANSWERS, LAYERS, WIDTH);
    report_components(1024, 7200, 200.0);
    report_components(4096, 100000, 2000.0);
    report_step(2048, 5000);
    report_step(2048, 10000);
    report_step(2048, 20000);
    report_step(512, 10000);
    report_recipes(512, 10000);
    report_recipes(2048, 10000);
    report_learning(512, 10000, 1000);
    report_learning(512, 10000, ANSWERS);
    report_learning(2048, 10000, 1000);
    report_learning(2048, 10000, ANSWERS);
    return 0;
}
