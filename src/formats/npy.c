/* Opens .npy, .npz and safetensors, and reads the header of .npy: a Python dictionary in text. */
#include "npy.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "number_file.h"
#include "safetensors.h"
#include "zip_member.h"

enum { HEADER_MAX = 4096, DIMENSIONS_MAX = 4, MAGIC_SIZE = 9 };

static const struct {
    const char *name;
    fd_number_kind kind;
} kinds[] = {
    {"f2", FD_NUMBER_FLOAT16}, {"f4", FD_NUMBER_FLOAT32}, {"f8", FD_NUMBER_FLOAT64},
    {"i4", FD_NUMBER_INT32},   {"i8", FD_NUMBER_INT64},
};

struct fd_npy {
    fd_number_file numbers;
};

void fd_npy_close(fd_npy *npy) {
    fd_number_file_clear(&npy->numbers);
    free(npy);
}

size_t fd_npy_rows(const fd_npy *npy) {
    return npy->numbers.rows;
}

size_t fd_npy_columns(const fd_npy *npy) {
    return npy->numbers.columns;
}

/* ---- the header of .npy ---- */

/* The value after a name in the header, or NULL. */
static const char *value_of(const char *header, const char *name) {
    const char *at = strstr(header, name);
    if (!at)
        return NULL;
    at += strlen(name);
    return at + strspn(at, " :");
}

/* In quotes: the byte order, then the type and its size. */
static int parse_kind(fd_number_file *numbers, const char *text) {
    if (text[0] != '\'' || (text[1] != '<' && text[1] != '>'))
        return -EBADMSG;
    numbers->is_big_endian = text[1] == '>';
    for (size_t i = 0; i < FD_LENGTH(kinds); i++)
        if (strncmp(text + 2, kinds[i].name, strlen(kinds[i].name)) == 0) {
            numbers->kind = kinds[i].kind;
            return 0;
        }
    return -EBADMSG;
}

static int parse_order(fd_number_file *numbers, const char *text) {
    numbers->is_by_columns = strncmp(text, "True", 4) == 0;
    return numbers->is_by_columns || strncmp(text, "False", 5) == 0 ? 0 : -EBADMSG;
}

/* One or two dimensions are the same in either order if a row is one number; more are not read by
 * columns. */
static int parse_shape(fd_number_file *numbers, const char *text) {
    uint64_t dimensions[DIMENSIONS_MAX];
    size_t count = 0;
    if (*text++ != '(')
        return -EBADMSG;
    for (;;) {
        text += strspn(text, " ,");
        if (*text == ')')
            break;
        char *end;
        errno = 0;
        unsigned long long dimension = strtoull(text, &end, 10);
        if (*text == '-' || end == text || errno != 0 || count == DIMENSIONS_MAX)
            return -EBADMSG;
        dimensions[count++] = dimension;
        text = end;
    }
    if (numbers->is_by_columns && count > 2)
        return -EBADMSG;
    return fd_number_file_shape(numbers, dimensions, count);
}

static int parse_header(fd_number_file *numbers, const char *header) {
    const char *descr = value_of(header, "'descr'");
    const char *order = value_of(header, "'fortran_order'");
    const char *shape = value_of(header, "'shape'");
    if (!descr || !order || !shape)
        return -EBADMSG;
    int r = parse_kind(numbers, descr);
    if (r == 0)
        r = parse_order(numbers, order);
    return r < 0 ? r : parse_shape(numbers, shape);
}

/* Reads a .npy that begins at `begin` and has `size` bytes. */
static int read_npy(fd_number_file *numbers, uint64_t begin, uint64_t size) {
    uint8_t start[12];
    char header[HEADER_MAX + 1];
    uint64_t bytes, used = 10;
    if (begin > INT64_MAX || fseeko(numbers->file, (off_t)begin, SEEK_SET) != 0 ||
        fread(start, 1, 10, numbers->file) != 10 || memcmp(start, "\x93NUMPY", 6) != 0)
        return -EBADMSG;
    size_t length = start[8] | (size_t)start[9] << 8;
    if (start[6] > 1) {
        if (fread(start + 10, 1, 2, numbers->file) != 2)
            return -EBADMSG;
        length |= (size_t)start[10] << 16 | (size_t)start[11] << 24;
        used += 2;
    }
    if (length > HEADER_MAX || fread(header, 1, length, numbers->file) != length)
        return -EBADMSG;
    header[length] = '\0';
    used += length;
    int r = parse_header(numbers, header);
    if (r == 0)
        r = fd_number_file_bytes(numbers, &bytes);
    if (r < 0)
        return r;
    numbers->begin = begin + used;
    return size >= used && bytes == size - used ? 0 : -EBADMSG;
}

/* ---- opening ---- */

static int measure(FILE *file, uint64_t *ret) {
    if (fseeko(file, 0, SEEK_END) != 0)
        return -EIO;
    off_t size = ftello(file);
    *ret = (uint64_t)size;
    return size < 0 ? -EIO : 0;
}

/* The archive stays open if the array lies in it. */
static int open_npz(fd_number_file *numbers, fd_fault *fault) {
    uint64_t begin, size;
    FILE *archive = numbers->file, *file = archive;
    int r = fd_zip_member_open(archive, &file, &begin, &size, fault);
    if (r < 0)
        return r;
    numbers->file = file;
    if (file != archive) {
        (void)fclose(archive);
        r = measure(file, &size);
    }
    uint64_t end = 0;
    if (r == 0)
        r = measure(file, &end);
    if (r < 0 || begin > end || size > end - begin)
        return -EBADMSG;
    return read_npy(numbers, begin, size);
}

static int read_file(fd_number_file *numbers, fd_fault *fault) {
    uint8_t magic[MAGIC_SIZE] = {0};
    uint64_t size = 0;
    int r = measure(numbers->file, &size);
    if (r < 0 || fseeko(numbers->file, 0, SEEK_SET) != 0)
        return -EIO;
    size_t n = fread(magic, 1, sizeof(magic), numbers->file);
    if (n == sizeof(magic) && memcmp(magic, "PK\3\4", 4) == 0)
        return open_npz(numbers, fault);
    if (n == sizeof(magic) && magic[MAGIC_SIZE - 1] == '{' && magic[0] != 0x93)
        return fd_safetensors_find(numbers, size, fault);
    return read_npy(numbers, 0, size);
}

int fd_npy_open(const char *path, fd_npy **ret, fd_fault *fault) {
    FD_CLEANUP(fd_npy_closep) fd_npy *npy = calloc(1, sizeof(*npy));
    fd_fault why = {0};
    if (!npy)
        return -ENOMEM;
    npy->numbers.file = fopen(path, "rbe");
    if (!npy->numbers.file)
        return fd_fault_set(fault, -errno, "", "%s cannot be opened: %s", path, strerror(errno));
    int r = read_file(&npy->numbers, &why);
    if (r == -ENOMEM)
        return r;
    if (r < 0 && why.detail[0] != '\0')
        return fd_fault_set(fault, -EBADMSG, "", "%s %s", path, why.detail);
    if (r < 0)
        return fd_fault_set(fault, -EBADMSG, "",
                            "%s is not a complete .npy file of float16, float32, float64, int32 or "
                            "int64",
                            path);
    *ret = FD_STEAL(npy);
    return 0;
}

/* ---- values ---- */

int fd_npy_read(fd_npy *npy, size_t n, double *values) {
    return fd_number_file_read(&npy->numbers, n, values);
}

int fd_npy_read_float(fd_npy *npy, size_t n, float *values) {
    return fd_number_file_read_float(&npy->numbers, n, values);
}
