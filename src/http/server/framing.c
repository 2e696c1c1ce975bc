/* Checks the framing of requests, byte by byte. */
#include "framing.h"

#include <string.h>
#include <strings.h>

#include "macros.h"
#include "request_target.h"

/* Some bytes, not terminated. */
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

static bool is_token_character(char c) {
    return is_letter_or_digit(c) || (c != '\0' && strchr("!#$%&'*+-.^_`|~", c));
}

static bool is_name_character(char c) {
    return is_letter_or_digit(c) || (c != '\0' && strchr("-._~", c));
}

static bool is_address_character(char c) {
    return fd_hex_value(c) >= 0 || c == ':' || c == '.';
}

static bool is_all_of(text value, bool (*is_allowed)(char c)) {
    for (size_t i = 0; i < value.size; i++)
        if (!is_allowed(value.bytes[i]))
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

/* Returns the part before the first `c`. *rest begins after that `c`; without one its bytes are
 * NULL. */
static text cut(text *rest, char c) {
    const char *at = memchr(rest->bytes, c, rest->size);
    text before = {rest->bytes, at ? (size_t)(at - rest->bytes) : rest->size};
    *rest = at ? (text){at + 1, rest->size - before.size - 1} : (text){NULL, 0};
    return before;
}

static void refuse(fd_framing *framing, unsigned status, const char *detail) {
    if (framing->state == FD_FRAMING_REFUSED)
        return;
    framing->state = FD_FRAMING_REFUSED;
    framing->status = status;
    framing->detail = detail;
}

static bool is_host(text value) {
    const char *host_end = NULL;
    if (value.size > 0 && value.bytes[0] == '[') {
        host_end = memchr(value.bytes, ']', value.size);
        if (!host_end || !is_all_of((text){value.bytes + 1, (size_t)(host_end - value.bytes) - 1},
                                    is_address_character))
            return false;
        host_end++;
    } else {
        host_end = memchr(value.bytes, ':', value.size);
        host_end = host_end ? host_end : value.bytes + value.size;
        if (!is_all_of((text){value.bytes, (size_t)(host_end - value.bytes)}, is_name_character))
            return false;
    }
    text port = {host_end, value.size - (size_t)(host_end - value.bytes)};
    if (port.size == 0)
        return true;
    return port.bytes[0] == ':' && port.size <= 6 &&
           is_all_of((text){port.bytes + 1, port.size - 1}, is_digit);
}

static bool is_authority(text value) {
    return value.size <= FD_HOST_MAX && is_host(value);
}

/* ---- the request line ---- */

static void take_version(fd_framing *framing, text version) {
    framing->is_old = equals(version, "HTTP/1.0");
    if (framing->is_old || equals(version, "HTTP/1.1"))
        return;
    if (version.size == 8 && memcmp(version.bytes, "HTTP/", 5) == 0 && version.bytes[6] == '.' &&
        is_digit(version.bytes[5]) && is_digit(version.bytes[7]))
        refuse(framing, 505, "only HTTP/1.0 and HTTP/1.1 are supported");
    else
        refuse(framing, 400, "the request line does not end with an HTTP version");
}

static void take_authority(fd_framing *framing, text target) {
    text authority;
    size_t start = fd_request_target_authority(target.bytes, target.size, &authority.size);
    if (start == 0)
        return;
    authority.bytes = target.bytes + start;
    if (!is_authority(authority)) {
        refuse(framing, 400, "the target's host must be a name or an address");
        return;
    }
    framing->authority_size = authority.size;
    memcpy(framing->authority, authority.bytes, authority.size);
}

static void take_request_line(fd_framing *framing, text line) {
    const char *detail = NULL;
    if (line.size == 0) {
        /* Some clients send an empty line after a body, which Content-Length does not count. */
        if (framing->has_empty_line)
            refuse(framing, 400, "the request line is missing");
        framing->has_empty_line = true;
        return;
    }
    text method = cut(&line, ' ');
    text target = line.bytes ? cut(&line, ' ') : line;
    if (!is_all_of(method, is_token_character))
        refuse(framing, 400, "the method is not a token");
    else if (!line.bytes)
        refuse(framing, 400, "the request line is not a method, a target and a version");
    else if (equals(method, "CONNECT") || equals(method, "TRACE"))
        refuse(framing, 501, "the method is not supported");
    else
        take_version(framing, line);
    if (target.size > FD_REQUEST_TARGET_MAX)
        refuse(framing, 414, "the target is too long");
    else if ((detail = fd_request_target_fault(target.bytes, target.size)))
        refuse(framing, 400, detail);
    else if (count_of(target, '&') >= FD_PARAMETERS_MAX)
        refuse(framing, 400, "there are too many query parameters");
    else
        take_authority(framing, target);
    if (framing->state == FD_FRAMING_REFUSED)
        return;
    framing->is_head = equals(method, "HEAD");
    framing->state = FD_FRAMING_HEADER;
}

/* ---- headers ---- */

static bool ends_with(text value, const char *end) {
    size_t size = strlen(end);
    return value.size > size && memcmp(value.bytes + value.size - size, end, size) == 0;
}

/* Without the port that a scheme has anyway. */
static text without_port(text value) {
    if (ends_with(value, ":80"))
        value.size -= strlen(":80");
    else if (ends_with(value, ":443"))
        value.size -= strlen(":443");
    return value;
}

/* A target in absolute form names a host too, and another reader may take either. */
static void take_host(fd_framing *framing, text value) {
    text host = without_port(value);
    text other = without_port((text){framing->authority, framing->authority_size});
    if (!is_authority(value))
        refuse(framing, 400, "Host must be a name or an address, with or without a port");
    else if (other.size > 0 &&
             (other.size != host.size || strncasecmp(other.bytes, host.bytes, host.size) != 0))
        refuse(framing, 400, "Host is not the one of the target");
}

static void take_length(fd_framing *framing, text value) {
    if (value.size > FD_LENGTH_DIGITS_MAX || !is_all_of(value, is_digit)) {
        refuse(framing, 400, "Content-Length must be a number");
        return;
    }
    for (size_t i = 0; i < value.size; i++)
        framing->left = framing->left * 10 + (unsigned)(value.bytes[i] - '0');
}

static void take_transfer_encoding(fd_framing *framing, text value) {
    framing->is_chunked = true;
    if (framing->is_old || !equals_without_case(value, "chunked"))
        refuse(framing, 400, "the only Transfer-Encoding supported is chunked, in HTTP/1.1");
}

static void take_expect(fd_framing *framing, text value) {
    if (!equals_without_case(value, "100-continue"))
        refuse(framing, 417, "the only Expect supported is 100-continue");
}

static void take_cookies(fd_framing *framing, text value) {
    if (count_of(value, ';') >= FD_COOKIES_MAX)
        refuse(framing, 431, "there are too many cookies");
}

enum { HOST, CONTENT_LENGTH, TRANSFER_ENCODING, EXPECT };

/* Headers that may come once. */
static const struct {
    const char *name;
    const char *repeated;
    void (*take)(fd_framing *framing, text value);
} single[] = {
    [HOST] = {"Host", "there is more than one Host", take_host},
    [CONTENT_LENGTH] = {"Content-Length", "there is more than one Content-Length", take_length},
    [TRANSFER_ENCODING] = {"Transfer-Encoding", "there is more than one Transfer-Encoding",
                           take_transfer_encoding},
    [EXPECT] = {"Expect", "there is more than one Expect", take_expect},
    {"Content-Type", "there is more than one Content-Type", NULL},
    {"Authorization", "there is more than one Authorization", NULL},
    {"Cookie", "there is more than one Cookie", take_cookies},
};

static bool has_seen(const fd_framing *framing, unsigned header) {
    return (framing->seen & (1u << header)) != 0;
}

/* Blanks at the end stay: libmicrohttpd does not recognise a length or a coding with them. */
static text without_blanks_in_front(text value) {
    while (value.size > 0 && strchr(" \t", value.bytes[0]))
        value = (text){value.bytes + 1, value.size - 1};
    return value;
}

static void take_header(fd_framing *framing, text line) {
    text value = line;
    text name = cut(&value, ':');
    if (++framing->headers > FD_HEADERS_MAX) {
        refuse(framing, 431, "there are too many headers");
        return;
    }
    if (!value.bytes)
        refuse(framing, 400, "a header has no colon");
    else if (!is_all_of(name, is_token_character))
        refuse(framing, 400, "the name of a header is not a token");
    if (framing->state == FD_FRAMING_REFUSED)
        return;
    for (unsigned i = 0; i < FD_LENGTH(single); i++) {
        if (!equals_without_case(name, single[i].name))
            continue;
        if (has_seen(framing, i))
            refuse(framing, 400, single[i].repeated);
        else if (single[i].take)
            single[i].take(framing, without_blanks_in_front(value));
        framing->seen |= 1u << i;
    }
}

/* ---- the end of a head and of a request ---- */

static void begin_request(fd_framing *framing) {
    framing->state = FD_FRAMING_REQUEST_LINE;
    framing->is_head = framing->has_empty_line = framing->is_chunked = false;
    framing->headers = framing->seen = 0;
    framing->head_size = framing->authority_size = 0;
}

static void end_request(fd_framing *framing) {
    framing->requests++;
    begin_request(framing);
}

static void end_head(fd_framing *framing) {
    if (!has_seen(framing, HOST) && !framing->is_old) {
        refuse(framing, 400, "there must be exactly one Host");
        return;
    }
    if (has_seen(framing, CONTENT_LENGTH) && has_seen(framing, TRANSFER_ENCODING)) {
        refuse(framing, 400, "Content-Length and Transfer-Encoding exclude each other");
        return;
    }
    /* libmicrohttpd would close the connection without responding to the requests that follow. */
    if (has_seen(framing, EXPECT) && !framing->is_chunked && framing->left == 0) {
        refuse(framing, 400, "Expect needs a body");
        return;
    }
    framing->heads++;
    if (framing->is_chunked)
        framing->state = FD_FRAMING_CHUNK_SIZE;
    else if (framing->left > 0)
        framing->state = FD_FRAMING_BODY;
    else
        end_request(framing);
}

static void take_chunk_size(fd_framing *framing, text line) {
    for (size_t i = 0; i < line.size; i++)
        framing->left = framing->left * 16 + (unsigned)fd_hex_value(line.bytes[i]);
    framing->state = framing->left > 0 ? FD_FRAMING_CHUNK : FD_FRAMING_TRAILER;
}

/* ---- lines and bytes ---- */

/* The most bytes of a line, and how a longer one is refused. */
static const struct {
    size_t most;
    unsigned status;
    const char *detail;
} lines[] = {
    [FD_FRAMING_REQUEST_LINE] = {FD_REQUEST_TARGET_MAX + sizeof("CONNECT  HTTP/1.1"), 414,
                                 "the request line is too long"},
    [FD_FRAMING_HEADER] = {FD_HEADER_MAX, 431, "a header is too long"},
    [FD_FRAMING_CHUNK_SIZE] = {FD_LENGTH_DIGITS_MAX, 400,
                               "the size of a chunk is not a hexadecimal number"},
    [FD_FRAMING_CHUNK_END] = {0, 400, "a chunk is longer than its size"},
    [FD_FRAMING_TRAILER] = {0, 400, "headers after the body are not supported"},
};

static void end_line(fd_framing *framing) {
    text line = {framing->line, framing->line_size};
    framing->line_size = 0;
    switch (framing->state) {
    case FD_FRAMING_REQUEST_LINE:
        take_request_line(framing, line);
        break;
    case FD_FRAMING_HEADER:
        if (line.size > 0)
            take_header(framing, line);
        else
            end_head(framing);
        break;
    case FD_FRAMING_CHUNK_SIZE:
        take_chunk_size(framing, line);
        break;
    case FD_FRAMING_CHUNK_END:
        framing->state = FD_FRAMING_CHUNK_SIZE;
        break;
    case FD_FRAMING_TRAILER:
        end_request(framing);
        break;
    case FD_FRAMING_CHUNK:
    case FD_FRAMING_BODY:
    case FD_FRAMING_REFUSED:
        break;
    }
}

/* At once, since libmicrohttpd would refuse the first wrong byte of a size in its own way. */
static bool is_wrong_in_size(const fd_framing *framing, char c) {
    return framing->state == FD_FRAMING_CHUNK_SIZE && fd_hex_value(c) < 0 &&
           (framing->line_size == 0 || (c != '\r' && c != '\n'));
}

/* At once, since libmicrohttpd 1.0 would refuse the first wrong byte of a name in its own way.
 * `before` bytes of the line were checked already. */
static void check_name(fd_framing *framing, size_t before) {
    if (framing->state != FD_FRAMING_HEADER || memchr(framing->line, ':', before))
        return;
    for (size_t i = before; i < framing->line_size; i++) {
        char c = framing->line[i];
        if (c == ':' && i > 0)
            return;
        if (!is_token_character(c)) {
            framing->line_size = i; /* the same however the bytes are split */
            refuse(framing, 400, "the name of a header is not a token");
            return;
        }
    }
}

static void take_byte_of_line(fd_framing *framing, char c) {
    if (framing->has_return && c != '\n')
        refuse(framing, 400, "a carriage return is not followed by a line feed");
    else if (!framing->has_return && c == '\n')
        refuse(framing, 400, "a line ends without a carriage return");
    else if (((unsigned char)c < ' ' && !strchr("\t\r\n", c)) || c == 0x7f || c == '\0')
        refuse(framing, 400, "a line has a control character");
    else if (is_wrong_in_size(framing, c))
        refuse(framing, 400, lines[FD_FRAMING_CHUNK_SIZE].detail);
    else if (framing->state <= FD_FRAMING_HEADER && ++framing->head_size > framing->head_max)
        refuse(framing, 431, "the headers are too long");
    else if (c != '\r' && c != '\n' && framing->line_size == lines[framing->state].most)
        refuse(framing, lines[framing->state].status, lines[framing->state].detail);
    if (framing->state == FD_FRAMING_REFUSED)
        return;
    framing->has_return = c == '\r';
    if (c == '\n')
        end_line(framing);
    else if (c != '\r')
        framing->line[framing->line_size++] = c;
    check_name(framing, framing->line_size > 0 ? framing->line_size - 1 : 0);
}

/* Takes the bytes, up to the first that may end the line of the head or be wrong. */
static size_t take_plain_bytes(fd_framing *framing, const char *data, size_t size) {
    if (framing->state > FD_FRAMING_HEADER || framing->has_return)
        return 0;
    size_t room = lines[framing->state].most - framing->line_size;
    size_t taken = 0;
    while (taken < size && taken < room && (unsigned char)data[taken] >= ' ' && data[taken] != 0x7f)
        taken++;
    memcpy(framing->line + framing->line_size, data, taken);
    framing->line_size += taken;
    framing->head_size += taken;
    check_name(framing, framing->line_size - taken);
    return taken;
}

/* Takes the bytes that belong to the body or the chunk. */
static size_t take_content(fd_framing *framing, size_t size) {
    size_t taken = size < framing->left ? size : (size_t)framing->left;
    framing->left -= taken;
    if (framing->left == 0 && framing->state == FD_FRAMING_CHUNK)
        framing->state = FD_FRAMING_CHUNK_END;
    else if (framing->left == 0)
        end_request(framing);
    return taken;
}

bool fd_framing_read(fd_framing *framing, const char *data, size_t size, size_t *ret_ended) {
    *ret_ended = 0;
    for (size_t i = 0; i < size && framing->state != FD_FRAMING_REFUSED;) {
        uint64_t before = framing->requests;
        if (framing->state == FD_FRAMING_BODY || framing->state == FD_FRAMING_CHUNK) {
            i += take_content(framing, size - i);
        } else {
            i += take_plain_bytes(framing, data + i, size - i);
            if (i < size && framing->state != FD_FRAMING_REFUSED)
                take_byte_of_line(framing, data[i++]);
        }
        if (framing->requests != before)
            *ret_ended = i;
    }
    return framing->state != FD_FRAMING_REFUSED;
}
