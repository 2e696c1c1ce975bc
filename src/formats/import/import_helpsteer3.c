/*
 * The format "helpsteer3": {"context": turns, "response1", "response2", "overall_preference"}. From
 * -3 (response 1 is much better) to 3 (response 2 is); 0 is a tie. How much better is kept in the
 * label's comment, since the model learns which response is better, and not by how much.
 *
 * Source: the dataset card of nvidia/HelpSteer3, 18 March 2025.
 */
#include <math.h>

#include "import_formats.h"
#include "import_turns.h"
#include "row_pair.h"

/* From -3 on. */
static const char *const comments[] = {
    "overall_preference -3", "overall_preference -2", "overall_preference -1", NULL,
    "overall_preference 1",  "overall_preference 2",  "overall_preference 3",
};

bool fd_import_fits_helpsteer3(const json_t *row) {
    return json_object_get(row, "response1") && json_object_get(row, "response2") &&
           json_object_get(row, "overall_preference");
}

int fd_import_read_helpsteer3(fd_row_draft *draft, const json_t *row) {
    fd_pair_source pair = {.a.name = "response1", .b.name = "response2", .label = FD_LABEL_UNKNOWN};
    double preference;
    int r = fd_row_prompt(draft, row, "context", true, &pair.a.prompt);
    pair.b.prompt = pair.a.prompt;
    if (r == 0)
        r = fd_row_response(draft, row, "response1", &pair.a.response);
    if (r == 0)
        r = fd_row_response(draft, row, "response2", &pair.b.response);
    if (r == 0)
        r = fd_row_number(draft, row, "overall_preference", &preference);
    if (r < 0)
        return r;
    if (!(preference >= -3 && preference <= 3 && preference == round(preference)))
        return fd_row_refuse(draft, "overall_preference", "must be an integer from -3 to 3");
    pair.label.preference = fd_preference_of(preference, 0);
    pair.label.comment = comments[(int)preference + 3];
    return fd_row_add_pair(draft, &pair);
}
