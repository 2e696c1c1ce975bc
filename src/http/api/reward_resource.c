/* /v1/reward: rewards of texts, in the form in which OpenRLHF asks a remote reward model. */
#include <errno.h>

#include "block_memory.h"
#include "handlers.h"
#include "item_scores.h"
#include "json_read.h"
#include "json_write.h"
#include "problem.h"
#include "reward_texts.h"
#include "score_json.h"
#include "text_embeddings.h"
#include "text_rules.h"

enum { QUERIES_MAX = 4096, COPIES_OF_TEXTS = 2 };

struct reward_body {
    const json_t *query;
    const json_t *prompts;
    const json_t *labels;
};

#define AT(member) .offset = offsetof(struct reward_body, member)
static const fd_field reward_fields[] = {
    {"query", FD_FIELD_ARRAY, .required = true, AT(query), .min = 1, .max = QUERIES_MAX},
    {"prompts", FD_FIELD_ARRAY, .nullable = true, AT(prompts), .max = QUERIES_MAX},
    {"labels", FD_FIELD_ANY, .nullable = true, AT(labels)}, /* the trainer's own */
};
#undef AT

struct reward_query {
    fd_reward_marks marks;
    const char *style;
};

static const fd_parameter reward_parameters[] = {
    {"prompt_start", FD_PARAMETER_TEXT, offsetof(struct reward_query, marks.prompt_start), 0, 0},
    {"prompt_end", FD_PARAMETER_TEXT, offsetof(struct reward_query, marks.prompt_end), 0, 0},
    {"response_end", FD_PARAMETER_TEXT, offsetof(struct reward_query, marks.response_end), 0, 0},
    {"style", FD_PARAMETER_TEXT, offsetof(struct reward_query, style), 0, 0},
};

/* The texts of a request and their scores. */
struct answers {
    size_t n;
    fd_reward_texts *texts; /* [n] */
    fd_score *scores;       /* [n] */
    uint64_t version;
};

static void answers_clear(struct answers *answers) {
    for (size_t i = 0; answers->texts && i < answers->n; i++)
        fd_reward_texts_clear(&answers->texts[i]);
    free(answers->texts);
    free(answers->scores);
}

static int read_text(const json_t *list, const char *name, size_t index, const char **ret,
                     fd_fault *fault) {
    char why[FD_RULE_SIZE];
    const json_t *value = json_array_get(list, index);
    fd_path at = {.parent = &(fd_path){.name = name}, .index = index};
    if (!json_is_string(value))
        return fd_json_fault(fault, &at, "must be a string");
    if (fd_text_rule(json_string_value(value), json_string_length(value), why) < 0)
        return fd_json_fault(fault, &at, "%s", why);
    *ret = json_string_value(value);
    return 0;
}

static int read_texts(const struct reward_body *body, const fd_reward_marks *marks, size_t index,
                      fd_reward_texts *ret, fd_fault *fault) {
    const char *query = NULL, *prompt = NULL;
    int r = read_text(body->query, "query", index, &query, fault);
    if (r == 0 && body->prompts)
        r = read_text(body->prompts, "prompts", index, &prompt, fault);
    if (r == 0)
        r = fd_reward_texts_split(query, prompt, marks, ret);
    if (r == -EINVAL && fault->detail[0] == '\0')
        return fd_fault_set_at(fault, r, "query", index, NULL,
                               prompt ? "does not begin with its prompt"
                                      : "does not have the mark \"prompt_end\"");
    return r;
}

static int read_body(const fd_request *request, const fd_reward_marks *marks, struct answers *ret,
                     fd_fault *fault) {
    FD_JSON json_t *root = NULL;
    struct reward_body body = {0};
    int r = fd_json_read_body(request->body, request->body_size, reward_fields,
                              FD_LENGTH(reward_fields), &root, &body, fault);
    if (r == 0)
        r = fd_request_take_memory(request, COPIES_OF_TEXTS * request->body_size, fault);
    if (r < 0)
        return r;
    ret->n = json_array_size(body.query);
    if (body.prompts && json_array_size(body.prompts) != ret->n)
        return fd_json_fault(fault, &(fd_path){.name = "prompts"},
                             "has %zu elements; \"query\" has %zu", json_array_size(body.prompts),
                             ret->n);
    ret->texts = calloc(ret->n, sizeof(*ret->texts));
    ret->scores = calloc(ret->n, sizeof(*ret->scores));
    if (!ret->texts || !ret->scores)
        return -ENOMEM;
    for (size_t i = 0; i < ret->n && r == 0; i++)
        r = read_texts(&body, marks, i, &ret->texts[i], fault);
    return r;
}

