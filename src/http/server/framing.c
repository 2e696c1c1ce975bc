#include "framing.h"

#include <string.h>
#include <strings.h>

#include "macros.h"
#include "request_target.h"

/* A view of some bytes, not terminated. */
typedef struct text {
    const char *bytes;
    size_t size;
} text;

static bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

static bool is_letter_or_digit(char c) {
    return is_digit(c) || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

static bool is_of_token(char c) {
    return is_letter_or_digit(c) || (c != '\0' && strchr("!#$%&'*+-.^_`|~", c));
}

static bool is_of_name(char c) {
    return is_letter_or_digit(c) || (c != '\0' && strchr("-._~", c));
}

static bool is_of_address(char c) {
    return fd_hex_value(c) >= 0 || c == ':' || c == '.';
}

static bool is_all_of(text value, bool (*is_fine)(char c)) {
    for (size_t i = 0; i < value.size; i++)
        if (!is_fine(value.bytes[i]))
            return false;
    return value.size > 0;
}

static bool equals(text value, const char *word) {
    return strlen(word) == value.size && memcmp(value.bytes, word, value.size) == 0;
}

static bool equals_without_case(text value, const char *word) {
    return strlen(word) == value.size && strncasecmp(value.bytes, word, value.size) == 0;
}

static size_t count_of(text value, char c) {
    size_t count = 0;
    for (size_t i = 0; i < value.size; i++)
        count += value.bytes[i] == c;
    return count;
}

/* What stands before the first `c`; *rest begins after it, or is empty with no bytes at all. */
static text cut(text *rest, char c) {
    const char *at = memchr(rest->bytes, c, rest->size);
    text before = {rest->bytes, at ? (size_t)(at - rest->bytes) : rest->size};
    *rest = at ? (text){at + 1, rest->size - before.size - 1} : (text){NULL, 0};
    return before;
}

static void refuse(fd_framing *guard, unsigned status, const char *detail) {
    if (guard->state == FD_FRAMING_REFUSED)
        return;
    guard->state = FD_FRAMING_REFUSED;
    guard->status = status;
    guard->detail = detail;
}

/* ---- the request line ---- */

static void take_version(fd_framing *guard, text version) {
    guard->is_old = equals(version, "HTTP/1.0");
    if (guard->is_old || equals(version, "HTTP/1.1"))
        return;
    if (version.size == 8 && memcmp(version.bytes, "HTTP/", 5) == 0 && version.bytes[6] == '.' &&
        is_digit(version.bytes[5]) && is_digit(version.bytes[7]))
        refuse(guard, 505, "the versions taken are HTTP/1.0 and HTTP/1.1");
    else
        refuse(guard, 400, "the request line does not end in a version");
}

static void take_request_line(fd_framing *guard, text line) {
    const char *detail = NULL;
    if (line.size == 0) {
        /* Some clients end a body with one that its length does not count. */
        if (guard->has_empty_line)
            refuse(guard, 400, "there is no request line");
        guard->has_empty_line = true;
        return;
    }
    text method = cut(&line, ' ');
    text target = line.bytes ? cut(&line, ' ') : line;
    if (!is_all_of(method, is_of_token))
        refuse(guard, 400, "the method is no token");
    else if (!line.bytes)
        refuse(guard, 400, "the request line is not a method, a target and a version");
    else if (equals(method, "CONNECT") || equals(method, "TRACE"))
        refuse(guard, 501, "the method is not taken");
    else
        take_version(guard, line);
    if (target.size > FD_REQUEST_TARGET_MAX)
        refuse(guard, 414, "the target is too long");
    else if ((detail = fd_request_target_fault(target.bytes, target.size)))
        refuse(guard, 400, detail);
    else if (count_of(target, '&') >= FD_PARAMETERS_MAX)
        refuse(guard, 400, "there are too many query parameters");
    if (guard->state == FD_FRAMING_REFUSED)
        return;
    guard->is_head = equals(method, "HEAD");
    guard->state = FD_FRAMING_HEADER;
}

/* ---- headers ---- */

static bool is_host(text value) {
    const char *host_end = NULL;
    if (value.size > 0 && value.bytes[0] == '[') {
        host_end = memchr(value.bytes, ']', value.size);
        if (!host_end || !is_all_of((text){value.bytes + 1, (size_t)(host_end - value.bytes) - 1},
                                    is_of_address))
            return false;
        host_end++;
    } else {
        host_end = memchr(value.bytes, ':', value.size);
        host_end = host_end ? host_end : value.bytes + value.size;
        if (!is_all_of((text){value.bytes, (size_t)(host_end - value.bytes)}, is_of_name))
            return false;
    }
    text port = {host_end, value.size - (size_t)(host_end - value.bytes)};
    if (port.size == 0)
        return true;
    return port.bytes[0] == ':' && port.size <= 6 &&
           is_all_of((text){port.bytes + 1, port.size - 1}, is_digit);
}

static void take_host(fd_framing *guard, text value) {
    if (value.size > 255 || !is_host(value))
        refuse(guard, 400, "Host is no name or address with or without a port");
}

static void take_length(fd_framing *guard, text value) {
    if (value.size > FD_LENGTH_DIGITS_MAX || !is_all_of(value, is_digit)) {
        refuse(guard, 400, "Content-Length is no number");
        return;
    }
    for (size_t i = 0; i < value.size; i++)
        guard->left = guard->left * 10 + (unsigned)(value.bytes[i] - '0');
}

static void take_transfer_encoding(fd_framing *guard, text value) {
    guard->is_chunked = true;
    if (guard->is_old || !equals_without_case(value, "chunked"))
        refuse(guard, 400, "the only Transfer-Encoding taken is chunked, in HTTP/1.1");
}

static void take_expect(fd_framing *guard, text value) {
    if (!equals_without_case(value, "100-continue"))
        refuse(guard, 417, "the only Expect taken is 100-continue");
}

static void take_upgrade(fd_framing *guard, text value) {
    (void)value;
    refuse(guard, 400, "Upgrade is not taken");
}

static void take_cookies(fd_framing *guard, text value) {
    if (count_of(value, ';') >= FD_COOKIES_MAX)
        refuse(guard, 431, "there are too many cookies");
}

enum { HOST, CONTENT_LENGTH, TRANSFER_ENCODING, EXPECT };

/* Headers that may come once. */
static const struct {
    const char *name;
    const char *repeated;
    void (*take)(fd_framing *guard, text value);
} single[] = {
    [HOST] = {"Host", "there is more than one Host", take_host},
    [CONTENT_LENGTH] = {"Content-Length", "there is more than one Content-Length", take_length},
    [TRANSFER_ENCODING] = {"Transfer-Encoding", "there is more than one Transfer-Encoding",
                           take_transfer_encoding},
    [EXPECT] = {"Expect", "there is more than one Expect", take_expect},
    {"Content-Type", "there is more than one Content-Type", NULL},
    {"Authorization", "there is more than one Authorization", NULL},
    {"Cookie", "there is more than one Cookie", take_cookies},
    {"Upgrade", "there is more than one Upgrade", take_upgrade},
};

static bool has_seen(const fd_framing *guard, unsigned header) {
    return (guard->seen & (1u << header)) != 0;
}

/* Those behind a value stay: libmicrohttpd does not know a length or a coding with one. */
static text without_blanks_in_front(text value) {
    while (value.size > 0 && strchr(" \t", value.bytes[0]))
        value = (text){value.bytes + 1, value.size - 1};
    return value;
}

static void take_header(fd_framing *guard, text line) {
    text value = line;
    text name = cut(&value, ':');
    if (++guard->headers > FD_HEADERS_MAX) {
        refuse(guard, 431, "there are too many headers");
        return;
    }
    if (!value.bytes)
        refuse(guard, 400, "a header has no colon");
    else if (!is_all_of(name, is_of_token))
        refuse(guard, 400, "the name of a header is no token");
    if (guard->state == FD_FRAMING_REFUSED)
        return;
    for (unsigned i = 0; i < FD_LENGTH(single); i++) {
        if (!equals_without_case(name, single[i].name))
            continue;
        if (has_seen(guard, i))
            refuse(guard, 400, single[i].repeated);
        else if (single[i].take)
            single[i].take(guard, without_blanks_in_front(value));
        guard->seen |= 1u << i;
    }
}

/* ---- from request to request ---- */

static void begin_request(fd_framing *guard) {
    guard->state = FD_FRAMING_REQUEST_LINE;
    guard->is_head = guard->has_empty_line = guard->is_chunked = false;
    guard->headers = guard->seen = 0;
    guard->head_size = 0;
}

static void end_request(fd_framing *guard) {
    guard->requests++;
    begin_request(guard);
}

static void end_head(fd_framing *guard) {
    if (!has_seen(guard, HOST) && !guard->is_old) {
        refuse(guard, 400, "there must be exactly one Host");
        return;
    }
    if (has_seen(guard, CONTENT_LENGTH) && has_seen(guard, TRANSFER_ENCODING)) {
        refuse(guard, 400, "there are both Content-Length and Transfer-Encoding");
        return;
    }
    /* libmicrohttpd would close over what follows, without an answer. */
    if (has_seen(guard, EXPECT) && !guard->is_chunked && guard->left == 0) {
        refuse(guard, 400, "there is an Expect without a body");
        return;
    }
    guard->heads++;
    if (guard->is_chunked)
        guard->state = FD_FRAMING_CHUNK_SIZE;
    else if (guard->left > 0)
        guard->state = FD_FRAMING_BODY;
    else
        end_request(guard);
}

static void take_chunk_size(fd_framing *guard, text line) {
    for (size_t i = 0; i < line.size; i++)
        guard->left = guard->left * 16 + (unsigned)fd_hex_value(line.bytes[i]);
    guard->state = guard->left > 0 ? FD_FRAMING_CHUNK : FD_FRAMING_TRAILER;
}

/* ---- lines and bytes ---- */

/* Most bytes of a line, and what is said of a longer one. */
static const struct {
    size_t most;
    unsigned status;
    const char *detail;
} lines[] = {
    [FD_FRAMING_REQUEST_LINE] = {FD_REQUEST_TARGET_MAX + sizeof("CONNECT  HTTP/1.1"), 414,
                                 "the request line is too long"},
    [FD_FRAMING_HEADER] = {FD_HEADER_MAX, 431, "a header is too long"},
    [FD_FRAMING_CHUNK_SIZE] = {FD_LENGTH_DIGITS_MAX, 400,
                               "the size of a chunk is no hexadecimal number"},
    [FD_FRAMING_CHUNK_END] = {0, 400, "a chunk is longer than its size"},
    [FD_FRAMING_TRAILER] = {0, 400, "headers after the body are not taken"},
};

static void end_line(fd_framing *guard) {
    text line = {guard->line, guard->line_size};
    guard->line_size = 0;
    switch (guard->state) {
    case FD_FRAMING_REQUEST_LINE:
        take_request_line(guard, line);
        break;
    case FD_FRAMING_HEADER:
        if (line.size > 0)
            take_header(guard, line);
        else
            end_head(guard);
        break;
    case FD_FRAMING_CHUNK_SIZE:
        take_chunk_size(guard, line);
        break;
    case FD_FRAMING_CHUNK_END:
        guard->state = FD_FRAMING_CHUNK_SIZE;
        break;
    case FD_FRAMING_TRAILER:
        end_request(guard);
        break;
    case FD_FRAMING_CHUNK:
    case FD_FRAMING_BODY:
    case FD_FRAMING_REFUSED:
        break;
    }
}

/* At once: libmicrohttpd has an opinion of its own on the first byte that is wrong in a size. */
static bool is_wrong_in_size(const fd_framing *guard, char c) {
    return guard->state == FD_FRAMING_CHUNK_SIZE && fd_hex_value(c) < 0 &&
           (guard->line_size == 0 || (c != '\r' && c != '\n'));
}

static void take_byte_of_line(fd_framing *guard, char c) {
    if (guard->has_return && c != '\n')
        refuse(guard, 400, "a line has a carriage return within");
    else if (!guard->has_return && c == '\n')
        refuse(guard, 400, "a line ends without a carriage return");
    else if (((unsigned char)c < ' ' && !strchr("\t\r\n", c)) || c == 0x7f || c == '\0')
        refuse(guard, 400, "there is a control character");
    else if (is_wrong_in_size(guard, c))
        refuse(guard, 400, lines[FD_FRAMING_CHUNK_SIZE].detail);
    else if (guard->state <= FD_FRAMING_HEADER && ++guard->head_size > guard->head_max)
        refuse(guard, 431, "the headers are too long");
    else if (c != '\r' && c != '\n' && guard->line_size == lines[guard->state].most)
        refuse(guard, lines[guard->state].status, lines[guard->state].detail);
    if (guard->state == FD_FRAMING_REFUSED)
        return;
    guard->has_return = c == '\r';
    if (c == '\n')
        end_line(guard);
    else if (c != '\r')
        guard->line[guard->line_size++] = c;
}

/* As many bytes as can but be part of a line of the head: none of them ends it, or is wrong. */
static size_t take_plain_bytes(fd_framing *guard, const char *data, size_t size) {
    if (guard->state > FD_FRAMING_HEADER || guard->has_return)
        return 0;
    size_t room = lines[guard->state].most - guard->line_size;
    size_t taken = 0;
    while (taken < size && taken < room && (unsigned char)data[taken] >= ' ' && data[taken] != 0x7f)
        taken++;
    memcpy(guard->line + guard->line_size, data, taken);
    guard->line_size += taken;
    guard->head_size += taken;
    return taken;
}

/* As many of the bytes as belong to the body or the chunk. */
static size_t take_content(fd_framing *guard, size_t size) {
    size_t taken = size < guard->left ? size : (size_t)guard->left;
    guard->left -= taken;
    if (guard->left == 0 && guard->state == FD_FRAMING_CHUNK)
        guard->state = FD_FRAMING_CHUNK_END;
    else if (guard->left == 0)
        end_request(guard);
    return taken;
}

bool fd_framing_read(fd_framing *guard, const char *data, size_t size, size_t *ret_ended) {
    *ret_ended = 0;
    for (size_t i = 0; i < size && guard->state != FD_FRAMING_REFUSED;) {
        uint64_t before = guard->requests;
        if (guard->state == FD_FRAMING_BODY || guard->state == FD_FRAMING_CHUNK) {
            i += take_content(guard, size - i);
        } else {
            i += take_plain_bytes(guard, data + i, size - i);
            if (i < size)
                take_byte_of_line(guard, data[i++]);
        }
        if (guard->requests != before)
            *ret_ended = i;
    }
    return guard->state != FD_FRAMING_REFUSED;
}
