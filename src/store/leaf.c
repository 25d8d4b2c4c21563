/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "store/block.h"

#include <errno.h>

#include "base/err.h"
#include "store/records.h"

static void leaf_key(uint8_t out[CDX_LEAF_KEY_LEN], uint64_t dsid,
		     uint32_t index)
{
	cdx_put_be64(out, dsid);
	cdx_put_be32(out + 8, index);
}

void cdx_leaf_put(struct cdx_batch *b, uint64_t dsid, uint32_t index,
		  const struct cdx_leaf *leaf)
{
	uint8_t key[CDX_LEAF_KEY_LEN];
	uint8_t val[CDX_LEAF_VAL_MAX];

	leaf_key(key, dsid, index);
	cdx_batch_put(b, CDX_DB_LEAF, key, sizeof(key), val,
		      cdx_leaf_encode(val, leaf));
}

void cdx_leaf_del(struct cdx_batch *b, uint64_t dsid, uint32_t index)
{
	uint8_t key[CDX_LEAF_KEY_LEN];

	leaf_key(key, dsid, index);
	cdx_batch_del(b, CDX_DB_LEAF, key, sizeof(key));
}

int cdx_leaf_get(struct cdx_store *s, uint64_t dsid, uint32_t index,
		 struct cdx_leaf *out)
{
	uint8_t key[CDX_LEAF_KEY_LEN];
	uint8_t val[CDX_LEAF_VAL_MAX];
	int rc;

	leaf_key(key, dsid, index);
	rc = cdx_kv_get(s, CDX_DB_LEAF, key, sizeof(key), val, sizeof(val));
	if (rc == -ENOBUFS)
		return CDX_E_CORRUPT;
	if (rc < 0)
		return rc;
	return cdx_leaf_decode_val(out, val, (size_t)rc);
}

int cdx_leaf_decode(struct cdx_leaf *out, uint32_t *index,
		    const struct cdx_kv_pair *pair)
{
	if (pair->key_len != CDX_LEAF_KEY_LEN)
		return CDX_E_CORRUPT;
	*index = cdx_get_be32(pair->key + 8);
	return cdx_leaf_decode_val(out, pair->val, pair->val_len);
}
