/* POST /v1/selections from its body to its response: every strategy on any pairs and embeddings. */
#include <stdlib.h>

#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static fd_engine *engine;
    if (!engine) {
        fuzz_be_quiet();
        engine = fuzz_engine_open();
    }
    fuzz_counts before = fuzz_count(engine);
    fd_response response = fuzz_call(fd_selections_post, engine, NULL, data, size);
    fuzz_counts after = fuzz_count(engine);
    assert(after.items == before.items && after.labels == before.labels);
    free(response.body);
    return 0;
}
