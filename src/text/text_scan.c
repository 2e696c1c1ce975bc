/* Counts words, lines, entries of lists, punctuation and sentences of a text in one pass. */
#include "text_scan.h"

#include <stdbool.h>
#include <stdint.h>
#include <unicase.h>
#include <unictype.h>
#include <unistr.h>

/* ---- characters ---- */

enum { FULL_WIDTH_STOP = 0xff0e };

static const ucs4_t bullets[] = {0x2022, 0x2023, 0x2043, 0x2219, 0x25a0, 0x25a1,
                                 0x25aa, 0x25ab, 0x25cb, 0x25cf, 0x25e6};

/* , ; : ( ) " - and the same of Chinese, Japanese and Arabic. */
static const ucs4_t punctuation[] = {',',    ';',    ':',    '(',    ')',    '"',
                                     '-',    0xff0c, 0xff1b, 0xff1a, 0xff08, 0xff09,
                                     0x201c, 0x201d, 0x3001, 0x60c,  0x61b};

/* . ! ? and those of Chinese and Japanese, of Indic scripts, Arabic, Urdu, Burmese, Khmer, Armenian
 * and Ethiopic. */
static const ucs4_t ends[] = {'.',   '!',   '?',   0x3002, 0xff01, 0xff0e, 0xff1f, 0xff61, 0x964,
                              0x965, 0x61f, 0x6d4, 0x104b, 0x17d4, 0x17d5, 0x589,  0x1362};

/* Letters that Unicode counts to several scripts, all of them written with Han or kana. */
static const ucs4_t shared_kana[] = {0x3006, 0x3031, 0x3032, 0x3033, 0x3034, 0x3035,
                                     0x303c, 0x30fc, 0xff70, 0xff9e, 0xff9f};

static const char *const spaceless[] = {"Han", "Hiragana", "Katakana", "Thai",
                                        "Lao", "Khmer",    "Myanmar"};

static bool contains(const ucs4_t *set, size_t n, ucs4_t character) {
    for (size_t i = 0; i < n; i++)
        if (set[i] == character)
            return true;
    return false;
}
#define CONTAINS(set, character) contains(set, FD_LENGTH(set), character)

static bool is_digit(ucs4_t character) {
    return character < 0x80 ? character >= '0' && character <= '9'
                            : uc_is_general_category_withtable(character, UC_CATEGORY_MASK_Nd);
}

/* ---- words ---- */

/* What a character does to the word before it. */
enum role {
    ENDS,      /* it is in no word */
    CONTINUES, /* a mark */
    BEGINS,    /* a letter or a digit: it continues the word, or begins one */
    ALONE,     /* it is a word */
};

struct scan {
    fd_text_counts counts;
    const uc_script_t *scripts[FD_LENGTH(spaceless)];
    bool in_word;
    uint64_t hash; /* of the word so far */
    bool in_ends;  /* the character before is the end of a sentence */
    enum { LINE_BEGINS, LINE_HAS_NUMBER, LINE_IS_KNOWN } line;
};

static bool is_spaceless(const struct scan *scan, ucs4_t character) {
    const uc_script_t *script = uc_script(character);
    for (size_t i = 0; i < FD_LENGTH(spaceless); i++)
        if (script == scan->scripts[i])
            return true;
    return CONTAINS(shared_kana, character);
}

static enum role role_of(const struct scan *scan, ucs4_t character) {
    if (character < 0x80)
        return is_digit(character) || ((character | 0x20) >= 'a' && (character | 0x20) <= 'z')
                   ? BEGINS
                   : ENDS;
    bool is_mark = uc_is_general_category_withtable(character, UC_CATEGORY_MASK_M);
    if (!is_mark && !uc_is_general_category_withtable(character, UC_CATEGORY_MASK_L))
        return is_digit(character) ? BEGINS : ENDS;
    if (is_spaceless(scan, character))
        return ALONE;
    return is_mark ? CONTINUES : BEGINS;
}

static int end_word(struct scan *scan) {
    if (!scan->in_word)
        return 0;
    scan->in_word = false;
    scan->counts.words++;
    return fd_word_set_add(&scan->counts.types, scan->hash);
}

static void add_to_word(struct scan *scan, ucs4_t character) {
    if (!scan->in_word)
        scan->hash = FD_WORD_HASH_START;
    scan->in_word = true;
    scan->hash = fd_word_hash(scan->hash, uc_tolower(character));
    scan->counts.word_characters++;
}

static int count_word(struct scan *scan, ucs4_t character) {
    enum role role = role_of(scan, character);
    int r = role == ENDS || role == ALONE ? end_word(scan) : 0;
    if (role == BEGINS || role == ALONE || (role == CONTINUES && scan->in_word))
        add_to_word(scan, character);
    return r < 0 || role != ALONE ? r : end_word(scan);
}

/* ---- lines and sentences ---- */

static void count_list(struct scan *scan, ucs4_t character) {
    bool is_entry = false;
    if (scan->line == LINE_BEGINS) {
        if (character == ' ' || character == '\t')
            return;
        if (is_digit(character)) {
            scan->line = LINE_HAS_NUMBER;
            return;
        }
        is_entry = character == '-' || character == '*' || CONTAINS(bullets, character);
    } else if (scan->line == LINE_HAS_NUMBER) {
        if (is_digit(character))
            return;
        is_entry = character == '.' || character == FULL_WIDTH_STOP;
    }
    scan->line = LINE_IS_KNOWN;
    scan->counts.list_lines += is_entry;
}

static void count_sentence(struct scan *scan, ucs4_t character) {
    bool is_end = !scan->in_word && CONTAINS(ends, character);
    scan->counts.sentence_ends += is_end && !scan->in_ends;
    scan->in_ends = is_end;
    if (!scan->in_word)
        scan->counts.punctuation += CONTAINS(punctuation, character);
}

static int count_character(struct scan *scan, ucs4_t character) {
    scan->counts.characters++;
    int r = count_word(scan, character);
    if (character == '\n') {
        scan->counts.newlines++;
        scan->line = LINE_BEGINS;
    } else if (scan->line != LINE_IS_KNOWN) {
        count_list(scan, character);
    }
    count_sentence(scan, character);
    return r;
}

int fd_text_scan(const char *text, size_t size, fd_text_counts *counts) {
    const uint8_t *at = (const uint8_t *)text, *end = at + size;
    struct scan scan = {.counts = {.types = counts->types}};
    int r = 0;
    fd_word_set_empty(&scan.counts.types);
    for (size_t i = 0; i < FD_LENGTH(spaceless); i++)
        scan.scripts[i] = uc_script_byname(spaceless[i]);
    while (at < end && r == 0) {
        ucs4_t character;
        at += u8_mbtouc(&character, at, (size_t)(end - at));
        r = count_character(&scan, character);
    }
    if (r == 0)
        r = end_word(&scan);
    if (r == 0)
        r = fd_word_set_sort(&scan.counts.types);
    *counts = scan.counts;
    return r;
}
