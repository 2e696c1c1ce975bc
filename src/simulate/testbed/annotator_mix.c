/* Reads a mix of annotators. */
#include "annotator_mix.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>

enum { ANNOTATORS_MOST = 1000 };

static const struct {
    const char *name;
    double standard, lowest, highest;
    const char *meaning;
} models[] = {
#define ANNOTATOR_MODEL(constant, ...) [FD_ANNOTATOR_##constant] = {__VA_ARGS__},
#include "annotator_models.def"
#undef ANNOTATOR_MODEL
};

void fd_annotator_mix_clear(fd_annotator_mix *mix) {
    free(mix->annotators);
    memset(mix, 0, sizeof(*mix));
}

static int refuse(const char *entry, fd_fault *fault) {
    return fd_fault_set(fault, -EINVAL, "",
                        "--annotators takes mixes like 7honest+2random+left:0.5 of honest, random, "
                        "inverted and left, not \"%.60s\"",
                        entry);
}

/* Reads what follows the count of an entry. */
static int read_model(const char *entry, const char *text, fd_annotator *ret, fd_fault *fault) {
    size_t length = strcspn(text, ":"), model = 0;
    while (model < FD_LENGTH(models) &&
           (strlen(models[model].name) != length || strncmp(models[model].name, text, length) != 0))
        model++;
    if (model == FD_LENGTH(models))
        return refuse(entry, fault);
    *ret = (fd_annotator){(fd_annotator_model)model, models[model].standard};
    if (text[length] == '\0')
        return 0;
    char *end;
    ret->number = strtod(text + length + 1, &end);
    if (end == text + length + 1 || *end != '\0')
        return refuse(entry, fault);
    if (!(ret->number >= models[model].lowest && ret->number <= models[model].highest))
        return fd_fault_set(fault, -EINVAL, "", "--annotators %.60s: the number is %s, %g to %g",
                            entry, models[model].meaning, models[model].lowest,
                            models[model].highest);
    return 0;
}

static int add_entry(const char *entry, fd_annotator_mix *mix, fd_fault *fault) {
    char *name = (char *)entry;
    unsigned long count = isdigit((unsigned char)*entry) ? strtoul(entry, &name, 10) : 1;
    fd_annotator annotator;
    int r = read_model(entry, name, &annotator, fault);
    if (r == 0 && (count < 1 || count > ANNOTATORS_MOST || mix->count + count > ANNOTATORS_MOST))
        r = fd_fault_set(fault, -EINVAL, "", "--annotators %.60s: a mix has 1 to %d annotators",
                         entry, ANNOTATORS_MOST);
    for (; r == 0 && count > 0; count--)
        mix->annotators[mix->count++] = annotator;
    return r;
}

int fd_annotator_mix_read(const char *text, fd_annotator_mix *ret, fd_fault *fault) {
    FD_FREE char *copy = strdup(text);
    *ret = (fd_annotator_mix){0, calloc(ANNOTATORS_MOST, sizeof(*ret->annotators))};
    if (!copy || !ret->annotators)
        return -ENOMEM;
    char *rest = copy;
    int r = 0;
    for (char *entry; r == 0 && (entry = strsep(&rest, "+"));)
        r = add_entry(entry, ret, fault);
    return r;
}
