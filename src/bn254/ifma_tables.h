/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef CDX_BN254_IFMA_TABLES_H
#define CDX_BN254_IFMA_TABLES_H

#include <stdint.h>

#include "bn254/fr.h"
#include "bn254/ifma_modulus.h"
#include "bn254/internal.h"

/*
 * Constants of the vector code.  Five limbs of 52 bits, least significant
 * first; elements as a * 2^260 mod r unless said otherwise.
 */

/* Rounds after which the internal rounds make their numbers small again */
#define IFMA_GROUP 4

struct ifma_tables {
	/* What the last two rounds of a group add to their y: multiples of r to
	 * take off, by what limb 4 of a + b says, and the constant.  [limb]
	 * [which], the top limb signed. */
	_Alignas(64)
		uint64_t off[CDX_POSEIDON2_INTERNAL][IFMA_LIMBS][IFMA_LANES];
	/* The constant alone */
	uint64_t internal[CDX_POSEIDON2_INTERNAL][IFMA_LIMBS];
	/* Added after the first matrix */
	uint64_t first[3][IFMA_LIMBS];
	/* Added before the matrix of each external round */
	uint64_t external[CDX_POSEIDON2_EXTERNAL][3][IFMA_LIMBS];
	uint64_t one[IFMA_LIMBS];
	uint64_t sponge[IFMA_LIMBS]; /* what the capacity starts with, rate 2 */
	/* Plain integers; a product with one of them (divided by 2^260)
	 * changes the form of an element */
	uint64_t from_plain[IFMA_LIMBS]; /* 2^520: a to a 2^260 */
	uint64_t from_fr[IFMA_LIMBS];	 /* 2^264: a 2^256 to a 2^260 */
	uint64_t to_fr[IFMA_LIMBS];	 /* 2^256: a 2^260 to a 2^256 */
};

/* Made by the first call.  Thread: safe. */
const struct ifma_tables *cdx_ifma_tables(void);
/* One element; below r */
void cdx_ifma_element(uint64_t out[IFMA_LIMBS], const struct cdx_fr *a);

#endif
