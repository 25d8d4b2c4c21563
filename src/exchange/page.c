/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "config.h"

#include <errno.h>
#include <stdlib.h>

#include "exchange/ask.h"
#include "store/cache.h"
#include "store/leaf_page.h"

/* A page of a tree by itself: of the session, of the store and its cache, of
 * peers, each of whom is asked for a block that it proves. */

struct page_op {
	struct cdx_xask ask;
	uint32_t page;
	cdx_page_fn *fn;
	void *arg;
	struct cdx_xpage *got;
	struct cdx_xjob look;
	struct cdx_xpage *found;
};

static struct page_op *of(struct cdx_op *op)
{
	return CDX_CONTAINER(op, struct page_op, ask.op);
}

/* Takes the reference. */
static void finish(struct page_op *p, struct cdx_xpage *page)
{
	p->got = page;
	cdx_xop_end(p->ask.ex, &p->ask.op, 0);
}

static void take(struct cdx_xask *a)
{
	struct page_op *p = of(&a->op);
	struct cdx_xpage *page = a->page;

	if (page == NULL)
		return;
	if (cdx_xsession_page(a->rd->s, p->page) == NULL)
		cdx_xsession_page_add(a->rd->s, cdx_xpage_ref(page));
	finish(p, cdx_xpage_ref(page));
}

/* ---- here ---- */

static int page_here(const struct page_op *p, struct cdx_tree_page *out)
{
	const struct cdx_xset *set = p->ask.rd->set;
	struct cdx_exchange *ex = p->ask.ex;

	if (set->own &&
	    cdx_leaf_page(ex->leaves, &set->info, p->page, out) == 0)
		return 0;
	return cdx_cache_get_page(ex->store, out, &set->tree, p->page);
}

static void look_work(struct cdx_xjob *j)
{
	struct page_op *p = CDX_CONTAINER(j, struct page_op, look);
	struct cdx_tree_page *page = malloc(sizeof(*page));

	if (page != NULL && page_here(p, page) == 0)
		p->found = cdx_xpage_new(page, true);
	free(page);
}

static void look_done(struct cdx_xjob *j)
{
	struct page_op *p = CDX_CONTAINER(j, struct page_op, look);
	struct cdx_xpage *found = p->found;

	p->found = NULL;
	if (p->ask.op.ended)
		cdx_xpage_put(found);
	else if (found != NULL)
		finish(p, found);
	else
		cdx_xask_begin(&p->ask);
	cdx_op_put(&p->ask.op);
}

/* ---- the call ---- */

static void page_begin(struct cdx_exchange *ex, struct cdx_op *op)
{
	struct page_op *p = of(op);
	struct cdx_xpage *page = cdx_xsession_page(p->ask.rd->s, p->page);

	if (page != NULL) {
		finish(p, cdx_xpage_ref(page));
		return;
	}
	p->look.work = look_work;
	p->look.done = look_done;
	cdx_xop_ref(op);
	cdx_xjob_submit(ex, &p->look, CDX_POOL_READ);
}

static void page_tell(struct cdx_op *op)
{
	struct page_op *p = of(op);

	p->fn(p->arg, op->rc, p->got != NULL ? &p->got->p : NULL);
}

static void page_destroy(struct cdx_op *op)
{
	struct page_op *p = of(op);

	cdx_xpage_put(p->got);
	cdx_reader_put(p->ask.rd);
	free(p);
}

int cdx_reader_page(struct cdx_reader *rd, struct cdx_op **op, uint32_t page,
		    unsigned ms, cdx_page_fn *fn, void *arg)
{
	struct page_op *p;

	if (page >= cdx_tree_pages(rd->set->leaves))
		return -EINVAL;
	p = calloc(1, sizeof(*p));
	if (p == NULL)
		return -ENOMEM;
	p->ask.op.begin = page_begin;
	p->ask.op.poll = cdx_xask_poll;
	p->ask.op.detach = cdx_xask_detach;
	p->ask.op.tell = page_tell;
	p->ask.op.destroy = page_destroy;
	p->ask.ex = rd->box->ex;
	p->ask.rd = cdx_reader_ref(rd);
	p->ask.index = page * CDX_TREE_PAGE;
	p->ask.take = take;
	p->page = page;
	p->fn = fn;
	p->arg = arg;
	return cdx_xop_start(p->ask.ex, &p->ask.op, op, ms);
}
