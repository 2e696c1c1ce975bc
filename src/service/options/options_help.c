/* Prints the options of options.def, group by group. */
#include <string.h>

#include "options.h"

enum place {
#define OPTION(kind, member, ...) PLACE_##member,
#include "options.def"
#undef OPTION
    N_OPTIONS,
};

static const struct group {
    const char *name;
    const char *title;
    size_t first; /* its first option */
} groups[] = {
#define OPTION(...)
#define GROUP(name, title, member) {name, title, PLACE_##member},
#include "options.def"
#undef OPTION
};

static bool is_in(const char *names, const char *name) {
    size_t length = strlen(name);
    for (const char *at = names; *at != '\0'; at += strspn(at, " ")) {
        size_t n = strcspn(at, " ");
        if (n == length && strncmp(at, name, n) == 0)
            return true;
        at += n;
    }
    return false;
}

void fd_options_print_help(const char *names, FILE *out) {
    for (size_t i = 0; i < FD_LENGTH(groups); i++) {
        size_t end = i + 1 < FD_LENGTH(groups) ? groups[i + 1].first : N_OPTIONS;
        const fd_option_table part = {fd_options_table.rows + groups[i].first,
                                      end - groups[i].first};
        if (names && !is_in(names, groups[i].name))
            continue;
        (void)fprintf(out, "\n%s\n", groups[i].title);
        fd_option_table_print_help(&part, out);
    }
}
