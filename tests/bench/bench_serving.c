/*
 * How long annotators wait: a daemon with a database on disk, which trains all the time, and
 * clients that ask for a pair, send its label, and ask again. For comparison, as many clients that
 * ask for /healthz, which shows what the server alone can do, and as many threads that add labels
 * to an engine in this process, without trainings and HTTP, which shows what the disk can do. A
 * pair needs both, so the fair yardstick is a bare pair: two requests for /healthz, and a
 * transaction in this process that writes the rows of a pair and nothing else. At the end every
 * acknowledged label must be in the history exactly once. BENCH_FOLDER: where the databases lie;
 * BENCH_CLIENTS: only the stages of as many clients.
 */
#include <jansson.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bench_daemon.h"
#include "engine.h"
#include "items.h"
#include "labels.h"
#include "sqlite_store.h"
#include "writer.h"

enum {
    PROMPTS = 2000,
    RESPONSES = 10,
    WIDTH = 64,
    PROMPTS_A_POST = 100,
    SEED_LABELS = 1000,
    CLIENTS_MAX = 64,
    BODY_MAX = 512,
    LABELS_PAGE = 1000,
};

static const double stage_milliseconds = 3000;
static const double retrain_milliseconds = 50; /* between two requests for a training */

/* ---- items and labels ---- */

static void print_item(FILE *out, fd_rng *rng, int prompt, int response) {
    fprintf(out,
            "%s{\"id\":\"p%d-%d\",\"prompt_id\":\"p%d\",\"prompt\":\"Question %d: what should be "
            "done first?\",\"response\":\"Answer %d. Take the part that hurts most, and measure "
            "it before and after.\",\"embedding\":[",
            response > 0 ? "," : "", prompt, response, prompt, prompt, response);
    for (int i = 0; i < WIDTH; i++)
        fprintf(out, "%s%.4f", i > 0 ? "," : "", fd_rng_normal(rng));
    fputs("]}", out);
}

static void print_items(FILE *out, fd_rng *rng, int first) {
    fputs("{\"items\":[", out);
    for (int prompt = first; prompt < first + PROMPTS_A_POST; prompt++) {
        fputs(prompt > first ? "," : "", out);
        for (int response = 0; response < RESPONSES; response++)
            print_item(out, rng, prompt, response);
    }
    fputs("]}", out);
}

static void print_seed_labels(FILE *out) {
    for (int i = 0; i < SEED_LABELS; i++)
        fprintf(out,
                "%s{\"id\":\"seed-%d\",\"a\":\"p%d-0\",\"b\":\"p%d-1\",\"preference\":\"%s\","
                "\"annotator\":\"seed\"}",
                i > 0 ? "," : "{\"labels\":[", i, i, i, i % 3 ? "a" : "b");
    fputs("]}", out);
}

/* Adds the items, and then some labels to train on. */
static void fill_daemon(struct client *client) {
    fd_rng rng = fd_rng_seeded(1);
    for (int first = 0; first <= PROMPTS; first += PROMPTS_A_POST) {
        char *body;
        size_t size;
        FILE *out = open_memstream(&body, &size);
        require(out ? 0 : -ENOMEM, "memory");
        if (first < PROMPTS)
            print_items(out, &rng, first);
        else
            print_seed_labels(out);
        require(fclose(out) == 0 ? 0 : -ENOMEM, "memory");
        must_call(client, "POST", first < PROMPTS ? "/v1/items" : "/v1/labels", body);
        free(body);
    }
}

/* ---- annotators ---- */

struct times {
    size_t count, room;
    double *each; /* [count] in milliseconds */
};

static void note(struct times *times, double each) {
    if (times->count == times->room) {
        times->room = times->room ? 2 * times->room : 4096;
        times->each = reallocarray(times->each, times->room, sizeof(*times->each));
        require(times->each ? 0 : -ENOMEM, "memory");
    }
    times->each[times->count++] = each;
}

enum kind { HEALTHZ, BARE, BARE_PAIR, ASSIGN, LABEL, KINDS };

struct stage {
    const char *name;
    int clients;
    enum kind kind; /* ASSIGN: round trips */
    double pause;   /* milliseconds from the start of a round trip to the next; 0: none */
};

