/* Reads recorded votes from JSON lines, and groups them by pair. */
#include "recorded_votes.h"

#include <errno.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "array.h"
#include "json_tree.h"

/* ---- items by id ---- */

struct named {
    const char *id;
    uint32_t item;
};

static int by_id(const void *a, const void *b) {
    return strcmp(((const struct named *)a)->id, ((const struct named *)b)->id);
}

struct reading {
    const char *path;
    FILE *file;
    size_t n_items;
    struct named *items; /* [n_items] by id */
    size_t line;
    fd_recorded_votes *votes;
    fd_fault *fault;
};

static void reading_clear(struct reading *reading) {
    free(reading->items);
    if (reading->file)
        (void)fclose(reading->file);
}

static int refuse(const struct reading *reading, const char *why) {
    return fd_fault_set(reading->fault, -EINVAL, "", "%s, line %zu: %s", reading->path,
                        reading->line, why);
}

static int find_item(const struct reading *reading, json_t *document, const char *member,
                     uint32_t *ret) {
    const struct named wanted = {json_string_value(json_object_get(document, member)), 0};
    const struct named *found = NULL;
    if (wanted.id)
        found = bsearch(&wanted, reading->items, reading->n_items, sizeof(wanted), by_id);
    if (!found)
        return fd_fault_set(reading->fault, -EINVAL, "",
                            "%s, line %zu: \"%s\" must be the id of an item", reading->path,
                            reading->line, member);
    *ret = found->item;
    return 0;
}

/* ---- lines ---- */

/* 0 for a skip, 1 for a vote. */
static int read_preference(const struct reading *reading, json_t *document, fd_side *ret) {
    static const char *const names[] = {
        [FD_SIDE_LEFT] = "a", [FD_SIDE_RIGHT] = "b", [FD_SIDE_NEITHER] = "tie"};
    const char *text = json_string_value(json_object_get(document, "preference"));
    if (!text)
        text = json_string_value(json_object_get(document, "preferred"));
    for (size_t i = 0; text && i < FD_LENGTH(names); i++)
        if (strcmp(text, names[i]) == 0) {
            *ret = (fd_side)i;
            return 1;
        }
    if (text && strcmp(text, "skip") == 0)
        return 0;
    return refuse(reading, "\"preference\" must be a, b, tie or skip");
}

static int take_line(struct reading *reading, const char *text, size_t length) {
    json_error_t error;
    fd_recorded_votes *votes = reading->votes;
    fd_vote vote = {.line = reading->line};
    FD_JSON json_t *document = json_loadb(text, length, JSON_REJECT_DUPLICATES, &error);
    if (!document)
        return refuse(reading, error.text);
    int r = find_item(reading, document, "a", &vote.left);
    if (r == 0)
        r = find_item(reading, document, "b", &vote.right);
    if (r == 0 && vote.left == vote.right)
        r = refuse(reading, "\"a\" and \"b\" are the same item");
    if (r == 0)
        r = read_preference(reading, document, &vote.preferred);
    if (r <= 0)
        return r;
    const char *annotator = json_string_value(json_object_get(document, "annotator"));
    json_t *duration = json_object_get(document, "duration_ms");
    vote.seconds = json_is_number(duration) ? json_number_value(duration) / 1000 : NAN;
    r = fd_array_reserve(&votes->votes, &votes->capacity, votes->n_votes + 1,
                         sizeof(*votes->votes));
    if (r < 0)
        return r;
    vote.annotator = strdup(annotator ? annotator : "annotator");
    if (!vote.annotator)
        return -ENOMEM;
    votes->votes[votes->n_votes++] = vote;
    return 0;
}

/* ---- pairs ---- */

static uint32_t low_of(const fd_vote *vote) {
    return vote->left < vote->right ? vote->left : vote->right;
}

static uint32_t high_of(const fd_vote *vote) {
    return vote->left < vote->right ? vote->right : vote->left;
}

