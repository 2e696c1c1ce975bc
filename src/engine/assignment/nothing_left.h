/* Why an annotator got no pair. */
#ifndef FD_NOTHING_LEFT_H
#define FD_NOTHING_LEFT_H

#include "engine_options.h"

typedef enum fd_nothing_left {
    FD_NOTHING_TO_COMPARE,   /* there are items, but no pair of them in the configured scope */
    FD_NOTHING_COMPARABLE,   /* there are pairs, but none whose two texts people can compare */
    FD_NOTHING_FOUND_YET,    /* a part of very many pairs was looked at; a refill looks further */
    FD_NOTHING_BUT_OTHERS,   /* the pairs that are left are assigned to others now */
    FD_NOTHING_NEW,          /* the annotator has had each pair that is left */
    FD_NOTHING_BUT_ANSWERED, /* each pair has as many answers, or skips, as it shall get */
} fd_nothing_left;

/* To be asked after a call to fd_engine_assign that visited none. */
fd_nothing_left fd_engine_nothing_left(fd_engine *engine);

#endif
