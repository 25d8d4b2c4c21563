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

struct verify {
	struct cdx_xjob job;
	struct cdx_xsession *s;
	struct cdx_xpeer *peer;
	uint32_t index;
	struct cdx_xblock *block;
	struct cdx_xpage *page; /* NULL: the leaf is known */
	struct cdx_digest leaf;
	unsigned n;
	struct cdx_xtarget target[CDX_X_TARGETS];
	int rc;
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

static int check(struct verify *v)
{
	struct cdx_digest got;

	if (v->page != NULL) {
		int rc = page_check(v->page, &v->s->set->tree);

		if (rc != 0)
			return rc;
		v->leaf = v->page->p.leaf[v->index % CDX_TREE_PAGE];
	}
	if (v->block->size == 0)
		return memcmp(&v->leaf, &cdx_digest_empty, sizeof(v->leaf)) == 0
			       ? 0
			       : CDX_E_HASH;
	cdx_sha256(&got, v->block->p, v->block->size);
	return memcmp(&got, &v->leaf, sizeof(got)) == 0 ? 0 : CDX_E_HASH;
}

static void verify_work(struct cdx_xjob *j)
{
	struct verify *v = CDX_CONTAINER(j, struct verify, job);

	v->rc = check(v);
	if (v->rc != 0)
		return;
	if (v->block->size == 0) {
		/* the empty block reads as zeros */
		struct cdx_xblock *zeros =
			cdx_xblock_new(j->ex, v->s->set->manifest.block_size);

		if (zeros == NULL) {
			v->rc = -ENOMEM;
			return;
		}
		memset(zeros->p, 0, zeros->size);
		cdx_xblock_put(v->block);
		v->block = zeros;
	}
	cdx_xtargets_copy(v->target, v->n, v->block);
}

static void verified(struct verify *v)
{
	struct cdx_xsession *s = v->s;
	struct cdx_xwant *w = cdx_xwant_get(s, v->index);
	struct cdx_exchange *ex = s->ex;

	v->peer->blocks++;
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
	cdx_xstore_block(s, v->block, &v->leaf);
	cdx_xwant_arrived(w, v->block);
}

static void verify_done(struct cdx_xjob *j)
{
	struct verify *v = CDX_CONTAINER(j, struct verify, job);
	struct cdx_xsession *s = v->s;
	struct cdx_exchange *ex = s->ex;
	struct cdx_xwant *w = cdx_xwant_get(s, v->index);

	cdx_xtargets_end(v->target, v->n, v->rc == 0);
	if (v->rc == 0) {
		verified(v);
	} else {
		if (w != NULL && w->state == CDX_X_CHECK)
			cdx_xwant_set(w,
				      w->flying > 0 ? CDX_X_FLY : CDX_X_NEED);
		else if (w != NULL && w->state == CDX_X_READY)
			cdx_xwant_serve(w);
		if (v->rc != -ENOMEM)
			cdx_xpeer_lied(
				ex, v->peer, NULL,
				v->rc == CDX_E_PROOF
					? "a page of another tree"
					: "a block that is not its leaf");
	}
	cdx_xpage_put(v->page);
	cdx_xblock_put(v->block);
	v->peer->users--;
	cdx_xsession_kick(s);
	cdx_xsession_unuse(s);
	free(v);
}

void cdx_xverify(struct cdx_xrequest *r, struct cdx_xwant *w,
		 struct cdx_xblock *block, struct cdx_xpage *page)
{
	struct verify *v = calloc(1, sizeof(*v));

	if (v == NULL) {
		/* it will be asked for again */
		cdx_xblock_put(block);
		cdx_xwant_set(w, w->flying > 0 ? CDX_X_FLY : CDX_X_NEED);
		return;
	}
	v->s = r->s;
	v->peer = r->peer;
	v->index = w->index;
	v->block = block;
	if (w->has_leaf)
		v->leaf = w->leaf;
	else
		v->page = cdx_xpage_ref(page);
	v->n = cdx_xwant_targets(w, v->target);
	v->job.work = verify_work;
	v->job.done = verify_done;
	cdx_xwant_set(w, CDX_X_CHECK);
	r->peer->users++;
	cdx_xsession_use(r->s);
	cdx_xjob_submit(r->s->ex, &v->job, CDX_POOL_READ);
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
