/* The URL of a PostgreSQL database: whether libpq can read it, and what messages show of it. */
#include "postgres_url.h"

#include <errno.h>
#include <libpq-fe.h>
#include <stdio.h>
#include <string.h>

FD_DEFINE_CLEANUP(PQconninfoOption, PQconninfoFree)

static int append(char **text, const char *format, const char *part) {
    FD_FREE char *before = *text;
    *text = NULL;
    FD_FREE char *formatted = NULL;
    if (asprintf(&formatted, format, part) < 0 ||
        asprintf(text, "%s%s", before ? before : "", formatted) < 0) {
        *text = NULL;
        return -ENOMEM;
    }
    return 0;
}

static const char *value_of(const PQconninfoOption *options, const char *keyword) {
    for (const PQconninfoOption *option = options; option->keyword; option++)
        if (strcmp(option->keyword, keyword) == 0)
            /* Several hosts without ports have the ports ",,". */
            return option->val && option->val[strspn(option->val, ",")] ? option->val : NULL;
    return NULL;
}

static const char *const advice =
    "the URL of the database cannot be read: write / @ : % ? and & in a name or password as"
    " %2F %40 %3A %25 %3F and %26";

/* Who connects where, and to what: nothing else of a URL is shown. A password with an @ or / as it
 * is would become a part of the host, port or database. */
int fd_postgres_url_name(const char *url, char **ret, fd_fault *fault) {
    char *error = NULL;
    FD_CLEANUP(PQconninfoFreep) PQconninfoOption *options = PQconninfoParse(url, &error);
    PQfreemem(error); /* it may quote a password */
    if (!options)
        return fd_fault_set(fault, -EINVAL, "", "%s", advice);
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ@/";
    static const struct {
        const char *keyword, *format, *suspect;
    } parts[] = {
        {"user", "%s@", ""}, {"host", "%s", "@"}, {"port", ":%s", letters}, {"dbname", "/%s", "@"}};
    FD_FREE char *name = NULL;
    int r = append(&name, "%s", "postgresql://");
    for (size_t i = 0; i < FD_LENGTH(parts) && r == 0; i++) {
        const char *value = value_of(options, parts[i].keyword);
        if (value && strpbrk(value, parts[i].suspect))
            return fd_fault_set(fault, -EINVAL, "", "%s", advice);
        r = value ? append(&name, parts[i].format, value) : 0;
    }
    if (r == 0)
        *ret = FD_STEAL(name);
    return r;
}
