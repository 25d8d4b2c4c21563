/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "volume/change.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/err.h"
#include "crypto/block.h"

/* ---- the change of a batch ---- */

static void change_free(struct cdx_change *c)
{
	for (size_t i = 0; i < c->touches; i++)
		free(c->touch[i].burn);
	free(c->touch);
	free(c->rt);
	free(c->op);
	free(c->run);
	free(c->rec);
	free(c);
}

static int change_before(void *arg, struct cdx_batch *b)
{
	struct cdx_change *c = arg;

	if (c->err)
		return c->err;
	pthread_mutex_lock(&c->v->segs->ref_mu);
	c->locked = true;
	return cdx_change_resolve(c, b);
}

static void change_after(void *arg, int result)
{
	struct cdx_change *c = arg;
	struct cdx_volume *v = c->v;
	bool kick = false;

	/* A failure before the lock was taken has counted nothing, but its
	 * runs and records must be told. */
	if (!c->locked)
		pthread_mutex_lock(&v->segs->ref_mu);
	cdx_change_settle(c, result == 0);
	pthread_mutex_unlock(&v->segs->ref_mu);
	for (size_t i = 0; i < c->touches; i++)
		kick |= c->touch[i].rec.state == CDX_SEG_DROPPING;
	change_free(c);
	if (kick && result == 0) {
		atomic_store(&v->segs->dropping, true);
		cdx_background_kick(v);
	}
}

static int oom_before(void *arg, struct cdx_batch *b)
{
	(void)arg;
	(void)b;
	return -ENOMEM;
}

static void oom_after(void *arg, int result)
{
	(void)arg;
	(void)result;
}

static const struct cdx_batch_hook change_hook = {
	.before = change_before,
	.after = change_after,
};
/* Stands in for a change that could not be made: the batch must not apply */
static const struct cdx_batch_hook oom_hook = {
	.before = oom_before,
	.after = oom_after,
};

static struct cdx_change *change_get(struct cdx_volume *v, struct cdx_batch *b)
{
	struct cdx_change *c = cdx_batch_hook_arg(b, &change_hook);

	if (c)
		return c;
	c = calloc(1, sizeof(*c));
	if (!c) {
		cdx_batch_set_hook(b, &oom_hook, NULL);
		return NULL;
	}
	c->v = v;
	cdx_batch_set_hook(b, &change_hook, c);
	return c;
}

bool cdx_change_room(struct cdx_change *c, void *list, size_t len, size_t *cap,
		     size_t entry)
{
	size_t n = *cap ? *cap * 2 : 8;
	void *p;

	if (len < *cap)
		return true;
	memcpy(&p, list, sizeof(p));
	p = reallocarray(p, n, entry);
	if (!p) {
		c->err = -ENOMEM;
		return false;
	}
	memcpy(list, &p, sizeof(p));
	*cap = n;
	return true;
}

/* ---- noting ---- */

static void note(struct cdx_volume *v, struct cdx_batch *b,
		 const struct cdx_ref_op *op)
{
	struct cdx_change *c = change_get(v, b);

	if (!c ||
	    !cdx_change_room(c, &c->op, c->ops, &c->op_cap, sizeof(*c->op)))
		return;
	c->op[c->ops] = *op;
	c->op[c->ops].seq = (uint32_t)c->ops;
	c->ops++;
}

/* Inline values are counted at once: nothing of theirs depends on others */
static void count_inline(struct cdx_volume *v, struct cdx_batch *b,
			 uint64_t len, bool add)
{
	int64_t bytes = (int64_t)(len + CDX_SEAL_OVERHEAD);
	int64_t charge = (int64_t)cdx_small_charge(v, (uint64_t)bytes);

	cdx_batch_add(b, CDX_CNT_INLINE_LIVE, add ? bytes : -bytes);
	cdx_quota_charge(b, CDX_SHARE_VOLUME, add ? charge : -charge);
}

