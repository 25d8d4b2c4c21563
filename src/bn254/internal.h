/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef CDX_BN254_INTERNAL_H
#define CDX_BN254_INTERNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bn254/fr.h"

/* What the files of this module share. */

#define CDX_POSEIDON2_EXTERNAL 8u
#define CDX_POSEIDON2_INTERNAL 56u

/* Round constants, Montgomery form, in the order of use */
extern const struct cdx_fr cdx_poseidon2_ext[CDX_POSEIDON2_EXTERNAL][3];
extern const struct cdx_fr cdx_poseidon2_int[CDX_POSEIDON2_INTERNAL];

/*
 * Eight vector lanes (poseidon2_ifma.c).  Any n >= 1: the last group is filled
 * up inside.  Call only when cdx_ifma_have().  The arguments are those of the
 * functions of the same names in poseidon2.h.
 */

/* Processor and system have AVX-512 F, DQ, VL and IFMA, and it is compiled in */
bool cdx_ifma_have(void);
/* @n permutations in place */
void cdx_ifma_permute(struct cdx_fr (*state)[3], size_t n);
/* @out may be @in */
void cdx_ifma_compress_pairs(struct cdx_fr *out, const struct cdx_fr *in,
			     size_t n, unsigned key);
/* @n cells of @len bytes each */
void cdx_ifma_hash_cells(struct cdx_fr *out, const uint8_t *cells, size_t len,
			 size_t n);

#endif
