/* Fills the template with the texts of items, embeds each text once, and puts the parts together.
 */
#include "embedder.h"

#include <errno.h>
#include <fisher/model.h>
#include <math.h>
#include <pthread.h>
#include <sodium.h>
#include <string.h>
#define HASH_NONFATAL_OOM 1
#include <uthash.h>

#include "embedding_command.h"
#include "embedding_template.h"
#include "hash_embedder.h"
#include "secret.h"
#include "thread.h"
#include "utf8.h"

enum { KEY_MAX = 4096 };

/* Never change them: databases hold their vectors. */
static const fd_embedder_texts probes[FD_EMBEDDER_PROBES] = {
    {"How do I boil an egg?", "Put it into boiling water for seven minutes, then cool it."},
    {"Write a function that adds two numbers.", "def add(a, b):\n    return a + b"},
    {"Wie heißt die Hauptstadt von Frankreich?", "Paris 🗼"},
};

/* Servers compute the same vector a little differently each time: by batch, processor, precision.
 */
static const double same_distance = 0.02;

struct fd_embedder {
    fd_embedding_template template;
    char *template_text;
    char *name;
    fd_embedding_server *server; /* with neither of the two: the hashing embedder */
    fd_embedding_command *command;
    double seconds;
    pthread_mutex_t lock;
    fd_vectors probes; /* guarded by lock until they are there, then constant */
};

/* ---- opening ---- */

static void wipe(char **key) {
    if (*key)
        sodium_memzero(*key, strlen(*key));
    free(*key);
}

static int read_key(const char *path, char **ret, fd_fault *fault) {
    size_t size;
    if (path[0] == '\0') {
        *ret = strdup("");
        return *ret ? 0 : -ENOMEM;
    }
    int r = fd_secret_read(path, KEY_MAX, ret, &size, fault);
    if (r < 0)
        return r;
    size = strlen(*ret);
    while (size > 0 && strchr(" \t\r\n", (*ret)[size - 1]))
        (*ret)[--size] = '\0';
    return size > 0 ? 0 : fd_fault_set(fault, -EINVAL, "", "embedding-key: %s is empty", path);
}

static int open_server(fd_embedder *embedder, const fd_embedder_options *options, fd_fault *fault) {
    FD_CLEANUP(wipe) char *key = NULL;
    if (options->model[0] == '\0')
        return fd_fault_set(fault, -EINVAL, "", "embedding-url needs embedding-model");
    int r = read_key(options->key_file, &key, fault);
    if (r < 0)
        return r;
    const fd_embedding_server_options server = {
        .url = options->url,
        .model = options->model,
        .key = key,
        .base64 = options->base64,
        .batch = options->batch,
        .requests = options->requests,
        .seconds = options->seconds,
        .retries = options->retries,
    };
    return fd_embedding_server_open(&server, &embedder->server, fault);
}

static const char *name_of(const fd_embedder_options *options) {
    if (strcmp(options->url, FD_EMBEDDER_BUILTIN) == 0)
        return FD_EMBEDDER_BUILTIN;
    return options->model[0] != '\0' ? options->model : options->command;
}

int fd_embedder_open(const fd_embedder_options *options, fd_embedder **ret, fd_fault *fault) {
    bool is_builtin = strcmp(options->url, FD_EMBEDDER_BUILTIN) == 0;
    bool has_url = options->url[0] != '\0', has_command = options->command[0] != '\0';
    *ret = NULL;
    if (!has_url && !has_command)
        return 0;
    if (has_url && has_command)
        return fd_fault_set(fault, -EINVAL, "",
                            "embedding-url and embedding-command cannot be given together");
    FD_CLEANUP(fd_embedder_closep) fd_embedder *embedder = calloc(1, sizeof(*embedder));
    if (!embedder)
        return -ENOMEM;
    (void)pthread_mutex_init(&embedder->lock, NULL);
    embedder->seconds = options->seconds;
    embedder->name = strdup(name_of(options));
    embedder->template_text = strdup(options->template);
    if (!embedder->name || !embedder->template_text)
        return -ENOMEM;
    int r = fd_embedding_template_parse(options->template, &embedder->template, fault);
    if (r == 0 && has_command)
        r = fd_embedding_command_open(options->command, options->batch, options->seconds,
                                      &embedder->command);
    if (r == 0 && has_url && !is_builtin)
        r = open_server(embedder, options, fault);
    if (r < 0)
        return r;
    *ret = FD_STEAL(embedder);
    return 0;
}

