/* Counts labels for the dataset card. */
#include "dataset_card.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HASH_NONFATAL_OOM 1
#include <uthash.h>

#include "array.h"

struct fd_card_name {
    uint64_t labels;
    UT_hash_handle hh;
    char name[];
};

/* How often each answer was given to two items, the one with the lower index first. */
struct fd_card_pair {
    uint32_t items[2];
    uint64_t answers[3]; /* the first, the second, a tie */
    UT_hash_handle hh;
};

struct fd_card_item {
    uint32_t index;
    UT_hash_handle hh;
};

void fd_dataset_card_open(fd_dataset_card *card) {
    *card = (fd_dataset_card){.first_version = -1, .last_version = -1};
}

#define FREE_ALL(type, head)                                                                       \
    do {                                                                                           \
        struct type *one_, *next_;                                                                 \
        HASH_ITER(hh, head, one_, next_) {                                                         \
            HASH_DEL(head, one_);                                                                  \
            free(one_);                                                                            \
        }                                                                                          \
    } while (0)

void fd_dataset_card_clear(fd_dataset_card *card) {
    FREE_ALL(fd_card_name, card->annotators);
    FREE_ALL(fd_card_name, card->prompts);
    FREE_ALL(fd_card_pair, card->pairs);
    FREE_ALL(fd_card_item, card->items);
    free(card->durations);
}

/* ---- one label ---- */

static int count_name(struct fd_card_name **names, const char *name) {
    struct fd_card_name *found;
    size_t size = strlen(name);
    HASH_FIND(hh, *names, name, size, found);
    if (!found) {
        found = calloc(1, sizeof(*found) + size + 1);
        if (!found)
            return -ENOMEM;
        memcpy(found->name, name, size + 1);
        HASH_ADD_KEYPTR(hh, *names, found->name, size, found);
        if (!found->hh.tbl) {
            free(found);
            return -ENOMEM;
        }
    }
    found->labels++;
    return 0;
}

static int count_item(fd_dataset_card *card, uint32_t index) {
    struct fd_card_item *found;
    HASH_FIND(hh, card->items, &index, sizeof(index), found);
    if (found)
        return 0;
    found = calloc(1, sizeof(*found));
    if (!found)
        return -ENOMEM;
    found->index = index;
    HASH_ADD(hh, card->items, index, sizeof(found->index), found);
    if (found->hh.tbl)
        return 0;
    free(found);
    return -ENOMEM;
}

static int count_pair(fd_dataset_card *card, const fd_label_row *label) {
    bool is_turned = label->item_a > label->item_b;
    const uint32_t items[2] = {is_turned ? label->item_b : label->item_a,
                               is_turned ? label->item_a : label->item_b};
    struct fd_card_pair *found;
    HASH_FIND(hh, card->pairs, items, sizeof(items), found);
    if (!found) {
        found = calloc(1, sizeof(*found));
        if (!found)
            return -ENOMEM;
        memcpy(found->items, items, sizeof(items));
        HASH_ADD(hh, card->pairs, items, sizeof(found->items), found);
        if (!found->hh.tbl) {
            free(found);
            return -ENOMEM;
        }
    }
    if (label->preference == FD_PREFER_TIE)
        found->answers[2]++;
    else
        found->answers[(label->preference == FD_PREFER_B) != is_turned]++;
    return 0;
}

static void count_strategy(fd_dataset_card *card, const char *name) {
    size_t i = 0;
    while (i < card->n_strategies && strcmp(card->strategies[i].name, name) != 0)
        i++;
    if (i == FD_CARD_STRATEGIES_MAX)
        return;
    if (i == card->n_strategies)
        (void)snprintf(card->strategies[card->n_strategies++].name,
                       sizeof(card->strategies[0].name), "%s", name);
    card->strategies[i].labels++;
}