static void ref_op(struct cdx_volume *v, struct cdx_batch *b,
		   const struct cdx_ref_op *op)
{
	switch (op->loc.kind) {
	case CDX_LOC_ZERO:
		return;
	case CDX_LOC_INLINE:
		count_inline(v, b, op->len, op->add);
		return;
	case CDX_LOC_RECORD:
	case CDX_LOC_SEGMENT:
		note(v, b, op);
		return;
	}
}

void cdx_loc_ref(struct cdx_volume *v, struct cdx_batch *b,
		 const struct cdx_loc *loc, uint64_t ino, uint64_t file_off,
		 uint64_t len)
{
	struct cdx_ref_op op = {
		.loc = *loc,
		.ino = ino,
		.file_off = file_off,
		.len = len,
		.add = true,
	};

	ref_op(v, b, &op);
}

void cdx_loc_unref(struct cdx_volume *v, struct cdx_batch *b,
		   const struct cdx_loc *loc, uint64_t ino, uint64_t file_off,
		   uint64_t len)
{
	struct cdx_ref_op op = {
		.loc = *loc,
		.ino = ino,
		.file_off = file_off,
		.len = len,
	};

	ref_op(v, b, &op);
}

void cdx_change_act(struct cdx_volume *v, struct cdx_batch *b, uint64_t area,
		    cdx_seg_act_fn *fn, void *arg)
{
	struct cdx_change *c = change_get(v, b);

	if (!c)
		return;
	c->act_area = area;
	c->act = fn;
	c->act_arg = arg;
}

void cdx_change_run(struct cdx_volume *v, struct cdx_batch *b,
		    const struct cdx_seg_run *run)
{
	struct cdx_change *c = change_get(v, b);

	if (!c || !cdx_change_room(c, &c->run, c->runs, &c->run_cap,
				   sizeof(*c->run))) {
		struct cdx_seg_run lost = *run;

		lost.leaf = NULL;
		cdx_seg_run_burn(v, &lost);
		return;
	}
	c->run[c->runs].area = run->area;
	c->run[c->runs].index = run->index;
	c->run[c->runs].n = run->n;
	c->runs++;
}

void cdx_change_rec(struct cdx_volume *v, struct cdx_batch *b, uint64_t area,
		    uint64_t off, uint32_t sealed)
{
	struct cdx_change *c = change_get(v, b);

	if (!c || !cdx_change_room(c, &c->rec, c->recs, &c->rec_cap,
				   sizeof(*c->rec))) {
		cdx_rec_done(v, area);
		return;
	}
	c->rec[c->recs].area = area;
	c->rec[c->recs].off = off;
	c->rec[c->recs].sealed = sealed;
	c->recs++;
}

void cdx_change_rec_remove(struct cdx_volume *v, struct cdx_batch *b,
			   uint64_t area)
{
	struct cdx_change *c = change_get(v, b);

	if (c)
		c->remove_area = area;
}

/* ---- back references ---- */

int cdx_backref_decode(struct cdx_backref *out, enum cdx_loc_kind kind,
		       const struct cdx_kv_pair *pair)
{
	struct cdx_cursor k = cdx_cursor_init(pair->key, pair->key_len);
	struct cdx_cursor c = cdx_cursor_init(pair->val, pair->val_len);

	memset(out, 0, sizeof(*out));
	out->loc.kind = kind;
	out->loc.area = cdx_cursor_be64(&k);
	out->loc.off = cdx_cursor_be64(&k);
	out->ino = cdx_cursor_be64(&k);
	out->file_off = cdx_cursor_be64(&k);
	out->len = cdx_cursor_be64(&c);
	out->loc.plain = cdx_cursor_be32(&c);
	out->loc.skip = cdx_cursor_be32(&c);
	if (cdx_cursor_done(&k) < 0 || cdx_cursor_done(&c) < 0 || !out->len)
		return CDX_E_CORRUPT;
	if (kind == CDX_LOC_SEGMENT)
		return out->loc.plain || out->loc.skip ? CDX_E_CORRUPT : 0;
	if (out->loc.plain > CDX_REC_MAX || out->loc.skip > out->loc.plain ||
	    out->len > out->loc.plain - out->loc.skip)
		return CDX_E_CORRUPT;
	return 0;
}
