/*
 * The annotators in the order in which the history of labels first names them. Numbers of
 * annotators (annotators.h) also go to those who only ask for pairs, so they change at a restart;
 * this order does not, and the first revisions alone give the first places of it. What is stored
 * with a model is in this order.
 */
#ifndef FD_ANNOTATOR_ORDER_H
#define FD_ANNOTATOR_ORDER_H

#include <fisher/reliability.h>

#include "label_table.h"
#include "macros.h"

typedef struct fd_annotator_order {
    size_t count;      /* annotators in the order */
    uint32_t *numbers; /* [count] */
    size_t n_places;
    uint32_t *places; /* [n_places] of each number; FD_NOBODY: not in the order */
} fd_annotator_order;

/* The order that the first n revisions give. Clear it in any case. */
int fd_annotator_order_find(const fd_label_revision *revisions, size_t n,
                            fd_annotator_order *ret) FD_MUST_CHECK;
void fd_annotator_order_clear(fd_annotator_order *order);

/* Reliabilities in this order, by the numbers of annotators. The caller frees *ret. */
int fd_annotator_order_by_number(const fd_annotator_order *order, const fi_reliabilities *from,
                                 fi_reliabilities **ret) FD_MUST_CHECK;

#endif