/* How the pair was chosen, and what the model thought then. */
static void count_choice(fd_dataset_card *card, const fd_labelled_pair *pair) {
    const fd_assignment_row *assignment = &pair->assignment;
    fd_preference preference = pair->label.preference;
    bool is_decided = preference != FD_PREFER_TIE;
    fd_card_arm *arm = &card->arms[!assignment->id ? 2 : assignment->control ? 1 : 0];
    arm->labels++;
    if (!assignment->id)
        return;
    if (is_decided && isfinite(assignment->p) && assignment->p != 0.5) {
        arm->asked++;
        arm->agreeing += (assignment->p > 0.5) == (preference == FD_PREFER_A);
    }
    if (is_decided && assignment->swapped >= 0) {
        card->sided++;
        card->left += (assignment->swapped == 1) == (preference == FD_PREFER_B);
    }
    if (assignment->strategy && !assignment->control)
        count_strategy(card, assignment->strategy);
    int64_t version = assignment->model_version;
    if (version >= 0 && (card->first_version < 0 || version < card->first_version))
        card->first_version = version;
    if (version > card->last_version)
        card->last_version = version;
}

static int count_duration(fd_dataset_card *card, int64_t duration_ms) {
    if (duration_ms < 0)
        return 0;
    int r = fd_array_reserve(&card->durations, &card->durations_capacity, card->n_durations + 1,
                             sizeof(*card->durations));
    if (r == 0)
        card->durations[card->n_durations++] = duration_ms;
    return r;
}

int fd_dataset_card_add(fd_dataset_card *card, const fd_labelled_pair *pair) {
    const fd_label_row *label = &pair->label;
    card->by_preference[label->preference]++;
    if (label->preference == FD_PREFER_SKIP || label->preference == FD_PREFER_RETRACTED)
        return 0;
    card->corrected += label->revision > 0;
    if (card->first_ms == 0 || label->created_ms < card->first_ms)
        card->first_ms = label->created_ms;
    if (label->created_ms > card->last_ms)
        card->last_ms = label->created_ms;
    count_choice(card, pair);
    int r = count_name(&card->annotators, label->annotator);
    if (r == 0)
        r = count_name(&card->prompts, pair->a.prompt_id);
    if (r == 0)
        r = count_name(&card->prompts, pair->b.prompt_id);
    if (r == 0)
        r = count_item(card, label->item_a);
    if (r == 0)
        r = count_item(card, label->item_b);
    if (r == 0)
        r = count_pair(card, label);
    return r < 0 ? r : count_duration(card, label->duration_ms);
}

/* ---- figures ---- */

fd_card_agreement fd_dataset_card_agreement(const fd_dataset_card *card) {
    fd_card_agreement agreement = {.alpha = NAN};
    double of_answer[3] = {0}, disagreeing = 0, total = 0;
    for (const struct fd_card_pair *pair = card->pairs; pair; pair = pair->hh.next) {
        uint64_t n = pair->answers[0] + pair->answers[1] + pair->answers[2], same = 0;
        if (n < 2)
            continue;
        for (int i = 0; i < 3; i++) {
            same += pair->answers[i] * (pair->answers[i] - (pair->answers[i] > 0)) / 2;
            of_answer[i] += (double)pair->answers[i];
        }
        uint64_t couples = n * (n - 1) / 2;
        agreement.pairs++;
        agreement.couples += couples;
        agreement.agreeing += same;
        disagreeing += 2 * (double)(couples - same) / (double)(n - 1);
        total += (double)n;
    }
    double expected = total * total;
    for (int i = 0; i < 3; i++)
        expected -= of_answer[i] * of_answer[i];
    if (expected > 0)
        agreement.alpha = 1 - (total - 1) * disagreeing / expected;
    return agreement;
}

fd_card_sizes fd_dataset_card_sizes(const fd_dataset_card *card) {
    return (fd_card_sizes){HASH_COUNT(card->annotators), HASH_COUNT(card->pairs),
                           HASH_COUNT(card->items), HASH_COUNT(card->prompts)};
}

static int by_labels(const void *a, const void *b) {
    const fd_card_annotator *first = a, *second = b;
    if (first->labels != second->labels)
        return first->labels < second->labels ? 1 : -1;
    return strcmp(first->name, second->name);
}

int fd_dataset_card_annotators(const fd_dataset_card *card, fd_card_annotator **ret,
                               size_t *ret_n) {
    size_t n = HASH_COUNT(card->annotators), i = 0;
    fd_card_annotator *list = calloc(n ? n : 1, sizeof(*list));
    if (!list)
        return -ENOMEM;
    for (const struct fd_card_name *one = card->annotators; one; one = one->hh.next)
        list[i++] = (fd_card_annotator){one->name, one->labels};
    qsort(list, n, sizeof(*list), by_labels);
    *ret = list;
    *ret_n = n;
    return 0;
}
