/* Feeds bytes to a splitter, its records to the JSON reader, and the rows to their format. */
#include "import_parser.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "array.h"
#include "import_formats.h"
#include "json_read.h"
#include "record_splitter.h"
#include "row_map.h"
#include "table_rows.h"

enum { HEAD_MAX = 64 << 10, UNKNOWN_MAX = 10 };

struct fd_import_parser {
    fd_import_sink sink;
    size_t record_max;
    char *score_metadata;
    fd_row_map map;
    char separator; /* of fields; 0: told from content */
    bool is_table;
    const fd_import_format *format; /* NULL: not known yet */
    size_t unknown;                 /* rows that fit no format */
    char *head;                     /* [head_size], as long as the kind of records is not known */
    size_t head_size, head_room;
    bool has_kind;
    fd_record_splitter splitter;
    fd_table table;
    fd_row_draft draft;
    fd_fault *fault; /* of the call that feeds */
};

void fd_import_parser_close(fd_import_parser *parser) {
    fd_row_draft_clear(&parser->draft);
    fd_record_splitter_clear(&parser->splitter);
    fd_table_clear(&parser->table);
    fd_row_map_clear(&parser->map);
    free(parser->score_metadata);
    free(parser->head);
    free(parser);
}

const char *fd_import_parser_format(const fd_import_parser *parser) {
    return parser->format ? parser->format->name : NULL;
}

size_t fd_import_parser_line(const fd_import_parser *parser) {
    return parser->has_kind ? parser->splitter.line - 1 : 0;
}

/* ---- opening ---- */

static int refuse_format(const char *name, fd_fault *fault) {
    char list[sizeof(fault->detail)] = "auto, csv, tsv";
    const fd_import_format *format;
    for (size_t i = 0; (format = fd_import_format_at(i)); i++) {
        (void)strncat(list, ", ", sizeof(list) - strlen(list) - 1);
        (void)strncat(list, format->name, sizeof(list) - strlen(list) - 1);
    }
    return fd_fault_set(fault, -EINVAL, "", "the format \"%.40s\" is not one of %s", name, list);
}

static int choose_format(fd_import_parser *parser, const char *name, fd_fault *fault) {
    if (!name || name[0] == '\0' || strcmp(name, "auto") == 0)
        return 0;
    parser->is_table = strcmp(name, "csv") == 0 || strcmp(name, "tsv") == 0;
    if (parser->is_table) {
        parser->separator = name[0] == 'c' ? ',' : '\t';
        return 0;
    }
    parser->format = fd_import_format_named(name);
    return parser->format ? 0 : refuse_format(name, fault);
}

int fd_import_parser_open(const fd_import_settings *settings, const fd_import_sink *sink,
                          fd_import_parser **ret, fd_fault *fault) {
    FD_CLEANUP(fd_import_parser_closep) fd_import_parser *parser = calloc(1, sizeof(*parser));
    if (!parser)
        return -ENOMEM;
    parser->sink = *sink;
    parser->record_max = settings->record_max ? settings->record_max : FD_IMPORT_RECORD_MAX;
    parser->score_metadata = strdup(settings->score_metadata ? settings->score_metadata : "");
    if (!parser->score_metadata)
        return -ENOMEM;
    int r = choose_format(parser, settings->format, fault);
    if (r == 0)
        r = fd_row_map_read(settings->map ? settings->map : "", &parser->map, fault);
    if (r < 0)
        return r;
    *ret = FD_STEAL(parser);
    return 0;
}

/* ---- one row ---- */

static int refuse(void *context, size_t line, const char *reason) {
    const fd_import_parser *parser = context;
    const fd_import_refusal refusal = {.line = line, .pointer = "", .reason = reason};
    return parser->sink.refusal(parser->sink.context, &refusal);
}

static int refuse_fault(const fd_import_parser *parser, size_t line, const fd_fault *fault) {
    const fd_import_refusal refusal = {
        .line = line, .pointer = fault->pointer, .reason = fault->detail};
    return parser->sink.refusal(parser->sink.context, &refusal);
}

