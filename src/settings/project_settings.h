/*
 * The settings of the project, which people change while the daemon runs. They are stored as JSON:
 *
 *     {"better_length": "longer", "scores": {"judge": {"trust": "trusted"}}}
 */
#ifndef FD_PROJECT_SETTINGS_H
#define FD_PROJECT_SETTINGS_H

#include <stdbool.h>
#include <stddef.h>

#include "fault.h"
#include "macros.h"
#include "text_rules.h"

struct json_t;

/* What is known about a score before anyone answers. */
typedef enum fd_trust {
    FD_TRUST_UNKNOWN,  /* it may say something or nothing, in either direction */
    FD_TRUST_TRUSTED,  /* a higher score is a better response */
    FD_TRUST_INVERTED, /* a lower one is */
} fd_trust;

extern const char *const fd_trust_names[]; /* by trust; NULL ends the list */

/* Which of two responses people are expected to prefer for its length. */
typedef enum fd_better_length {
    FD_LENGTH_UNKNOWN,
    FD_LENGTH_LONGER,
    FD_LENGTH_SHORTER,
} fd_better_length;

extern const char *const fd_better_length_names[]; /* as fd_trust_names */

/* The settings of one score. */
typedef struct fd_score_settings {
    char name[FD_SCORE_NAME_MAX + 1];
    fd_trust trust;
} fd_score_settings;

/* Starts as all zero: the defaults. */
typedef struct fd_project_settings {
    fd_better_length better_length;
    size_t n_scores;
    fd_score_settings
        scores[FD_SCORE_NAMES_MAX]; /* [n_scores] in the order of their first change */
} fd_project_settings;

/* The trust in a score; unknown for a name without settings. */
fd_trust fd_project_settings_trust(const fd_project_settings *settings, const char *name);

bool fd_project_settings_are_same(const fd_project_settings *one, const fd_project_settings *other);

/* Applies a JSON merge patch (RFC 7396): members that it lacks stay, null brings back the default.
 * -EINVAL with a fault for a member that is unknown or has a wrong value; the settings are then
 * undefined. */
int fd_project_settings_merge(fd_project_settings *settings, const struct json_t *patch,
                              fd_fault *fault) FD_MUST_CHECK;

/* Reads what was stored. -EBADMSG with a fault. */
int fd_project_settings_parse(const char *text, fd_project_settings *ret,
                              fd_fault *fault) FD_MUST_CHECK;

/* The settings as JSON text, which the caller frees; NULL if there is no memory. */
char *fd_project_settings_print(const fd_project_settings *settings);

#endif
