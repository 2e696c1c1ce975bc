/* Writes and reads the CSV file of the results. */
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

/* Commas separate columns, so those of a list become semicolons. */
static void print_list(FILE *out, const char *text) {
    for (; *text; text++)
        (void)fputc(*text == ',' ? ';' : *text, out);
    (void)fputc(',', out);
}

int fd_results_key(const fd_plan *plan, const fd_experiment_sets *sets, const fd_run *run,
                   char **ret) {
    const fd_simulate_flags *flags = &plan->flags;
    const fd_experiment_data *data = &sets->data[run->data];
    size_t size;
    FILE *out = open_memstream(ret, &size);
    if (!out)
        return -ENOMEM;
    (void)fprintf(out, "%s,%s,%s,%s,%s,%s,%.9g,%" PRIu64 ",%" PRIu64 ",%zu,", flags->name,
                  data->testbed.name, data->testbed.embedding_name, data->rewards[run->reward].name,
                  fi_scope_names[run->mode], fd_part_names[plan->part], flags->test_share,
                  run->batch, run->width, plan->n_rounds);
    print_list(out, flags->checkpoints);
    (void)fprintf(
        out, "%s,%" PRIu64 ",%" PRIu64 ",%s,%s,%.9g,%s,%.9g,%" PRIu64 ",%.9g,%" PRIu64 ",%s,%s,",
        flags->learn, flags->prompts, flags->responses, flags->candidates,
        plan->mixes[run->mix].text, flags->noise, flags->noise_unit, flags->ties, flags->redundancy,
        flags->control_share, flags->stale, flags->pending_aware, flags->first);
    (void)fprintf(out, "%s,%s,%s,%" PRIu64 ",%" PRIu64, plan->learners[run->learner].name,
                  plan->learners[run->learner].described, run->strategy, run->split, run->seed);
    return fclose(out) == 0 ? 0 : -ENOMEM;
}

/* "2:0.1234;3:…" */
static void print_best_of(FILE *out, const fd_ranking_measures *measures) {
    for (size_t i = 0; i < measures->n_best_of; i++)
        (void)fprintf(out, "%s%zu:%.4f", i > 0 ? ";" : "", i + 2, measures->best_of[i]);
}

void fd_results_print_round(FILE *out, const char *key, const fd_round *round) {
    const fd_ranking_measures *measures = &round->measures, *length = &round->length;
    (void)fprintf(out, "%s,%" PRIu64 ",%" PRIu64 ",%" PRIu64 ",%.1f,%.6f,%.6f,%.6f,%.6f,", key,
                  round->round, round->labels, round->responses_shown, round->cost_seconds,
                  1 - measures->spearman, measures->partial, measures->best_of_n,
                  measures->best_of_n_share);
    print_best_of(out, measures);
    (void)fprintf(out, ",%.6f,%.6f,%.6f,%.6f,%.6f,%.6f,", measures->accuracy, measures->log_loss,
                  length->spearman, length->best_of_n_share, length->accuracy, length->log_loss);
    (void)fprintf(out, "%.6f,%d,%.6f,%.6f,%.6f,%.4f,%.6g,%.6f,%.6f\n", round->learner.logdet,
                  round->learner.stop_recommended, round->learner.expected_improvement,
                  round->select_seconds, round->train_seconds, round->uses_per_item,
                  round->reward_gap, round->nearest_cosine, round->d_efficiency);
}

/* ---- reading ---- */

void fd_results_clear(fd_results *results) {
    for (size_t i = 0; i < results->count; i++) {
        free(results->rows[i].line);
        free(results->rows[i].text);
    }
    free(results->rows);
    memset(results, 0, sizeof(*results));
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

static int add_line(fd_results *results, const char *line) {
    int r = fd_array_reserve(&results->rows, &results->capacity, results->count + 1,
                             sizeof(*results->rows));
    if (r < 0)
        return r;
    fd_results_row *row = &results->rows[results->count];
    *row = (fd_results_row){.line = strdup(line)};
    results->count++;
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

static void drop_incomplete(fd_results *results) {
    size_t kept = 0;
    for (size_t i = 0, end; i < results->count; i = end) {
        for (end = i + 1;
             end < results->count && fd_results_same_run(&results->rows[i], &results->rows[end]);)
            end++;
        bool keep = is_complete(&results->rows[i], end - i);
        for (size_t j = i; j < end; j++) {
            if (keep) {
                results->rows[kept++] = results->rows[j];
                continue;
            }
            free(results->rows[j].line);
            free(results->rows[j].text);
            results->dropped++;
        }
    }
    results->count = kept;
}

static int read_lines(FILE *file, const char *path, fd_results *results, fd_fault *fault) {
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
        return fd_fault_set(fault, -EINVAL, "",
                            "%s does not have the columns that this version writes", path);
    for (size_t line_number = 2; (length = getline(&line, &room, file)) > 0; line_number++) {
        if (line[length - 1] != '\n') {
            results->dropped++;
            break;
        }
        line[length - 1] = '\0';
        int r = add_line(results, line);
        if (r == -EINVAL)
            return fd_fault_set(fault, r, "", "%s: line %zu does not have %d columns", path,
                                line_number, FD_COLUMN_COUNT);
        if (r < 0)
            return r;
    }
    return ferror(file) ? -EIO : 0;
}

static int read_file(const char *path, fd_results *results, fd_fault *fault) {
    FILE *file = fopen(path, "re");
    if (!file)
        return fd_fault_set(fault, -errno, "", "%s cannot be opened: %s", path, strerror(errno));
    int r = read_lines(file, path, results, fault);
    (void)fclose(file);
    return r;
}

int fd_results_read(const char *paths, fd_results *ret, fd_fault *fault) {
    FD_CLEANUP(fd_results_clear) fd_results results = {0};
    FD_FREE char *copy = strdup(paths);
    if (!copy)
        return -ENOMEM;
    char *rest = copy;
    int r = 0;
    for (char *path; r == 0 && (path = strsep(&rest, ","));)
        r = read_file(path, &results, fault);
    if (r < 0)
        return r;
    if (results.count > 0)
        qsort(results.rows, results.count, sizeof(*results.rows), by_run_and_round);
    drop_incomplete(&results);
    *ret = results;
    memset(&results, 0, sizeof(results));
    return 0;
}

int fd_results_rewrite(const char *path, const fd_results *results, fd_fault *fault) {
    FD_FREE char *new_path = NULL;
    if (asprintf(&new_path, "%s.new", path) < 0)
        return -ENOMEM;
    FILE *file = fopen(new_path, "we");
    if (!file)
        return fd_fault_set(fault, -errno, "", "%s cannot be written: %s", new_path,
                            strerror(errno));
    fd_results_print_header(file);
    for (size_t i = 0; i < results->count; i++)
        (void)fprintf(file, "%s\n", results->rows[i].line);
    bool failed = ferror(file) != 0;
    failed |= fclose(file) != 0;
    if (failed || rename(new_path, path) != 0)
        return fd_fault_set(fault, -EIO, "", "%s cannot be written", path);
    return 0;
}

bool fd_results_has(const fd_results *results, const char *key) {
    size_t length = strlen(key);
    for (size_t i = 0; i < results->count; i++)
        if (results->rows[i].key_length == length &&
            memcmp(results->rows[i].line, key, length) == 0)
            return true;
    return false;
}
