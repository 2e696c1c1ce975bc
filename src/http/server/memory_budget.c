/* Counts the memory that large requests hold, against one limit. */
#include "memory_budget.h"

#include <assert.h>

/* Another thread may publish a newer value in between: whoever did so last looks again. */
static void publish(fd_memory_budget *budget) {
    size_t taken;
    do {
        taken = atomic_load(&budget->taken);
        fd_metrics_set(budget->metrics, FD_METRIC_REQUEST_MEMORY, NULL, NULL, (double)taken);
    } while (taken != atomic_load(&budget->taken));
}

bool fd_memory_budget_take(fd_memory_budget *budget, size_t *held, size_t bytes) {
    size_t taken = atomic_load(&budget->taken);
    do {
        if (taken > budget->limit || bytes > budget->limit - taken)
            return false;
    } while (!atomic_compare_exchange_weak(&budget->taken, &taken, taken + bytes));
    *held += bytes;
    publish(budget);
    return true;
}

void fd_memory_budget_add(fd_memory_budget *budget, size_t *held, size_t bytes) {
    (void)atomic_fetch_add(&budget->taken, bytes);
    *held += bytes;
    publish(budget);
}

void fd_memory_budget_give_back_some(fd_memory_budget *budget, size_t *held, size_t bytes) {
    if (bytes == 0)
        return;
    assert(bytes <= *held);
    (void)atomic_fetch_sub(&budget->taken, bytes);
    *held -= bytes;
    publish(budget);
}

void fd_memory_budget_give_back(fd_memory_budget *budget, size_t *held) {
    fd_memory_budget_give_back_some(budget, held, *held);
}
