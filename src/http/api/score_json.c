/* Writes the score of an item. */
#include "score_json.h"

#include <string.h>

#include "json_write.h"
#include "problem.h"

fd_score fd_score_in_style(const fd_score *score, fd_style style) {
    fd_score shown = *score;
    if (style == FD_STYLE_EXCLUDE) {
        shown.reward = score->content;
        shown.stddev = score->content_stddev;
    }
    return shown;
}

json_t *fd_score_json(const fd_score *score) {
    return json_pack("{s:o, s:o, s:o, s:o}", "reward", fd_json_real(score->reward), "stddev",
                     fd_json_real(score->stddev), "content", fd_json_real(score->content),
                     "content_stddev", fd_json_real(score->content_stddev));
}

bool fd_score_style(const char *name, fd_style *ret, fd_response *response) {
    for (int style = 0; fd_style_names[style]; style++)
        if (!name || strcmp(name, fd_style_names[style]) == 0) {
            *ret = name ? (fd_style)style : FD_STYLE_INCLUDE;
            return true;
        }
    fd_problem(response, 400, "\"style\" must be \"include\" or \"exclude\"");
    return false;
}
