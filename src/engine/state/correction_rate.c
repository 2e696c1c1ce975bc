/* Counts corrections by annotator, in minutes on the steady clock. */
#include "correction_rate.h"

#include <errno.h>
#include <string.h>

#include "array.h"
#include "engine_state.h"
#include "thread.h"

static const int64_t minute_ms = 60000;

struct window {
    int64_t start_ms;
    uint32_t count;
};

struct fd_correction_rate {
    pthread_mutex_t lock;
    size_t capacity; /* guarded by lock, like the next one */
    struct window *by_annotator;
};

int fd_correction_rate_new(fd_engine *engine) {
    struct fd_correction_rate *rate = calloc(1, sizeof(*rate));
    if (!rate)
        return -ENOMEM;
    (void)pthread_mutex_init(&rate->lock, NULL);
    engine->correction_rate = rate;
    return 0;
}

void fd_correction_rate_free(fd_engine *engine) {
    struct fd_correction_rate *rate = engine->correction_rate;
    if (!rate)
        return;
    (void)pthread_mutex_destroy(&rate->lock);
    free(rate->by_annotator);
    free(rate);
}

static int reserve(struct fd_correction_rate *rate, uint32_t annotator) {
    size_t before = rate->capacity;
    int r = fd_array_reserve(&rate->by_annotator, &rate->capacity, (size_t)annotator + 1,
                             sizeof(*rate->by_annotator));
    if (r == 0 && rate->capacity > before)
        memset(rate->by_annotator + before, 0,
               (rate->capacity - before) * sizeof(*rate->by_annotator));
    return r;
}

int fd_correction_rate_count(fd_engine *engine, const char *annotator, unsigned *ret_wait) {
    struct fd_correction_rate *rate = engine->correction_rate;
    uint32_t most = engine->options.corrections_per_minute;
    uint32_t number = fd_annotators_find(engine->annotators, annotator);
    int64_t now_ms = fd_engine_steady_ms(engine);
    if (most == 0 || number == FD_NOBODY) /* somebody without a label has nothing to correct */
        return 0;
    FD_LOCKED(&rate->lock);
    int r = reserve(rate, number);
    if (r < 0)
        return r;
    struct window *window = &rate->by_annotator[number];
    if (window->count == 0 || now_ms - window->start_ms >= minute_ms)
        *window = (struct window){.start_ms = now_ms};
    if (window->count >= most) {
        *ret_wait = (unsigned)((window->start_ms + minute_ms - now_ms + 999) / 1000);
        return -EBUSY;
    }
    window->count++;
    return 0;
}
