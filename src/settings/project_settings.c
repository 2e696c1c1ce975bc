/* Reads, merges and writes the settings of the project. */
#include "project_settings.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

const char *const fd_trust_names[] = {
    [FD_TRUST_UNKNOWN] = "unknown",
    [FD_TRUST_TRUSTED] = "trusted",
    [FD_TRUST_INVERTED] = "inverted",
    NULL,
};

const char *const fd_better_length_names[] = {
    [FD_LENGTH_UNKNOWN] = "unknown",
    [FD_LENGTH_LONGER] = "longer",
    [FD_LENGTH_SHORTER] = "shorter",
    NULL,
};

static const fd_score_settings *find(const fd_project_settings *settings, const char *name) {
    for (size_t i = 0; i < settings->n_scores; i++)
        if (strcmp(settings->scores[i].name, name) == 0)
            return &settings->scores[i];
    return NULL;
}

fd_trust fd_project_settings_trust(const fd_project_settings *settings, const char *name) {
    const fd_score_settings *score = find(settings, name);
    return score ? score->trust : FD_TRUST_UNKNOWN;
}

bool fd_project_settings_are_same(const fd_project_settings *one,
                                  const fd_project_settings *other) {
    if (one->n_scores != other->n_scores || one->better_length != other->better_length)
        return false;
    for (size_t i = 0; i < one->n_scores; i++)
        if (strcmp(one->scores[i].name, other->scores[i].name) != 0 ||
            one->scores[i].trust != other->scores[i].trust)
            return false;
    return true;
}

/* ---- faults ---- */

/* A place in a patch: the members that lead to it, from the root. */
struct place {
    const char *members[3];
};

/* The bytes of a member's name that are shown: whole characters of UTF-8. */
static int shown(const char *name) {
    size_t n = strnlen(name, 81);
    if (n > 80)
        for (n = 80; n > 0 && ((unsigned char)name[n] & 0xc0) == 0x80;)
            n--;
    return (int)n;
}

enum { POINTER_SIZE = 512 };

/* ~ and / are escaped (RFC 6901). */
static void add_member(char pointer[static POINTER_SIZE], const char *name) {
    size_t used = strlen(pointer);
    pointer[used++] = '/';
    for (int i = 0; i < shown(name) && used + 3 < POINTER_SIZE; i++) {
        if (name[i] == '~' || name[i] == '/') {
            memcpy(pointer + used, name[i] == '~' ? "~0" : "~1", 2);
            used += 2;
        } else {
            pointer[used++] = name[i];
        }
    }
    pointer[used] = '\0';
}

static int refuse(fd_fault *fault, const struct place *at, const char *detail) {
    char pointer[POINTER_SIZE] = "";
    for (size_t i = 0; i < FD_LENGTH(at->members) && at->members[i]; i++)
        add_member(pointer, at->members[i]);
    return fd_fault_set(fault, -EINVAL, pointer, "%s", detail);
}

static int refuse_unknown(fd_fault *fault, const struct place *at, const char *name) {
    char detail[128];
    (void)snprintf(detail, sizeof(detail), "unknown member \"%.*s\"", shown(name), name);
    return refuse(fault, at, detail);
}

/* ---- merging ---- */

/* The place of a name in a list that begins with the default, which null stands for; -1: none. */
static int choice_of(const json_t *value, const char *const *names) {
    const char *text = json_string_value(value);
    if (json_is_null(value))
        return 0;
    for (int i = 0; text && names[i]; i++)
        if (strcmp(text, names[i]) == 0)
            return i;
    return -1;
}

static int merge_trust(fd_score_settings *score, const json_t *value, fd_fault *fault) {
    int choice = choice_of(value, fd_trust_names);
    score->trust = choice < 0 ? FD_TRUST_UNKNOWN : (fd_trust)choice;
    return choice < 0 ? refuse(fault, &(struct place){{"scores", score->name, "trust"}},
                               "must be \"unknown\", \"trusted\" or \"inverted\"")
                      : 0;
}

static int merge_better_length(fd_project_settings *settings, const json_t *value,
                               fd_fault *fault) {
    int choice = choice_of(value, fd_better_length_names);
    settings->better_length = choice < 0 ? FD_LENGTH_UNKNOWN : (fd_better_length)choice;
    return choice < 0 ? refuse(fault, &(struct place){{"better_length"}},
                               "must be \"unknown\", \"longer\" or \"shorter\"")
                      : 0;
}

static int merge_score(fd_score_settings *score, const json_t *patch, fd_fault *fault) {
    const char *name;
    json_t *value;
    if (!json_is_object(patch))
        return refuse(fault, &(struct place){{"scores", score->name}}, "must be an object or null");
    int first = 0;
    json_object_foreach((json_t *)patch, name, value) {
        int r = strcmp(name, "trust") == 0
                    ? merge_trust(score, value, fault)
                    : refuse_unknown(fault, &(struct place){{"scores", score->name, name}}, name);
        if (fd_fault_stops(fault, r, &first))
            break;
    }
    return first;
}

