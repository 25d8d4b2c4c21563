/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef CDX_BN254_FR_VEC_H
#define CDX_BN254_FR_VEC_H

#include <stddef.h>
#include <stdint.h>

#include "bn254/fr.h"

/* What is done to many elements one by one; cdx_fr_quotients (ntt.h) too. */

/* The canonical integers of @a, @n * 32 bytes, little endian; @out may be the
 * memory of @a.  Safe on any thread. */
void cdx_fr_to_canonical_many(uint8_t *out, const struct cdx_fr *a, size_t n);

#endif
