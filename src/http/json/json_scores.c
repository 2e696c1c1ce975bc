/* Reads and writes scores of items. */
#include "json_scores.h"

#include <errno.h>
#include <math.h>
#include <string.h>

#include "text_rules.h"

static const char separators[] = ", \t";

/* ---- members ---- */

static int read_value(const json_t *value, const fd_path *at, double *ret, fd_fault *fault) {
    char why[FD_RULE_SIZE];
    *ret = NAN;
    if (json_is_null(value))
        return 0;
    double number = json_is_number(value) ? json_number_value(value) : NAN;
    if (fd_score_value_rule(number, why) < 0)
        return fd_json_fault(fault, at, "%s", why);
    *ret = number;
    return 0;
}

static int read_member(const char *name, const json_t *value, const fd_path *at,
                       fd_json_scores *ret, fd_fault *fault) {
    char why[FD_RULE_SIZE];
    const fd_path member = {.parent = at, .name = name};
    if (fd_score_name_rule(name, strlen(name), why) < 0)
        return fd_json_fault(fault, &member, "the name of a score %s", why);
    double number;
    int r = read_value(value, &member, &number, fault);
    if (r == 0)
        ret->list[ret->n++] = (fd_item_score){.name = name, .value = number};
    return r;
}

static int read_members(const json_t *scores, const fd_path *at, fd_json_scores *ret,
                        fd_fault *fault) {
    const char *name;
    json_t *value;
    if (!json_is_object(scores))
        return fd_json_fault(fault, at, "must be an object of numbers by name");
    if (json_object_size(scores) > FD_SCORE_NAMES_MAX)
        return fd_json_fault(fault, at, "has %zu scores; at most %d are allowed",
                             json_object_size(scores), FD_SCORE_NAMES_MAX);
    int first = 0;
    json_object_foreach((json_t *)scores, name, value) {
        if (fd_fault_stops(fault, read_member(name, value, at, ret, fault), &first))
            break;
    }
    return first;
}

/* Room for the scores of an object, and for as many more. */
static int make_room(fd_json_scores *scores, const json_t *object, size_t more) {
    size_t n = json_object_size(object);
    n = (n < FD_SCORE_NAMES_MAX ? n : FD_SCORE_NAMES_MAX) + more;
    scores->list = calloc(n ? n : 1, sizeof(*scores->list));
    return scores->list ? 0 : -ENOMEM;
}

int fd_json_scores_read(const json_t *value, const fd_path *at, fd_json_scores *ret,
                        fd_fault *fault) {
    *ret = (fd_json_scores){0};
    int r = make_room(ret, value, 0);
    return r < 0 ? r : read_members(value, at, ret, fault);
}

/* ---- metadata ---- */

/* The next key of a list, which moves on; NULL at its end. */
static const char *next_key(const char **keys, size_t *ret_size) {
    const char *key = *keys + strspn(*keys, separators);
    *ret_size = strcspn(key, separators);
    *keys = key + *ret_size;
    return *ret_size > 0 ? key : NULL;
}

/* The member of an object with a key that need not end with a NUL, and its own name. */
static json_t *find_member(const json_t *object, const char *key, size_t size,
                           const char **ret_name) {
    char name[FD_SCORE_NAME_MAX + 1];
    if (size >= sizeof(name))
        return NULL;
    memcpy(name, key, size);
    name[size] = '\0';
    json_t *value = json_object_get(object, name);
    if (value)
        *ret_name = json_object_iter_key(json_object_iter_at((json_t *)object, name));
    return value;
}

static int read_metadata(const json_t *scores, const json_t *metadata, const char *keys,
                         const fd_path *at, fd_json_scores *ret, fd_fault *fault) {
    const char *key;
    size_t size;
    int r = 0;
    for (size_t n = 0; r == 0 && n < FD_SCORE_NAMES_MAX; n++) {
        key = next_key(&keys, &size);
        if (!key)
            return 0;
        const char *name = NULL;
        const json_t *value = find_member(metadata, key, size, &name);
        if (!json_is_number(value) || json_object_get(scores, name))
            continue;
        r = read_member(name, value, at, ret, fault);
        if (r == 0)
            ret->list[ret->n - 1].for_new_items = true;
    }
    return r;
}

int fd_json_scores_of_item(const json_t *scores, const json_t *metadata, const char *keys,
                           const fd_path *at, fd_json_scores *ret, fd_fault *fault) {
    *ret = (fd_json_scores){0};
    bool has_keys = metadata && keys && keys[0] != '\0';
    if (!scores && !has_keys)
        return 0;
    int r = make_room(ret, scores, has_keys ? FD_SCORE_NAMES_MAX : 0);
    if (r == 0 && scores)
        r = read_members(scores, &(fd_path){.parent = at, .name = "scores"}, ret, fault);
    if (r == 0 && has_keys)
        r = read_metadata(scores, metadata, keys, &(fd_path){.parent = at, .name = "metadata"}, ret,
                          fault);
    return r;
}

int fd_json_score_keys_check(const char *keys, fd_fault *fault) {
    const char *key;
    size_t size, n = 0;
    while ((key = next_key(&keys, &size)) != NULL) {
        char why[FD_RULE_SIZE];
        if (fd_score_name_rule(key, size, why) < 0)
            return fd_fault_set(fault, -EINVAL, "", "\"%.*s\" cannot name a score: it %s",
                                (int)(size < 80 ? size : 80), key, why);
        if (++n > FD_SCORE_NAMES_MAX)
            return fd_fault_set(fault, -EINVAL, "", "a project has at most %d scores",
                                FD_SCORE_NAMES_MAX);
    }
    return 0;
}

/* ---- writing ---- */

json_t *fd_json_scores_write(const fd_item_score *scores, size_t n) {
    json_t *object = json_object();
    for (size_t i = 0; i < n; i++)
        if (json_object_set_new(object, scores[i].name, json_real(scores[i].value)) < 0) {
            json_decref(object);
            return NULL;
        }
    return object;
}
