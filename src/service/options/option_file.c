/* Reads a file of options line by line, and refuses every byte that has no meaning. */
#include "option_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "descriptor.h"
#include "utf8.h"

static const char blanks[] = " \t";

/* ---- the bytes ---- */

static int file_fault(int error, const char *path, const char *why, fd_fault *fault) {
    return fd_fault_set(fault, error, "", "%s %s", path, why);
}

static int check_file(int file, const char *path, fd_fault *fault) {
    struct stat about;
    if (fstat(file, &about) < 0)
        return file_fault(-errno, path, strerror(errno), fault);
    if (S_ISDIR(about.st_mode))
        return file_fault(-EINVAL, path, "is a folder, not a file of options", fault);
    if (!S_ISREG(about.st_mode)) /* it could not be read again, on SIGHUP */
        return file_fault(-EINVAL, path, "is not a regular file", fault);
    if (about.st_size > FD_OPTION_FILE_MAX)
        return file_fault(-EINVAL, path, "is larger than 1 MiB", fault);
    return 0;
}

/* Reads all of a file, and adds a NUL. */
static int read_bytes(const char *path, char **ret, size_t *ret_size, fd_fault *fault) {
    FD_CLOSE int file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (file < 0)
        return fd_fault_set(fault, -errno, "", "%s cannot be opened: %s", path, strerror(errno));
    int r = check_file(file, path, fault);
    if (r < 0)
        return r;
    FD_FREE char *bytes = malloc(FD_OPTION_FILE_MAX + 1);
    if (!bytes)
        return -ENOMEM;
    size_t size = 0;
    ssize_t got = 1;
    while (got != 0 && size < FD_OPTION_FILE_MAX) {
        got = read(file, bytes + size, FD_OPTION_FILE_MAX - size);
        if (got < 0 && errno != EINTR)
            return fd_fault_set(fault, -errno, "", "%s cannot be read: %s", path, strerror(errno));
        size += got > 0 ? (size_t)got : 0;
    }
    bytes[size] = '\0';
    *ret = FD_STEAL(bytes);
    *ret_size = size;
    return 0;
}

/* ---- a line ---- */

struct reading {
    const fd_option_table *table;
    const char *path;
    fd_option_check *check;
    void *members;
    fd_fault *fault;
    size_t line;
    size_t *lines; /* [table->n]: where an option was set; 0: nowhere yet */
};

__attribute__((format(printf, 2, 3))) static int refuse(const struct reading *reading,
                                                        const char *format, ...) {
    char why[256];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(why, sizeof(why), format, arguments);
    va_end(arguments);
    return fd_fault_set(reading->fault, -EINVAL, "", "%s: line %zu%s", reading->path, reading->line,
                        why);
}

/* Cuts the blanks off both ends. */
static char *trim(char *text) {
    text += strspn(text, blanks);
    size_t length = strlen(text);
    while (length > 0 && strchr(blanks, text[length - 1]))
        text[--length] = '\0';
    return text;
}

static int check_characters(const struct reading *reading, const char *line, size_t length) {
    for (const char *at = line; at < line + length;) {
        size_t bytes = fd_utf8_length(at);
        if (bytes == 0)
            return refuse(reading, " has a byte that is not UTF-8, 0x%02x", (unsigned char)*at);
        if (*at != '\t' && fd_utf8_is_control(at))
            return refuse(reading, ", byte %zu: a control character", (size_t)(at - line) + 1);
        at += bytes;
    }
    return 0;
}

static bool is_heading(const char *line) {
    size_t length = strlen(line);
    return length > 2 && line[0] == '[' && line[length - 1] == ']' &&
           strcspn(line + 1, "[]") == length - 2;
}

/* What other programs take for quotes, for a comment or for a line that goes on. */
static int check_value(const struct reading *reading, const char *name, const char *value) {
    size_t length = strlen(value);
    char last = value[length > 0 ? length - 1 : 0];
    if (value[0] == '"' || value[0] == '\'' || last == '"' || last == '\'')
        return refuse(reading, ": %s: values have no quotes", name);
    if (last == '\\')
        return refuse(reading, ": %s: a value cannot go on in the next line", name);
    for (const char *at = value; *at; at++)
        if ((*at == '#' || *at == ';') && (at == value || strchr(blanks, at[-1])))
            return refuse(reading, ": %s: a comment needs a line of its own", name);
    return 0;
}

static int set_option(struct reading *reading, const fd_option_row *row, const char *value) {
    char source[200];
    fd_fault found = {0};
    (void)snprintf(source, sizeof(source), "%s: line %zu", reading->path, reading->line);
    int r = fd_option_set(row, reading->members, value, source, reading->fault);
    if (r < 0)
        return r;
    r = reading->check(row, reading->members, &found);
    if (r == -EINVAL)
        return refuse(reading, ": %s%s%s", strstr(found.detail, row->name) ? "" : row->name,
                      strstr(found.detail, row->name) ? "" : ": ", found.detail);
    size_t *line = &reading->lines[row - reading->table->rows];
    if (r == 0 && *line > 0)
        return refuse(reading, ": %s is set in line %zu already", row->name, *line);
    *line = reading->line;
    return r;
}

static int take_line(struct reading *reading, char *line, size_t length) {
    int r = check_characters(reading, line, length);
    if (r < 0)
        return r;
    bool is_indented = strchr(blanks, line[0]) && line[0] != '\0';
    line = trim(line);
    if (line[0] == '\0' || line[0] == '#' || line[0] == ';' || is_heading(line))
        return 0;
    if (is_indented)
        return refuse(reading, " begins with a blank: a value cannot go on in the next line");
    char *sign = strchr(line, '=');
    if (!sign || sign == line)
        return refuse(reading, " is not name = value");
    *sign = '\0';
    const char *name = trim(line), *value = trim(sign + 1);
    const fd_option_row *row = fd_option_find(reading->table, name, strlen(name));
    if (!row)
        return refuse(reading, ": there is no option \"%s\"", name);
    r = check_value(reading, name, value);
    return r == 0 ? set_option(reading, row, value) : r;
}

static int take_lines(struct reading *reading, char *bytes, size_t size) {
    static const char mark[] = "\xef\xbb\xbf";
    char *at = strncmp(bytes, mark, strlen(mark)) == 0 ? bytes + strlen(mark) : bytes;
    int r = 0;
    for (const char *end = bytes + size; r == 0 && at < end;) {
        char *stop = memchr(at, '\n', (size_t)(end - at));
        char *next = stop ? stop + 1 : bytes + size + 1;
        size_t length = (size_t)(next - 1 - at);
        if (stop && length > 0 && at[length - 1] == '\r')
            length--;
        at[length] = '\0';
        reading->line++;
        r = take_line(reading, at, length);
        at = next;
    }
    return r;
}

int fd_option_file_read(const fd_option_table *table, const char *path, fd_option_check *check,
                        void *members, fd_fault *fault) {
    FD_FREE char *bytes = NULL;
    FD_FREE size_t *lines = calloc(table->n, sizeof(*lines));
    size_t size = 0;
    if (!lines)
        return -ENOMEM;
    int r = read_bytes(path, &bytes, &size, fault);
    struct reading reading = {table, path, check, members, fault, 0, lines};
    return r == 0 ? take_lines(&reading, bytes, size) : r;
}
