/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "store/batch.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "store/internal.h"

#define DATA_MAX (UINT32_C(1) << 28)

int cdx_batch_new(struct cdx_batch **out, struct cdx_store *s)
{
	struct cdx_batch *b = malloc(sizeof(*b));

	*out = NULL;
	if (!b)
		return -ENOMEM;
	memset(b, 0, offsetof(struct cdx_batch, own));
	b->s = s;
	atomic_init(&b->refs, 1);
	b->p = b->own;
	b->cap = sizeof(b->own);
	cdx_list_init(&b->node);
	*out = b;
	return 0;
}

struct cdx_store *cdx_batch_store(const struct cdx_batch *b)
{
	return b->s;
}

static int grow(struct cdx_batch *b, size_t need)
{
	size_t cap = b->cap;
	uint8_t *p;

	if (need > SIZE_MAX / 4 - b->len)
		return -ENOMEM;
	while (cap < b->len + need)
		cap *= 2;
	p = b->p == b->own ? malloc(cap) : realloc(b->p, cap);
	if (!p)
		return -ENOMEM;
	if (b->p == b->own)
		memcpy(p, b->own, b->len);
	b->p = p;
	b->cap = cap;
	return 0;
}

static void append(struct cdx_batch *b, const struct cdx_op *op)
{
	size_t bound = cdx_op_bound(op);

	if (b->err)
		return;
	if (bound > b->cap - b->len) {
		b->err = grow(b, bound);
		if (b->err)
			return;
	}
	b->len = (size_t)(cdx_op_write(b->p + b->len, op) - b->p);
}

static void append_table(struct cdx_batch *b, const struct cdx_op *op,
			 size_t key_len)
{
	if (op->db >= CDX_DBS || op->key_len == 0 || key_len > CDX_KEY_MAX ||
	    op->val_len > CDX_VAL_MAX) {
		b->err = b->err ? b->err : -EINVAL;
		return;
	}
	b->mem += cdx_memtable_cost(key_len, op->val_len);
	append(b, op);
}

void cdx_batch_put(struct cdx_batch *b, enum cdx_db db, const void *key,
		   size_t key_len, const void *val, size_t val_len)
{
	struct cdx_op op = {.kind = CDX_OP_PUT,
			    .db = (uint8_t)db,
			    .key = key,
			    .val = val,
			    .key_len = key_len,
			    .val_len = val_len};

	append_table(b, &op, key_len);
}

void cdx_batch_put_group(struct cdx_batch *b, enum cdx_db db, const void *rest,
			 size_t rest_len, const void *val, size_t val_len)
{
	struct cdx_op op = {.kind = CDX_OP_PUT_GROUP,
			    .db = (uint8_t)db,
			    .key = rest,
			    .val = val,
			    .key_len = rest_len,
			    .val_len = val_len};

	append_table(b, &op,
		     rest_len < CDX_KEY_MAX ? rest_len + 8 : rest_len + 1);
}

void cdx_batch_del(struct cdx_batch *b, enum cdx_db db, const void *key,
		   size_t key_len)
{
	struct cdx_op op = {.kind = CDX_OP_DEL,
			    .db = (uint8_t)db,
			    .key = key,
			    .key_len = key_len};

	append_table(b, &op, key_len);
}

void cdx_batch_add(struct cdx_batch *b, enum cdx_counter c, int64_t delta)
{
	struct cdx_op op = {
		.kind = CDX_OP_ADD, .db = (uint8_t)c, .num = (uint64_t)delta};

	append(b, &op);
}

void cdx_batch_max(struct cdx_batch *b, enum cdx_counter c, uint64_t v)
{
	struct cdx_op op = {.kind = CDX_OP_MAX, .db = (uint8_t)c, .num = v};

	append(b, &op);
}

void cdx_batch_names_data(struct cdx_batch *b)
{
	b->names_data = true;
}

void cdx_batch_data(struct cdx_batch *b, uint64_t ino, uint64_t off,
		    const void *p, size_t len)
{
	struct cdx_op op = {.kind = CDX_OP_DATA,
			    .num = ino,
			    .off = off,
			    .len = len,
			    .val = p,
			    .val_len = len};

	if (len > DATA_MAX || off > UINT64_MAX - len) {
		b->err = b->err ? b->err : -EINVAL;
		return;
	}
	b->has_data = true;
	append(b, &op);
}

void cdx_batch_clean(struct cdx_batch *b, uint64_t ino, uint64_t off,
		     uint64_t len)
{
	struct cdx_op op = {
		.kind = CDX_OP_CLEAN, .num = ino, .off = off, .len = len};

	b->has_data = true;
	append(b, &op);
}