/* Takes the settings of a score out, and returns them; defaults if there are none. */
static fd_score_settings take_out(fd_project_settings *settings, const char *name, size_t *place) {
    fd_score_settings taken = {0};
    const fd_score_settings *found = find(settings, name);
    *place = found ? (size_t)(found - settings->scores) : settings->n_scores;
    (void)snprintf(taken.name, sizeof(taken.name), "%s", name);
    if (!found)
        return taken;
    taken = *found;
    settings->n_scores--;
    memmove(&settings->scores[*place], &settings->scores[*place + 1],
            (settings->n_scores - *place) * sizeof(taken));
    return taken;
}

static int put_in(fd_project_settings *settings, const fd_score_settings *score, size_t place,
                  fd_fault *fault) {
    if (settings->n_scores == FD_SCORE_NAMES_MAX)
        return refuse(fault, &(struct place){{"scores", score->name}},
                      "would be the settings of a 17th score; at most 16 are allowed");
    memmove(&settings->scores[place + 1], &settings->scores[place],
            (settings->n_scores - place) * sizeof(*score));
    settings->scores[place] = *score;
    settings->n_scores++;
    return 0;
}

/* Settings that are all defaults are not kept. */
static int merge_one(fd_project_settings *settings, const char *name, const json_t *patch,
                     fd_fault *fault) {
    char why[FD_RULE_SIZE], detail[FD_RULE_SIZE + 32];
    size_t place;
    if (fd_score_name_rule(name, strlen(name), why) < 0) {
        (void)snprintf(detail, sizeof(detail), "the name of a score %s", why);
        return refuse(fault, &(struct place){{"scores", name}}, detail);
    }
    fd_score_settings score = take_out(settings, name, &place);
    if (json_is_null(patch))
        return 0;
    int r = merge_score(&score, patch, fault);
    return r == 0 && score.trust != FD_TRUST_UNKNOWN ? put_in(settings, &score, place, fault) : r;
}

/* Whether a patch may add the settings of a score. */
static bool takes_room(const json_t *patch) {
    const char *trust = json_string_value(json_object_get(patch, "trust"));
    return trust && strcmp(trust, fd_trust_names[FD_TRUST_UNKNOWN]) != 0;
}

static int merge_scores(fd_project_settings *settings, const json_t *patch, fd_fault *fault) {
    const char *name;
    json_t *value;
    int first = 0;
    if (json_is_null(patch)) {
        settings->n_scores = 0;
        return 0;
    }
    if (!json_is_object(patch))
        return refuse(fault, &(struct place){{"scores"}}, "must be an object or null");
    /* Those that are taken out first, so that others have room. */
    for (int with_room = 0; with_room <= 1; with_room++)
        json_object_foreach((json_t *)patch, name, value) {
            if (takes_room(value) == (with_room == 1) &&
                fd_fault_stops(fault, merge_one(settings, name, value, fault), &first))
                return first;
        }
    return first;
}

int fd_project_settings_merge(fd_project_settings *settings, const json_t *patch, fd_fault *fault) {
    const char *name;
    json_t *value;
    int first = 0;
    if (!json_is_object(patch))
        return refuse(fault, &(struct place){{NULL}}, "must be an object");
    json_object_foreach((json_t *)patch, name, value) {
        int r = strcmp(name, "scores") == 0 ? merge_scores(settings, value, fault)
                : strcmp(name, "better_length") == 0
                    ? merge_better_length(settings, value, fault)
                    : refuse_unknown(fault, &(struct place){{name}}, name);
        if (fd_fault_stops(fault, r, &first))
            break;
    }
    return first;
}

/* ---- as text ---- */

int fd_project_settings_parse(const char *text, fd_project_settings *ret, fd_fault *fault) {
    json_error_t error;
    json_t *root = json_loads(text, JSON_REJECT_DUPLICATES, &error);
    fd_fault found = {0};
    *ret = (fd_project_settings){0};
    if (!root)
        return json_error_code(&error) == json_error_out_of_memory
                   ? -ENOMEM
                   : fd_fault_set(fault, -EBADMSG, "", "the settings of the project are not JSON");
    int r = fd_project_settings_merge(ret, root, &found);
    json_decref(root);
    return r < 0 ? fd_fault_set(fault, -EBADMSG, "", "the settings of the project: %s %s",
                                found.pointer, found.detail)
                 : 0;
}

static json_t *scores_json(const fd_project_settings *settings) {
    json_t *scores = json_object();
    for (size_t i = 0; i < settings->n_scores; i++) {
        const fd_score_settings *score = &settings->scores[i];
        json_t *one = json_pack("{s:s}", "trust", fd_trust_names[score->trust]);
        if (json_object_set_new(scores, score->name, one) < 0) {
            json_decref(scores);
            return NULL;
        }
    }
    return scores;
}

char *fd_project_settings_print(const fd_project_settings *settings) {
    /* A version before this one reads what has no better length. */
    const char *better = settings->better_length == FD_LENGTH_UNKNOWN
                             ? NULL
                             : fd_better_length_names[settings->better_length];
    json_t *root =
        json_pack("{s:s*, s:o}", "better_length", better, "scores", scores_json(settings));
    char *text = root ? json_dumps(root, JSON_COMPACT) : NULL;
    json_decref(root);
    return text;
}
