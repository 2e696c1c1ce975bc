/* A program that uses an installed libfisher: prints the two most informative pairs of four items.
 */
#include <fisher/design.h>
#include <stdio.h>

int main(void) {
    static const float features[] = {0, 0, 1, 0, 0, 2, 3, 3}, rewards[] = {0, 0.1f, 0.2f, 0.3f};
    static const uint32_t members[] = {0, 1, 2, 3};
    fi_pool pool = {.n_items = 4, .n_features = 2, .features = features, .rewards = rewards};
    pool.scope = FI_SCOPE_ANY;
    pool.n_members = 4;
    pool.members = members;
    fi_selection_options options = {fi_strategy_find("greedy"), 2, .prior_precision = 1.0};
    fi_selection selection = {0};
    fi_pool_view *view = NULL;
    if (fi_pool_view_new(&pool, &view) < 0 || fi_select_pool(view, NULL, &options, &selection) < 0)
        return 1;
    for (size_t i = 0; i < selection.count; i++)
        printf("%u %u\n", (unsigned)selection.items[i].a, (unsigned)selection.items[i].b);
    fi_selection_clear(&selection);
    fi_pool_view_free(view);
    return 0;
}
