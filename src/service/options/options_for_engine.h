/* The options of the engine, from those of the daemon. */
#ifndef FD_OPTIONS_FOR_ENGINE_H
#define FD_OPTIONS_FOR_ENGINE_H

#include "engine.h"
#include "options.h"

/* Borrows the texts of the options. */
fd_engine_options fd_options_engine(const fd_options *options);

#endif
