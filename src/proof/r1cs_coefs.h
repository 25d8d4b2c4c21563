/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef CDX_PROOF_R1CS_COEFS_H
#define CDX_PROOF_R1CS_COEFS_H

#include <stdint.h>

#include "base/attr.h"
#include "bn254/fr.h"

/*
 * Distinct coefficients, numbered in the order in which they come: a table with
 * open addressing.  Zero-initialise.  One thread at a time.
 */
struct cdx_r1cs_coefs {
	struct cdx_fr *coef;
	uint32_t count;
	uint32_t cap;	/* of coef; a power of two */
	uint32_t *slot; /* 2 * cap: number + 1, or 0 */
};

/* The number of @v, which is added when it is not there.  -ENOMEM. */
CDX_MUST_CHECK int cdx_r1cs_coefs_find(struct cdx_r1cs_coefs *c,
				       uint32_t *number,
				       const struct cdx_fr *v);
/* Frees the table and gives the coefficients away */
struct cdx_fr *cdx_r1cs_coefs_take(struct cdx_r1cs_coefs *c);
/* Frees everything */
void cdx_r1cs_coefs_free(struct cdx_r1cs_coefs *c);

#endif
