/* Embeds a text by hashing its words, pairs of words and pieces of words. */
#include "hash_embedder.h"

#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

/* The kinds of parts that are counted in a text. */
enum kind { WORD, PAIR, PIECE, KINDS };

/* The counts are in a table that is larger than the embedding. They can then be damped before they
 * are folded into it, without an allocation. */
enum { BUCKETS = 4096, MEASURES = 4, SLOTS = FD_EMBED_SIZE - MEASURES };
enum { PIECE_MIN = 3, PIECE_MAX = 5 };

/* The length of each kind in the embedding, whatever its number in the text. Pairs have the
 * smallest, because most of them occur in one text only. */
static const double kind_lengths[KINDS] = {[WORD] = 1, [PAIR] = 0.5, [PIECE] = 0.75};

static const float prompt_length = 0.5F;

struct counts {
    float of[KINDS][BUCKETS];
    bool has_pair;
    uint64_t previous; /* the hash of the word before, for a pair */
};

/* ---- hashing: FNV-1a, then the finaliser of SplitMix64, as FNV mixes its high bits badly ---- */

static const uint64_t hash_start = 0xcbf29ce484222325U;

static uint64_t hash_byte(uint64_t hash, unsigned char byte) {
    return (hash ^ byte) * 0x100000001b3U;
}

static uint64_t hash_finish(uint64_t hash) {
    hash = (hash ^ (hash >> 30)) * 0xbf58476d1ce4e5b9U;
    hash = (hash ^ (hash >> 27)) * 0x94d049bb133111ebU;
    return hash ^ (hash >> 31);
}

/* ---- counting ---- */

static void count(struct counts *counts, enum kind kind, uint64_t hash, float weight) {
    counts->of[kind][hash_finish(hash) % BUCKETS] += weight;
}

static unsigned char lower(unsigned char byte) {
    return byte >= 'A' && byte <= 'Z' ? (unsigned char)(byte - 'A' + 'a') : byte;
}

static bool in_word(unsigned char byte) {
    byte = lower(byte);
    return (byte >= 'a' && byte <= 'z') || (byte >= '0' && byte <= '9') || byte >= 0x80;
}

static bool starts_character(unsigned char byte) {
    return (byte & 0xc0) != 0x80;
}

/* The end of the character at `at`. Invalid UTF-8 gives odd characters, nothing worse. */
static size_t character_end(const unsigned char *word, size_t size, size_t at) {
    do
        at++;
    while (at < size && !starts_character(word[at]));
    return at;
}

enum { WORD_BEGINS = 1, WORD_ENDS = 2 };

/* Counts the pieces that begin at `at`; `hash` covers the `characters` before it. */
static void count_pieces_at(struct counts *counts, const unsigned char *word, size_t size,
                            size_t at, uint64_t hash, int characters, float weight) {
    while (characters < PIECE_MAX && at <= size) {
        if (at == size) {
            hash = hash_byte(hash, WORD_ENDS);
            at++;
        } else
            for (size_t end = character_end(word, size, at); at < end; at++)
                hash = hash_byte(hash, lower(word[at]));
        if (++characters >= PIECE_MIN)
            count(counts, PIECE, hash, weight);
    }
}

/* The pieces of a word have a total weight of one, so that long words do not outweigh short ones.
 */
static void count_pieces(struct counts *counts, const unsigned char *word, size_t size) {
    size_t characters = 2, pieces = 0;
    for (size_t at = 0; at < size; at = character_end(word, size, at))
        characters++;
    for (size_t length = PIECE_MIN; length <= PIECE_MAX && length <= characters; length++)
        pieces += characters - length + 1;
    float weight = 1 / (float)pieces;
    count_pieces_at(counts, word, size, 0, hash_byte(hash_start, WORD_BEGINS), 1, weight);
    for (size_t at = 0; at < size; at = character_end(word, size, at))
        count_pieces_at(counts, word, size, at, hash_start, 0, weight);
}

