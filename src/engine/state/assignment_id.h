/*
 * Assignment ids. An id carries the arm of the assignment and the model's probability that a is
 * preferred. A label that names its assignment therefore shows where the answer came from, even
 * after a restart.
 */
#ifndef FD_ASSIGNMENT_ID_H
#define FD_ASSIGNMENT_ID_H

#include <stdbool.h>
#include <stdint.h>

enum { FD_ASSIGNMENT_ID_SIZE = 32 };

/* The origin of a label: the arm, and in the lowest 12 bits the model's probability that a is
 * preferred, in 4094ths. FD_ORIGIN_EVEN is one half. */
enum {
    FD_ORIGIN_NONE = 0,
    FD_ORIGIN_ACTIVE = 1 << 12,
    FD_ORIGIN_CONTROL = 2 << 12,
    FD_ORIGIN_EVEN = 2047
};

/* Makes a fresh id. Nobody can guess it: whoever knows an id can return the assignment. */
void fd_assignment_id_make(bool control, double p, char id[FD_ASSIGNMENT_ID_SIZE]);

/* The origin that an id carries; FD_ORIGIN_NONE for NULL and for any other text. */
uint16_t fd_origin_of(const char *assignment);

#endif
