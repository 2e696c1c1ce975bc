/*
 * An embedder for users without an embedding model: signed feature hashing (Weinberger et al.,
 * "Feature Hashing for Large Scale Multitask Learning", 2009) of words, pairs of words and pieces
 * of words. It sees words, not their meaning: "car" is as far from "automobile" as from "sonnet".
 * A reward model learns far more from the embeddings of a language model.
 */
#ifndef FD_HASH_EMBEDDER_H
#define FD_HASH_EMBEDDER_H

#include <stddef.h>

enum { FD_EMBED_SIZE = 512 };

/*
 * Embeds any bytes. ASCII letters (in either case), digits and bytes from 0x80 form words; all
 * other bytes separate them. The result has length 1, or is all zeros for an empty text, and is the
 * same on every machine up to the rounding of float. Its last four numbers measure the length of
 * the text and its share of punctuation. The time is linear in size; there is no allocation, and no
 * failure.
 */
void fd_hash_embed(const char *text, size_t size, float embedding[FD_EMBED_SIZE]);

/*
 * Embeds an item as [prompt, response], with the prompt at half length. Which response is good
 * depends on the prompt, so the embedding has both. But most pairs have one prompt, so the distance
 * between two items should mostly be that of their responses. NULL counts as an empty text.
 */
void fd_hash_embed_item(const char *prompt, const char *response,
                        float embedding[2 * FD_EMBED_SIZE]);

#endif
