/* Decides which labels an export holds, and hands them to their format. */
#include "export_format.h"

#include <errno.h>
#include <string.h>

#include "export_writers.h"

static const fd_export_format formats[] = {
#define FORMAT(identifier, name, content_type, says, needs_texts, write_head, write)               \
    {name, content_type, FD_EXPORT_SAYS_##says, needs_texts, write_head, write},
#include "export_formats.def"
#undef FORMAT
};

/* ---- settings ---- */

static bool is_given(const char *text) {
    return text && text[0] != '\0';
}

static int refuse(const char *name, const char **ret_name, fd_fault *fault, const char *detail) {
    *ret_name = name;
    return fd_fault_set(fault, -EINVAL, "", "%s", detail);
}

static const fd_export_format *find_format(const char *name) {
    for (size_t i = 0; i < FD_LENGTH(formats); i++)
        if (strcmp(formats[i].name, name) == 0)
            return &formats[i];
    return NULL;
}

static int refuse_format(const char **ret_name, fd_fault *fault) {
    char detail[256] = "must be one of";
    for (size_t i = 0; i < FD_LENGTH(formats); i++) {
        (void)strncat(detail, i > 0 ? ", " : " ", sizeof(detail) - strlen(detail) - 1);
        (void)strncat(detail, formats[i].name, sizeof(detail) - strlen(detail) - 1);
    }
    return refuse("format", ret_name, fault, detail);
}

/* Whether a text is the second of two; false in *ret_known if it is neither. */
static bool is_second(const char *text, const char *first, const char *second, bool *ret_known) {
    bool chosen = strcmp(text, second) == 0;
    *ret_known = chosen || strcmp(text, first) == 0;
    return chosen;
}

/* A tie says two things in a format that knows a preference alone: one line for each. */
static bool read_ties(const char *text, const fd_export_format *format, bool *ret_known) {
    *ret_known = true;
    if (!is_given(text))
        return format->says >= FD_EXPORT_SAYS_TIE;
    return is_second(text, "drop", "keep", ret_known);
}

static int read_include(const char *text, fd_export_settings *ret, const char **ret_name,
                        fd_fault *fault) {
    if (!is_given(text) || strcmp(text, "counting") == 0)
        return 0;
    ret->retracted = strcmp(text, "all") == 0;
    ret->skips = ret->retracted || strcmp(text, "skips") == 0;
    if (!ret->skips)
        return refuse("include", ret_name, fault, "must be counting, skips or all");
    return ret->format->says == FD_EXPORT_SAYS_ALL
               ? 0
               : refuse("include", ret_name, fault,
                        "must be counting in a format that cannot say a skip");
}

int fd_export_settings_read(const fd_export_choices *choices, fd_export_settings *ret,
                            const char **ret_name, fd_fault *fault) {
    bool is_known = true;
    *ret = (fd_export_settings){.texts = true};
    ret->format = find_format(is_given(choices->format) ? choices->format : "preferences");
    if (!ret->format)
        return refuse_format(ret_name, fault);
    ret->annotator = is_given(choices->annotator) ? choices->annotator : NULL;
    if (is_given(choices->arm)) {
        ret->arm = choices->arm;
        (void)is_second(choices->arm, "active", "control", &is_known);
    }
    if (!is_known)
        return refuse("arm", ret_name, fault, "must be active or control");
    ret->ties = read_ties(choices->ties, ret->format, &is_known);
    if (!is_known)
        return refuse("ties", ret_name, fault, "must be keep or drop");
    if (is_given(choices->texts))
        ret->texts = is_second(choices->texts, "false", "true", &is_known);
    if (!is_known)
        return refuse("texts", ret_name, fault, "must be true or false");
    if (!ret->texts && ret->format->needs_texts)
        return refuse("texts", ret_name, fault, "must be true in a format that is made of texts");
    return read_include(choices->include, ret, ret_name, fault);
}

/* ---- one label ---- */

bool fd_export_is_asked_for(const fd_export_settings *settings, const fd_labelled_pair *pair) {
    if (settings->annotator && strcmp(settings->annotator, pair->label.annotator) != 0)
        return false;
    if (settings->arm && (!pair->assignment.id ||
                          pair->assignment.control != (strcmp(settings->arm, "control") == 0)))
        return false;
    return pair->label.created_ms >= settings->since_ms;
}

static fd_export_outcome texts_of(const fd_labelled_pair *pair) {
    if (!pair->a.response || !pair->b.response || !pair->a.prompt || !pair->b.prompt)
        return FD_EXPORT_WITHOUT_TEXTS;
    return strcmp(pair->a.prompt, pair->b.prompt) == 0 ? FD_EXPORT_WRITTEN
                                                       : FD_EXPORT_ACROSS_PROMPTS;
}

static fd_export_outcome outcome_of(const fd_export_settings *settings,
                                    const fd_labelled_pair *pair) {
    fd_preference preference = pair->label.preference;
    if (!fd_export_is_asked_for(settings, pair))
        return FD_EXPORT_NOT_ASKED_FOR;
    if (preference == FD_PREFER_TIE && !settings->ties)
        return FD_EXPORT_TIE;
    if (preference == FD_PREFER_SKIP && !settings->skips)
        return FD_EXPORT_SKIP;
    if (preference == FD_PREFER_RETRACTED && !settings->retracted)
        return FD_EXPORT_RETRACTED;
    return settings->format->needs_texts ? texts_of(pair) : FD_EXPORT_WRITTEN;
}

int fd_export_write_head(const fd_export_settings *settings, const fd_export_sink *sink) {
    return settings->format->write_head ? settings->format->write_head(settings, sink) : 0;
}

int fd_export_write(const fd_export_settings *settings, const fd_labelled_pair *pair,
                    const fd_export_sink *sink, fd_export_outcome *ret) {
    *ret = outcome_of(settings, pair);
    return *ret == FD_EXPORT_WRITTEN ? settings->format->write(settings, pair, sink) : 0;
}
