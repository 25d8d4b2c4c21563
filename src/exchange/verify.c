/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/err.h"
#include "exchange/internal.h"
#include "store/cache.h"
#include "store/protection.h"

/* What came from others, before anybody sees it: a page against the root of the
 * tree, a block against its leaf. */

/* A block of a batch */
struct check {
	struct cdx_xpeer *peer;
	uint32_t index;
	struct cdx_xblock *block;
	struct cdx_xpage *page; /* NULL: the leaf is known */
	struct cdx_digest leaf;
	unsigned n;
	struct cdx_xtarget target[CDX_X_TARGETS];
	int rc;
};

/* What came in one turn of the loop, and no more than this: fewer calls to the pool
 * and back. */
#define BATCH 4u

struct cdx_xchecks {
	struct cdx_xjob job;
	struct cdx_xsession *s;
	unsigned n;
	struct check item[BATCH];
};

/* Once a page; whoever comes meanwhile waits for it. */
static int page_check(struct cdx_xpage *p, const struct cdx_digest *tree)
{
	int rc;

	(void)pthread_mutex_lock(&p->mu);
	if (p->state == CDX_X_UNKNOWN)
		p->state = cdx_tree_page_verify(&p->p, tree) == 0 ? CDX_X_GOOD
								  : CDX_X_BAD;
	rc = p->state == CDX_X_GOOD ? 0 : CDX_E_PROOF;
	(void)pthread_mutex_unlock(&p->mu);
	return rc;
}

/* The empty block, too, is hashed: its leaf is the digest of no bytes. */
static void prove(struct cdx_xchecks *v, struct check *c)
{
	struct cdx_digest got;

	if (c->page != NULL) {
		c->rc = page_check(c->page, &v->s->set->tree);
		if (c->rc != 0)
			return;
		c->leaf = c->page->p.leaf[c->index % CDX_TREE_PAGE];
	}
	cdx_sha256(&got, c->block->p, c->block->size);
	c->rc = memcmp(&got, &c->leaf, sizeof(got)) == 0 ? 0 : CDX_E_HASH;
}

/* The empty block reads as zeros. */
static void hand_over(struct cdx_xchecks *v, struct check *c)
{
	if (c->block->size == 0) {
		struct cdx_xblock *zeros = cdx_xblock_new(
			v->job.ex, v->s->set->manifest.block_size);

		if (zeros == NULL) {
			c->rc = -ENOMEM;
			return;
		}
		memset(zeros->p, 0, zeros->size);
		cdx_xblock_put(c->block);
		c->block = zeros;
	}
	cdx_xtargets_copy(c->target, c->n, c->block);
}

static void verify_work(struct cdx_xjob *j)
{
	struct cdx_xchecks *v = CDX_CONTAINER(j, struct cdx_xchecks, job);

	for (unsigned i = 0; i < v->n; i++) {
		prove(v, &v->item[i]);
		if (v->item[i].rc == 0)
			hand_over(v, &v->item[i]);
	}
}

static void verified(struct cdx_xsession *s, struct check *c)
{
	struct cdx_xwant *w = cdx_xwant_get(s, c->index);
	struct cdx_exchange *ex = s->ex;

	c->peer->blocks++;
	cdx_xcount(ex, blocks);
	if (w == NULL || w->state == CDX_X_READY) {
		cdx_xcount(ex, spurious);
		if (w != NULL)
			cdx_xwant_serve(w);
		return;
	}
	atomic_store_explicit(&ex->count.wait_us,
			      (cdx_clock_mono_ns() - w->since) / 1000,
			      memory_order_relaxed);
	/* parity that a step was made from is not read again: its data is kept */
	if (!w->passes && (!w->part || c->index < s->set->blocks))
		cdx_xstore_block(s, c->block, &c->leaf);
	cdx_xwant_arrived(w, c->block);
}

static void refuted(struct cdx_xsession *s, struct check *c)
{
	struct cdx_xwant *w = cdx_xwant_get(s, c->index);

	if (w != NULL && w->state == CDX_X_CHECK)
		cdx_xwant_set(w, w->flying > 0 ? CDX_X_FLY : CDX_X_NEED);
	else if (w != NULL && w->state == CDX_X_READY)
		cdx_xwant_serve(w);
	if (c->rc != -ENOMEM)
		cdx_xpeer_lied(s->ex, c->peer, NULL,
			       c->rc == CDX_E_PROOF
				       ? "a page of another tree"
				       : "a block that is not its leaf");
}

static void verify_done(struct cdx_xjob *j)
{
	struct cdx_xchecks *v = CDX_CONTAINER(j, struct cdx_xchecks, job);
	struct cdx_xsession *s = v->s;

	for (unsigned i = 0; i < v->n; i++) {
		struct check *c = &v->item[i];

		cdx_xtargets_end(c->target, c->n, c->rc == 0);
		if (c->rc == 0)
			verified(s, c);
		else
			refuted(s, c);
		cdx_xpage_put(c->page);
		cdx_xblock_put(c->block);
		c->peer->users--;
	}
	cdx_xsession_kick(s);
	cdx_xsession_unuse(s);
	free(v);
}

void cdx_xverify_flush(struct cdx_xsession *s)
{
	struct cdx_xchecks *v = s->checks;

	if (v == NULL)
		return;
	s->checks = NULL;
	cdx_xjob_submit(s->ex, &v->job, CDX_POOL_READ);
}

/* The batch that is being filled, made where there is none; NULL without memory */
static struct cdx_xchecks *batch(struct cdx_xsession *s)
{
	struct cdx_xchecks *v = s->checks;

