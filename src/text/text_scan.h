/*
 * One pass over a text, which counts what features are made of.
 *
 * A character is a code point. A word is a run of letters, marks and digits (Unicode L, M and Nd)
 * that begins with a letter or a digit. In the scripts that put no spaces between words (Han, kana,
 * Thai, Lao, Khmer, Burmese) each letter and each mark is a word of its own. Texts are not
 * normalised: a letter and the mark above it are two characters. Types are the different words
 * after each of their characters was made lower-case by itself, so that Straße and STRASSE differ.
 *
 * An entry of a list is a line that begins, after spaces and tabs, with -, *, a bullet, or digits
 * and a point. A run of ends of sentences (?!, ...) is one end.
 */
#ifndef FD_TEXT_SCAN_H
#define FD_TEXT_SCAN_H

#include <stddef.h>

#include "macros.h"
#include "word_set.h"

typedef struct fd_text_counts {
    size_t characters;
    size_t newlines;
    size_t list_lines;
    size_t words;
    size_t word_characters; /* of all words */
    size_t punctuation;
    size_t sentence_ends;
    fd_word_set types; /* the caller clears it */
} fd_text_counts;

/* Puts the counts of a text in the place of those before, in the memory of the types that were
 * counted before. -ENOMEM. */
int fd_text_scan(const char *text, size_t size, fd_text_counts *counts) FD_MUST_CHECK;

#endif