static const struct stage stages[] = {
    {"healthz, 1 client", 1, HEALTHZ, 0},         {"bare labels, 1 thread", 1, BARE, 0},
    {"bare pairs, 1 client", 1, BARE_PAIR, 0},    {"round trips, 1 client", 1, ASSIGN, 0},
    {"healthz, 8 clients", 8, HEALTHZ, 0},        {"bare labels, 8 threads", 8, BARE, 0},
    {"bare pairs, 8 clients", 8, BARE_PAIR, 0},   {"round trips, 8 clients", 8, ASSIGN, 0},
    {"healthz, 64 clients", 64, HEALTHZ, 0},      {"bare labels, 64 threads", 64, BARE, 0},
    {"bare pairs, 64 clients", 64, BARE_PAIR, 0}, {"round trips, 64 clients", 64, ASSIGN, 0},
    {"paced, 64 clients, 10/s", 64, ASSIGN, 100},
};
enum { STAGES = sizeof(stages) / sizeof(stages[0]), TRIPS = 3, STAGES_A_SIZE = 4, PACED = 12 };

/* One client of one stage. Its labels are numbered from 0 as they are acknowledged. */
struct annotator {
    pthread_t thread;
    const struct stage *stage;
    char name[24];
    struct client client;
    struct times times[KINDS];
    size_t acknowledged;
    size_t failures;
};

static struct annotator annotators[STAGES][CLIENTS_MAX];
static atomic_bool stage_goes_on;

static bool timed_call(struct annotator *annotator, enum kind kind, const char *path,
                       const char *body) {
    double start = milliseconds();
    bool good = call(&annotator->client, body ? "POST" : "GET", path, body);
    note(&annotator->times[kind], milliseconds() - start);
    if (!good && annotator->failures++ == 0)
        fprintf(stderr, "%s: %d %s\n", path, annotator->client.status, annotator->client.body);
    return good;
}

/* Finds the value of the next "id" from *at on, and moves *at behind it. */
static bool next_id(const char **at, int *length, const char **ret) {
    static const char key[] = "\"id\":\"";
    const char *found = strstr(*at, key);
    if (!found)
        return false;
    *ret = found + sizeof(key) - 1;
    *length = (int)strcspn(*ret, "\"");
    *at = *ret + *length;
    return true;
}

static bool round_trip(struct annotator *annotator) {
    char body[BODY_MAX];
    snprintf(body, sizeof(body), "{\"annotator\":\"%s\"}", annotator->name);
    if (!timed_call(annotator, ASSIGN, "/v1/assignments", body))
        return false;
    const char *at = annotator->client.body, *lease, *a, *b;
    int lease_length, a_length, b_length;
    if (!next_id(&at, &lease_length, &lease) || !next_id(&at, &a_length, &a) ||
        !next_id(&at, &b_length, &b)) {
        if (annotator->failures++ == 0)
            fprintf(stderr, "no pair: %s\n", annotator->client.body);
        return false;
    }
    snprintf(body, sizeof(body),
             "{\"labels\":[{\"id\":\"%s-%zu\",\"a\":\"%.*s\",\"b\":\"%.*s\",\"preference\":\"%s\","
             "\"annotator\":\"%s\",\"assignment\":\"%.*s\",\"duration_ms\":1234}]}",
             annotator->name, annotator->acknowledged, a_length, a, b_length, b,
             annotator->acknowledged % 3 ? "a" : "b", annotator->name, lease_length, lease);
    if (!timed_call(annotator, LABEL, "/v1/labels", body))
        return false;
    annotator->acknowledged++;
    return true;
}

/* ---- labels without a daemon ---- */

enum { BARE_ITEMS = 400 };

static struct {
    fd_engine *engine;
    char folder[64];
} bare_at;

