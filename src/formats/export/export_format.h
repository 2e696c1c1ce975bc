/*
 * Exports labels as the tools of the field read them: one line for each label that is asked for and
 * that the format can state. Pure: rows come in, bytes go out.
 */
#ifndef FD_EXPORT_FORMAT_H
#define FD_EXPORT_FORMAT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "fault.h"
#include "macros.h"
#include "store_rows.h"

/* Where the bytes go. `write` returns 0, or -1 when it cannot take them. */
typedef struct fd_export_sink {
    int (*write)(const char *bytes, size_t size, void *context);
    void *context;
} fd_export_sink;

typedef enum fd_export_says {
    FD_EXPORT_SAYS_PREFERENCE,
    FD_EXPORT_SAYS_TIE,
    FD_EXPORT_SAYS_ALL,
} fd_export_says;

typedef struct fd_export_format fd_export_format;

/* What is exported, and how. */
typedef struct fd_export_settings {
    const fd_export_format *format;
    const char *annotator; /* labels of this one; NULL: of all, as the next one */
    const char *arm;       /* "active" or "control" */
    int64_t since_ms;      /* labels whose newest revision is not older */
    bool ties;
    bool skips;
    bool retracted;
    bool texts;
} fd_export_settings;

struct fd_export_format {
    const char *name;
    const char *content_type;
    fd_export_says says;
    bool needs_texts;
    int (*write_head)(const fd_export_settings *settings, const fd_export_sink *sink);
    int (*write)(const fd_export_settings *settings, const fd_labelled_pair *pair,
                 const fd_export_sink *sink);
};

/* The settings as a query or a command line gives them; NULL or "": not given. */
typedef struct fd_export_choices {
    const char *format;    /* "preferences" */
    const char *annotator; /* any */
    const char *arm;       /* "active", "control"; any */
    const char *ties;      /* "keep", "drop"; what the format can say */
    const char *include;   /* "counting", "skips", "all"; counting */
    const char *texts;     /* "true", "false"; true */
} fd_export_choices;

/* Reads the choices; since_ms is left at 0. -EINVAL: *ret_name is the choice that is wrong, and the
 * fault says what it must be. Texts are borrowed. */
int fd_export_settings_read(const fd_export_choices *choices, fd_export_settings *ret,
                            const char **ret_name, fd_fault *fault) FD_MUST_CHECK;

/* Whether a label is of the annotator, the arm and the time that were asked for. */
bool fd_export_is_asked_for(const fd_export_settings *settings, const fd_labelled_pair *pair);

/* What became of a pair. */
typedef enum fd_export_outcome {
    FD_EXPORT_WRITTEN,
    FD_EXPORT_NOT_ASKED_FOR, /* of another annotator, arm or time */
    FD_EXPORT_TIE,           /* the others are left out too */
    FD_EXPORT_SKIP,
    FD_EXPORT_RETRACTED,
    FD_EXPORT_WITHOUT_TEXTS,
    FD_EXPORT_ACROSS_PROMPTS,
    FD_EXPORT_OUTCOMES,
} fd_export_outcome;

/* Both return 0, or -EIO when the sink takes no more or there is no memory. */
int fd_export_write_head(const fd_export_settings *settings,
                         const fd_export_sink *sink) FD_MUST_CHECK;
int fd_export_write(const fd_export_settings *settings, const fd_labelled_pair *pair,
                    const fd_export_sink *sink, fd_export_outcome *ret) FD_MUST_CHECK;

#endif
