/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef CDX_ERASURE_ISAL_H
#define CDX_ERASURE_ISAL_H

#include <stdint.h>

#include "base/attr.h"

/*
 * Encoding with ISA-L itself.  liberasurecode zeroes a buffer for every
 * fragment and copies all data before it calls the same function, which takes
 * more time than the code does.
 */

struct ec_isal;

/* Tables of isa_l_rs_cauchy's matrix; free with ec_isal_free.  NULL when the
 * library is not here, or without memory.  Thread: safe. */
struct ec_isal *ec_isal_new(uint32_t k, uint32_t m);
/* NULL is allowed. */
void ec_isal_free(struct ec_isal *isal);

/* Parity of k blocks of @size bytes, one behind the other at @stripe, into m
 * blocks one behind the other at @parity.  Thread: safe. */
void ec_isal_encode(const struct ec_isal *isal, uint8_t *parity,
		    const uint8_t *stripe, uint32_t size);

#endif