static void open_bare(void) {
    static char ids[BARE_ITEMS][16];
    static float embedding[WIDTH];
    fd_item_row rows[BARE_ITEMS];
    char database[96];
    fd_store *store;
    fd_fault fault = {0};
    fd_added added;
    fd_engine_options options = fd_engine_defaults();
    options.retrain_labels = 0;
    options.retrain_seconds = 0;
    options.refit = false;
    snprintf(bare_at.folder, sizeof(bare_at.folder), "%.48s-bare", daemon_at.folder);
    require(mkdir(bare_at.folder, 0700) < 0 ? -errno : 0, "a folder");
    snprintf(database, sizeof(database), "%s/bench.db", bare_at.folder);
    require(fd_store_open_sqlite(database, &store, &fault), fault.detail);
    require(fd_engine_open(&options, store, &bare_at.engine, &fault), fault.detail);
    fd_engine_interrupt(bare_at.engine); /* no annotators: refills are useless */
    for (size_t i = 0; i < BARE_ITEMS; i++) {
        (void)snprintf(ids[i], sizeof(ids[i]), "i%zu", i);
        rows[i] = (fd_item_row){
            .id = ids[i], .prompt_id = "p", .embedding = embedding, .dimension = WIDTH};
        embedding[i % WIDTH] += 0.1f;
    }
    require(fd_engine_items_add(bare_at.engine, rows, BARE_ITEMS, &added, &fault), fault.detail);
}

static void close_bare(void) {
    fd_engine_close(bare_at.engine);
    remove_folder(bare_at.folder);
}

static bool add_bare_label(struct annotator *annotator) {
    char id[48], a[16];
    size_t number = annotator->times[BARE].count;
    fd_added added;
    fd_fault fault = {0};
    (void)snprintf(id, sizeof(id), "%s-%zu", annotator->name, number);
    (void)snprintf(a, sizeof(a), "i%zu", number % (BARE_ITEMS - 1));
    fd_label label = {
        .id = id, .a = a, .b = "i399", .annotator = annotator->name, .duration_ms = 1234};
    double start = milliseconds();
    require(fd_engine_labels_add(bare_at.engine, &label, 1, &added, &fault), fault.detail);
    note(&annotator->times[BARE], milliseconds() - start);
    return true;
}

/* ---- pairs without a daemon ---- */

struct bare_pair {
    fd_job job;
    fd_label_row label;
    fd_assignment_row assignment;
};

/* Writes a label, and its assignment twice: as it began and as it ended. */
static int store_bare_pair(fd_engine *engine, fd_job *job, fd_pending *pending) {
    struct bare_pair *pair = (struct bare_pair *)job;
    const fd_store_operations *store = engine->store->operations;
    fd_added added;
    int64_t sequence;
    (void)pending;
    pair->assignment.ended_ms = -1;
    int r = store->assignments_write(engine->store, &pair->assignment, 1);
    if (r == 0)
        r = store->labels_add(engine->store, &pair->label, 1, &sequence, &added);
    pair->assignment.ended_ms = pair->label.created_ms;
    return r == 0 ? store->assignments_write(engine->store, &pair->assignment, 1) : r;
}

static void apply_nothing(fd_engine *engine, fd_job *job) {
    (void)engine;
    (void)job;
}

static bool bare_pair(struct annotator *annotator) {
    char id[48], assignment[48];
    size_t number = annotator->times[BARE_PAIR].count;
    double start = milliseconds();
    struct bare_pair pair = {
        .job = {.store = store_bare_pair, .apply = apply_nothing},
        .label = {.id = id,
                  .item_a = (uint32_t)(number % (BARE_ITEMS - 1)),
                  .item_b = BARE_ITEMS - 1,
                  .annotator = annotator->name,
                  .assignment = assignment,
                  .duration_ms = 1234,
                  .created_ms = 1700000000000},
    };
    (void)snprintf(id, sizeof(id), "%s-%zu", annotator->name, number);
    (void)snprintf(assignment, sizeof(assignment), "a%016zx%.*s", number * 0x9E3779B97F4A7C15U, 20,
                   id);
    pair.assignment = (fd_assignment_row){.id = assignment,
                                          .item_a = pair.label.item_a,
                                          .item_b = pair.label.item_b,
                                          .annotator = annotator->name,
                                          .p = 0.5,
                                          .gain = 0.1,
                                          .strategy = "greedy",
                                          .expires_ms = 1700000300000};
    for (int i = 0; i < 2; i++)
        if (!timed_call(annotator, HEALTHZ, "/healthz", NULL))
            return false;
    require(fd_writer_run(bare_at.engine, &pair.job), "a bare pair");
    note(&annotator->times[BARE_PAIR], milliseconds() - start);
    return true;
}

