/* Adds information by the components of the graph that has the items as nodes and pairs as edges.
 */
#include "component_information.h"

#include <cblas.h>
#include <errno.h>
#include <math.h>
#include <string.h>

#include "target_clones.h"

/* Items of a component. With more, the rows of R F cost as much as the product saves. */
enum { COMPONENT_MOST = 64 };

/* A pivot below this share of its diagonal is rounding: the last one of a component is 0. */
#define PIVOT_LEAST 1e-14

/* The items and pairs, sorted by component. */
struct components {
    size_t count;
    uint32_t *parents;   /* [m] while they are found; then the number of each item's component */
    uint32_t *places;    /* [m] the place of each item in its component */
    uint32_t *items;     /* [m] */
    size_t *item_starts; /* [count + 1] */
    uint32_t *pairs;     /* [n_pairs] */
    size_t *pair_starts; /* [count + 1] */
};

static void components_clear(struct components *components) {
    free(components->parents);
    free(components->places);
    free(components->items);
    free(components->item_starts);
    free(components->pairs);
    free(components->pair_starts);
}

static int allocate(struct components *components, size_t m, size_t n_pairs) {
    components->parents = calloc(m + 1, sizeof(*components->parents));
    components->places = calloc(m + 1, sizeof(*components->places));
    components->items = calloc(m + 1, sizeof(*components->items));
    components->item_starts = calloc(m + 2, sizeof(*components->item_starts));
    components->pairs = calloc(n_pairs + 1, sizeof(*components->pairs));
    components->pair_starts = calloc(m + 2, sizeof(*components->pair_starts));
    return components->parents && components->places && components->items &&
                   components->item_starts && components->pairs && components->pair_starts
               ? 0
               : -ENOMEM;
}

/* ---- components ---- */

static uint32_t root_of(uint32_t *parents, uint32_t item) {
    while (parents[item] != item) {
        parents[item] = parents[parents[item]];
        item = parents[item];
    }
    return item;
}

/* The root of a component is its first item. */
static void connect(struct components *components, const fi_distinct_items *distinct) {
    uint32_t *parents = components->parents;
    for (uint32_t i = 0; i < distinct->n_items; i++)
        parents[i] = i;
    for (size_t i = 0; i < distinct->n_pairs; i++) {
        uint32_t a = root_of(parents, distinct->pairs[i].a);
        uint32_t b = root_of(parents, distinct->pairs[i].b);
        parents[a > b ? a : b] = a > b ? b : a;
    }
    for (uint32_t i = 0; i < distinct->n_items; i++)
        parents[i] = parents[i] == i ? (uint32_t)components->count++ : parents[parents[i]];
}

/* Turns counts, which are shifted by one place, into starts. */
static void add_up(size_t *starts, size_t count) {
    for (size_t c = 0; c < count; c++)
        starts[c + 1] += starts[c];
}

/* Sorts items and pairs by counting. False if a component is too large. */
static bool sort(struct components *components, const fi_distinct_items *distinct) {
    const uint32_t *numbers = components->parents;
    for (uint32_t i = 0; i < distinct->n_items; i++) {
        size_t *count = &components->item_starts[numbers[i] + 1];
        if (*count == COMPONENT_MOST)
            return false;
        components->places[i] = (uint32_t)(*count)++;
    }
    for (size_t i = 0; i < distinct->n_pairs; i++)
        components->pair_starts[numbers[distinct->pairs[i].a] + 1]++;
    add_up(components->item_starts, components->count);
    add_up(components->pair_starts, components->count);
    for (uint32_t i = 0; i < distinct->n_items; i++)
        components->items[components->item_starts[numbers[i]] + components->places[i]] = i;
    for (size_t i = distinct->n_pairs; i-- > 0;) {
        size_t *end = &components->pair_starts[numbers[distinct->pairs[i].a] + 1];
        components->pairs[--*end] = (uint32_t)i;
    }
    /* Each start has moved one place on. */
    memmove(components->pair_starts, components->pair_starts + 1,
            components->count * sizeof(*components->pair_starts));
    components->pair_starts[components->count] = distinct->n_pairs;
    return true;
}

/* ---- one component ---- */

