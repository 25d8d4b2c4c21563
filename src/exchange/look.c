/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "exchange/internal.h"
#include "store/cache.h"
#include "store/leaf_page.h"
#include "store/protection.h"
#include "store/public.h"

/* Blocks that are here already: jobs that find a block's leaf, and with it the
 * bytes, in the store and in its cache. */

/* Blocks of one job, all of one page */
#define LOOK_BLOCKS 8u
/* Jobs of one session */
#define LOOK_JOBS 16u

struct look_item {
	uint32_t index;
	uint64_t serial;
	bool has_leaf;
	bool strange; /* for a slot of somebody else's: of what is here only what
			 anybody is given (store/held.h) */
	struct cdx_digest leaf;
	struct cdx_xblock *block; /* NULL: not here */
	unsigned n;
	struct cdx_xtarget target[CDX_X_TARGETS];
};

struct look {
	struct cdx_xjob job;
	struct cdx_xsession *s;
	struct cdx_xpage *page; /* known, or found in the cache */
	unsigned n;
	struct look_item item[LOOK_BLOCKS];
};

static void find_page(struct look *l)
{
	struct cdx_tree_page *p;

	if (l->page != NULL || l->s->set->own)
		return;
	p = malloc(sizeof(*p));
	if (p == NULL)
		return;
	if (cdx_cache_get_page(l->job.ex->store, p, &l->s->set->tree,
			       l->item[0].index / CDX_TREE_PAGE) == 0)
		l->page = cdx_xpage_new(p, true);
	free(p);
}

static void find_leaf(struct look *l, struct look_item *it)
{
	const struct cdx_xset *set = l->s->set;

	if (it->has_leaf)
		return;
	if (l->page != NULL) {
		it->leaf = l->page->p.leaf[it->index % CDX_TREE_PAGE];
		it->has_leaf = true;
	} else if (set->own) {
		it->has_leaf = cdx_dataset_leaf(l->job.ex->store, &set->info,
						it->index, &it->leaf) == 0;
	}
}

static void find_block(struct look *l, struct look_item *it)
{
	uint32_t size = l->s->set->manifest.block_size;
	struct cdx_xblock *b;
	bool empty = cdx_xset_padding(l->s->set, it->index);

	if (it->has_leaf &&
	    memcmp(&it->leaf, &cdx_digest_empty, sizeof(it->leaf)) == 0)
		empty = true;
	if (!empty && !it->has_leaf)
		return;
	b = cdx_xblock_new(l->job.ex, size);
	if (b == NULL)
		return;
	if (empty) {
		memset(b->p, 0, size);
	} else if ((it->strange &&
		    !cdx_public_block(l->job.ex->store, &it->leaf)) ||
		   cdx_block_read_quiet(l->job.ex->store, b->p, size,
					&it->leaf) != 0) {
		cdx_xblock_put(b);
		return;
	}
	cdx_xtargets_copy(it->target, it->n, b);
	it->block = b;
}

static void look_work(struct cdx_xjob *j)
{
	struct look *l = CDX_CONTAINER(j, struct look, job);

	find_page(l);
	for (unsigned i = 0; i < l->n; i++) {
		find_leaf(l, &l->item[i]);
		find_block(l, &l->item[i]);
	}
}

static void item_done(struct look *l, struct look_item *it)
{
	struct cdx_xwant *w = cdx_xwant_get(l->s, it->index);

	cdx_xtargets_end(it->target, it->n, it->block != NULL);
	if (w != NULL && w->serial == it->serial && w->state == CDX_X_LOOK) {
		w->has_leaf = it->has_leaf;
		w->leaf = it->leaf;
		if (it->block != NULL)
			cdx_xwant_arrived(w, it->block);
		else
			cdx_xwant_set(w, CDX_X_NEED);
	}
	cdx_xblock_put(it->block);
}

static void look_done(struct cdx_xjob *j)
{
	struct look *l = CDX_CONTAINER(j, struct look, job);
	struct cdx_xsession *s = l->s;

	s->looks--;
	if (l->page != NULL)
		cdx_xsession_page_add(s, l->page);
	atomic_fetch_sub_explicit(&s->ex->reserved,
				  (size_t)l->n * s->set->manifest.block_size,
				  memory_order_relaxed);
	for (unsigned i = 0; i < l->n; i++)
		item_done(l, &l->item[i]);
	cdx_xsession_kick(s);
	cdx_xsession_unuse(s);
	free(l);
}

/* Is it here for others' sake, if at all? */
static bool is_strange(const struct cdx_xset *set)
{
	return !set->own || (set->info.refs & CDX_REF_HELD) != 0;
}

/* The first of a queue and what follows it in its page */
static int look_start(struct cdx_xsession *s, struct cdx_list *queue,
		      unsigned max)
{
	struct look *l = calloc(1, sizeof(*l));
	struct cdx_xpage *page;
	uint32_t at;

	if (l == NULL)
		return -ENOMEM;
	l->s = s;
	at = cdx_list_entry(queue->next, struct cdx_xwant, node)->index /
	     CDX_TREE_PAGE;
	while (!cdx_list_empty(queue) && l->n < LOOK_BLOCKS && l->n < max) {
		struct cdx_xwant *w =
			cdx_list_entry(queue->next, struct cdx_xwant, node);
		struct look_item *it = &l->item[l->n];

		if (w->index / CDX_TREE_PAGE != at)
			break;
		it->index = w->index;
		it->serial = w->serial;
		it->has_leaf = w->has_leaf;
		it->leaf = w->leaf;
		it->strange = w->passes && is_strange(s->set);
		it->n = cdx_xwant_targets(w, it->target);
		cdx_xwant_set(w, CDX_X_LOOK);
		l->n++;
	}
	page = cdx_xsession_page(s, at);
	if (page != NULL)
		l->page = cdx_xpage_ref(page);
	atomic_fetch_add_explicit(&s->ex->reserved,
				  (size_t)l->n * s->set->manifest.block_size,
				  memory_order_relaxed);
	s->looks++;
	l->job.work = look_work;
	l->job.done = look_done;
	cdx_xsession_use(s);
	cdx_xjob_submit(s->ex, &l->job, CDX_POOL_READ);
	return 0;
}

/* Nothing of it can be here: no leaf is known, and there is no cache to have any
 * from.  A job for each eight blocks would only be in the way. */
static bool nothing_here(struct cdx_xsession *s, struct cdx_xwant *w)
{
	return !s->set->own && !s->ex->caching && !w->has_leaf &&
	       !cdx_xset_padding(s->set, w->index) &&
	       cdx_xsession_page(s, w->index / CDX_TREE_PAGE) == NULL;
}

static void pump(struct cdx_xsession *s, struct cdx_list *queue, bool demand)
{
	uint32_t size = s->set->manifest.block_size;

	while (!cdx_list_empty(queue)) {
		struct cdx_xwant *w =
			cdx_list_entry(queue->next, struct cdx_xwant, node);
		unsigned room;

		if (nothing_here(s, w)) {
			cdx_xwant_set(w, CDX_X_NEED);
			continue;
		}
		if (s->looks >= LOOK_JOBS)
			break;
		room = cdx_xmemory_room(s->ex, LOOK_BLOCKS, size, demand);
		if (room == 0 || look_start(s, queue, room) != 0)
			break;
	}
}

void cdx_xlook_pump(struct cdx_xsession *s)
{
	pump(s, &s->fresh, true);
	pump(s, &s->fresh_ahead, false);
}
