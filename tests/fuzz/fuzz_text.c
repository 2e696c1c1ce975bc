/* The features of any text: finite, in their ranges, and the same again. */
#include <math.h>
#include <string.h>

#include "fuzz.h"
#include "text_features.h"

/* The first byte cuts the others into a prompt and a response. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    const char *text = (const char *)data + 1;
    double values[FD_TEXT_FEATURES], again[FD_TEXT_FEATURES];
    if (size == 0)
        return 0;
    FD_CLEANUP(fd_text_extractor_freep) fd_text_extractor *extractor = NULL;
    int r = fd_text_extractor_new(&extractor);
    assert(r == 0);
    size_t cut = data[0] < size - 1 ? data[0] : size - 1, length = size - 1 - cut;
    r = fd_text_features(extractor, text, cut, text + cut, length, values);
    assert(r == 0);
    for (size_t i = 0; i < FD_TEXT_FEATURES; i++)
        assert(isfinite(values[i]));
    assert(values[FD_TEXT_LOG_LENGTH] >= 0 &&
           values[FD_TEXT_LOG_LENGTH] <= log((double)length + 1) + 1e-9);
    assert(values[FD_TEXT_LISTS] <= log(2) + values[FD_TEXT_LINES]);
    assert(values[FD_TEXT_WORD_LETTERS] >= 1);
    assert(values[FD_TEXT_OVERLAP] >= 0 && values[FD_TEXT_OVERLAP] < 1);
    assert(values[FD_TEXT_PUNCTUATION] >= 0 && values[FD_TEXT_PUNCTUATION] < 100);
    assert(values[FD_TEXT_TYPE_TOKEN] >= 0 &&
           values[FD_TEXT_TYPE_TOKEN] <= sqrt((double)length + 1));
    r = fd_text_features(extractor, text, cut, text + cut, length, again);
    assert(r == 0 && memcmp(values, again, sizeof(values)) == 0);
    return 0;
}
