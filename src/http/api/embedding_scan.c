/* Reads {"items":[{"embedding":"…"},…]} from the text of a body. */
#include "embedding_scan.h"

#include <stdlib.h>
#include <string.h>

#include "item_reference.h"
#include "json_embedding.h"

enum { BODY_MIN = 1024 }; /* bytes of a body from which on scanning pays */

/* What is left of a text. */
struct text {
    const char *at;
    const char *end;
};

static void skip_blanks(struct text *text) {
    while (text->at < text->end &&
           (*text->at == ' ' || *text->at == '\n' || *text->at == '\t' || *text->at == '\r'))
        text->at++;
}

/* Takes a word with the blanks around it. */
static bool take(struct text *text, const char *word) {
    size_t length = strlen(word);
    skip_blanks(text);
    if ((size_t)(text->end - text->at) < length || memcmp(text->at, word, length) != 0)
        return false;
    text->at += length;
    skip_blanks(text);
    return true;
}

/* base64 has neither escapes nor quotes, so that a string of anything else is refused. */
static bool scan_item(struct text *text, fd_item_reference *ret) {
    if (!take(text, "{") || !take(text, "\"embedding\"") || !take(text, ":") ||
        text->at == text->end || *text->at != '"')
        return false;
    const char *start = text->at + 1;
    const char *quote = memchr(start, '"', (size_t)(text->end - start));
    fd_embedding embedding = {0};
    fd_fault unused = {0};
    if (!quote ||
        fd_json_embedding_of_base64(start, (size_t)(quote - start), NULL, &embedding, &unused) < 0)
        return false;
    text->at = quote + 1;
    ret->embedding = embedding.numbers;
    ret->dimension = embedding.count;
    return take(text, "}");
}

bool fd_embedding_scan_item(const char *text, size_t size, fd_item_reference *ret) {
    struct text left = {text, text + size};
    *ret = (fd_item_reference){0};
    if (scan_item(&left, ret) && left.at == left.end)
        return true;
    fd_item_reference_clear(ret);
    *ret = (fd_item_reference){0};
    return false;
}

static bool scan_items(struct text *text, size_t most, fd_embedding_scan *ret) {
    size_t room = 0;
    do {
        if (ret->n == most)
            return false;
        if (ret->n == room) {
            room = room > 0 ? 2 * room : 256;
            fd_item_reference *grown = reallocarray(ret->items, room, sizeof(*grown));
            if (!grown)
                return false;
            ret->items = grown;
        }
        ret->items[ret->n] = (fd_item_reference){0};
        if (!scan_item(text, &ret->items[ret->n++]))
            return false;
    } while (take(text, ","));
    return take(text, "]");
}

/* {"style":"exclude"} of ,"style":"exclude"} */
static bool keep_rest(struct text *text, fd_embedding_scan *ret) {
    bool is_more = take(text, ",");
    size_t left = (size_t)(text->end - text->at);
    if (!is_more && (left == 0 || *text->at != '}'))
        return false;
    if (is_more && left > 0 && *text->at == '}')
        return false;
    ret->rest = malloc(left + 1);
    if (!ret->rest)
        return false;
    ret->rest[0] = '{';
    memcpy(ret->rest + 1, text->at, left);
    ret->rest_size = left + 1;
    return true;
}

bool fd_embedding_scan_read(const char *body, size_t size, size_t most, fd_embedding_scan *ret) {
    struct text text = {body, body + size};
    if (size < BODY_MIN || !take(&text, "{") || !take(&text, "\"items\"") || !take(&text, ":") ||
        !take(&text, "["))
        return false;
    if (scan_items(&text, most, ret) && keep_rest(&text, ret))
        return true;
    fd_embedding_scan_clear(ret);
    return false;
}

void fd_embedding_scan_clear(fd_embedding_scan *scan) {
    fd_item_references_free(scan->items, scan->n);
    free(scan->rest);
    *scan = (fd_embedding_scan){0};
}
