/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include <errno.h>
#include <string.h>

#include "base/bytes.h"
#include "base/err.h"
#include "store/internal.h"

/* Set while this thread runs a hook: the committer would wait for itself. */
static _Thread_local bool in_hook;

bool cdx_store_set_in_hook(bool on)
{
	bool was = in_hook;

	in_hook = on;
	return was;
}

static void apply_counter(struct cdx_store *s, const struct cdx_op *op)
{
	int64_t v = atomic_load_explicit(&s->counters[op->db],
					 memory_order_relaxed);
	uint64_t next;

	if (op->kind == CDX_OP_ADD)
		v = (int64_t)((uint64_t)v + op->num);
	else if (op->num > (uint64_t)v)
		v = (int64_t)op->num;
	atomic_store_explicit(&s->counters[op->db], v, memory_order_relaxed);
	if (op->kind == CDX_OP_ADD)
		return;
	next = atomic_load_explicit(&s->next[op->db], memory_order_relaxed);
	while (next < op->num &&
	       !atomic_compare_exchange_weak(&s->next[op->db], &next, op->num))
		;
}

static void apply_op(struct cdx_store *s, const struct cdx_op *op)
{
	uint8_t key[CDX_KEY_MAX];

	switch (op->kind) {
	case CDX_OP_PUT:
		cdx_memtable_put(s->fill, (enum cdx_db)op->db, op->key,
				 op->key_len, op->val, op->val_len);
		break;
	case CDX_OP_PUT_GROUP:
		cdx_put_be64(key, atomic_load(&s->group));
		memcpy(key + 8, op->key, op->key_len);
		cdx_memtable_put(s->fill, (enum cdx_db)op->db, key,
				 op->key_len + 8, op->val, op->val_len);
		break;
	case CDX_OP_DEL:
		cdx_memtable_put(s->fill, (enum cdx_db)op->db, op->key,
				 op->key_len, NULL, 0);
		break;
	case CDX_OP_ADD:
	case CDX_OP_MAX:
		apply_counter(s, op);
		break;
	case CDX_OP_DATA:
	case CDX_OP_CLEAN:
		break;
	}
}

int cdx_batch_insert(struct cdx_store *s, const uint8_t *p, size_t len,
		     size_t mem)
{
	struct cdx_cursor c = cdx_cursor_init(p, len);
	struct cdx_op op;
	int r = cdx_memtable_reserve(s->fill, mem);

	if (r < 0)
		return r;
	while ((r = cdx_op_decode(&op, &c)) > 0)
		apply_op(s, &op);
	return r;
}

/* Waits until there is room, or says why there will be none. */
static int wait_room(struct cdx_store *s)
{
	size_t fill;
	int err;

	for (;;) {
		err = cdx_store_failed(s);
		if (err)
			return err;
		fill = cdx_memtable_bytes(s->fill);
		if (in_hook)
			return 0;
		if (s->commit_err)
			return fill > 3 * s->group_bytes ? s->commit_err : 0;
		/* While a group is only being prepared nobody waits: the
		 * hook may need a lock that this caller holds. */
		if (!s->is_frozen || fill <= 2 * s->group_bytes)
			return 0;
		pthread_cond_wait(&s->room_cv, &s->mu);
	}
}

static int apply_locked(struct cdx_store *s, struct cdx_batch *b)
{
	int r = wait_room(s);

	if (r < 0)
		return r;
	if (s->preparing && b->has_data) {
		r = cdx_batch_refs_add(&s->carry, b);
		if (r < 0)
			return r;
	}
	r = cdx_batch_insert(s, b->p, b->len, b->mem);
	if (r < 0)
		return r;
	b->seq = ++s->seq;
	if (s->has_key)
		cdx_fifo_push(&s->fifo, b);
	if (!s->asked && !s->commit_err &&
	    cdx_memtable_bytes(s->fill) > s->group_bytes) {
		s->asked = true;
		pthread_cond_signal(&s->work_cv);
	}
	return 0;
}

int cdx_batch_apply(struct cdx_batch *b)
{
	struct cdx_store *s = b->s;
	int r = b->err;

	if (!r && b->hook) {
		r = b->hook->before(b->hook_arg, b);
		if (!r)
			r = b->err;
	}
	if (!r && b->len > 0) {
		if (!s->started) {
			r = CDX_E_SEQUENCE;
		} else if (s->readonly) {
			r = -EROFS;
		} else {
			pthread_mutex_lock(&s->mu);
			r = apply_locked(s, b);
			pthread_mutex_unlock(&s->mu);
		}
	}
	if (b->hook)
		b->hook->after(b->hook_arg, r);
	cdx_batch_unref(b);
	return r;
}
