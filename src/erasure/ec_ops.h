/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef CDX_ERASURE_EC_OPS_H
#define CDX_ERASURE_EC_OPS_H

#include "erasure/codec.h"

/* What a family of codecs does.  Everything that holds for all of them is
 * checked before (codec.c): k, m and columns in range, enough blocks at hand,
 * m > 0, two data blocks or more missing in decode. */
struct ec_ops {
	/* limits of this codec, and is it here; as cdx_ec_check */
	int (*check)(uint32_t codec, uint32_t k, uint32_t m,
		     uint32_t block_size, char why[CDX_EC_WHY_MAX]);
	/* sets ec->priv, whose owner is the family */
	int (*open)(struct cdx_ec *ec);
	void (*close)(struct cdx_ec *ec);
	/* the rest as in codec.h */
	int (*encode)(const struct cdx_ec *ec, struct cdx_ec_parity *out,
		      const uint8_t *stripe);
	void (*parity_free)(const struct cdx_ec *ec, struct cdx_ec_parity *p);
	int (*rebuild)(const struct cdx_ec *ec, uint8_t *out, uint32_t want,
		       const uint8_t *const *blocks);
	/* fills in the places of missing data blocks, no others */
	int (*decode)(const struct cdx_ec *ec, uint8_t *out,
		      const uint8_t *const *blocks);
};

/* Immutable once open */
struct cdx_ec {
	const struct ec_ops *ops; /* NULL: m = 0, there is nothing to code */
	uint32_t codec;
	uint32_t k;
	uint32_t m;
	uint32_t block_size;
	void *priv;
};

/* All codecs of liberasurecode */
extern const struct ec_ops ec_liberasurecode_ops;

#endif