/* Says which members a row has that no format knows. */
static int tell_members(fd_import_parser *parser, const json_t *row) {
    char list[200] = "";
    const char *name;
    json_t *value;
    json_object_foreach((json_t *)row, name, value) {
        size_t used = strlen(list);
        (void)snprintf(list + used, sizeof(list) - used, "%s%.*s", used > 0 ? ", " : "",
                       (int)fd_json_whole_characters(name, 40), name);
    }
    return fd_fault_set(parser->fault, -EINVAL, "",
                        "the format cannot be told from a row with the members %s; name the format "
                        "or map members",
                        list[0] != '\0' ? list : "(none)");
}

static int find_format(fd_import_parser *parser, const json_t *row, size_t line) {
    parser->format = fd_import_format_of(row);
    if (parser->format)
        return 0;
    if (++parser->unknown == UNKNOWN_MAX)
        return tell_members(parser, row);
    return refuse(parser, line, "fits none of the formats");
}

static int hand_on(fd_import_parser *parser, size_t line) {
    const fd_row_draft *draft = &parser->draft;
    const fd_imported_row row = {.line = line,
                                 .items = draft->items,
                                 .n_items = draft->n_items,
                                 .labels = draft->labels,
                                 .n_labels = draft->n_labels};
    return parser->sink.row(parser->sink.context, &row);
}

static int read_row(fd_import_parser *parser, json_t *row, size_t line) {
    fd_row_draft *draft = &parser->draft;
    int r = fd_row_map_apply(&parser->map, row, &draft->fault);
    if (r == -EINVAL)
        return refuse_fault(parser, line, &draft->fault);
    if (r == 0 && !parser->format) {
        r = find_format(parser, row, line);
        if (r < 0 || !parser->format)
            return r;
    }
    draft->format = parser->format ? parser->format->name : NULL;
    draft->score_metadata = parser->score_metadata;
    if (r == 0)
        r = parser->format->read(draft, row);
    if (r == -EINVAL)
        return refuse_fault(parser, line, &draft->fault);
    return r < 0 ? r : hand_on(parser, line);
}

static int take_json(fd_import_parser *parser, const char *bytes, size_t size, size_t line) {
    FD_JSON json_t *row = NULL;
    fd_fault fault = {0};
    int r = fd_json_parse(bytes, size, &row, &fault);
    if (r == -EINVAL)
        return refuse(parser, line, "is not a JSON object");
    if (r == -EBADMSG)
        return refuse_fault(parser, line, &fault);
    return r < 0 ? r : read_row(parser, row, line);
}

static int take_fields(fd_import_parser *parser, char *bytes, size_t size, size_t line) {
    FD_JSON json_t *row = NULL;
    fd_fault fault = {0};
    int r = fd_table_take(&parser->table, bytes, size, &row, &fault);
    if (r == -EBADMSG) {
        *parser->fault = fault;
        return -EINVAL;
    }
    if (r == -EINVAL)
        return refuse_fault(parser, line, &fault);
    return r < 0 || !row ? r : read_row(parser, row, line);
}

static int take(void *context, char *bytes, size_t size, size_t line) {
    fd_import_parser *parser = context;
    int r = parser->splitter.kind == FD_RECORDS_TABLE ? take_fields(parser, bytes, size, line)
                                                      : take_json(parser, bytes, size, line);
    fd_row_draft_reset(&parser->draft);
    return r;
}

/* ---- what kind of records they are ---- */

static const struct {
    const char *begin;
    size_t size;
    const char *name;
} strangers[] = {
    {"PAR1", 4, "a Parquet file"},         {"ARROW1", 6, "an Arrow file"},
    {"\x1f\x8b", 2, "compressed by gzip"}, {"\x28\xb5\x2f\xfd", 4, "compressed by zstd"},
    {"PK\x03\x04", 4, "a ZIP archive"},    {"\xff\xfe", 2, "in UTF-16"},
    {"\xfe\xff", 2, "in UTF-16"},          {"\x93NUMPY", 6, "a NumPy file"},
};