static int by_pair(const void *a, const void *b) {
    const fd_vote *x = a, *y = b;
    if (low_of(x) != low_of(y))
        return low_of(x) < low_of(y) ? -1 : 1;
    if (high_of(x) != high_of(y))
        return high_of(x) < high_of(y) ? -1 : 1;
    return (x->line > y->line) - (x->line < y->line);
}

static int group(fd_recorded_votes *votes) {
    votes->pairs = calloc(votes->n_votes + 1, sizeof(*votes->pairs));
    if (!votes->pairs)
        return -ENOMEM;
    if (votes->n_votes > 0)
        qsort(votes->votes, votes->n_votes, sizeof(*votes->votes), by_pair);
    for (size_t i = 0; i < votes->n_votes; i++) {
        uint32_t low = low_of(&votes->votes[i]), high = high_of(&votes->votes[i]);
        fd_voted_pair *last = votes->n_pairs > 0 ? &votes->pairs[votes->n_pairs - 1] : NULL;
        if (last && last->low == low && last->high == high)
            last->count++;
        else
            votes->pairs[votes->n_pairs++] = (fd_voted_pair){low, high, i, 1};
    }
    return 0;
}

static int compare_pairs(const void *a, const void *b) {
    const fd_voted_pair *x = a, *y = b;
    if (x->low != y->low)
        return x->low < y->low ? -1 : 1;
    return (x->high > y->high) - (x->high < y->high);
}

const fd_voted_pair *fd_recorded_votes_find(const fd_recorded_votes *votes, uint32_t a,
                                            uint32_t b) {
    const fd_voted_pair wanted = {.low = a < b ? a : b, .high = a < b ? b : a};
    if (votes->n_pairs == 0)
        return NULL;
    return bsearch(&wanted, votes->pairs, votes->n_pairs, sizeof(wanted), compare_pairs);
}

double fd_vote_for_low(const fd_voted_pair *pair, const fd_vote *vote) {
    if (vote->preferred == FD_SIDE_NEITHER)
        return 0.5;
    return (vote->preferred == FD_SIDE_LEFT) == (vote->left == pair->low) ? 1 : 0;
}

void fd_recorded_votes_clear(fd_recorded_votes *votes) {
    for (size_t i = 0; i < votes->n_votes; i++)
        free(votes->votes[i].annotator);
    free(votes->votes);
    free(votes->pairs);
    memset(votes, 0, sizeof(*votes));
}

int fd_recorded_votes_read(const char *path, size_t n_items, char *const *ids,
                           fd_recorded_votes *ret, fd_fault *fault) {
    FD_CLEANUP(fd_recorded_votes_clear) fd_recorded_votes votes = {0};
    FD_CLEANUP(reading_clear)
    struct reading reading = {.path = path, .n_items = n_items, .votes = &votes, .fault = fault};
    FD_FREE char *text = NULL;
    size_t room = 0;
    ssize_t length;
    int r = 0;
    reading.file = fopen(path, "re");
    if (!reading.file)
        return fd_fault_set(fault, -errno, "", "%s cannot be opened: %s", path, strerror(errno));
    reading.items = calloc(n_items + 1, sizeof(*reading.items));
    if (!reading.items)
        return -ENOMEM;
    for (size_t i = 0; i < n_items; i++)
        reading.items[i] = (struct named){ids[i], (uint32_t)i};
    qsort(reading.items, n_items, sizeof(*reading.items), by_id);
    while (r == 0 && (length = getline(&text, &room, reading.file)) > 0) {
        reading.line++;
        r = take_line(&reading, text, (size_t)length);
    }
    if (r == 0 && ferror(reading.file))
        r = -EIO;
    if (r == 0 && votes.n_votes == 0)
        r = fd_fault_set(fault, -EINVAL, "", "%s has no votes", path);
    if (r == 0)
        r = group(&votes);
    if (r < 0)
        return r;
    *ret = votes;
    memset(&votes, 0, sizeof(votes));
    return 0;
}
