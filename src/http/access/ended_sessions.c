/* Keeps, for each token, until when its sessions have ended, and the file of that. */
#include "ended_sessions.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "json_read.h"

enum { FILE_MAX = 4 << 20, ENDED_MAX = 20000 };

struct fd_ended_session {
    char token[FD_TOKEN_ID_SIZE];
    int64_t until;
};

/* ---- the file ---- */

struct row {
    const char *token;
    int64_t until;
};

static const fd_field row_fields[] = {
    {"token", FD_FIELD_ID, .required = true, .offset = offsetof(struct row, token)},
    {"until", FD_FIELD_INTEGER, .required = true, .offset = offsetof(struct row, until),
     .max = FD_INTEGER_MAX},
};

struct file {
    const json_t *ended;
};

static const fd_field file_fields[] = {
    {"ended", FD_FIELD_ARRAY, .required = true, .offset = offsetof(struct file, ended),
     .max = ENDED_MAX},
};

static int parse(const char *text, size_t size, fd_ended_sessions *ret, fd_fault *fault) {
    FD_JSON json_t *root = NULL;
    struct file file = {0};
    fd_path list = {.name = "ended"};
    int r = fd_json_read_body(text, size, file_fields, FD_LENGTH(file_fields), &root, &file, fault);
    for (size_t i = 0; r == 0 && i < json_array_size(file.ended); i++) {
        struct row row = {0};
        r = fd_json_read(json_array_get(file.ended, i), &(fd_path){.parent = &list, .index = i},
                         row_fields, FD_LENGTH(row_fields), &row, fault);
        if (r == 0)
            r = fd_ended_sessions_end(ret, row.token, row.until, 0);
    }
    return r;
}

int fd_ended_sessions_read(const fd_kept_file *file, fd_ended_sessions *ret, fd_fault *fault) {
    FD_FREE char *text = NULL;
    FD_CLEANUP(fd_ended_sessions_clear) fd_ended_sessions ended = {0};
    fd_fault wrong = {0};
    size_t size;
    int r = fd_kept_file_read(file, FILE_MAX, &text, &size, &ended.version, fault);
    if (r == -ENOENT) {
        *fault = (fd_fault){0};
        return 0;
    }
    if (r == 0)
        r = parse(text, size, &ended, &wrong);
    if (r == -EINVAL || r == -EBADMSG)
        return fd_fault_set(fault, -EINVAL, "", "%s%s is damaged: %s %s", FD_KEPT_FILE_TITLE(file),
                            wrong.pointer, wrong.detail);
    if (r < 0)
        return r;
    *ret = ended;
    ended = (fd_ended_sessions){0};
    return 0;
}

int fd_ended_sessions_write(const fd_kept_file *file, fd_ended_sessions *ended, fd_fault *fault) {
    FD_JSON json_t *list = json_array();
    for (size_t i = 0; i < ended->n; i++)
        if (json_array_append_new(list, json_pack("{s:s, s:I}", "token", ended->list[i].token,
                                                  "until", (json_int_t)ended->list[i].until)) < 0)
            return -ENOMEM;
    FD_JSON json_t *root = json_pack("{s:O}", "ended", list);
    FD_FREE char *text = root ? json_dumps(root, JSON_INDENT(1)) : NULL;
    int r = text ? fd_kept_file_write(file, text, strlen(text), ended->version, fault) : -ENOMEM;
    if (r == 0)
        ended->version++;
    return r;
}

void fd_ended_sessions_clear(fd_ended_sessions *ended) {
    free(ended->list);
    *ended = (fd_ended_sessions){0};
}

/* ---- the list ---- */

static struct fd_ended_session *find(const fd_ended_sessions *ended, const char *token) {
    for (size_t i = 0; i < ended->n; i++)
        if (strcmp(ended->list[i].token, token) == 0)
            return &ended->list[i];
    return NULL;
}

int64_t fd_ended_sessions_until(const fd_ended_sessions *ended, const char *token) {
    const struct fd_ended_session *found = find(ended, token);
    return found ? found->until : 0;
}

int fd_ended_sessions_add(fd_ended_sessions *ended, const fd_ended_sessions *others) {
    int r = 0;
    for (size_t i = 0; i < others->n && r == 0; i++)
        r = fd_ended_sessions_end(ended, others->list[i].token, others->list[i].until, 0);
    ended->version = others->version;
    return r;
}

/* Sessions that began before `oldest` have expired. */
static void forget(fd_ended_sessions *ended, int64_t oldest) {
    size_t kept = 0;
    for (size_t i = 0; i < ended->n; i++)
        if (ended->list[i].until >= oldest)
            ended->list[kept++] = ended->list[i];
    ended->n = kept;
}

int fd_ended_sessions_end(fd_ended_sessions *ended, const char *token, int64_t now,
                          int64_t oldest) {
    forget(ended, oldest);
    struct fd_ended_session *found = find(ended, token);
    if (!found) {
        struct fd_ended_session *grown =
            realloc(ended->list, (ended->n + 1) * sizeof(*ended->list));
        if (!grown)
            return -ENOMEM;
        ended->list = grown;
        found = &ended->list[ended->n++];
        *found = (struct fd_ended_session){0};
        (void)stpncpy(found->token, token, sizeof(found->token) - 1);
    }
    found->until = now > found->until ? now : found->until;
    return 0;
}