static void *annotate(void *context) {
    struct annotator *annotator = context;
    const struct stage *stage = annotator->stage;
    int place = (int)(annotator - annotators[stage - stages]);
    double due = milliseconds() + stage->pause * place / stage->clients;
    while (atomic_load(&stage_goes_on)) {
        for (double left; (left = due - milliseconds()) > 0;)
            (void)usleep((useconds_t)(left * 1e3));
        due += stage->pause;
        bool good = stage->kind == ASSIGN      ? round_trip(annotator)
                    : stage->kind == BARE      ? add_bare_label(annotator)
                    : stage->kind == BARE_PAIR ? bare_pair(annotator)
                                               : timed_call(annotator, HEALTHZ, "/healthz", NULL);
        if (!good && annotator->client.status == 0)
            break; /* the connection is gone */
    }
    return NULL;
}

/* ---- measures ---- */

struct usage {
    double clients, server, machine; /* seconds of processor time */
    double retrains, refills, commits;
};

static double metric(const char *page, const char *name) {
    const char *found = strstr(page, name);
    return found ? strtod(found + strlen(name), NULL) : 0;
}

static void scan_file(const char *path, const char *format, ...) {
    va_list numbers;
    va_start(numbers, format);
    FILE *file = fopen(path, "r");
    if (file && vfscanf(file, format, numbers) == EOF)
        (void)fprintf(stderr, "nothing to read in %s\n", path);
    if (file)
        (void)fclose(file);
    va_end(numbers);
}

