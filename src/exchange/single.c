/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "config.h"

#include <errno.h>
#include <stdlib.h>

#include "exchange/internal.h"

/* Single blocks: of a dataset whose manifest is in the store, of an open one. */

struct block_op {
	struct cdx_op op;
	struct cdx_exchange *ex;
	struct cdx_cid cid;
	uint32_t index;
	cdx_block_fn *fn;
	void *arg;
	struct cdx_reader *rd; /* keeps the session */
	struct cdx_xmail opened;
	int open_rc;
	struct cdx_xwaiter waiter;
	struct cdx_xblock *block;
};

static struct block_op *of(struct cdx_op *op)
{
	return CDX_CONTAINER(op, struct block_op, op);
}

static void on_block(struct cdx_xwaiter *w, int rc, struct cdx_xblock *block)
{
	struct block_op *b = of(w->op);

	if (rc == 0)
		b->block = cdx_xblock_ref(block);
	cdx_xop_end(b->ex, &b->op, rc);
}

static void wait_for(struct block_op *b)
{
	if (b->index >= b->rd->set->leaves) {
		cdx_xop_end(b->ex, &b->op, -EINVAL);
		return;
	}
	b->waiter.fn = on_block;
	b->waiter.op = &b->op;
	if (cdx_xwant_wait(b->rd->s, b->index, &b->waiter) != 0)
		cdx_xop_end(b->ex, &b->op, -ENOMEM);
}

static void on_opened(struct cdx_exchange *ex, struct cdx_xmail *m)
{
	struct block_op *b = CDX_CONTAINER(m, struct block_op, opened);

	if (!b->op.ended && b->open_rc != 0)
		cdx_xop_end(ex, &b->op, b->open_rc);
	else if (!b->op.ended)
		wait_for(b);
	cdx_op_put(&b->op);
}

/* On the pool */
static void open_told(void *arg, int rc, struct cdx_reader *rd, const char *why)
{
	struct block_op *b = arg;

	(void)why;
	b->rd = rd;
	b->open_rc = rc;
	b->opened.fn = on_opened;
	if (cdx_xbox_send(b->op.box, &b->opened) != 0)
		cdx_op_put(&b->op);
}

static void reader_begin(struct cdx_exchange *ex, struct cdx_op *op)
{
	(void)ex;
	wait_for(of(op));
}

static void block_begin(struct cdx_exchange *ex, struct cdx_op *op)
{
	struct block_op *b = of(op);
	struct cdx_xsession *s;
	int rc = cdx_xsession_get(ex, &s, &b->cid);

	if (rc == 0 && s->set != NULL) {
		b->rd = cdx_xreader_new(s);
		if (b->rd == NULL)
			cdx_xop_end(ex, op, -ENOMEM);
		else
			wait_for(b);
		return;
	}
	if (rc == 0) {
		cdx_xop_ref(op);
		rc = cdx_exchange_open(ex, NULL, &b->cid, true, op->ms,
				       open_told, b);
		if (rc != 0)
			cdx_op_put(op);
	}
	if (rc != 0)
		cdx_xop_end(ex, op, rc);
}

static void block_detach(struct cdx_op *op)
{
	cdx_xwaiter_leave(&of(op)->waiter);
}

static void block_tell(struct cdx_op *op)
{
	struct block_op *b = of(op);

	b->fn(b->arg, op->rc, b->block != NULL ? b->block->p : NULL,
	      b->block != NULL ? b->block->size : 0);
	/* its memory is the exchange's, which a kept op may outlive */
	cdx_xblock_put(b->block);
	b->block = NULL;
}

static void block_destroy(struct cdx_op *op)
{
	cdx_reader_put(of(op)->rd);
	free(of(op));
}

/* NULL without memory */
static struct block_op *block_new(struct cdx_exchange *ex, uint32_t index,
				  cdx_block_fn *fn, void *arg)
{
	struct block_op *b = calloc(1, sizeof(*b));

	if (b == NULL)
		return NULL;
	b->op.begin = block_begin;
	b->op.detach = block_detach;
	b->op.tell = block_tell;
	b->op.destroy = block_destroy;
	b->ex = ex;
	b->index = index;
	b->fn = fn;
	b->arg = arg;
	cdx_list_init(&b->waiter.node);
	return b;
}

int cdx_exchange_block(struct cdx_exchange *ex, struct cdx_op **op,
		       const struct cdx_cid *manifest, uint32_t index,
		       unsigned ms, cdx_block_fn *fn, void *arg)
{
	struct block_op *b;

	if (manifest->codec != CDX_CODEC_MANIFEST ||
	    manifest->mhash != CDX_MHASH_SHA256 || manifest->len != 32)
		return -EINVAL;
	b = block_new(ex, index, fn, arg);
	if (b == NULL)
		return -ENOMEM;
	b->cid = *manifest;
	return cdx_xop_start(ex, &b->op, op, ms);
}

int cdx_reader_block(struct cdx_reader *rd, struct cdx_op **op, uint32_t index,
		     unsigned ms, cdx_block_fn *fn, void *arg)
{
	struct block_op *b = block_new(rd->box->ex, index, fn, arg);

	if (b == NULL)
		return -ENOMEM;
	b->op.begin = reader_begin;
	b->rd = cdx_reader_ref(rd);
	b->waiter.passes = true;
	return cdx_xop_start(b->ex, &b->op, op, ms);
}