	if (v != NULL)
		return v;
	v = calloc(1, sizeof(*v));
	if (v == NULL)
		return NULL;
	v->s = s;
	v->job.work = verify_work;
	v->job.done = verify_done;
	cdx_xsession_use(s);
	s->checks = v;
	return v;
}

void cdx_xverify(struct cdx_xrequest *r, struct cdx_xwant *w,
		 struct cdx_xblock *block, struct cdx_xpage *page)
{
	struct cdx_xchecks *v = batch(r->s);
	struct check *c;

	if (v == NULL) {
		/* it will be asked for again */
		cdx_xblock_put(block);
		cdx_xwant_set(w, w->flying > 0 ? CDX_X_FLY : CDX_X_NEED);
		return;
	}
	c = &v->item[v->n++];
	c->peer = r->peer;
	c->index = w->index;
	c->block = block;
	if (w->has_leaf)
		c->leaf = w->leaf;
	else
		c->page = cdx_xpage_ref(page);
	c->n = cdx_xwant_targets(w, c->target);
	cdx_xwant_set(w, CDX_X_CHECK);
	r->peer->users++;
	if (v->n == BATCH)
		cdx_xverify_flush(r->s);
	else
		cdx_xsession_kick(r->s);
}

/* ---- a page by itself ---- */

struct verify_page {
	struct cdx_xjob job;
	struct cdx_xsession *s;
	struct cdx_xpeer *peer;
	struct cdx_xpage *page;
	int rc;
};

static void page_work(struct cdx_xjob *j)
{
	struct verify_page *v = CDX_CONTAINER(j, struct verify_page, job);

	v->rc = page_check(v->page, &v->s->set->tree);
}

static void page_done(struct cdx_xjob *j)
{
	struct verify_page *v = CDX_CONTAINER(j, struct verify_page, job);
	struct cdx_xsession *s = v->s;

	if (v->rc != 0) {
		cdx_xpeer_lied(s->ex, v->peer, NULL, "a page of another tree");
	} else if (cdx_xsession_page(s, v->page->p.page) == NULL) {
		cdx_xstore_page(s, v->page);
		cdx_xsession_page_add(s, cdx_xpage_ref(v->page));
	}
	cdx_xpage_put(v->page);
	v->peer->users--;
	cdx_xsession_kick(s);
	cdx_xsession_unuse(s);
	free(v);
}

void cdx_xverify_page(struct cdx_xrequest *r, struct cdx_xpage *page)
{
	struct verify_page *v = calloc(1, sizeof(*v));

	/* without memory the blocks that come with it check it */
	if (v == NULL)
		return;
	v->s = r->s;
	v->peer = r->peer;
	v->page = cdx_xpage_ref(page);
	v->job.work = page_work;
	v->job.done = page_done;
	r->peer->users++;
	cdx_xsession_use(r->s);
	cdx_xjob_submit(r->s->ex, &v->job, CDX_POOL_READ);
}

/* ---- keeping ---- */

struct keep {
	struct cdx_xjob job;
	struct cdx_xsession *s;
	struct cdx_xblock *block; /* or */
	struct cdx_xpage *page;
	struct cdx_digest digest; /* of the block, of the tree */
	int rc;
};

static void keep_work(struct cdx_xjob *j)
{
	struct keep *k = CDX_CONTAINER(j, struct keep, job);

	if (k->page != NULL)
		k->rc = cdx_cache_put_page(j->ex->store, &k->digest,
					   &k->page->p);
	else
		k->rc = cdx_cache_put_block(j->ex->store, &k->digest,
					    k->block->p, k->block->size);
}

static void keep_done(struct cdx_xjob *j)
{
	struct keep *k = CDX_CONTAINER(j, struct keep, job);
	struct cdx_xsession *s = k->s;

	s->puts--;
	if (k->rc != 0)
		s->put_rc = k->rc;
	cdx_xblock_put(k->block);
	cdx_xpage_put(k->page);
	cdx_xsession_kick(s);
	cdx_xsession_unuse(s);
	free(k);
}

/* Without memory, or without a share, what came is handed on and forgotten. */
static struct keep *keep_new(struct cdx_xsession *s)
{
	struct keep *k;

	if (!s->ex->caching)
		return NULL;
	k = calloc(1, sizeof(*k));
	if (k == NULL) {
		s->put_rc = -ENOMEM;
		return NULL;
	}
	k->s = s;
	k->job.work = keep_work;
	k->job.done = keep_done;
	s->puts++;
	cdx_xsession_use(s);
	return k;
}

void cdx_xstore_block(struct cdx_xsession *s, struct cdx_xblock *block,
		      const struct cdx_digest *leaf)
{
	struct keep *k;

	if (memcmp(leaf, &cdx_digest_empty, sizeof(*leaf)) == 0)
		return;
	k = keep_new(s);
	if (k == NULL)
		return;
	k->block = cdx_xblock_ref(block);
	k->digest = *leaf;
	cdx_xjob_submit(s->ex, &k->job, CDX_POOL_WRITE);
}

void cdx_xstore_page(struct cdx_xsession *s, struct cdx_xpage *page)
{
	/* the leaves of what the store has as this dataset are there */
	struct keep *k = s->set->own ? NULL : keep_new(s);

	if (k == NULL)
		return;
	k->page = cdx_xpage_ref(page);
	k->digest = s->set->tree;
	cdx_xjob_submit(s->ex, &k->job, CDX_POOL_WRITE);
}
