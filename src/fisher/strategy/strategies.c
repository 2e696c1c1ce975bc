/* The table of all strategies: names, traits and functions, made from strategies.def. */
#include <string.h>

#include "strategy.h"

/* What is special about a strategy. */
enum {
    FI_PLAIN = 0,
    FI_RANDOM = 1,        /* is_random */
    FI_USES_TARGETS = 2,  /* uses_targets */
    FI_WHOLE_PROMPTS = 4, /* whole_prompts */
};

#define DESCRIBE(name, sentence, any_pool, traits)                                                 \
    {name,                                                                                         \
     sentence,                                                                                     \
     any_pool,                                                                                     \
     ((traits)&FI_RANDOM) != 0,                                                                    \
     ((traits)&FI_USES_TARGETS) != 0,                                                              \
     ((traits)&FI_WHOLE_PROMPTS) != 0},

static const fi_strategy strategies[] = {
#define FI_STRATEGY(name, choose, traits, sentence) DESCRIBE(name, sentence, false, traits)
#define FI_POOL_STRATEGY(name, choose, choose_from_pool, traits, sentence)                         \
    DESCRIBE(name, sentence, true, traits)
#include "strategies.def"
#undef FI_STRATEGY
#undef FI_POOL_STRATEGY
};

static const fi_strategy_functions functions[] = {
#define FI_STRATEGY(name, choose, traits, sentence) {choose, NULL},
#define FI_POOL_STRATEGY(name, choose, choose_from_pool, traits, sentence)                         \
    {choose, choose_from_pool},
#include "strategies.def"
#undef FI_STRATEGY
#undef FI_POOL_STRATEGY
};

size_t fi_strategy_count(void) {
    return FD_LENGTH(strategies);
}

const fi_strategy *fi_strategy_at(size_t index) {
    return index < FD_LENGTH(strategies) ? &strategies[index] : NULL;
}

const fi_strategy *fi_strategy_find(const char *name) {
    for (size_t i = 0; i < FD_LENGTH(strategies); i++)
        if (strcmp(strategies[i].name, name) == 0)
            return &strategies[i];
    return NULL;
}

const fi_strategy_functions *fi_strategy_functions_of(const fi_strategy *strategy) {
    for (size_t i = 0; i < FD_LENGTH(strategies); i++)
        if (strategy == &strategies[i])
            return &functions[i];
    return NULL;
}
