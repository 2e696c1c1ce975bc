/* Estimates the slopes of the annotators when a model learns, and gives them to its answers. */
#include "learned_slopes.h"

#include "fitted_reliabilities.h"
#include "model_layout.h"

/* Those of one annotator cannot be told from the scale of the rewards, so there is nothing to do.
 */
static bool are_several(const fi_answers *answers) {
    for (size_t i = 1; answers->annotators && i < answers->count; i++)
        if (answers->annotators[i] != answers->annotators[0])
            return true;
    return false;
}

/* Takes the slopes over. Whether any answer counts another share than before. */
static bool take(fi_learning *learning, fi_reliabilities *found) {
    bool changed = false;
    fi_reliabilities_free(learning->reliabilities);
    learning->reliabilities = found;
    for (size_t i = 0; i < learning->all.count; i++) {
        float *own = &learning->copies.reliabilities[i];
        float next = (float)fi_reliability(found, learning->copies.annotators[i]);
        changed = changed || *own != next;
        *own = next;
    }
    return changed;
}

int fi_learned_slopes_begin(fi_learning *learning) {
    fi_answers answers = learning->all;
    answers.count = learning->all.count; /* without those that are held out */
    if (!are_several(&answers))
        return 0;
    FD_CLEANUP(fi_model_freep) fi_model *linear = NULL;
    fi_reliabilities *found;
    fi_shape shape = fi_prepared_shape(learning, 0);
    int r = fi_model_new(&shape, 0, &linear);
    if (r == 0)
        r = fi_fit_reliabilities(learning, linear, &answers, &found);
    if (r == 0)
        (void)take(learning, found);
    return r;
}

int fi_learned_slopes_of_network(fi_learning *learning, const fi_answers *answers,
                                 fi_fitted *network) {
    fi_reliabilities *found;
    if (!are_several(answers))
        return 0;
    int r = fi_fit_reliabilities(learning, network->model, answers, &found);
    if (r == 0 && take(learning, found))
        r = fi_fit_last_layer(learning, answers, network);
    return r;
}
