/*
 * Measures the features of texts, in microseconds for a kilobyte of the response: of pages in
 * several scripts, of short and long ones, and of a mebibyte that was made to be slow.
 */
#include "bench.h"
#include "text_features.h"

enum { RUNS = 15, MEBIBYTE = 1 << 20, KILOBYTE = 1000 };

struct bench {
    fd_text_extractor *extractor;
    char *text;
    size_t size;
    size_t times;
};

static void compute(bench *state) {
    double values[FD_TEXT_FEATURES];
    for (size_t i = 0; i < state->times; i++)
        require(
            fd_text_features(state->extractor, state->text, 100, state->text, state->size, values),
            "features");
}

static void fill(bench *state, const char *part, size_t size) {
    state->size = size;
    state->times = 1 + MEBIBYTE / size;
    for (size_t i = 0; i < size; i++)
        state->text[i] = part[i % strlen(part)];
}

/* Words of letters drawn at random, so that deflate has something to do. */
static void draw(bench *state, size_t letters, size_t size) {
    fd_rng rng = fd_rng_seeded(1);
    state->size = size;
    state->times = 1 + MEBIBYTE / size;
    for (size_t i = 0; i < size; i++)
        state->text[i] =
            fd_rng_below(&rng, 6) == 0 ? ' ' : (char)('a' + fd_rng_below(&rng, letters));
}

/* Of the processor, in microseconds: other work on the machine does not count. */
static double microseconds(bench *state) {
    double times[RUNS];
    for (int i = 0; i < RUNS; i++) {
        struct timespec before, after;
        clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &before);
        compute(state);
        clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &after);
        times[i] = (double)(after.tv_sec - before.tv_sec) * 1e6 +
                   (double)(after.tv_nsec - before.tv_nsec) * 1e-3;
    }
    qsort(times, RUNS, sizeof(times[0]), by_value);
    return times[RUNS / 2];
}

static void print(bench *state, const char *what) {
    double took = microseconds(state);
    printf("%-40s %8zu bytes %9.2f us/kB\n", what, state->size,
           took * KILOBYTE / (double)(state->times * state->size));
}

int main(void) {
    static const char english[] = "The quick brown fox jumps over 13 lazy dogs; who counts them?\n";
    static const char chinese[] = "\xe8\xbf\x99\xe6\x98\xaf\xe4\xb8\x80\xe6\x9c\xac\xe4\xb9\xa6\xef"
                                  "\xbc\x8c\xe5\xbe\x88\xe5\xa5\xbd\xe3\x80\x82";
    bench state = {.text = allocate(MEBIBYTE, 1)};
    require(fd_text_extractor_new(&state.extractor), "memory");
    draw(&state, 26, 200);
    print(&state, "random words");
    draw(&state, 26, 2000);
    print(&state, "random words");
    draw(&state, 26, MEBIBYTE);
    print(&state, "random words");
    draw(&state, 2, MEBIBYTE);
    print(&state, "random words of two letters");
    fill(&state, english, 2000);
    print(&state, "a sentence again and again");
    fill(&state, chinese, 2000);
    print(&state, "a Chinese sentence again and again");
    fill(&state, "a ", MEBIBYTE);
    print(&state, "words of one letter");
    fill(&state, "\xe4\xb9\xa6", MEBIBYTE);
    print(&state, "one Chinese character");
    fd_text_extractor_free(state.extractor);
    free(state.text);
    return 0;
}
