/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "store/protection.h"

#include <errno.h>
#include <string.h>

#include "base/err.h"
#include "store/records.h"

/* Nodes of slot trees, in rows of up to CDX_NODES_A_ROW */

void cdx_slot_nodes_put(struct cdx_batch *b, uint64_t id, uint32_t slot,
			unsigned layer, uint32_t chunk, const uint8_t *nodes,
			size_t n)
{
	const struct cdx_slot_row row = {id, slot, layer, chunk};
	uint8_t key[CDX_SLOT_NODE_KEY_LEN];
	uint8_t val[CDX_SLOT_NODE_VAL_MAX];

	if (n > CDX_NODES_A_ROW)
		n = CDX_NODES_A_ROW;
	cdx_slot_row_key(key, &row);
	val[0] = CDX_REC_VERSION;
	memcpy(val + 1, nodes, n * CDX_NODE_LEN);
	cdx_batch_put(b, CDX_DB_SLOT_NODE, key, sizeof(key), val,
		      1 + n * CDX_NODE_LEN);
}

/* The row's value; returns the number of nodes. */
static int get_row(struct cdx_store *s, const struct cdx_slot_row *row,
		   uint8_t val[CDX_SLOT_NODE_VAL_MAX])
{
	uint8_t key[CDX_SLOT_NODE_KEY_LEN];
	struct cdx_kv_pair pair = {
		.key = key, .key_len = sizeof(key), .val = val};
	struct cdx_slot_row again;
	int rc;

	cdx_slot_row_key(key, row);
	rc = cdx_kv_get(s, CDX_DB_SLOT_NODE, key, sizeof(key), val,
			CDX_SLOT_NODE_VAL_MAX);
	if (rc == -ENOBUFS)
		return CDX_E_CORRUPT;
	if (rc < 0)
		return rc;
	pair.val_len = (size_t)rc;
	return cdx_slot_row_decode(&again, &pair);
}

int cdx_slot_node_get(struct cdx_store *s, uint64_t id, uint32_t slot,
		      unsigned layer, uint64_t i, uint8_t out[32])
{
	struct cdx_slot_row row = {.id = id, .slot = slot, .layer = layer};
	uint8_t val[CDX_SLOT_NODE_VAL_MAX];
	size_t in = (size_t)(i % CDX_NODES_A_ROW);
	int n;

	if (i / CDX_NODES_A_ROW > UINT32_MAX)
		return -ENOENT;
	row.chunk = (uint32_t)(i / CDX_NODES_A_ROW);
	n = get_row(s, &row, val);
	if (n < 0)
		return n;
	if (in >= (size_t)n)
		return -ENOENT;
	memcpy(out, val + 1 + in * CDX_NODE_LEN, CDX_NODE_LEN);
	return 0;
}

int cdx_slot_nodes_get(struct cdx_store *s, uint64_t id, uint32_t slot,
		       unsigned layer, uint32_t chunk, uint8_t *out)
{
	const struct cdx_slot_row row = {id, slot, layer, chunk};
	uint8_t val[CDX_SLOT_NODE_VAL_MAX];
	int n;

	n = get_row(s, &row, val);
	if (n > 0)
		memcpy(out, val + 1, (size_t)n * CDX_NODE_LEN);
	return n;
}

#define DELETES 512u

/* Deletes up to DELETES rows below a prefix; returns how many. */
static int drop_some(struct cdx_store *s, const uint8_t *prefix, size_t len)
{
	struct cdx_kv_iter *it = NULL;
	struct cdx_kv_pair pair;
	struct cdx_batch *b;
	int n = 0;
	int rc;

	rc = cdx_batch_new(&b, s);
	if (rc < 0)
		return rc;
	rc = cdx_kv_iter_open(s, &it, CDX_DB_SLOT_NODE, prefix, len, NULL, 0);
	while (rc >= 0 && n < (int)DELETES &&
	       (rc = cdx_kv_iter_next(it, &pair)) > 0) {
		cdx_batch_del(b, CDX_DB_SLOT_NODE, pair.key, pair.key_len);
		n++;
	}
	/* apply may wait: no reader is open then */
	cdx_kv_iter_close(it);
	if (rc < 0 || n == 0) {
		cdx_batch_drop(b);
		return rc < 0 ? rc : 0;
	}
	rc = cdx_batch_apply(b);
	return rc < 0 ? rc : n;
}

int cdx_slot_nodes_drop(struct cdx_store *s, uint64_t id, uint32_t slot)
{
	const struct cdx_slot_row row = {.id = id, .slot = slot};
	uint8_t key[CDX_SLOT_NODE_KEY_LEN];
	int rc;

	cdx_slot_row_key(key, &row);
	do
		rc = drop_some(s, key, slot == UINT32_MAX ? 8 : 10);
	while (rc == (int)DELETES);
	return rc < 0 ? rc : 0;
}
