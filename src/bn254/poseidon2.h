/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef CDX_BN254_POSEIDON2_H
#define CDX_BN254_POSEIDON2_H

#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "bn254/fr.h"

/*
 * Poseidon2 over Fr, three elements wide, as Codex uses it (spec/datasets.md
 * 6.1 to 6.4).  Pure; safe on any thread.  The functions for many keep eight
 * vector lanes busy where the processor has them; single ones cannot.
 */

/* The permutation, in place */
void cdx_poseidon2_permute(struct cdx_fr state[3]);
/* @n independent ones */
void cdx_poseidon2_permute_many(struct cdx_fr (*state)[3], size_t n);

/* Nodes of trees: permute(x, y, key)[0]; key 0 to 3 (merkle) */
void cdx_poseidon2_compress(struct cdx_fr *out, const struct cdx_fr *x,
			    const struct cdx_fr *y, unsigned key);
/**
 * cdx_poseidon2_compress_pairs - a layer of a tree
 *
 * @out: @n elements; may be @in
 * @in:  2 * @n elements; out[i] = compress(in[2i], in[2i + 1], key)
 */
void cdx_poseidon2_compress_pairs(struct cdx_fr *out, const struct cdx_fr *in,
				  size_t n, unsigned key);

/* Sponge over elements with 10* padding; @rate 1 or 2 */
void cdx_poseidon2_sponge(struct cdx_fr *out, const struct cdx_fr *in, size_t n,
			  unsigned rate);
/* Sponge of rate 2 over bytes: 31-byte elements, then the rest and 0x01 */
void cdx_poseidon2_hash(struct cdx_fr *out, const void *p, size_t len);
/**
 * cdx_poseidon2_hash_cells - hashes of equally long pieces
 *
 * @out:   @n elements
 * @cells: @n * @len bytes; out[i] is the hash of piece i
 *
 * The hot path of sealing: eight cells at a time.
 */
void cdx_poseidon2_hash_cells(struct cdx_fr *out, const uint8_t *cells,
			      size_t len, size_t n);

/* Elements that @len bytes become: len / 31 + 1 */
size_t cdx_poseidon2_elements(size_t len);
/* Those elements; @out has room for them */
void cdx_poseidon2_to_elements(struct cdx_fr *out, const void *p, size_t len);

#endif
