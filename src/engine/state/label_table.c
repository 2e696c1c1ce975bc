/* The label table: adds revisions and keeps the counts that follow from them. */
#include "label_table.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "array.h"

/* ---- claims ---- */

enum { CLAIMS_LEAST = 64 };

static size_t first_claim(const fd_claims *claims, uint64_t assignment) {
    return (size_t)(assignment * 0x9e3779b97f4a7c15u >> 20) & (claims->n_slots - 1);
}

/* The slot of an assignment, or the empty one that it would get. */
static uint32_t *claim_of(const fd_claims *claims, const fd_label_revision *revisions,
                          uint64_t assignment) {
    size_t i = first_claim(claims, assignment);
    while (claims->slots[i] > 0 && revisions[claims->slots[i] - 1].assignment != assignment)
        i = (i + 1) & (claims->n_slots - 1);
    return &claims->slots[i];
}

static int enlarge_claims(const fd_label_table *table, size_t extra, fd_claims *ret) {
    const fd_claims *claims = &table->claims;
    size_t n_slots = claims->n_slots > 0 ? claims->n_slots : CLAIMS_LEAST;
    while ((claims->used + extra) * 4 > n_slots * 3)
        n_slots *= 2;
    *ret = (fd_claims){0};
    if (n_slots == claims->n_slots)
        return 0;
    fd_claims larger = {n_slots, claims->used, calloc(n_slots, sizeof(*larger.slots))};
    if (!larger.slots)
        return -ENOMEM;
    for (size_t i = 0; i < claims->n_slots; i++)
        if (claims->slots[i] > 0)
            *claim_of(&larger, table->revisions,
                      table->revisions[claims->slots[i] - 1].assignment) = claims->slots[i];
    *ret = larger;
    return 0;
}

/* ---- room ---- */

int fd_label_room_new(const fd_label_table *table, size_t extra, fd_label_room *ret) {
    *ret = (fd_label_room){0};
    int r = fd_pair_set_enlarge(&table->labelled, extra, &ret->labelled);
    if (r == 0)
        r = enlarge_claims(table, extra, &ret->claims);
    if (r < 0)
        fd_label_room_clear(ret);
    return r;
}

void fd_label_room_exchange(fd_label_table *table, fd_label_room *room) {
    fd_claims before = table->claims;
    fd_pair_set_exchange(&table->labelled, &room->labelled);
    if (room->claims.n_slots == 0)
        return;
    table->claims = room->claims;
    room->claims = before;
}

void fd_label_room_clear(fd_label_room *room) {
    fd_pair_set_clear(&room->labelled);
    free(room->claims.slots);
    room->claims = (fd_claims){0};
}

int fd_label_table_reserve(fd_label_table *table, size_t extra) {
    fd_label_room room = {0};
    int r = fd_array_reserve(&table->revisions, &table->capacity, table->count + extra,
                             sizeof(fd_label_revision));
    if (r == 0)
        r = fd_label_room_new(table, extra, &room);
    if (r < 0)
        return r;
    fd_label_room_exchange(table, &room);
    fd_label_room_clear(&room);
    if (table->count + extra > table->reserved)
        table->reserved = table->count + extra;
    return 0;
}

/* ---- revisions ---- */

fd_label_revision fd_label_revision_of(const fd_label_row *row, uint32_t label,
                                       uint32_t annotator) {
    return (fd_label_revision){
        .pair = {row->item_a, row->item_b},
        .label = label,
        .annotator = annotator,
        .preference = (uint8_t)row->preference,
        .information = fd_information_change(FD_PREFER_RETRACTED, row->preference),
        .created_ms = row->created_ms,
        .duration_ms = row->duration_ms,
    };
}

/* Gives a new label, which is the next revision, its origin, unless another one has it. */
static void claim_origin(fd_label_table *table, fd_label_revision *label, fd_origin origin) {
    label->origin = FD_ORIGIN_NONE;
    label->assignment = 0;
    if (origin.arm_and_p == FD_ORIGIN_NONE)
        return;
    uint32_t *claim = claim_of(&table->claims, table->revisions, origin.number);
    if (*claim > 0)
        return;
    *claim = (uint32_t)(label - table->revisions) + 1;
    table->claims.used++;
    label->origin = (uint16_t)(origin.arm_and_p | (origin.swapped ? FD_ORIGIN_SWAPPED : 0));
    label->assignment = origin.number;
}

void fd_label_table_add(fd_label_table *table, const fd_label_revision *revision,
                        fd_origin origin) {
    assert(table->count < table->capacity && revision->label <= table->count);
    fd_label_revision *first = &table->revisions[revision->label];
    bool is_first = revision->label == table->count;
    fd_preference before = is_first ? FD_PREFER_RETRACTED : (fd_preference)first->newest;
    fd_preference after = (fd_preference)revision->preference;

    fd_label_revision *added = &table->revisions[table->count++];
    *added = *revision;
    added->information = fd_information_change(before, after);
    if (is_first)
        claim_origin(table, added, origin);
    else
        added->origin = first->origin;
    first->newest = (uint8_t)after;
    if (!is_first)
        table->by_preference[before]--;
    table->by_preference[after]++;
    table->counting = table->counting + fd_preference_counts(after);
    table->counting = table->counting - fd_preference_counts(before);
    if (before == FD_PREFER_RETRACTED && after != FD_PREFER_RETRACTED)
        (void)fd_pair_set_add(&table->labelled, revision->pair.a, revision->pair.b);
    else if (before != FD_PREFER_RETRACTED && after == FD_PREFER_RETRACTED)
        fd_pair_set_remove(&table->labelled, revision->pair.a, revision->pair.b);
}

void fd_label_table_prefetch(const fd_label_table *table, fi_pair pair, uint64_t assignment) {
    const fd_claims *claims = &table->claims;
    fd_pair_set_prefetch(&table->labelled, pair.a, pair.b);
    if (claims->n_slots > 0 && assignment > 0)
        __builtin_prefetch(&claims->slots[first_claim(claims, assignment)], 1);
}

void fd_label_table_clear(fd_label_table *table) {
    free(table->revisions);
    fd_pair_set_clear(&table->labelled);
    free(table->claims.slots);
    memset(table, 0, sizeof(*table));
}

uint64_t fd_label_revisions_counting(const fd_label_revision *revisions, size_t n) {
    int64_t count = 0;
    for (size_t i = 0; i < n; i++)
        count += revisions[i].information;
    return (uint64_t)count;
}
