/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "config.h"

#include <errno.h>
#include <stdlib.h>

#include "base/err.h"
#include "exchange/ask.h"
#include "store/cache.h"
#include "store/leaf_page.h"

/* Does somebody who says that he holds a slot have this block of it?  What comes is
 * compared with its leaf and forgotten. */

struct probe_op {
	struct cdx_xask ask;
	struct cdx_cid cid;
	uint32_t slot;
	uint64_t step;
	cdx_probe_fn *fn;
	void *arg;
	struct cdx_peer_id by;
	bool has_by;
	struct cdx_xmail opened;
	int open_rc;
	struct cdx_xjob look;
};

static struct probe_op *of(struct cdx_op *op)
{
	return CDX_CONTAINER(op, struct probe_op, ask.op);
}

static void take(struct cdx_xask *a)
{
	struct probe_op *p = of(&a->op);

	if (a->block == NULL)
		return;
	p->by = a->peer->id;
	p->has_by = true;
	cdx_xop_end(a->ex, &a->op, 0);
}

/* ---- its leaf ---- */

static int leaf_here(struct probe_op *p)
{
	const struct cdx_xset *set = p->ask.rd->set;
	struct cdx_exchange *ex = p->ask.ex;
	struct cdx_tree_page *page;
	int rc;

	if (set->own)
		return cdx_dataset_leaf(ex->store, &set->info, p->ask.index,
					&p->ask.leaf);
	page = malloc(sizeof(*page));
	if (page == NULL)
		return -ENOMEM;
	rc = cdx_cache_get_page(ex->store, page, &set->tree,
				p->ask.index / CDX_TREE_PAGE);
	if (rc == 0)
		p->ask.leaf = page->leaf[p->ask.index % CDX_TREE_PAGE];
	free(page);
	return rc;
}

static void look_work(struct cdx_xjob *j)
{
	struct probe_op *p = CDX_CONTAINER(j, struct probe_op, look);

	/* else who has the block gives the page, too */
	p->ask.has_leaf = leaf_here(p) == 0;
}

static void look_done(struct cdx_xjob *j)
{
	struct probe_op *p = CDX_CONTAINER(j, struct probe_op, look);

	if (!p->ask.op.ended)
		cdx_xask_begin(&p->ask);
	cdx_op_put(&p->ask.op);
}

static void look(struct probe_op *p)
{
	const struct cdx_xset *set = p->ask.rd->set;
	struct cdx_xpage *page;

	if (!set->manifest.is_verifiable || p->slot >= set->g.slots ||
	    p->step >= set->g.steps) {
		cdx_xop_end(p->ask.ex, &p->ask.op, -EINVAL);
		return;
	}
	p->ask.index = (uint32_t)cdx_geometry_index(&set->g, p->slot, p->step);
	page = cdx_xsession_page(p->ask.rd->s, p->ask.index / CDX_TREE_PAGE);
	if (page != NULL) {
		p->ask.leaf = page->p.leaf[p->ask.index % CDX_TREE_PAGE];
		p->ask.has_leaf = true;
		cdx_xask_begin(&p->ask);
		return;
	}
	p->look.work = look_work;
	p->look.done = look_done;
	cdx_xop_ref(&p->ask.op);
	cdx_xjob_submit(p->ask.ex, &p->look, CDX_POOL_READ);
}

/* ---- its dataset ---- */

static void on_opened(struct cdx_exchange *ex, struct cdx_xmail *m)
{
	struct probe_op *p = CDX_CONTAINER(m, struct probe_op, opened);

	if (!p->ask.op.ended && p->open_rc != 0)
		cdx_xop_end(ex, &p->ask.op, p->open_rc);
	else if (!p->ask.op.ended)
		look(p);
	cdx_op_put(&p->ask.op);
}

/* On the pool */
static void open_told(void *arg, int rc, struct cdx_reader *rd, const char *why)
{
	struct probe_op *p = arg;

	(void)why;
	p->ask.rd = rd;
	p->open_rc = rc;
	p->opened.fn = on_opened;
	if (cdx_xbox_send(p->ask.op.box, &p->opened) != 0)
		cdx_op_put(&p->ask.op);
}

static void probe_begin(struct cdx_exchange *ex, struct cdx_op *op)
{
	struct probe_op *p = of(op);
	int rc;

	cdx_xop_ref(op);
	rc = cdx_exchange_open(ex, NULL, &p->cid, true, op->ms, open_told, p);
	if (rc != 0) {
		cdx_op_put(op);
		cdx_xop_end(ex, op, rc);
	}
}

/* ---- the call ---- */

static void probe_tell(struct cdx_op *op)
{
	struct probe_op *p = of(op);

	if (op->rc == CDX_E_HASH)
		p->fn(p->arg, op->rc, &p->ask.liar);
	else
		p->fn(p->arg, op->rc, p->has_by ? &p->by : NULL);
}

static void probe_destroy(struct cdx_op *op)
{
	cdx_reader_put(of(op)->ask.rd);
	free(of(op));
}

int cdx_exchange_probe(struct cdx_exchange *ex, struct cdx_op **op,
		       const struct cdx_cid *manifest, uint32_t slot,
		       uint64_t step, unsigned ms, cdx_probe_fn *fn, void *arg)
{
	struct probe_op *p;

	if (manifest->codec != CDX_CODEC_MANIFEST ||
	    manifest->mhash != CDX_MHASH_SHA256 || manifest->len != 32)
		return -EINVAL;
	p = calloc(1, sizeof(*p));
	if (p == NULL)
		return -ENOMEM;
	p->ask.op.begin = probe_begin;
	p->ask.op.poll = cdx_xask_poll;
	p->ask.op.detach = cdx_xask_detach;
	p->ask.op.tell = probe_tell;
	p->ask.op.destroy = probe_destroy;
	p->ask.ex = ex;
	p->ask.holders = true;
	p->ask.take = take;
	p->cid = *manifest;
	p->slot = slot;
	p->step = step;
	p->fn = fn;
	p->arg = arg;
	return cdx_xop_start(ex, &p->ask.op, op, ms);
}
