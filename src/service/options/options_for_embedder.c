/* Turns the daemon's options into an embedder. */
#include "options_for_embedder.h"

#include "secret.h"

int fd_options_open_embedder(const fd_options *options, fd_embedder **ret, fd_fault *fault) {
    FD_FREE char *key = NULL;
    int r = fd_secret_path(options->embedding_key, "embedding-key", "", &key);
    if (r < 0)
        return r;
    const fd_embedder_options embedder = {
        .url = options->embedding_url,
        .command = options->embedding_command,
        .model = options->embedding_model,
        .key_file = key,
        .template = options->embedding_template,
        .base64 = options->embedding_encoding == 1,
        .batch = (size_t)options->embedding_batch,
        .requests = (size_t)options->embedding_requests,
        .seconds = options->embedding_seconds,
        .retries = (unsigned)options->embedding_retries,
    };
    return fd_embedder_open(&embedder, ret, fault);
}
