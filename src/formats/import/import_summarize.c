/*
 * The format "summarize": comparisons of two summaries, {"info": {…}, "summaries": [{"text",
 * "policy"}, …], "choice": 0 or 1, "worker"}. The prompt is made as the paper's models got it:
 * title, forum and post, or title and article.
 *
 * Source: the README of openai/summarize-from-feedback and its dataset card, 2020 to 2022.
 */
#include <stdio.h>

#include "import_formats.h"
#include "row_pair.h"

bool fd_import_fits_summarize(const json_t *row) {
    return json_is_array(json_object_get(row, "summaries")) && json_object_get(row, "choice") &&
           json_is_object(json_object_get(row, "info"));
}

static int read_prompt(fd_row_draft *draft, const json_t *info, const char **ret) {
    const char *title, *forum, *post, *article;
    char *prompt = NULL;
    draft->at = &(const fd_path){.name = "info"};
    int r = fd_row_text(draft, info, "title", false, &title);
    if (r == 0)
        r = fd_row_text(draft, info, "subreddit", false, &forum);
    if (r == 0)
        r = fd_row_text(draft, info, "article", false, &article);
    if (r == 0)
        r = fd_row_text(draft, info, "post", !article, &post);
    draft->at = NULL;
    if (r < 0)
        return r;
    int length =
        post ? asprintf(&prompt, "%s%s%s%s%s%sPOST: %s\n\nTL;DR:", forum ? "SUBREDDIT: r/" : "",
                        forum ? forum : "", forum ? "\n\n" : "", title ? "TITLE: " : "",
                        title ? title : "", title ? "\n\n" : "", post)
             : asprintf(&prompt, "%s%s%s\n\nTL;DR:", title ? title : "", title ? "\n\n" : "",
                        article);
    *ret = length < 0 ? NULL : prompt;
    return fd_row_own(draft, length < 0 ? NULL : prompt);
}

static int read_summary(fd_row_draft *draft, const json_t *summaries, size_t place,
                        fd_item_source *ret) {
    const json_t *summary = json_array_get(summaries, place);
    const char *policy;
    const fd_path list = {.name = "summaries"}, here = {.parent = &list, .index = place};
    ret->name = list.name;
    draft->at = &here;
    int r = fd_row_text(draft, summary, "text", true, &ret->response);
    if (r == 0)
        r = fd_row_text(draft, summary, "policy", false, &policy);
    draft->at = NULL;
    return r < 0 ? r : fd_row_model(draft, policy, &ret->metadata);
}

int fd_import_read_summarize(fd_row_draft *draft, const json_t *row) {
    fd_pair_source pair = {.label = FD_LABEL_UNKNOWN};
    const json_t *summaries = json_object_get(row, "summaries");
    const json_t *choice = json_object_get(row, "choice");
    json_int_t chosen = json_integer_value(choice);
    if (json_array_size(summaries) != 2)
        return fd_row_refuse(draft, "summaries", "must be two");
    if (!json_is_integer(choice) || chosen < 0 || chosen > 1)
        return fd_row_refuse(draft, "choice", "must be 0 or 1");
    pair.label.preference = chosen == 0 ? FD_PREFER_A : FD_PREFER_B;
    int r = read_prompt(draft, json_object_get(row, "info"), &pair.a.prompt);
    pair.b.prompt = pair.a.prompt;
    if (r == 0)
        r = read_summary(draft, summaries, 0, &pair.a);
    if (r == 0)
        r = read_summary(draft, summaries, 1, &pair.b);
    if (r == 0)
        r = fd_row_text(draft, row, "worker", false, &pair.label.annotator);
    return r < 0 ? r : fd_row_add_pair(draft, &pair);
}
