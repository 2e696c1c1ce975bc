/* Writes the embedder of the items. */
#include "embedder_json.h"

#include <sodium.h>

enum { FINGERPRINT_SIZE = crypto_generichash_BYTES_MIN };

/* Of the vectors of the probes, so that two daemons can be compared by eye. */
static json_t *fingerprint_json(const fd_embedder_row *row) {
    unsigned char hash[FINGERPRINT_SIZE];
    char text[2 * FINGERPRINT_SIZE + 1];
    (void)crypto_generichash(hash, sizeof(hash), (const unsigned char *)row->probes,
                             row->n_probes * row->dimension * sizeof(float), NULL, 0);
    return json_string(sodium_bin2hex(text, sizeof(text), hash, sizeof(hash)));
}

json_t *fd_embedder_json(const fd_embedder_row *row) {
    return json_pack("{s:s, s:s, s:I, s:o}", "name", row->name, "template", row->template,
                     "dimension", (json_int_t)row->dimension, "fingerprint", fingerprint_json(row));
}