void fd_embedder_close(fd_embedder *embedder) {
    if (embedder->server)
        fd_embedding_server_close(embedder->server);
    if (embedder->command)
        fd_embedding_command_close(embedder->command);
    fd_embedding_template_clear(&embedder->template);
    (void)pthread_mutex_destroy(&embedder->lock);
    free(embedder->probes.values);
    free(embedder->template_text);
    free(embedder->name);
    free(embedder);
}

bool fd_embedder_is_apart(const fd_embedder *embedder) {
    return embedder->template.is_apart;
}

double fd_embedder_seconds(const fd_embedder *embedder) {
    return embedder->seconds;
}

/* ---- the texts ---- */

struct text {
    char *text;
    size_t place;
    UT_hash_handle hh;
};

/* The texts of items, each once. Part p of item i is the text of places[i * parts + p]. */
struct texts {
    struct text *by_text;
    const char **list; /* [n], borrowed from by_text */
    size_t n;
    size_t *places; /* SIZE_MAX: an empty text */
};

static void texts_clear(struct texts *texts) {
    struct text *text, *next;
    HASH_ITER(hh, texts->by_text, text, next) {
        HASH_DEL(texts->by_text, text);
        free(text->text);
        free(text);
    }
    free(texts->list);
    free(texts->places);
}

/* Takes the string. */
static int add_text(struct texts *texts, char *string, size_t *ret_place) {
    FD_FREE char *given = string;
    struct text *text;
    size_t length = strlen(given);
    *ret_place = SIZE_MAX;
    if (length == 0)
        return 0;
    HASH_FIND(hh, texts->by_text, given, length, text);
    if (!text) {
        text = calloc(1, sizeof(*text));
        if (!text)
            return -ENOMEM;
        HASH_ADD_KEYPTR(hh, texts->by_text, given, length, text);
        if (!text->hh.tbl) {
            free(text);
            return -ENOMEM;
        }
        text->text = FD_STEAL(given);
        text->place = texts->n;
        texts->list[texts->n++] = text->text;
    }
    *ret_place = text->place;
    return 0;
}

static int collect(const fd_embedding_template *template, const fd_embedder_texts *items, size_t n,
                   struct texts *ret) {
    ret->list = calloc(n * template->n, sizeof(*ret->list));
    ret->places = calloc(n * template->n, sizeof(*ret->places));
    if (!ret->list || !ret->places)
        return -ENOMEM;
    for (size_t i = 0; i < n * template->n; i++) {
        const fd_embedder_texts *item = &items[i / template->n];
        char *text;
        int r = fd_embedding_template_fill(template, i % template->n, item->prompt, item->response,
                                           &text);
        if (r == 0)
            r = add_text(ret, text, &ret->places[i]);
        if (r < 0)
            return r;
    }
    return 0;
}

/* ---- embedding ---- */

static int embed_by_hash(const struct texts *texts, const fd_patience *patience, fd_vectors *ret) {
    ret->dimension = FD_EMBED_SIZE;
    ret->values = reallocarray(NULL, texts->n, FD_EMBED_SIZE * sizeof(float));
    if (!ret->values)
        return -ENOMEM;
    for (size_t i = 0; i < texts->n; i++) {
        if (patience->go_on && !patience->go_on(patience->context))
            return -ECANCELED;
        fd_hash_embed(texts->list[i], strlen(texts->list[i]), ret->values + i * FD_EMBED_SIZE);
    }
    return 0;
}

/* The hashing embedder has prompts at half length, as fd_hash_embed_item. */
static float weight_of(const fd_embedder *embedder, size_t part) {
    bool is_hash = !embedder->server && !embedder->command;
    return is_hash && embedder->template.is_apart && part == 0 ? 0.5F : 1;
}

