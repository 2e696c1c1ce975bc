/*
 * A fallback embedder, for those who have no model that embeds: signed feature hashing (Weinberger
 * et al., "Feature Hashing for Large Scale Multitask Learning", 2009) of words, pairs of words and
 * pieces of words. It is lexical only: it sees words, not meaning; "car" is as far from
 * "automobile" as from "sonnet". Where a language model's embeddings are to be had, they teach a
 * reward model far more.
 */
#ifndef FD_HASH_EMBEDDER_H
#define FD_HASH_EMBEDDER_H

#include <stddef.h>

enum { FD_EMBED_SIZE = 512 };

/*
 * Takes any bytes. ASCII letters (their case does not matter), digits and bytes from 0x80 on form
 * words, everything else separates them. The result has length 1, or is all zeros where the text
 * is empty, and is the same on every machine up to the rounding of float. The last few numbers tell
 * how long the text is and how much of it is punctuation. Takes time linear in size, no memory from
 * the heap, and cannot fail.
 */
void fd_hash_embed(const char *text, size_t size, float embedding[FD_EMBED_SIZE]);

/*
 * [prompt, response], the prompt at half length: responses are mostly compared under one prompt,
 * where its part is the same on both sides and tells nothing. It is kept because what makes a good
 * response depends on what was asked, but distances should mostly be those of the responses. A
 * text may be NULL, which is as if it were empty.
 */
void fd_hash_embed_item(const char *prompt, const char *response,
                        float embedding[2 * FD_EMBED_SIZE]);

#endif