void cdx_batch_set_hook(struct cdx_batch *b, const struct cdx_batch_hook *hook,
			void *arg)
{
	b->hook = hook;
	b->hook_arg = arg;
}

void *cdx_batch_hook_arg(const struct cdx_batch *b,
			 const struct cdx_batch_hook *hook)
{
	return b->hook == hook ? b->hook_arg : NULL;
}

size_t cdx_batch_size(const struct cdx_batch *b)
{
	return b->len;
}

struct cdx_batch *cdx_batch_ref(struct cdx_batch *b)
{
	atomic_fetch_add_explicit(&b->refs, 1, memory_order_relaxed);
	return b;
}

void cdx_batch_unref(struct cdx_batch *b)
{
	if (atomic_fetch_sub_explicit(&b->refs, 1, memory_order_acq_rel) != 1)
		return;
	if (b->p != b->own)
		free(b->p);
	free(b);
}

void cdx_batch_drop(struct cdx_batch *b)
{
	if (!b)
		return;
	if (b->hook)
		b->hook->after(b->hook_arg, -ECANCELED);
	cdx_batch_unref(b);
}

void cdx_batch_dropp(struct cdx_batch **b)
{
	cdx_batch_drop(*b);
	*b = NULL;
}

/* ---- lists of references ---- */

int cdx_batch_refs_add(struct cdx_batch_refs *r, struct cdx_batch *b)
{
	struct cdx_batch **v;
	size_t cap;

	if (r->len == r->cap) {
		cap = r->cap ? r->cap * 2 : 16;
		v = reallocarray(r->v, cap, sizeof(struct cdx_batch *));
		if (!v)
			return -ENOMEM;
		r->v = v;
		r->cap = cap;
	}
	r->v[r->len++] = cdx_batch_ref(b);
	r->bytes += b->len;
	return 0;
}

void cdx_batch_refs_clear(struct cdx_batch_refs *r)
{
	while (r->len > 0)
		cdx_batch_unref(r->v[--r->len]);
	free(r->v);
	memset(r, 0, sizeof(*r));
}

/* ---- the queue of what the log does not have ---- */

static size_t held(const struct cdx_batch *b)
{
	return sizeof(*b) + (b->p == b->own ? 0 : b->cap);
}

size_t cdx_fifo_enc_len(const struct cdx_batch *b)
{
	/* a length of four bytes in front */
	return 4 + b->len;
}

void cdx_fifo_init(struct cdx_fifo *f, size_t max)
{
	memset(f, 0, sizeof(*f));
	cdx_list_init(&f->list);
	f->max = max;
}

static struct cdx_batch *first(const struct cdx_list *list)
{
	return cdx_list_entry(list->next, struct cdx_batch, node);
}

void cdx_batch_list_free(struct cdx_list *list)
{
	struct cdx_batch *b;

	while (!cdx_list_empty(list)) {
		b = first(list);
		cdx_list_del(&b->node);
		cdx_batch_unref(b);
	}
}

void cdx_fifo_take(struct cdx_fifo *f, struct cdx_list *out)
{
	struct cdx_batch *b;

	while (!cdx_list_empty(&f->list)) {
		b = first(&f->list);
		cdx_list_del(&b->node);
		cdx_list_add_tail(out, &b->node);
	}
	f->bytes = 0;
	f->enc = 0;
	f->names_data = false;
}

void cdx_fifo_push(struct cdx_fifo *f, struct cdx_batch *b)
{
	struct cdx_list old;

	if (f->bytes + held(b) > f->max) {
		cdx_list_init(&old);
		cdx_fifo_take(f, &old);
		cdx_batch_list_free(&old);
		f->gap = b->seq;
		return;
	}
	cdx_list_add_tail(&f->list, &cdx_batch_ref(b)->node);
	f->bytes += held(b);
	f->enc += cdx_fifo_enc_len(b);
	f->names_data |= b->names_data;
}

void cdx_fifo_retire(struct cdx_fifo *f, struct cdx_list *out, uint64_t covered)
{
	struct cdx_batch *b;

	while (!cdx_list_empty(&f->list)) {
		b = first(&f->list);
		if (b->seq > covered)
			return;
		cdx_list_del(&b->node);
		cdx_list_add_tail(out, &b->node);
		f->bytes -= held(b);
		f->enc -= cdx_fifo_enc_len(b);
	}
	f->names_data = false;
}
