/*
 * Tasks of Label Studio as pairs of items. The data of a task name two items (`item1`, `item2`), or
 * have two texts (`text1`, `text2`, and the `prompt`). Then the daemon makes the items, with ids
 * that are hashes of the texts, so that the same texts are the same items.
 */
#ifndef FD_LABEL_STUDIO_TASKS_H
#define FD_LABEL_STUDIO_TASKS_H

#include <jansson.h>
#include <stddef.h>

#include "fault.h"
#include "macros.h"
#include "request.h"

enum { FD_MADE_ID_SIZE = 36 }; /* "ls-", 32 digits, NUL */

/* The ids of a task's items, borrowed from the tree or kept here. */
typedef struct fd_task_pair {
    const char *a;
    const char *b;
    char made_a[FD_MADE_ID_SIZE], made_b[FD_MADE_ID_SIZE], made_prompt[FD_MADE_ID_SIZE];
} fd_task_pair;

/* Where tasks are in a body: the member `name` is a list of them, or one. */
typedef struct fd_task_list {
    const char *name;
    const json_t *value;
} fd_task_list;

size_t fd_task_list_count(const fd_task_list *tasks);
const json_t *fd_task_list_get(const fd_task_list *tasks, size_t i);

/* Fills the fault with a pointer to a member of the data of task i; NULL: to the data. -EINVAL. */
int fd_task_list_fault(const fd_task_list *tasks, size_t i, const char *member, const char *detail,
                       fd_fault *fault);

/*
 * Reads the pairs of all tasks, `pairs` [count], and stores items of texts that are not stored yet,
 * a part of the tasks at a time. With a fault: -EINVAL for data that have neither, or texts without
 * an embedder; what fd_text_items_add says. *ret_created: items.
 */
int fd_task_pairs_find(const fd_request *request, const fd_task_list *tasks, fd_task_pair *pairs,
                       size_t *ret_created, fd_fault *fault) FD_MUST_CHECK;

#endif
