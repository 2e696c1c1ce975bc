/* Sends files to a running daemon, and adds up its responses. */
#include "import_upload.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "import_arguments.h"
#include "import_run.h"
#include "import_summary.h"
#include "option_table.h"
#include "report_error.h"
#include "upload_request.h"

struct upload_flags {
    char *url;
    char *token_file;
    char *format;
};

static const fd_option_row flag_rows[] = {
    {FD_OPTION_TEXT, offsetof(struct upload_flags, url), "url", "", 0, 0, "URL", ""},
    {FD_OPTION_TEXT, offsetof(struct upload_flags, token_file), "token-file", "", 0, 0, "FILE", ""},
    {FD_OPTION_TEXT, offsetof(struct upload_flags, format), "format", "auto", 0, 0, "NAME", ""},
};
static const fd_option_table flag_table = {flag_rows, FD_LENGTH(flag_rows)};

static void clear_flags(struct upload_flags *flags) {
    fd_option_table_clear(&flag_table, flags);
}

bool fd_import_upload_is_asked(int argc, char **argv) {
    for (int i = 0; i < argc; i++)
        if (strcmp(argv[i], "--url") == 0 || strncmp(argv[i], "--url=", 6) == 0)
            return true;
    return false;
}

/* ---- arguments ---- */

static int read_token(const char *path, char *ret, size_t size, fd_fault *fault) {
    ret[0] = '\0';
    if (path[0] == '\0')
        return 0;
    FILE *file = fopen(path, "re");
    if (!file)
        return fd_fault_set(fault, -errno, "", "%s cannot be opened: %s", path, strerror(errno));
    bool has_line = fgets(ret, (int)size, file) != NULL;
    (void)fclose(file);
    ret[strcspn(ret, "\r\n")] = '\0';
    return has_line && ret[0] != '\0'
               ? 0
               : fd_fault_set(fault, -EINVAL, "", "%s has no token in its first line", path);
}

static int read_arguments(int argc, char **argv, struct upload_flags *flags,
                          fd_import_arguments *arguments, fd_fault *fault) {
    int r = fd_import_arguments_take(&argc, argv, arguments, fault);
    if (r == 0)
        r = fd_option_table_take(&flag_table, &argc, argv, flags, fault);
    if (r < 0)
        return r;
    if (argc > 0)
        return fd_fault_set(fault, -EINVAL, "", "with --url there is no %s", argv[0]);
    if (strncmp(flags->url, "http://", 7) != 0 && strncmp(flags->url, "https://", 8) != 0)
        return fd_fault_set(fault, -EINVAL, "",
                            "--url takes the address of a daemon, such as http://127.0.0.1:8077");
    return arguments->n_files > 0 ? 0 : fd_fault_set(fault, -EINVAL, "", "a file is needed");
}

/* ---- responses ---- */

struct totals {
    fd_import_report report; /* the counts of all files */
    const fd_import_arguments *arguments;
};

static size_t count_of(const json_t *told, const char *list, const char *name) {
    return (size_t)json_integer_value(json_object_get(json_object_get(told, list), name));
}

static void print_details(const json_t *told, const char *path) {
    size_t i;
    const json_t *value;
    json_array_foreach(json_object_get(told, "errors"), i, value) {
        const char *pointer = json_string_value(json_object_get(value, "pointer"));
        const char *detail = json_string_value(json_object_get(value, "detail"));
        (void)fprintf(stderr, "refused: %s%s%s; line %lld of %s\n", pointer ? pointer : "",
                      pointer && pointer[0] ? " " : "", detail ? detail : "",
                      (long long)json_integer_value(json_object_get(value, "line")), path);
    }
    json_array_foreach(json_object_get(told, "warnings"), i, value) {
        const char *words = json_string_value(value);
        (void)fprintf(stderr, "warning: %s\n", words ? words : "");
    }
}

/* Adds what a file has come to; `told` may be NULL. */
static void add(struct totals *totals, const json_t *told, const char *path) {
    fd_import_report *report = &totals->report;
    report->items.created += count_of(told, "items", "created");
    report->items.unchanged += count_of(told, "items", "unchanged");
    report->labels.created += count_of(told, "labels", "accepted");
    report->labels.unchanged += count_of(told, "labels", "duplicates");
    report->refused += count_of(told, "items", "refused") + count_of(told, "labels", "refused");
    print_details(told, path);
}

static int refuse(const fd_upload *upload, fd_fault *fault) {
    const char *detail = json_string_value(json_object_get(upload->response, "detail"));
    int error = upload->status == 401 || upload->status == 403 ? -EACCES
                : upload->status < 500                         ? -EINVAL
                                                               : -EAGAIN;
    return fd_fault_set(fault, error, "", "%.100s: the daemon refused it (%ld): %.150s",
                        upload->path, upload->status, detail ? detail : "");
}

static int send_file(struct totals *totals, const char *url, const char *token, const char *path,
                     fd_fault *fault) {
    fd_upload upload = {.url = url, .token = token, .path = path};
    int r = fd_upload_send(&upload, fault);
    if (r < 0)
        return r;
    bool is_taken = upload.status == 200;
    if (is_taken)
        fd_import_print_format(path, json_string_value(json_object_get(upload.response, "format")));
    add(totals, is_taken ? upload.response : json_object_get(upload.response, "imported"), path);
    r = is_taken ? 0 : refuse(&upload, fault);
    json_decref(upload.response);
    return r;
}

static int send_files(struct totals *totals, const struct upload_flags *flags, fd_fault *fault) {
    char token[512] = "";
    const fd_import_arguments *arguments = totals->arguments;
    FD_FREE char *url = fd_upload_url(flags->url, flags->format, arguments->map, arguments->is_dry);
    int r = url ? read_token(flags->token_file, token, sizeof(token), fault) : -ENOMEM;
    for (size_t i = 0; i < arguments->n_files && r == 0; i++)
        r = send_file(totals, url, token, arguments->files[i], fault);
    explicit_bzero(token, sizeof(token));
    return r;
}

int fd_import_upload_main(int argc, char **argv) {
    FD_CLEANUP(clear_flags) struct upload_flags flags = {0};
    FD_CLEANUP(fd_import_arguments_clear) fd_import_arguments arguments = {0};
    fd_fault fault = {0};
    struct totals totals = {.report.rows = 1, .arguments = &arguments};
    int r = read_arguments(argc, argv, &flags, &arguments, &fault);
    if (r < 0)
        return fd_report_error("import", r, &fault);
    r = send_files(&totals, &flags, &fault);
    fd_import_print_report(&totals.report, &arguments, 0);
    if (r < 0)
        return fd_report_error("import", r, &fault);
    return totals.report.refused > 0 ? FD_IMPORT_REFUSED : 0;
}
