/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "exchange/internal.h"

/* Blocks and pages in memory, counted, and where blocks are copied to. */

void cdx_xspare_init(struct cdx_xspare *s)
{
	(void)pthread_mutex_init(&s->mu, NULL);
}

static struct cdx_xblock *next_of(const struct cdx_xblock *b)
{
	struct cdx_xblock *next;

	memcpy(&next, b->p, sizeof(struct cdx_xblock *));
	return next;
}

void cdx_xspare_fini(struct cdx_xspare *s)
{
	while (s->first != NULL) {
		struct cdx_xblock *b = s->first;

		s->first = next_of(b);
		free(b);
	}
	(void)pthread_mutex_destroy(&s->mu);
}

/* One of just this size, or NULL.  Others go: datasets of different block sizes
 * are not read at once for long. */
static struct cdx_xblock *spare_take(struct cdx_xspare *s, uint32_t size)
{
	struct cdx_xblock *b;

	(void)pthread_mutex_lock(&s->mu);
	b = s->first;
	if (b != NULL) {
		s->first = next_of(b);
		s->bytes -= b->size;
	}
	(void)pthread_mutex_unlock(&s->mu);
	if (b != NULL && b->size != size) {
		free(b);
		b = NULL;
	}
	return b;
}

static bool spare_put(struct cdx_xspare *s, struct cdx_xblock *b)
{
	bool take;

	if (b->size < sizeof(struct cdx_xblock *))
		return false;
	(void)pthread_mutex_lock(&s->mu);
	take = s->bytes + b->size <= CDX_X_SPARE;
	if (take) {
		memcpy(b->p, &s->first, sizeof(struct cdx_xblock *));
		s->first = b;
		s->bytes += b->size;
	}
	(void)pthread_mutex_unlock(&s->mu);
	return take;
}

struct cdx_xblock *cdx_xblock_new(struct cdx_exchange *ex, uint32_t size)
{
	struct cdx_xblock *b = spare_take(&ex->spare, size);

	if (b == NULL)
		b = malloc(sizeof(*b) + size);
	if (b == NULL)
		return NULL;
	atomic_init(&b->refs, 1);
	b->ex = ex;
	b->size = size;
	atomic_fetch_add_explicit(&ex->used, size, memory_order_relaxed);
	return b;
}

struct cdx_xblock *cdx_xblock_ref(struct cdx_xblock *b)
{
	atomic_fetch_add_explicit(&b->refs, 1, memory_order_relaxed);
	return b;
}

void cdx_xblock_put(struct cdx_xblock *b)
{
	if (b == NULL || atomic_fetch_sub(&b->refs, 1) != 1)
		return;
	atomic_fetch_sub_explicit(&b->ex->used, b->size, memory_order_relaxed);
	if (!spare_put(&b->ex->spare, b))
		free(b);
}

struct cdx_xpage *cdx_xpage_new(const struct cdx_tree_page *p, bool good)
{
	struct cdx_xpage *page = malloc(sizeof(*page));

	if (page == NULL)
		return NULL;
	atomic_init(&page->refs, 1);
	(void)pthread_mutex_init(&page->mu, NULL);
	page->state = good ? CDX_X_GOOD : CDX_X_UNKNOWN;
	page->p = *p;
	cdx_list_init(&page->node);
	return page;
}

struct cdx_xpage *cdx_xpage_ref(struct cdx_xpage *p)
{
	atomic_fetch_add_explicit(&p->refs, 1, memory_order_relaxed);
	return p;
}

void cdx_xpage_put(struct cdx_xpage *p)
{
	if (p == NULL || atomic_fetch_sub(&p->refs, 1) != 1)
		return;
	(void)pthread_mutex_destroy(&p->mu);
	free(p);
}

unsigned cdx_xwant_targets(struct cdx_xwant *w, struct cdx_xtarget *t)
{
	unsigned n = 0;

	cdx_list_foreach(pos, &w->waiters) {
		struct cdx_xwaiter *waiter =
			cdx_list_entry(pos, struct cdx_xwaiter, node);

		if (n == CDX_X_TARGETS)
			break;
		/* bytes that a worker writes already are not written twice */
		if (waiter->dst == NULL || waiter->promised)
			continue;
		waiter->promised = true;
		cdx_xop_pin(waiter->op);
		t[n].waiter = waiter;
		t[n].op = waiter->op;
		t[n].dst = waiter->dst;
		t[n].off = waiter->off;
		t[n].len = waiter->len;
		n++;
	}
	return n;
}

void cdx_xtargets_copy(const struct cdx_xtarget *t, unsigned n,
		       const struct cdx_xblock *block)
{
	for (unsigned i = 0; i < n; i++)
		memcpy(t[i].dst, block->p + t[i].off, t[i].len);
}

void cdx_xtargets_end(struct cdx_xtarget *t, unsigned n, bool copied)
{
	for (unsigned i = 0; i < n; i++) {
		/* the op holds the waiter */
		t[i].waiter->promised = false;
		if (copied)
			t[i].waiter->copied = true;
		cdx_xop_unpin(t[i].op);
	}
}
