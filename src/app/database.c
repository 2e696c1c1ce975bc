/* `fisherd migrate` and `fisherd check`: a database without a daemon. */
#include <stdio.h>

#include "commands.h"
#include "engine.h"
#include "log.h"
#include "options.h"
