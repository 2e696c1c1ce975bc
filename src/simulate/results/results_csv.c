#include "results_csv.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "array.h"

static const char *const names[] = {
#define COLUMN(constant, name) name,
#include "columns.def"
#undef COLUMN
};

/* ---- writing ---- */

void fd_results_print_header(FILE *out) {
    for (size_t i = 0; i < FD_COLUMN_COUNT; i++)
        (void)fprintf(out, "%s%s", i > 0 ? "," : "", names[i]);
    (void)fputc('\n', out);
}

int fd_results_key(const fd_plan *plan, const fd_testbed *data, const fd_run *run, char **ret) {
    const fd_flags *flags = &plan->flags;
    int length = asprintf(
        ret,
        "%s,%s,%s,%s,%" PRIu64 ",%" PRIu64 ",%" PRIu64 ",%" PRIu64 ",%" PRIu64 ",%s,%.9g,%" PRIu64
        ",%.9g,%" PRIu64 ",%s,%s,%s,%s,%" PRIu64,
        flags->name, data->name, fd_reward_names[run->reward], fd_mode_name(run->mode), run->batch,
        run->width, flags->rounds, flags->prompts, flags->responses, flags->candidates,
        flags->noise, flags->redundancy, flags->control_share, flags->stale, flags->pending_aware,
        flags->first, plan->described, run->strategy, run->seed);
    return length < 0 ? -ENOMEM : 0;
}

void fd_results_print_round(FILE *out, const char *key, const fd_round *round) {
    const fd_measures *measures = &round->measures;
    (void)fprintf(out,
                  "%s,%" PRIu64 ",%" PRIu64
                  ",%.6f,%.6f,%.6f,%.6f,%.6f,%.6f,%.6f,%.6f,%.4f,%.6g,%.6f,%.6f\n",
                  key, round->round, round->labels, 1 - measures->spearman, measures->best_of_n,
                  measures->best_of_n_share, measures->accuracy, measures->log_loss, round->logdet,
                  round->select_seconds, round->train_seconds, round->uses_per_item,
                  round->reward_gap, round->nearest_cosine, round->d_efficiency);
}

/* ---- reading ---- */

void fd_results_clear(fd_results *csv) {
    for (size_t i = 0; i < csv->count; i++) {
        free(csv->rows[i].line);
        free(csv->rows[i].text);
    }
    free(csv->rows);
    memset(csv, 0, sizeof(*csv));
}

static int split(fd_results_row *row) {
    row->text = strdup(row->line);
    if (!row->text)
        return -ENOMEM;
    char *rest = row->text;
    size_t n = 0;
    for (char *field; (field = strsep(&rest, ","));) {
        if (n == FD_COLUMN_COUNT)
            return -EINVAL;
        row->fields[n++] = field;
    }
    if (n != FD_COLUMN_COUNT)
        return -EINVAL;
    const char *seed = row->fields[FD_COLUMN_SEED];
    row->key_length = (size_t)(seed - row->text) + strlen(seed);
    return 0;
}

static int add_line(fd_results *csv, const char *line) {
    int r = fd_array_reserve(&csv->rows, &csv->capacity, csv->count + 1, sizeof(*csv->rows));
    if (r < 0)
        return r;
    fd_results_row *row = &csv->rows[csv->count];
    *row = (fd_results_row){.line = strdup(line)};
    csv->count++;
    return row->line ? split(row) : -ENOMEM;
}

bool fd_results_same_run(const fd_results_row *a, const fd_results_row *b) {
    return a->key_length == b->key_length && memcmp(a->line, b->line, a->key_length) == 0;
}

static unsigned long number(const fd_results_row *row, fd_column column) {
    return strtoul(row->fields[column], NULL, 10);
}

static int by_run_and_round(const void *a, const void *b) {
    const fd_results_row *x = a, *y = b;
    size_t shorter = x->key_length < y->key_length ? x->key_length : y->key_length;
    int order = memcmp(x->line, y->line, shorter);
    if (order != 0)
        return order;
    if (x->key_length != y->key_length)
        return x->key_length < y->key_length ? -1 : 1;
    unsigned long m = number(x, FD_COLUMN_ROUND), n = number(y, FD_COLUMN_ROUND);
    return (m > n) - (m < n);
}

