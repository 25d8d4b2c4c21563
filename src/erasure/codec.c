/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "erasure/codec.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "erasure/ec_ops.h"

/* What codes for this number; NULL for Leopard and unknown ones */
static const struct ec_ops *family(uint32_t codec)
{
	if (codec == CDX_EC_LEOPARD || codec >= CDX_EC_CODECS)
		return NULL;
	return &ec_liberasurecode_ops;
}

static int not_had(uint32_t codec, char *why)
{
	if (codec == CDX_EC_LEOPARD)
		snprintf(why, CDX_EC_WHY_MAX,
			 "the parity of this dataset was made by Leopard "
			 "(Codex), a codec that is not in this build; its "
			 "data blocks can be read as long as all are there");
	else
		snprintf(why, CDX_EC_WHY_MAX,
			 "the parity of this dataset was made by codec number "
			 "%" PRIu32 ", which this version does not know; its "
			 "data blocks can be read as long as all are there",
			 codec);
	return CDX_E_CODEC;
}

int cdx_ec_check(uint32_t codec, uint32_t k, uint32_t m, uint32_t block_size,
		 char why[CDX_EC_WHY_MAX])
{
	const struct ec_ops *ops = m > 0 ? family(codec) : NULL;
	uint64_t columns = (uint64_t)k + m;

	if (k == 0) {
		snprintf(why, CDX_EC_WHY_MAX,
			 "k is 0; at least one data column is needed");
		return -EINVAL;
	}
	if (block_size == 0) {
		snprintf(why, CDX_EC_WHY_MAX, "the block size is 0");
		return -EINVAL;
	}
	if (m > 0 && !ops)
		return not_had(codec, why);
	if (columns > CDX_EC_COLUMNS_MAX) {
		snprintf(why, CDX_EC_WHY_MAX,
			 "k + m is %" PRIu64 "; at most %u columns can be "
			 "coded",
			 columns, CDX_EC_COLUMNS_MAX);
		return -EINVAL;
	}
	return ops ? ops->check(codec, k, m, block_size, why) : 0;
}

int cdx_ec_new(struct cdx_ec **out, uint32_t codec, uint32_t k, uint32_t m,
	       uint32_t block_size)
{
	char why[CDX_EC_WHY_MAX];
	struct cdx_ec *ec;
	int r;

	*out = NULL;
	r = cdx_ec_check(codec, k, m, block_size, why);
	if (r < 0)
		return r;
	ec = calloc(1, sizeof(*ec));
	if (!ec)
		return -ENOMEM;
	*ec = (struct cdx_ec){
		.ops = m > 0 ? family(codec) : NULL,
		.codec = codec,
		.k = k,
		.m = m,
		.block_size = block_size,
	};
	r = ec->ops ? ec->ops->open(ec) : 0;
	if (r < 0) {
		free(ec);
		return r;
	}
	*out = ec;
	return 0;
}

void cdx_ec_free(struct cdx_ec *ec)
{
	if (ec && ec->ops)
		ec->ops->close(ec);
	free(ec);
}

int cdx_ec_encode(const struct cdx_ec *ec, struct cdx_ec_parity *out,
		  const uint8_t *stripe)
{
	memset(out, 0, sizeof(*out));
	return ec->ops ? ec->ops->encode(ec, out, stripe) : 0;
}

void cdx_ec_parity_free(const struct cdx_ec *ec, struct cdx_ec_parity *p)
{
	if (p->priv[0])
		ec->ops->parity_free(ec, p);
	memset(p, 0, sizeof(*p));
}

/* Blocks at hand, the one of @but not counted; it may be UINT32_MAX */
static uint32_t at_hand(const struct cdx_ec *ec, const uint8_t *const *blocks,
			uint32_t but)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < ec->k + ec->m; i++)
		n += i != but && blocks[i];
	return n;
}

int cdx_ec_rebuild(const struct cdx_ec *ec, uint8_t *out, uint32_t want,
		   const uint8_t *const *blocks)
{
	if (want >= ec->k + ec->m)
		return -EINVAL;
	if (at_hand(ec, blocks, want) < ec->k)
		return -ENODATA;
	return ec->ops->rebuild(ec, out, want, blocks);
}

int cdx_ec_decode(const struct cdx_ec *ec, uint8_t *out,
		  const uint8_t *const *blocks)
{
	uint32_t missing = 0;
	uint32_t last = 0; /* of the missing ones */

	if (at_hand(ec, blocks, UINT32_MAX) < ec->k)
		return -ENODATA;
	for (uint32_t i = 0; i < ec->k; i++) {
		uint8_t *place = out + (size_t)i * ec->block_size;

		if (blocks[i] && blocks[i] != place)
			memcpy(place, blocks[i], ec->block_size);
		missing += !blocks[i];
		last = blocks[i] ? last : i;
	}
	if (missing == 0)
		return 0;
	if (missing == 1) /* families have less to copy then */
		return ec->ops->rebuild(ec, out + (size_t)last * ec->block_size,
					last, blocks);
	return ec->ops->decode(ec, out, blocks);
}
