/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef CDX_BN254_NTT_IFMA_H
#define CDX_BN254_NTT_IFMA_H

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "bn254/ifma_vector.h"

#define IFMA_MOD(x) ifma_r_##x
#define IFMA_NAME(x) x
#define IFMA_STREAMS 1
#include "bn254/ifma_field.h"
#include "bn254/ifma_lanes.h"

/*
 * Roots for the vector code, canonical: vectors of eight consecutive elements
 * of the tables of struct cdx_ntt.
 */
struct ntt_vectors {
	struct fe *down; /* the first N / 16 of them, at least 32 */
	struct fe *up;	 /* all */
	/* For every 64 elements the seven vectors of c in the middle: one for
	 * steps of 4, two for 2, four for 1 */
	struct fe (*middle)[7];
	uint64_t inv_n[IFMA_LIMBS];
};

/* Which of eight consecutive elements a lane has, and which lane one is in */
static const unsigned char place[IFMA_LANES] = {0, 2, 1, 3, 4, 6, 5, 7};

/* Memory for @count vectors; NULL when there is none */
static inline struct fe *ntt_vectors_alloc(size_t count)
{
	return aligned_alloc(sizeof(__m512i), count * sizeof(struct fe));
}

#endif
