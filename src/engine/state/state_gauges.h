/* The gauges that follow the tables, the snapshot and the store. */
#ifndef FD_STATE_GAUGES_H
#define FD_STATE_GAUGES_H

#include "engine_options.h"

/* Called by the writer after each commit, and once before it runs. */
void fd_state_gauges_set(fd_engine *engine);

#endif