/* Scores the answers from `first` on, as many as a request may embed. An empty response is embedded
 * too: a policy may write one. */
static int score_some(const fd_request *request, struct answers *answers, size_t first,
                      fd_fault *fault) {
    fd_item_reference references[FD_TEXTS_MAX] = {0};
    fd_inline_texts texts[FD_TEXTS_MAX] = {0};
    fd_wanted_embedding wanted[FD_TEXTS_MAX] = {0};
    size_t n = answers->n - first < FD_TEXTS_MAX ? answers->n - first : FD_TEXTS_MAX;
    for (size_t i = 0; i < n; i++) {
        const fd_reward_texts *from = &answers->texts[first + i];
        texts[i] = (fd_inline_texts){.prompt = from->prompt, .response = from->response};
        references[i].texts = &texts[i];
        wanted[i] = (fd_wanted_embedding){
            .texts = {from->prompt, from->response},
            .numbers = &references[i].embedding,
            .dimension = &references[i].dimension,
        };
    }
    int r = fd_text_embeddings_make(request, wanted, n, false, fault);
    if (r == 0)
        r = fd_item_scores(request, "query", references, n, answers->scores + first,
                           &answers->version, fault);
    for (size_t i = 0; i < n; i++)
        free((float *)references[i].embedding);
    return r;
}

static json_t *answers_json(const struct answers *answers, fd_style style) {
    FD_JSON json_t *rewards = json_array();
    FD_JSON json_t *scores = json_array();
    FD_JSON json_t *stddevs = json_array();
    FD_JSON json_t *contents = json_array();
    bool is_whole = true;
    for (size_t i = 0; i < answers->n; i++) {
        fd_score score = fd_score_in_style(&answers->scores[i], style);
        is_whole = json_array_append_new(rewards, fd_json_real(score.reward)) == 0 &&
                   json_array_append_new(scores, fd_json_real(fi_probability(score.reward))) == 0 &&
                   json_array_append_new(stddevs, fd_json_real(score.stddev)) == 0 &&
                   json_array_append_new(contents, fd_json_real(score.content)) == 0 && is_whole;
    }
    if (!is_whole)
        return NULL;
    return json_pack("{s:O, s:O, s:{s:O, s:O}, s:I}", "rewards", rewards, "scores", scores,
                     "extra_logs", "stddev", stddevs, "content", contents, "model_version",
                     (json_int_t)answers->version);
}

static int reward(const fd_request *request, const fd_reward_marks *marks, struct answers *answers,
                  fd_fault *fault) {
    if (!request->embedder)
        return fd_fault_set(fault, -EEXIST, "", "there is no embedder (option embedding-url)");
    int r = read_body(request, marks, answers, fault);
    fd_block_memory memory = {0};
    fd_request inner = fd_block_memory_request(&memory, request);
    for (size_t first = 0; first < answers->n && r == 0; first += FD_TEXTS_MAX) {
        fd_block_memory_next(&memory);
        r = score_some(&inner, answers, first, fault);
    }
    return r;
}

void fd_reward_post(const fd_request *request, fd_response *response) {
    struct reward_query query = {0};
    fd_style style;
    if (!fd_query_accept(&request->query, reward_parameters, FD_LENGTH(reward_parameters), &query,
                         response) ||
        !fd_score_style(query.style, &style, response))
        return;
    fd_fault fault = {0};
    FD_CLEANUP(answers_clear) struct answers answers = {0};
    int r = reward(request, &query.marks, &answers, &fault);
    if (r < 0)
        fd_problem_of(response, r, &fault);
    else
        fd_json_respond(response, 200, answers_json(&answers, style));
}