/* matrix [k x k] = the upper triangle of the Laplacian */
static void fill_laplacian(const struct components *components, size_t component,
                           const fi_distinct_items *distinct, const double *weights, size_t k,
                           double *matrix) {
    memset(matrix, 0, k * k * sizeof(*matrix));
    for (size_t at = components->pair_starts[component];
         at < components->pair_starts[component + 1]; at++) {
        fi_pair pair = distinct->pairs[components->pairs[at]];
        double weight = weights ? weights[components->pairs[at]] : 1.0;
        size_t a = components->places[pair.a], b = components->places[pair.b];
        if (a == b)
            continue;
        matrix[a * k + a] += weight;
        matrix[b * k + b] += weight;
        matrix[a < b ? a * k + b : b * k + a] -= weight;
    }
}

/* matrix = R, upper, with R' R the matrix; rows whose pivot is lost are 0. */
static void factor(size_t k, double *matrix) {
    double diagonal[COMPONENT_MOST];
    for (size_t j = 0; j < k; j++)
        diagonal[j] = matrix[j * k + j];
    for (size_t j = 0; j < k; j++) {
        double *row = matrix + j * k, pivot = row[j];
        double scale = pivot > PIVOT_LEAST * diagonal[j] ? 1.0 / sqrt(pivot) : 0.0;
        for (size_t i = j; i < k; i++)
            row[i] *= scale;
        for (size_t i = j + 1; i < k; i++)
            for (size_t l = i; l < k && row[i] != 0.0; l++)
                matrix[i * k + l] -= row[i] * row[l];
    }
}

static inline void add_item(size_t h, double scale, const float *row, const double *centre,
                            double *sum) {
#pragma omp simd
    for (size_t j = 0; j < h; j++)
        sum[j] += scale * ((double)row[j] - centre[j]);
}

/* sum [h] = row of R times the items of the component */
FI_CLONES static void combine(const fi_distinct_items *distinct, const uint32_t *items, size_t k,
                              const double *row, double *sum) {
    size_t h = distinct->n_features;
    for (size_t j = 0; j < h; j++)
        sum[j] = 0.0;
    for (size_t i = 0; i < k; i++)
        add_item(h, row[i], distinct->features + distinct->rows[items[i]] * h, distinct->centre,
                 sum);
}

/* ---- the sum ---- */

struct product {
    const fi_distinct_items *distinct;
    double *rows; /* [FI_BLOCK_ROWS x h] */
    size_t count;
    double *sum; /* [h x h] */
};

static void flush(struct product *product) {
    int h = (int)product->distinct->n_features;
    cblas_dsyrk(CblasRowMajor, CblasUpper, CblasTrans, h, (int)product->count, 1.0, product->rows,
                h, 1.0, product->sum, h);
    product->count = 0;
}

static void add_component(struct product *product, const uint32_t *items, size_t k,
                          const double *root) {
    size_t h = product->distinct->n_features;
    for (size_t j = 0; j < k; j++) {
        if (root[j * k + j] == 0.0)
            continue;
        if (product->count == FI_BLOCK_ROWS)
            flush(product);
        combine(product->distinct, items + j, k - j, root + j * k + j,
                product->rows + h * product->count++);
    }
}

int fi_information_add_components(fi_information *information, const fi_distinct_items *distinct,
                                  const double *weights) {
    size_t h = distinct->n_features;
    double root[COMPONENT_MOST * COMPONENT_MOST];
    FD_CLEANUP(components_clear) struct components components = {0};
    int r = allocate(&components, distinct->n_items, distinct->n_pairs);
    if (r < 0)
        return r;
    connect(&components, distinct);
    if (!sort(&components, distinct))
        return 1;
    FD_FREE double *rows = calloc(FI_BLOCK_ROWS, h * sizeof(*rows));
    FD_FREE double *sum = calloc(h, h * sizeof(*sum));
    if (!rows || !sum)
        return -ENOMEM;
    struct product product = {.distinct = distinct, .rows = rows, .sum = sum};
    for (size_t c = 0; c < components.count; c++) {
        size_t first = components.item_starts[c], k = components.item_starts[c + 1] - first;
        fill_laplacian(&components, c, distinct, weights, k, root);
        factor(k, root);
        add_component(&product, components.items + first, k, root);
    }
    flush(&product);
    for (size_t i = 0; i < h; i++)
        for (size_t j = 0; j < h; j++)
            information->matrix[i * h + j] += i <= j ? sum[i * h + j] : sum[j * h + i];
    return 0;
}
