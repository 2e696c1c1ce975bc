/* Logs annotators when it first becomes clear that their answers hardly follow the rewards. */
#include "unreliable_annotators.h"

#include "annotators.h"
#include "engine_state.h"
#include "log.h"

/* A slope that is clearly below 1 may be that of someone a little less careful than the others. */
static const double unreliable_below = 0.5;

static bool is_unreliable(const fi_reliabilities *known, size_t annotator) {
    return fi_reliability_is_low(known, annotator) && known->values[annotator] < unreliable_below;
}

void fd_unreliable_annotators_report(fd_engine *engine, const fd_served_model *before,
                                     const fd_served_model *now) {
    const fi_reliabilities *earlier = fd_served_model_reliabilities(before);
    const fi_reliabilities *known = fd_served_model_reliabilities(now);
    for (size_t i = 0; known && i < known->count; i++)
        if (is_unreliable(known, i) && !is_unreliable(earlier, i))
            fd_log(FD_LOG_WARNING, "annotator-unreliable",
                   FD_STR("annotator", fd_annotators_name(engine->annotators, (uint32_t)i)),
                   FD_INT("model_version", now->row.version),
                   FD_REAL("reliability", known->values[i]),
                   FD_REAL("reliability_stddev", known->stddevs[i]));
}
