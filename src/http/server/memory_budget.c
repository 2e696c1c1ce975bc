#include "memory_budget.h"

static void show(fd_memory_budget *memory) {
    fd_metrics_set(memory->metrics, FD_METRIC_REQUEST_MEMORY, NULL, NULL,
                   (double)atomic_load(&memory->taken));
}

bool fd_memory_budget_take(fd_memory_budget *memory, size_t *held, size_t bytes) {
    size_t taken = atomic_load(&memory->taken);
    do {
        if (taken > memory->limit || bytes > memory->limit - taken)
            return false;
    } while (!atomic_compare_exchange_weak(&memory->taken, &taken, taken + bytes));
    *held += bytes;
    show(memory);
    return true;
}

void fd_memory_budget_hold(fd_memory_budget *memory, size_t *held, size_t bytes) {
    (void)atomic_fetch_add(&memory->taken, bytes);
    *held += bytes;
    show(memory);
}

void fd_memory_budget_give_back(fd_memory_budget *memory, size_t *held) {
    if (*held == 0)
        return;
    (void)atomic_fetch_sub(&memory->taken, *held);
    *held = 0;
    show(memory);
}
