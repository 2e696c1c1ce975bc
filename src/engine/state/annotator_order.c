/* Puts annotators in the order of the history. */
#include "annotator_order.h"

#include <errno.h>
#include <stdlib.h>

#include "annotators.h"
#include "assignment_id.h"

void fd_annotator_order_clear(fd_annotator_order *order) {
    free(order->numbers);
    free(order->places);
}

int fd_annotator_order_find(const fd_label_revision *revisions, size_t n, fd_annotator_order *ret) {
    *ret = (fd_annotator_order){0};
    for (size_t i = 0; i < n; i++)
        if (revisions[i].annotator >= ret->n_places)
            ret->n_places = (size_t)revisions[i].annotator + 1;
    ret->numbers = calloc(ret->n_places + 1, sizeof(*ret->numbers));
    ret->places = calloc(ret->n_places + 1, sizeof(*ret->places));
    if (!ret->numbers || !ret->places)
        return -ENOMEM;
    for (size_t i = 0; i < ret->n_places; i++)
        ret->places[i] = FD_NOBODY;
    for (size_t i = 0; i < n; i++) {
        uint32_t number = revisions[i].annotator;
        if (ret->places[number] != FD_NOBODY)
            continue;
        ret->places[number] = (uint32_t)ret->count;
        ret->numbers[ret->count++] = number;
    }
    return 0;
}

int fd_annotator_order_by_number(const fd_annotator_order *order, const fi_reliabilities *from,
                                 fi_reliabilities **ret) {
    int r = fi_reliabilities_new(order->n_places, ret);
    if (r < 0)
        return r;
    (*ret)->matter = from->matter;
    for (size_t i = 0; i < order->count && i < from->count; i++) {
        (*ret)->values[order->numbers[i]] = from->values[i];
        (*ret)->stddevs[order->numbers[i]] = from->stddevs[i];
    }
    return 0;
}