/* A complete run has rounds 1 to the last, each once. */
static bool is_complete(const fd_results_row *rows, size_t n) {
    for (size_t i = 0; i < n; i++)
        if (number(&rows[i], FD_COLUMN_ROUND) != i + 1)
            return false;
    return n == number(rows, FD_COLUMN_ROUNDS);
}

static void drop_incomplete(fd_results *csv) {
    size_t kept = 0;
    for (size_t i = 0, end; i < csv->count; i = end) {
        for (end = i + 1; end < csv->count && fd_results_same_run(&csv->rows[i], &csv->rows[end]);)
            end++;
        bool keep = is_complete(&csv->rows[i], end - i);
        for (size_t j = i; j < end; j++) {
            if (keep) {
                csv->rows[kept++] = csv->rows[j];
                continue;
            }
            free(csv->rows[j].line);
            free(csv->rows[j].text);
            csv->dropped++;
        }
    }
    csv->count = kept;
}

static int read_lines(FILE *file, const char *path, fd_results *csv, fd_fault *fault) {
    FD_FREE char *line = NULL;
    FD_FREE char *header = NULL;
    size_t room = 0, header_room = 0;
    FILE *expected = open_memstream(&header, &header_room);
    if (!expected)
        return -ENOMEM;
    fd_results_print_header(expected);
    if (fclose(expected) != 0)
        return -ENOMEM;
    ssize_t length = getline(&line, &room, file);
    if (length < 0)
        return 0;
    if (strcmp(line, header) != 0)
        return fd_fault_set(fault, -EINVAL, "", "%s has not the columns that this version writes",
                            path);
    for (size_t number_of_line = 2; (length = getline(&line, &room, file)) > 0; number_of_line++) {
        if (line[length - 1] != '\n') {
            csv->dropped++;
            break;
        }
        line[length - 1] = '\0';
        int r = add_line(csv, line);
        if (r == -EINVAL)
            return fd_fault_set(fault, r, "", "%s: line %zu has not %d columns", path,
                                number_of_line, FD_COLUMN_COUNT);
        if (r < 0)
            return r;
    }
    return ferror(file) ? -EIO : 0;
}

int fd_results_read(const char *path, fd_results *ret, fd_fault *fault) {
    FD_CLEANUP(fd_results_clear) fd_results csv = {0};
    FILE *file = fopen(path, "re");
    if (!file)
        return fd_fault_set(fault, -errno, "", "%s cannot be opened: %s", path, strerror(errno));
    int r = read_lines(file, path, &csv, fault);
    (void)fclose(file);
    if (r < 0)
        return r;
    if (csv.count > 0)
        qsort(csv.rows, csv.count, sizeof(*csv.rows), by_run_and_round);
    drop_incomplete(&csv);
    *ret = csv;
    memset(&csv, 0, sizeof(csv));
    return 0;
}

int fd_results_rewrite(const char *path, const fd_results *csv, fd_fault *fault) {
    FD_FREE char *beside = NULL;
    if (asprintf(&beside, "%s.new", path) < 0)
        return -ENOMEM;
    FILE *file = fopen(beside, "we");
    if (!file)
        return fd_fault_set(fault, -errno, "", "%s cannot be written: %s", beside, strerror(errno));
    fd_results_print_header(file);
    for (size_t i = 0; i < csv->count; i++)
        (void)fprintf(file, "%s\n", csv->rows[i].line);
    bool failed = ferror(file) != 0;
    failed |= fclose(file) != 0;
    if (failed || rename(beside, path) != 0)
        return fd_fault_set(fault, -EIO, "", "%s cannot be written", path);
    return 0;
}

bool fd_results_has(const fd_results *csv, const char *key) {
    size_t length = strlen(key);
    for (size_t i = 0; i < csv->count; i++)
        if (csv->rows[i].key_length == length && memcmp(csv->rows[i].line, key, length) == 0)
            return true;
    return false;
}
