/* Reads the central directory of a ZIP archive (APPNOTE.TXT of PKWARE, version 6.3), also with the
 * sizes of ZIP64. */
#include "zip_member.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <zlib.h>

enum {
    END_SIZE = 22,
    ENTRY_SIZE = 46,
    LOCAL_SIZE = 30,
    ZIP64_END_SIZE = 56,
    LOCATOR_SIZE = 20,
    COMMENT_MAX = 65535,
    MEMBERS_MAX = 10000,
    CHUNK = 64 << 10,
    NAME_MAX_SIZE = 256,
    STORED = 0,
    DEFLATED = 8,
};

struct member {
    char name[NAME_MAX_SIZE];
    unsigned method;
    uint64_t packed;
    uint64_t size;
    uint64_t at; /* of its local header */
};

static uint64_t number_at(const uint8_t *bytes, size_t size) {
    uint64_t number = 0;
    for (size_t i = 0; i < size; i++)
        number |= (uint64_t)bytes[i] << (8 * i);
    return number;
}

static int read_at(FILE *file, uint64_t at, void *bytes, size_t size) {
    if (at > INT64_MAX || fseeko(file, (off_t)at, SEEK_SET) != 0)
        return -EBADMSG;
    return fread(bytes, 1, size, file) == size ? 0 : -EBADMSG;
}

/* ---- the directory ---- */

/* The end of the directory is at the end of the archive, before a comment. */
static int find_end(FILE *file, uint64_t *ret) {
    uint8_t tail[END_SIZE + COMMENT_MAX];
    if (fseeko(file, 0, SEEK_END) != 0)
        return -EIO;
    uint64_t size = (uint64_t)ftello(file);
    size_t n = size < sizeof(tail) ? (size_t)size : sizeof(tail);
    int r = read_at(file, size - n, tail, n);
    for (size_t i = n >= END_SIZE ? n - END_SIZE + 1 : 0; r == 0 && i-- > 0;)
        if (memcmp(tail + i, "PK\5\6", 4) == 0) {
            *ret = size - n + i;
            return 0;
        }
    return -EBADMSG;
}

static int read_end(FILE *file, uint64_t *ret_members, uint64_t *ret_at) {
    uint8_t end[END_SIZE], locator[LOCATOR_SIZE], wide[ZIP64_END_SIZE];
    uint64_t at;
    int r = find_end(file, &at);
    if (r == 0)
        r = read_at(file, at, end, sizeof(end));
    if (r < 0)
        return r;
    *ret_members = number_at(end + 10, 2);
    *ret_at = number_at(end + 16, 4);
    if (at < LOCATOR_SIZE || read_at(file, at - LOCATOR_SIZE, locator, sizeof(locator)) < 0 ||
        memcmp(locator, "PK\6\7", 4) != 0)
        return 0;
    r = read_at(file, number_at(locator + 8, 8), wide, sizeof(wide));
    *ret_members = number_at(wide + 32, 8);
    *ret_at = number_at(wide + 48, 8);
    return r;
}

/* Sizes that do not fit have the value 2^32 - 1, and stand in the extra field 1. */
static void read_extra(const uint8_t *extra, size_t size, struct member *member) {
    uint64_t *const wide[] = {&member->size, &member->packed, &member->at};
    while (size >= 4) {
        size_t length = (size_t)number_at(extra + 2, 2), used = 4;
        if (length > size - 4)
            return;
        for (size_t i = 0; number_at(extra, 2) == 1 && i < 3; i++)
            if (*wide[i] == UINT32_MAX && used + 8 <= length + 4) {
                *wide[i] = number_at(extra + used, 8);
                used += 8;
            }
        extra += length + 4;
        size -= length + 4;
    }
}

static int read_entry(FILE *file, uint64_t *at, struct member *ret) {
    uint8_t entry[ENTRY_SIZE], extra[UINT16_MAX];
    int r = read_at(file, *at, entry, sizeof(entry));
    if (r < 0 || memcmp(entry, "PK\1\2", 4) != 0)
        return -EBADMSG;
    size_t name = (size_t)number_at(entry + 28, 2), more = (size_t)number_at(entry + 30, 2);
    *ret = (struct member){.method = (unsigned)number_at(entry + 10, 2),
                           .packed = number_at(entry + 20, 4),
                           .size = number_at(entry + 24, 4),
                           .at = number_at(entry + 42, 4)};
    size_t kept = name < sizeof(ret->name) ? name : sizeof(ret->name) - 1;
    r = read_at(file, *at + ENTRY_SIZE, ret->name, kept);
    if (r == 0)
        r = read_at(file, *at + ENTRY_SIZE + name, extra, more);
    if (r == 0)
        read_extra(extra, more, ret);
    *at += ENTRY_SIZE + name + more + number_at(entry + 32, 2);
    return r;
}

