/* Checks the members of items and labels one by one. */
#include "item_rules.h"

#include <errno.h>
#include <fisher/model.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

typedef int text_rule(const char *text, size_t length, char why[static FD_RULE_SIZE]);

struct member {
    const char *name;
    const char *text; /* NULL: absent */
    text_rule *rule;
};

static int check_members(const struct member *members, size_t n, const char **ret_member,
                         char why[static FD_RULE_SIZE]) {
    for (size_t i = 0; i < n; i++) {
        const char *text = members[i].text;
        int r = text ? members[i].rule(text, strlen(text), why) : 0;
        *ret_member = members[i].name;
        if (r < 0)
            return r;
    }
    return 0;
}

static int check_embedding(const fd_item_row *row, char why[static FD_RULE_SIZE]) {
    if (row->dimension < 1 || row->dimension > FI_INPUTS_MAX) {
        (void)snprintf(why, FD_RULE_SIZE, "must have 1 to %d numbers, not %zu", FI_INPUTS_MAX,
                       row->dimension);
        return -EINVAL;
    }
    for (size_t i = 0; row->embedding && i < row->dimension; i++)
        if (!(fabsf(row->embedding[i]) <= FI_EMBEDDING_MAX)) {
            (void)snprintf(why, FD_RULE_SIZE, "has a number that is not finite or too large");
            return -EINVAL;
        }
    return 0;
}

static int check_scores(const fd_item_row *row, char why[static FD_RULE_SIZE]) {
    int r = 0;
    for (size_t i = 0; i < row->n_scores && r == 0; i++) {
        const fd_item_score *score = &row->scores[i];
        r = fd_score_name_rule(score->name, strlen(score->name), why);
        if (r == 0 && !isnan(score->value))
            r = fd_score_value_rule(score->value, why);
    }
    return r;
}

int fd_item_rule(const fd_item_row *row, const char **ret_member, char why[static FD_RULE_SIZE]) {
    const struct member members[] = {
        {"id", row->id, fd_id_rule},
        {"prompt_id", row->prompt_id, fd_id_rule},
        {"prompt", row->prompt, fd_text_rule},
        {"response", row->response, fd_text_rule},
        {"metadata", row->metadata, fd_metadata_rule},
    };
    int r = check_members(members, FD_LENGTH(members), ret_member, why);
    if (r < 0)
        return r;
    *ret_member = "scores";
    r = check_scores(row, why);
    if (r < 0)
        return r;
    *ret_member = "embedding";
    return check_embedding(row, why);
}

int fd_label_rule(const fd_label_row *row, const char **ret_member, char why[static FD_RULE_SIZE]) {
    const struct member members[] = {
        {"id", row->id, fd_id_rule},
        {"annotator", row->annotator, fd_id_rule},
        {"comment", row->comment, fd_text_rule},
    };
    return check_members(members, FD_LENGTH(members), ret_member, why);
}
