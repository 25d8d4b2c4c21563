/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "store/internal.h"

/* A pair of one layer; @val NULL is a tombstone. */
struct head {
	bool live; /* false: the layer is at its end */
	const uint8_t *key;
	size_t key_len;
	const uint8_t *val;
	size_t val_len;
};

enum layer {
	LAYER_FILL,
	LAYER_FROZEN,
	LAYER_LMDB,
	LAYERS
};

struct cdx_kv_iter {
	struct cdx_store *s;
	struct cdx_view *view;
	MDB_txn *txn;
	MDB_cursor *cursor;
	const struct cdx_mem_node *node[LAYER_LMDB];
	struct head head[LAYERS];
	size_t prefix_len;
	uint8_t prefix[CDX_KEY_MAX];
};

static int key_compare(const struct head *a, const struct head *b)
{
	size_t min = a->key_len < b->key_len ? a->key_len : b->key_len;
	int r = min ? memcmp(a->key, b->key, min) : 0;

	if (r)
		return r;
	return (a->key_len > b->key_len) - (a->key_len < b->key_len);
}

/* Ends the layer when its key has left the prefix. */
static void clip(const struct cdx_kv_iter *it, struct head *h)
{
	if (h->key_len < it->prefix_len ||
	    (it->prefix_len > 0 &&
	     memcmp(h->key, it->prefix, it->prefix_len) != 0))
		h->live = false;
}

static void load_node(struct cdx_kv_iter *it, enum layer l)
{
	const struct cdx_mem_node *n = it->node[l];
	const struct cdx_mem_val *v;
	struct head *h = &it->head[l];

	h->live = n != NULL;
	if (!n)
		return;
	h->key = cdx_mem_key(n, &h->key_len);
	v = cdx_mem_value(n);
	h->val = v->len == CDX_MEM_TOMBSTONE ? NULL : v->p;
	h->val_len = h->val ? v->len : 0;
	clip(it, h);
}

static int load_cursor(struct cdx_kv_iter *it, MDB_val *k, MDB_cursor_op op)
{
	struct head *h = &it->head[LAYER_LMDB];
	MDB_val v;
	int rc = mdb_cursor_get(it->cursor, k, &v, op);

	h->live = rc == 0;
	if (rc == MDB_NOTFOUND)
		return 0;
	if (rc)
		return cdx_env_err(rc);
	h->key = k->mv_data;
	h->key_len = k->mv_size;
	h->val = v.mv_data;
	h->val_len = v.mv_size;
	clip(it, h);
	return 0;
}

static int start(struct cdx_kv_iter *it, enum cdx_db db, const void *from,
		 size_t from_len)
{
	MDB_val k = {.mv_size = from_len};
	int r;

	it->node[LAYER_FILL] = cdx_memtable_seek(
		it->view->fill, db, from_len ? from : NULL, from_len);
	load_node(it, LAYER_FILL);
	if (it->view->frozen)
		it->node[LAYER_FROZEN] = cdx_memtable_seek(
			it->view->frozen, db, from_len ? from : NULL, from_len);
	load_node(it, LAYER_FROZEN);
	if (it->s->env.dbi[db] == CDX_ENV_NO_DBI)
		return 0;
	r = cdx_env_err(
		mdb_cursor_open(it->txn, it->s->env.dbi[db], &it->cursor));
	if (r < 0)
		return r;
	/* LMDB does not write through it, but the member is not const */
	memcpy(&k.mv_data, &from, sizeof(from));
	return load_cursor(it, &k, from_len ? MDB_SET_RANGE : MDB_FIRST);
}

int cdx_kv_iter_open(struct cdx_store *s, struct cdx_kv_iter **out,
		     enum cdx_db db, const void *prefix, size_t prefix_len,
		     const void *from, size_t from_len)
{
	struct cdx_kv_iter *it;
	int r;

	*out = NULL;
	if (prefix_len > CDX_KEY_MAX || from_len > CDX_KEY_MAX)
		return -EINVAL;
	it = calloc(1, sizeof(*it));
	if (!it)
		return -ENOMEM;
	it->s = s;
	it->prefix_len = prefix_len;
	if (prefix_len > 0)
		memcpy(it->prefix, prefix, prefix_len);
	if (!from || from_len == 0) {
		from = it->prefix;
		from_len = prefix_len;
	}
	r = cdx_view_get_txn(s, &it->view, &it->txn);
	if (!r)
		r = start(it, db, from, from_len);
	if (r < 0) {
		cdx_kv_iter_close(it);
		return r;
	}
	*out = it;
	return 0;
}

static int advance(struct cdx_kv_iter *it, enum layer l)
{
	MDB_val k;

	if (l == LAYER_LMDB)
		return load_cursor(it, &k, MDB_NEXT);
	it->node[l] = cdx_mem_next(it->node[l]);
	load_node(it, l);
	return 0;
}

/* The newest layer among those with the lowest key; LAYERS at the end */
static enum layer lowest(const struct cdx_kv_iter *it)
{
	enum layer best = LAYERS;
	unsigned l;

	for (l = 0; l < LAYERS; l++) {
		if (!it->head[l].live)
			continue;
		if (best == LAYERS ||
		    key_compare(&it->head[l], &it->head[best]) < 0)
			best = (enum layer)l;
	}
	return best;
}

int cdx_kv_iter_next(struct cdx_kv_iter *it, struct cdx_kv_pair *out)
{
	struct head h;
	enum layer best;
	unsigned l;
	int r;

	do {
		best = lowest(it);
		if (best == LAYERS)
			return 0;
		h = it->head[best];
		for (l = 0; l < LAYERS; l++) {
			if (!it->head[l].live ||
			    key_compare(&it->head[l], &h) != 0)
				continue;
			r = advance(it, (enum layer)l);
			if (r < 0)
				return r;
		}
	} while (!h.val);
	out->key = h.key;
	out->key_len = h.key_len;
	out->val = h.val;
	out->val_len = h.val_len;
	return 1;
}

void cdx_kv_iter_close(struct cdx_kv_iter *it)
{
	if (!it)
		return;
	if (it->cursor)
		mdb_cursor_close(it->cursor);
	if (it->txn)
		cdx_env_read_end(&it->s->env, it->txn);
	cdx_view_put(it->view);
	free(it);
}

void cdx_kv_iter_closep(struct cdx_kv_iter **it)
{
	cdx_kv_iter_close(*it);
	*it = NULL;
}
