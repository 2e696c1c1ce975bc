/* Presets: the flags of a whole experiment. */
#ifndef FD_PRESETS_H
#define FD_PRESETS_H

#include <stddef.h>

#include "fault.h"
#include "macros.h"

/* Sets *ret to the flags [*ret_count] of a preset; none without a name. -EINVAL with a fault for an
 * unknown one. */
int fd_preset_flags(const char *name, char *const **ret, size_t *ret_count,
                    fd_fault *fault) FD_MUST_CHECK;

#endif