static void count_word(struct counts *counts, const unsigned char *word, size_t size) {
    uint64_t hash = hash_start;
    for (size_t i = 0; i < size; i++)
        hash = hash_byte(hash, lower(word[i]));
    count(counts, WORD, hash, 1);
    if (counts->has_pair)
        count(counts, PAIR, hash_finish(counts->previous) + hash, 1);
    counts->has_pair = true;
    counts->previous = hash;
    count_pieces(counts, word, size);
}

static size_t count_words(struct counts *counts, const unsigned char *text, size_t size) {
    size_t words = 0;
    for (size_t at = 0, begin; at < size; at++) {
        for (begin = at; at < size && in_word(text[at]);)
            at++;
        if (at > begin) {
            count_word(counts, text + begin, at - begin);
            words++;
        }
    }
    return words;
}

/* ---- folding ---- */

/* The square root damps repetition: the tenth "the" says less than the first. */
static void fold(const struct counts *counts, enum kind kind, double *values) {
    double folded[SLOTS] = {0}, squares = 0;
    for (size_t i = 0; i < BUCKETS; i++) {
        if (counts->of[kind][i] <= 0)
            continue;
        uint64_t hash = hash_finish(((uint64_t)kind + 1) * BUCKETS + i);
        double damped = sqrt((double)counts->of[kind][i]);
        folded[(hash >> 1) % SLOTS] += (hash & 1) != 0 ? damped : -damped;
    }
    for (size_t i = 0; i < SLOTS; i++)
        squares += folded[i] * folded[i];
    if (squares <= 0)
        return;
    double scale = kind_lengths[kind] / sqrt(squares);
    for (size_t i = 0; i < SLOTS; i++)
        values[i] += scale * folded[i];
}

/* Logarithms, centred on those of a paragraph, so that they matter a little and have either sign.
 */
static void measure(const unsigned char *text, size_t size, size_t words, double *values) {
    size_t characters = 0, sentences = 0, punctuation = 0;
    for (size_t i = 0; i < size; i++) {
        bool last = i + 1 == size || text[i + 1] == ' ' || text[i + 1] == '\n';
        characters += starts_character(text[i]);
        sentences += last && text[i] != '\0' && strchr(".!?", text[i]) != NULL;
        punctuation += text[i] > ' ' && text[i] < 0x7f && !in_word(text[i]);
    }
    values[0] = 0.1 * (log1p((double)characters) - 6);
    values[1] = 0.1 * (log1p((double)words) - 4);
    values[2] = 0.1 * (log1p((double)sentences) - 1.5);
    values[3] = (double)punctuation / (double)size - 0.05;
}

static void normalise(const double *values, float *embedding) {
    double squares = 0;
    for (size_t i = 0; i < FD_EMBED_SIZE; i++)
        squares += values[i] * values[i];
    for (size_t i = 0; i < FD_EMBED_SIZE; i++)
        embedding[i] = (float)(values[i] / sqrt(squares));
}

void fd_hash_embed(const char *text, size_t size, float embedding[FD_EMBED_SIZE]) {
    struct counts counts = {0};
    double values[FD_EMBED_SIZE] = {0};
    const unsigned char *bytes = (const unsigned char *)text;
    if (size == 0) {
        memset(embedding, 0, FD_EMBED_SIZE * sizeof(*embedding));
        return;
    }
    size_t words = count_words(&counts, bytes, size);
    for (enum kind kind = 0; kind < KINDS; kind++)
        fold(&counts, kind, values);
    measure(bytes, size, words, values + SLOTS);
    normalise(values, embedding);
}

void fd_hash_embed_item(const char *prompt, const char *response,
                        float embedding[2 * FD_EMBED_SIZE]) {
    fd_hash_embed(prompt, prompt ? strlen(prompt) : 0, embedding);
    fd_hash_embed(response, response ? strlen(response) : 0, embedding + FD_EMBED_SIZE);
    for (size_t i = 0; i < FD_EMBED_SIZE; i++)
        embedding[i] *= prompt_length;
}
