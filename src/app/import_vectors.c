/* Keeps embeddings by the ids of their items. */
#include "import_vectors.h"

#include <errno.h>
#include <string.h>
#define HASH_NONFATAL_OOM 1
#include <uthash.h>

struct fd_import_vector {
    char *id;
    float *numbers;
    size_t dimension;
    bool is_used;
    UT_hash_handle hh;
};

static void free_vector(struct fd_import_vector *vector) {
    free(vector->id);
    free(vector->numbers);
    free(vector);
}

void fd_import_vectors_clear(fd_import_vectors *vectors) {
    struct fd_import_vector *vector, *next;
    HASH_ITER(hh, vectors->list, vector, next) {
        HASH_DEL(vectors->list, vector);
        free_vector(vector);
    }
    *vectors = (fd_import_vectors){0};
}

static int add(fd_import_vectors *vectors, const char *id, struct fd_import_vector **ret) {
    struct fd_import_vector *vector = calloc(1, sizeof(*vector));
    if (!vector || !(vector->id = strdup(id))) {
        free(vector);
        return -ENOMEM;
    }
    HASH_ADD_KEYPTR(hh, vectors->list, vector->id, strlen(vector->id), vector);
    if (!vector->hh.tbl) {
        free_vector(vector);
        return -ENOMEM;
    }
    vectors->unused++;
    *ret = vector;
    return 0;
}

int fd_import_vectors_keep(fd_import_vectors *vectors, const fd_item_row *row) {
    struct fd_import_vector *vector;
    HASH_FIND_STR(vectors->list, row->id, vector);
    float *numbers = calloc(row->dimension, sizeof(*numbers));
    int r = numbers ? 0 : -ENOMEM;
    if (r == 0 && !vector)
        r = add(vectors, row->id, &vector);
    if (r < 0) {
        free(numbers);
        return r;
    }
    memcpy(numbers, row->embedding, row->dimension * sizeof(*numbers));
    free(vector->numbers);
    vector->numbers = numbers;
    vector->dimension = row->dimension;
    return 0;
}

bool fd_import_vectors_find(fd_import_vectors *vectors, fd_item_row *row) {
    struct fd_import_vector *vector;
    HASH_FIND_STR(vectors->list, row->id, vector);
    if (!vector)
        return false;
    vectors->unused -= !vector->is_used;
    vector->is_used = true;
    row->embedding = vector->numbers;
    row->dimension = vector->dimension;
    return true;
}
