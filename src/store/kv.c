/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "store/kv.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "store/internal.h"

int64_t cdx_kv_counter(struct cdx_store *s, enum cdx_counter c)
{
	return atomic_load_explicit(&s->counters[c], memory_order_relaxed);
}

uint64_t cdx_kv_next(struct cdx_store *s, enum cdx_counter c)
{
	return atomic_fetch_add_explicit(&s->next[c], 1, memory_order_relaxed);
}

/* Where a looked-up value goes: to a caller's bytes or to a buffer. */
struct sink {
	void *out;
	size_t cap;
	struct cdx_buf *buf;
};

static int deliver(const struct sink *to, const void *p, size_t len)
{
	if (to->buf) {
		cdx_buf_put(to->buf, p, len);
		return cdx_buf_ok(to->buf) < 0 ? -ENOMEM : (int)len;
	}
	if (len > to->cap)
		return -ENOBUFS;
	if (len > 0)
		memcpy(to->out, p, len);
	return (int)len;
}

static int deliver_mem(const struct sink *to, const struct cdx_mem_val *v)
{
	if (v->len == CDX_MEM_TOMBSTONE)
		return -ENOENT;
	return deliver(to, v->p, v->len);
}

/* Newest layer first.  The reader of LMDB may begin after the memtables were
 * searched: data only ever moves towards LMDB, so nothing is missed, and what
 * is newer was applied meanwhile. */
static int lookup(struct cdx_store *s, enum cdx_db db, const void *key,
		  size_t key_len, const struct sink *to)
{
	const struct cdx_mem_val *mv = NULL;
	struct cdx_view *v;
	MDB_txn *txn;
	MDB_val val;
	int r = -ENOENT;

	if (key_len == 0 || key_len > CDX_KEY_MAX)
		return -ENOENT;
	v = cdx_view_get(s);
	mv = cdx_memtable_get(v->fill, db, key, key_len);
	if (!mv && v->frozen)
		mv = cdx_memtable_get(v->frozen, db, key, key_len);
	if (mv)
		r = deliver_mem(to, mv);
	cdx_view_put(v);
	if (mv)
		return r;
	r = cdx_env_read_begin(&s->env, &txn);
	if (r < 0)
		return r;
	r = cdx_env_get(&s->env, txn, db, key, key_len, &val);
	if (!r)
		r = deliver(to, val.mv_data, val.mv_size);
	cdx_env_read_end(&s->env, txn);
	return r;
}

int cdx_kv_get(struct cdx_store *s, enum cdx_db db, const void *key,
	       size_t key_len, void *out, size_t cap)
{
	struct sink to = {.out = out, .cap = cap};

	return lookup(s, db, key, key_len, &to);
}

int cdx_kv_get_buf(struct cdx_store *s, enum cdx_db db, const void *key,
		   size_t key_len, struct cdx_buf *out)
{
	struct sink to = {.buf = out};

	return lookup(s, db, key, key_len, &to);
}
