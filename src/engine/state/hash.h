/* uthash, set up so that adding an element fails without memory instead of ending the program. */
#ifndef FD_HASH_H
#define FD_HASH_H

#define HASH_NONFATAL_OOM 1
#include <uthash.h>

#endif
