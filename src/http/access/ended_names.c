/* Finds the names whose tokens have all ended. */
#include "ended_names.h"

#include <errno.h>
#include <string.h>

#define HASH_NONFATAL_OOM 1
#include <uthash.h>

struct fd_ended_name {
    bool is_valid; /* while they are found: a token of the name is valid */
    UT_hash_handle hh;
    char name[FD_IDENTITY_NAME_SIZE];
};

void fd_ended_names_clear(fd_ended_names *names) {
    struct fd_ended_name *each, *next;
    HASH_ITER(hh, names->by_name, each, next) {
        HASH_DEL(names->by_name, each);
        free(each);
    }
}

static int get_or_add(fd_ended_names *names, const char *name, struct fd_ended_name **ret) {
    struct fd_ended_name *found;
    HASH_FIND_STR(names->by_name, name, found);
    if (!found) {
        found = calloc(1, sizeof(*found));
        if (!found)
            return -ENOMEM;
        memcpy(found->name, name, strnlen(name, sizeof(found->name) - 1));
        HASH_ADD_STR(names->by_name, name, found);
        if (!found->hh.tbl) {
            free(found);
            return -ENOMEM;
        }
    }
    *ret = found;
    return 0;
}

static void remove_valid(fd_ended_names *names) {
    struct fd_ended_name *each, *next;
    HASH_ITER(hh, names->by_name, each, next) {
        if (!each->is_valid)
            continue;
        HASH_DEL(names->by_name, each);
        free(each);
    }
}

int fd_ended_names_find(const fd_tokens *tokens, int64_t now, fd_ended_names *ret) {
    FD_CLEANUP(fd_ended_names_clear) fd_ended_names names = {0};
    for (size_t i = 0; i < tokens->n; i++) {
        const fd_token *token = &tokens->tokens[i];
        struct fd_ended_name *name;
        if (token->role != FD_ROLE_ANNOTATOR)
            continue;
        int r = get_or_add(&names, token->name, &name);
        if (r < 0)
            return r;
        name->is_valid |= fd_token_state_at(token, now) == FD_TOKEN_VALID;
    }
    remove_valid(&names);
    *ret = names;
    names = (fd_ended_names){0};
    return 0;
}

bool fd_ended_names_has(const fd_ended_names *names, const char *name) {
    struct fd_ended_name *found;
    HASH_FIND_STR(names->by_name, name, found);
    return found != NULL;
}

void fd_ended_names_visit(const fd_ended_names *names,
                          void (*visit)(void *context, const char *name), void *context) {
    for (const struct fd_ended_name *each = names->by_name; each; each = each->hh.next)
        visit(context, each->name);
}