static bool is_array(const char *name) {
    size_t length = strlen(name);
    return length > 4 && strcmp(name + length - 4, ".npy") == 0;
}

static int find_member(FILE *file, struct member *ret, fd_fault *fault) {
    uint64_t n, at;
    size_t arrays = 0;
    bool is_named = false;
    int r = read_end(file, &n, &at);
    for (uint64_t i = 0; r == 0 && i < n && i < MEMBERS_MAX && !is_named; i++) {
        struct member member;
        r = read_entry(file, &at, &member);
        if (r < 0 || !is_array(member.name))
            continue;
        is_named = strcmp(member.name, "embeddings.npy") == 0;
        *ret = member;
        arrays++;
    }
    if (r < 0)
        return fd_fault_set(fault, -EBADMSG, "", "is not a complete .npz file");
    if (arrays == 0)
        return fd_fault_set(fault, -EBADMSG, "", "has no array");
    if (arrays > 1 && !is_named)
        return fd_fault_set(fault, -EBADMSG, "",
                            "has several arrays, and none of them is called embeddings");
    return 0;
}

/* ---- a member ---- */

static int inflate_all(FILE *from, uint64_t left, FILE *to, z_stream *stream) {
    unsigned char in[CHUNK], out[CHUNK];
    int result = Z_OK;
    while (result == Z_OK) {
        if (stream->avail_in == 0) {
            size_t n = left < CHUNK ? (size_t)left : CHUNK;
            if (n == 0 || fread(in, 1, n, from) != n)
                return -EBADMSG;
            left -= n;
            stream->next_in = in;
            stream->avail_in = (unsigned)n;
        }
        stream->next_out = out;
        stream->avail_out = CHUNK;
        result = inflate(stream, Z_NO_FLUSH);
        size_t made = CHUNK - stream->avail_out;
        if (fwrite(out, 1, made, to) != made)
            return -EIO;
    }
    return result == Z_STREAM_END ? 0 : -EBADMSG;
}

static int unpack(FILE *archive, const struct member *member, FILE **ret) {
    z_stream stream = {0};
    FILE *file = tmpfile();
    if (!file)
        return -EIO;
    if (inflateInit2(&stream, -15) != Z_OK) {
        (void)fclose(file);
        return -ENOMEM;
    }
    int r = inflate_all(archive, member->packed, file, &stream);
    (void)inflateEnd(&stream);
    if (r == 0 && fflush(file) != 0)
        r = -EIO;
    if (r < 0)
        (void)fclose(file);
    else
        *ret = file;
    return r;
}

int fd_zip_member_open(FILE *archive, FILE **ret_file, uint64_t *ret, uint64_t *ret_size,
                       fd_fault *fault) {
    struct member member = {0};
    uint8_t local[LOCAL_SIZE];
    int r = find_member(archive, &member, fault);
    if (r < 0)
        return r;
    r = read_at(archive, member.at, local, sizeof(local));
    if (r < 0 || memcmp(local, "PK\3\4", 4) != 0)
        return fd_fault_set(fault, -EBADMSG, "", "is not a complete .npz file");
    *ret = member.at + LOCAL_SIZE + number_at(local + 26, 2) + number_at(local + 28, 2);
    *ret_size = member.size;
    *ret_file = archive;
    if (member.method == STORED)
        return 0;
    if (member.method != DEFLATED || *ret > INT64_MAX ||
        fseeko(archive, (off_t)*ret, SEEK_SET) != 0)
        return fd_fault_set(fault, -EBADMSG, "", "has an array in an unknown compression");
    *ret = 0;
    r = unpack(archive, &member, ret_file);
    return r == -EBADMSG ? fd_fault_set(fault, r, "", "has an array that is damaged") : r;
}
