/* Counts what jansson allocates, so that no tree grows past the memory budget. */
#include "json_memory.h"

#include <jansson.h>
#include <malloc.h>
#include <pthread.h>
#include <stdlib.h>

enum {
    STEP = 256 << 10, /* bytes that are asked for at once */
    LAST = 16 << 10,  /* bytes for the document that says that there are no more */
};

static _Thread_local fd_json_meter *current;
static _Thread_local bool has_failed;

static bool refuse(fd_json_meter *meter) {
    meter->allowed += meter->is_refused ? 0 : LAST;
    meter->is_refused = true;
    has_failed = true;
    return false;
}

bool fd_json_memory_take(size_t bytes) {
    fd_json_meter *meter = current;
    if (!meter)
        return true;
    size_t needed = meter->used + bytes;
    if (needed > meter->allowed) {
        size_t more = needed - meter->allowed;
        more = more < STEP ? STEP : more;
        if (meter->is_refused || !meter->take(meter->context, more))
            return refuse(meter);
        meter->allowed += more;
    }
    meter->used = needed;
    return true;
}

static void give_back(size_t bytes) {
    if (current)
        current->used -= bytes < current->used ? bytes : current->used;
}

static void *allocate(size_t size) {
    if (!fd_json_memory_take(size))
        return NULL;
    void *memory = malloc(size);
    has_failed |= !memory;
    size_t usable = memory ? malloc_usable_size(memory) : 0;
    if (!memory)
        give_back(size);
    else if (current)
        current->used += usable - size;
    return memory;
}

static void release(void *memory) {
    if (memory && current)
        give_back(malloc_usable_size(memory));
    free(memory);
}

static void set_functions(void) {
    json_set_alloc_funcs(allocate, release);
}

void fd_json_memory_open(void) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    (void)pthread_once(&once, set_functions);
}

void fd_json_meter_begin(fd_json_meter *meter) {
    current = meter;
}

void fd_json_meter_end(void) {
    current = NULL;
}

bool fd_json_memory_failed(void) {
    bool failed = has_failed;
    has_failed = false;
    return failed;
}