static int refuse_strangers(const fd_import_parser *parser) {
    for (size_t i = 0; i < FD_LENGTH(strangers); i++)
        if (parser->head_size >= strangers[i].size &&
            memcmp(parser->head, strangers[i].begin, strangers[i].size) == 0)
            return fd_fault_set(parser->fault, -EINVAL, "",
                                "it is %s, not JSON or CSV; docs/DATA.md says how to convert it",
                                strangers[i].name);
    return 0;
}

/* The separator that the line of names holds first. */
static char separator_of(const char *head, size_t size) {
    static const char separators[] = "\t,;";
    for (size_t i = 0; separators[i] != '\0'; i++)
        for (size_t j = 0; j < size && head[j] != '\n'; j++)
            if (head[j] == separators[i])
                return separators[i];
    return ',';
}

static int choose_kind(fd_import_parser *parser, const char *head, size_t size, size_t blank) {
    bool is_list = blank < size && head[blank] == '[';
    bool is_object = blank == size || head[blank] == '{';
    bool is_table = parser->is_table || (!is_list && !is_object);
    const fd_record_sink sink = {.take = take, .refuse = refuse, .context = parser};
    fd_record_splitter_open(&parser->splitter,
                            is_table  ? FD_RECORDS_TABLE
                            : is_list ? FD_RECORDS_LIST
                                      : FD_RECORDS_LINES,
                            parser->record_max, &sink);
    if (is_table && parser->separator == '\0')
        parser->separator = separator_of(head + blank, size - blank);
    parser->splitter.separator = parser->separator;
    parser->table.separator = parser->separator;
    parser->has_kind = true;
    return 0;
}

/* Feeds the bytes that were kept. Blank lines and the mark of UTF-8 may come first. */
static int feed_head(fd_import_parser *parser) {
    const char *head = parser->head;
    size_t size = parser->head_size, blank = 0;
    int r = refuse_strangers(parser);
    if (r < 0)
        return r;
    if (size >= 3 && memcmp(head, "\xef\xbb\xbf", 3) == 0) {
        head += 3;
        size -= 3;
    }
    while (blank < size && strchr(" \t\r\n", head[blank]) && head[blank] != '\0')
        blank++;
    r = choose_kind(parser, head, size, blank);
    return r < 0 ? r : fd_record_splitter_feed(&parser->splitter, head, size);
}

/* The kind is known from the first line with words, and in any case from the first 64 KiB. */
static bool has_line(const fd_import_parser *parser) {
    const char *end = parser->head + parser->head_size;
    const char *at = parser->head;
    while (at < end && strchr(" \t\r\n", *at) && *at != '\0')
        at++;
    return parser->head_size >= HEAD_MAX || (at < end && memchr(at, '\n', (size_t)(end - at)));
}

/* ---- feeding ---- */

int fd_import_parser_feed(fd_import_parser *parser, const char *bytes, size_t size,
                          fd_fault *fault) {
    parser->fault = fault;
    if (parser->has_kind)
        return fd_record_splitter_feed(&parser->splitter, bytes, size);
    int r = fd_array_reserve(&parser->head, &parser->head_room, parser->head_size + size + 1, 1);
    if (r < 0)
        return r;
    memcpy(parser->head + parser->head_size, bytes, size);
    parser->head_size += size;
    return has_line(parser) ? feed_head(parser) : 0;
}

int fd_import_parser_end(fd_import_parser *parser, fd_fault *fault) {
    parser->fault = fault;
    int r = parser->has_kind || parser->head_size == 0 ? 0 : feed_head(parser);
    return r < 0 || !parser->has_kind ? r : fd_record_splitter_end(&parser->splitter);
}