static int assemble(const fd_embedder *embedder, const struct texts *texts, const fd_vectors *parts,
                    size_t n, fd_vectors *ret, fd_fault *fault) {
    size_t width = parts->dimension, per_item = embedder->template.n;
    if (width * per_item > FI_INPUTS_MAX)
        return fd_fault_set(fault, -EPROTO, "",
                            "prompt and response of the embedder have %zu numbers together; an "
                            "embedding has at most %d",
                            width * per_item, FI_INPUTS_MAX);
    ret->dimension = width * per_item;
    ret->values = calloc(n * per_item, width * sizeof(float));
    if (!ret->values)
        return -ENOMEM;
    for (size_t i = 0; i < n * per_item; i++) {
        if (texts->places[i] == SIZE_MAX)
            continue;
        const float *from = parts->values + texts->places[i] * width;
        float weight = weight_of(embedder, i % per_item);
        for (size_t k = 0; k < width; k++)
            ret->values[i * width + k] = weight * from[k];
    }
    return 0;
}

int fd_embedder_embed(fd_embedder *embedder, const fd_embedder_texts *items, size_t n,
                      const fd_patience *patience, fd_vectors *ret, fd_fault *fault) {
    FD_CLEANUP(texts_clear) struct texts texts = {0};
    FD_CLEANUP(fd_vectors_clear) fd_vectors parts = {0};
    int r = collect(&embedder->template, items, n, &texts);
    if (r < 0)
        return r;
    if (embedder->server)
        r = fd_embedding_server_ask(embedder->server, texts.list, texts.n, patience, &parts, fault);
    else if (embedder->command)
        r = fd_embedding_command_ask(embedder->command, texts.list, texts.n, patience, &parts,
                                     fault);
    else
        r = embed_by_hash(&texts, patience, &parts);
    return r < 0 ? r : assemble(embedder, &texts, &parts, n, ret, fault);
}

/* ---- identity ---- */

static bool has_probes(fd_embedder *embedder) {
    FD_LOCKED(&embedder->lock);
    return embedder->probes.values != NULL;
}

int fd_embedder_identify(fd_embedder *embedder, const fd_patience *patience,
                         fd_embedder_identity *ret, fd_fault *fault) {
    fd_vectors vectors = {0};
    if (!has_probes(embedder)) {
        int r = fd_embedder_embed(embedder, probes, FD_EMBEDDER_PROBES, patience, &vectors, fault);
        if (r < 0)
            return r;
        FD_LOCKED(&embedder->lock);
        if (!embedder->probes.values) {
            embedder->probes = vectors;
            vectors.values = NULL;
        }
    }
    free(vectors.values);
    *ret = (fd_embedder_identity){
        .name = embedder->name,
        .template = embedder->template_text,
        .dimension = embedder->probes.dimension,
        .n_probes = FD_EMBEDDER_PROBES,
        .probes = embedder->probes.values,
    };
    return 0;
}

static bool is_near(const float *a, const float *b, size_t n) {
    double distance = 0, longer = 0, other = 0;
    for (size_t i = 0; i < n; i++) {
        double difference = (double)a[i] - (double)b[i];
        distance += difference * difference;
        longer += (double)a[i] * (double)a[i];
        other += (double)b[i] * (double)b[i];
    }
    longer = other > longer ? other : longer;
    return distance <= same_distance * same_distance * longer;
}

/* The bytes of a name or a template that a fault shows: no character is cut. */
static int shown(const char *text) {
    enum { SHOWN = 48 };
    size_t length = 0, next;
    while (text[length] != '\0' && (next = fd_utf8_length(text + length)) > 0 &&
           length + next <= SHOWN)
        length += next;
    return (int)length;
}

int fd_embedder_compare(const fd_embedder_identity *embedder, const fd_embedder_identity *stored,
                        fd_fault *fault) {
    bool is_same =
        embedder->dimension == stored->dimension && embedder->n_probes == stored->n_probes;
    for (size_t i = 0; i < stored->n_probes && is_same; i++)
        is_same = is_near(embedder->probes + i * embedder->dimension,
                          stored->probes + i * stored->dimension, stored->dimension);
    if (is_same)
        return 0;
    return fd_fault_set(fault, -EEXIST, "",
                        "the items are embedded by \"%.*s\" (%zu numbers, template %.*s); the "
                        "daemon's embedder \"%.*s\" (%zu numbers, template %.*s) gives other "
                        "vectors",
                        shown(stored->name), stored->name, stored->dimension,
                        shown(stored->template), stored->template, shown(embedder->name),
                        embedder->name, embedder->dimension, shown(embedder->template),
                        embedder->template);
}
