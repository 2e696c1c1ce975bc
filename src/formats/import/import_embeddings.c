/*
 * The format "embeddings": the output of OpenAI's batches with /v1/embeddings, {"custom_id",
 * "response": {"status_code", "body": {"data": [{"embedding": […]}]}}, "error"}. The custom_id is
 * the id of an item.
 *
 * Source: "Batch API" of the OpenAI documentation, 2024 and 2025.
 */
#include <string.h>

#include "import_formats.h"

bool fd_import_fits_embeddings(const json_t *row) {
    return json_object_get(row, "custom_id") && json_object_get(row, "response") &&
           json_object_get(row, "error");
}

int fd_import_read_embeddings(fd_row_draft *draft, const json_t *row) {
    const char *id;
    const json_t *response = json_object_get(row, "response");
    const json_t *data = json_object_get(json_object_get(response, "body"), "data");
    const json_t *embedding = json_object_get(json_array_get(data, 0), "embedding");
    json_int_t status = json_integer_value(json_object_get(response, "status_code"));
    int r = fd_row_text(draft, row, "custom_id", true, &id);
    if (r < 0)
        return r;
    if (status != 0 && status / 100 != 2)
        return fd_row_refuse(draft, "response", "is a failure: status %d", (int)status);
    if (!embedding || json_array_size(data) != 1)
        return fd_row_refuse(draft, "response", "must have one embedding");
    return fd_row_add_embedding(draft, id, embedding);
}