static struct usage usage_now(struct client *client) {
    struct rusage self;
    struct usage usage = {0};
    double ticks = (double)sysconf(_SC_CLK_TCK);
    unsigned long user = 0, system = 0, busy[5] = {0};
    char path[32];
    must_call(client, "GET", "/metrics", NULL);
    usage.retrains = metric(client->body, "\nfisherd_retrains_total{result=\"published\"} ");
    usage.refills = metric(client->body, "\nfisherd_refill_duration_seconds_count ");
    usage.commits = metric(client->body, "\nfisherd_store_commit_duration_seconds_count ");
    (void)getrusage(RUSAGE_SELF, &self);
    usage.clients = (double)(self.ru_utime.tv_sec + self.ru_stime.tv_sec) +
                    (double)(self.ru_utime.tv_usec + self.ru_stime.tv_usec) * 1e-6;
    snprintf(path, sizeof(path), "/proc/%d/stat", (int)daemon_at.process);
    scan_file(path, "%*d %*s %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user, &system);
    scan_file("/proc/stat", "cpu %lu %lu %lu %*u %*u %lu %lu", &busy[0], &busy[1], &busy[2],
              &busy[3], &busy[4]);
    usage.server = (double)(user + system) / ticks;
    for (int i = 0; i < 5; i++)
        usage.machine += (double)busy[i] / ticks;
    return usage;
}

struct figures {
    double per_second, median, p99, most;
};

static struct figures figures_of(const struct annotator *of, int n, enum kind kind, double passed) {
    struct times all = {0};
    for (int i = 0; i < n; i++)
        for (size_t k = 0; k < of[i].times[kind].count; k++)
            note(&all, of[i].times[kind].each[k]);
    if (all.count == 0)
        return (struct figures){0};
    qsort(all.each, all.count, sizeof(double), by_value);
    struct figures figures = {
        .per_second = (double)all.count * 1e3 / passed,
        .median = all.each[all.count / 2],
        .p99 = all.each[all.count * 99 / 100],
        .most = all.each[all.count - 1],
    };
    free(all.each);
    return figures;
}

static struct figures results[STAGES][KINDS];
static double retrains[STAGES];

static void print_stage(size_t at, const struct usage *before, const struct usage *after,
                        double passed) {
    static const char *const names[] = {"healthz", "bare", "pair", "assign", "label"};
    for (int kind = 0; kind < KINDS; kind++) {
        struct figures *figures = &results[at][kind];
        *figures = figures_of(annotators[at], stages[at].clients, (enum kind)kind, passed);
        if (figures->per_second > 0)
            printf("%-24s %-8s %9.0f %8.2f %8.2f %8.2f\n", stages[at].name, names[kind],
                   figures->per_second, figures->median, figures->p99, figures->most);
    }
    double whole = passed * 1e-3 * (double)sysconf(_SC_NPROCESSORS_ONLN) / 100;
    double clients = after->clients - before->clients, server = after->server - before->server;
    printf("%-24s processors: daemon %.0f%%, clients %.0f%%, others %.0f%%; %.0f retrains, %.0f "
           "refills, %.0f commits\n",
           "", server / whole, clients / whole,
           (after->machine - before->machine - clients - server) / whole,
           after->retrains - before->retrains, after->refills - before->refills,
           after->commits - before->commits);
    retrains[at] = after->retrains - before->retrains;
}

/* Asks for trainings all the time, with or without labels; bare labels have the disk alone. */
static void run_stage(struct client *client, size_t at) {
    const struct stage *stage = &stages[at];
    struct usage before = usage_now(client);
    bool is_bare = stage->kind == BARE || stage->kind == BARE_PAIR;
    if (is_bare)
        open_bare();
    for (int i = 0; i < stage->clients; i++) {
        struct annotator *annotator = &annotators[at][i];
        annotator->stage = stage;
        snprintf(annotator->name, sizeof(annotator->name), "s%zu-%d", at, i);
        client_open(&annotator->client);
    }
    atomic_store(&stage_goes_on, true);
    double start = milliseconds();
    for (int i = 0; i < stage->clients; i++)
        require(-pthread_create(&annotators[at][i].thread, NULL, annotate, &annotators[at][i]),
                "a thread");
    while (milliseconds() - start < stage_milliseconds) {
        if (stage->kind != BARE)
            must_call(client, "POST", "/v1/model/train", "{}");
        (void)usleep((useconds_t)(retrain_milliseconds * 1e3));
    }
    atomic_store(&stage_goes_on, false);
    for (int i = 0; i < stage->clients; i++)
        (void)pthread_join(annotators[at][i].thread, NULL);
    double passed = milliseconds() - start;
    struct usage after = usage_now(client);
    for (int i = 0; i < stage->clients; i++)
        client_close(&annotators[at][i].client);
    if (is_bare)
        close_bare();
    print_stage(at, &before, &after, passed);
}

/* ---- checks ---- */

/* Marks a label as seen; false if no client sent this id, or it was seen before. */
static bool tick_off(uint8_t *seen[STAGES][CLIENTS_MAX], const char *id) {
    size_t stage, number;
    int client, length = 0;
    if (strncmp(id, "seed-", 5) == 0)
        return true;
    if (sscanf(id, "s%zu-%d-%zu%n", &stage, &client, &number, &length) != 3 || id[length] != '\0' ||
        stage >= STAGES || client < 0 || client >= CLIENTS_MAX ||
        number >= annotators[stage][client].acknowledged)
        return false;
    return seen[stage][client][number]++ == 0;
}

static size_t read_labels(struct client *client, uint8_t *seen[STAGES][CLIENTS_MAX],
                          size_t *strange) {
    char path[96], cursor[32] = "0";
    size_t total = 0;
    while (cursor[0] != '\0') {
        snprintf(path, sizeof(path), "/v1/labels?limit=%d&cursor=%s", LABELS_PAGE, cursor);
        must_call(client, "GET", path, NULL);
        json_t *page = json_loads(client->body, 0, NULL);
        json_t *labels = json_object_get(page, "labels"), *label;
        const char *next = json_string_value(json_object_get(page, "next_cursor"));
        require(json_is_array(labels) ? 0 : -EBADMSG, "the labels");
        size_t i;
        json_array_foreach(labels, i, label) {
            const char *id = json_string_value(json_object_get(label, "id"));
            *strange += !id || !tick_off(seen, id);
        }
        total += json_array_size(labels);
        snprintf(cursor, sizeof(cursor), "%s", next ? next : "");
        json_decref(page);
    }
    return total;
}

/* Every acknowledged label must be there once, and no other; no request may have failed. */
static bool check(struct client *client) {
    static uint8_t *seen[STAGES][CLIENTS_MAX];
    size_t acknowledged = 0, failures = 0, strange = 0, lost = 0;
    for (size_t s = 0; s < STAGES; s++)
        for (int i = 0; i < CLIENTS_MAX; i++) {
            acknowledged += annotators[s][i].acknowledged;
            failures += annotators[s][i].failures;
            seen[s][i] = allocate(annotators[s][i].acknowledged + 1, 1);
        }
    size_t total = read_labels(client, seen, &strange);
    for (size_t s = 0; s < STAGES; s++)
        for (int i = 0; i < CLIENTS_MAX; i++) {
            for (size_t k = 0; k < annotators[s][i].acknowledged; k++)
                lost += seen[s][i][k] == 0;
            free(seen[s][i]);
        }
    printf("\n%zu labels acknowledged, %zu in the history besides the first %d; %zu lost, %zu "
           "twice or strange, %zu requests failed\n",
           acknowledged, total - SEED_LABELS, SEED_LABELS, lost, strange, failures);
    return total == acknowledged + SEED_LABELS && lost == 0 && strange == 0 && failures == 0;
}

static void print_times(size_t stage, enum kind kind, const char *name, double p99, double most) {
    const struct figures *figures = &results[stage][kind];
    printf("%s: %s p99 below %.0f ms with %.0f retrains, %s: %.2f ms\n",
           figures->p99 < p99 && retrains[stage] > 0 ? "met" : "MISSED", name, p99, retrains[stage],
           stages[stage].name, figures->p99);
    if (most > 0)
        printf("%s: %s never above %.0f ms, %s: %.2f ms\n", figures->most < most ? "met" : "MISSED",
               name, most, stages[stage].name, figures->most);
}

static void print_targets(int clients) {
    for (size_t at = 0; at < PACED; at += STAGES_A_SIZE) {
        if (clients > 0 && stages[at].clients != clients)
            continue;
        bool full = stages[at].clients == CLIENTS_MAX;
        double pairs = results[at + TRIPS][LABEL].per_second;
        double share = pairs / results[at][HEALTHZ].per_second;
        double ratio = pairs / results[at + 1][BARE].per_second;
        printf("%s: pairs answered a second at 25%% of healthz or better, %d clients: %.1f%%\n",
               !full           ? "no target"
               : share >= 0.25 ? "met"
                               : "MISSED",
               stages[at].clients, share * 100);
        printf("%s: pairs answered a second at 0.8 of bare labels or better, %d clients: %.2f\n",
               full           ? "no target"
               : ratio >= 0.8 ? "met"
                              : "MISSED",
               stages[at].clients, ratio);
        printf("no target: pairs answered a second, of bare pairs, %d clients: %.2f\n",
               stages[at].clients, pairs / results[at + 2][BARE_PAIR].per_second);
        print_times(at + TRIPS, ASSIGN, "assign", 10, 100);
    }
    if (clients > 0 && clients != CLIENTS_MAX)
        return;
    print_times(PACED - 1, LABEL, "label", 10, 0);
    print_times(PACED, ASSIGN, "assign", 10, 100);
    print_times(PACED, LABEL, "label", 10, 0);
}

int main(int argc, char **argv) {
    const char *program = argc > 1 ? argv[1] : getenv("FISHERD");
    if (!program) {
        fprintf(stderr, "usage: bench_serving FISHERD\n");
        return 2;
    }
    struct client client = {0};
    const char *only = getenv("BENCH_CLIENTS");
    int clients = only ? atoi(only) : 0;
    (void)signal(SIGPIPE, SIG_IGN);
    start_daemon(program);
    wait_until_ready();
    client_open(&client);
    fill_daemon(&client);
    (void)setvbuf(stdout, NULL, _IOLBF, 0);
    printf("daemon %d; %d items of %d numbers; times in ms\n%-24s %-8s %9s %8s %8s %8s\n",
           (int)daemon_at.process, PROMPTS * RESPONSES, WIDTH, "", "", "a second", "p50", "p99",
           "max");
    for (size_t i = 0; i < STAGES; i++)
        if (clients == 0 || stages[i].clients == clients)
            run_stage(&client, i);
    bool whole = check(&client);
    print_targets(clients);
    client_close(&client);
    bool ended = stop_daemon();
    if (!ended)
        fprintf(stderr, "the daemon ended with an error\n");
    return whole && ended ? 0 : 1;
}
