/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/err.h"
#include "erasure/cache.h"
#include "exchange/internal.h"

/*
 * A block that is to be had from nobody, from k others of its step.  Each of them
 * was compared with its leaf when it came, and so is what is decoded: a wrong
 * encoding gives no wrong bytes.  With a cache all data blocks of the step that
 * were not fetched are made at once and kept: the next reader of another missing
 * column would fetch the same k blocks again.
 */

#define DECODES_MAX 64u

struct cdx_xdecode {
	struct cdx_xjob job;
	struct cdx_list node; /* in s->decodes */
	struct cdx_xsession *s;
	struct cdx_xwant *want; /* NULL: nobody wants it any more */
	uint64_t step;
	uint32_t col;
	uint32_t asked; /* columns that were tried; bits */
	unsigned waiting;
	unsigned got;
	bool running;
	bool later; /* a column's peers may come back */
	struct cdx_xwaiter waiter[CDX_EC_COLUMNS_MAX];
	struct cdx_xblock *block[CDX_EC_COLUMNS_MAX];
	/* of data columns that were not fetched: their leaves, where known */
	uint32_t known;
	struct cdx_digest leaf[CDX_EC_COLUMNS_MAX];
	struct cdx_xblock *made[CDX_EC_COLUMNS_MAX];
	bool passes; /* nothing of it is for the cache */
	int rc;
};

static void part_came(struct cdx_xwaiter *w, int rc, struct cdx_xblock *block);

static const struct cdx_geometry *geometry(const struct cdx_xdecode *d)
{
	return &d->s->set->g;
}

bool cdx_xdecode_can(const struct cdx_xwant *w)
{
	return !w->part && w->s->set->codable;
}

unsigned cdx_xdecode_room(const struct cdx_xsession *s)
{
	size_t step = (size_t)s->set->g.k * s->set->manifest.block_size;
	size_t max = s->ex->memory / 2 / step;

	if (max < 1)
		max = 1;
	if (max > DECODES_MAX)
		max = DECODES_MAX;
	return s->n_decodes < max ? (unsigned)max - s->n_decodes : 0;
}

static void decode_free(struct cdx_xdecode *d)
{
	struct cdx_xsession *s = d->s;

	for (unsigned i = 0; i < CDX_EC_COLUMNS_MAX; i++) {
		cdx_xwaiter_leave(&d->waiter[i]);
		cdx_xblock_put(d->block[i]);
		cdx_xblock_put(d->made[i]);
	}
	cdx_list_del(&d->node);
	s->n_decodes--;
	s->doubt = true;
	cdx_xsession_kick(s);
	cdx_xsession_unuse(s);
	free(d);
}

void cdx_xdecode_cancel(struct cdx_xdecode *d)
{
	d->want->decode = NULL;
	d->want = NULL;
	if (!d->running)
		decode_free(d);
}

/* ---- decoding ---- */

/* Verified, it becomes a block; else it is dropped. */
static void take_made(struct cdx_xdecode *d, unsigned col, const uint8_t *p)
{
	uint32_t size = geometry(d)->block_size;
	struct cdx_digest got;

	cdx_sha256(&got, p, size);
	if (memcmp(&got, &d->leaf[col], sizeof(got)) != 0)
		return;
	d->made[col] = cdx_xblock_new(d->job.ex, size);
	if (d->made[col] != NULL)
		memcpy(d->made[col]->p, p, size);
}

/* Of all columns of a step at @out those whose leaves are known */
static void take_known(struct cdx_xdecode *d, const uint8_t *out)
{
	const struct cdx_geometry *g = geometry(d);

	for (uint32_t i = 0; i < g->k; i++) {
		if ((d->known >> i & 1) != 0)
			take_made(d, i, out + (size_t)i * g->block_size);
	}
}

static int decode_all(struct cdx_xdecode *d, struct cdx_ec *ec,
		      const uint8_t *const *blocks)
{
	const struct cdx_geometry *g = geometry(d);
	uint8_t *out = malloc((size_t)g->k * g->block_size);
	int rc;

	if (out == NULL)
		return -ENOMEM;
	rc = cdx_ec_decode(ec, out, blocks);
	if (rc == 0)
		take_known(d, out);
	free(out);
	return rc;
}

static int decode_one(struct cdx_xdecode *d, struct cdx_ec *ec,
		      const uint8_t *const *blocks)
{
	const struct cdx_geometry *g = geometry(d);
	uint8_t *out = malloc(g->block_size);
	int rc;

	if (out == NULL)
		return -ENOMEM;
	rc = cdx_ec_rebuild(ec, out, d->col, blocks);
	if (rc == 0)
		take_made(d, d->col, out);
	free(out);
	return rc;
}

static void decode_work(struct cdx_xjob *j)
{
	struct cdx_xdecode *d = CDX_CONTAINER(j, struct cdx_xdecode, job);
	const struct cdx_geometry *g = geometry(d);
	const uint8_t *blocks[CDX_EC_COLUMNS_MAX] = {NULL};
	struct cdx_ec *ec;

	for (uint32_t i = 0; i < g->slots; i++) {
		if (d->block[i] != NULL)
			blocks[i] = d->block[i]->p;
	}
	d->rc = cdx_ec_get(&ec, d->s->set->manifest.erasure.codec, g->k, g->m,
			   g->block_size);
	if (d->rc != 0)
		return;
	if (j->ex->caching && !d->passes && d->col < g->k)
		d->rc = decode_all(d, ec, blocks);
	else
		d->rc = decode_one(d, ec, blocks);
	cdx_ec_put(ec);
}

static void decode_done(struct cdx_xjob *j)
{
	struct cdx_xdecode *d = CDX_CONTAINER(j, struct cdx_xdecode, job);
	struct cdx_xwant *w = d->want;
	struct cdx_xblock *mine = d->made[d->col];

	for (unsigned i = 0; i < CDX_EC_COLUMNS_MAX; i++) {
		if (d->made[i] != NULL && !d->passes)
			cdx_xstore_block(d->s, d->made[i], &d->leaf[i]);
	}
	if (w != NULL) {
		w->decode = NULL;
		d->want = NULL;
		if (mine != NULL) {
			cdx_xcount(d->s->ex, degraded);
			cdx_xwant_arrived(w, mine);
		} else {
			cdx_xwant_failed(w, d->rc == 0 ? -ENODATA : d->rc);
		}
	}
	decode_free(d);
}

/* The leaf of a block, from what is in memory */
static bool know_leaf(struct cdx_xdecode *d, uint32_t col)
{
	uint64_t index = cdx_geometry_index(geometry(d), col, d->step);
	struct cdx_xpage *p;

	if (col == d->col && cdx_xwant_leaf(d->want)) {
		d->leaf[col] = d->want->leaf;
		return true;
	}
	p = cdx_xsession_page(d->s, (uint32_t)(index / CDX_TREE_PAGE));
	if (p == NULL || cdx_xset_padding(d->s->set, index))
		return false;
	d->leaf[col] = p->p.leaf[index % CDX_TREE_PAGE];
	return true;
}

/* Too little is left, or only with peers that fail again and again: then it is
 * tried once more, later. */
static void give_up(struct cdx_xdecode *d)
{
	struct cdx_xwant *w = d->want;
	bool later = d->later;

	w->decode = NULL;
	d->want = NULL;
	decode_free(d);
	if (!later) {
		cdx_xwant_failed(w, -ENODATA);
		return;
	}
	w->not_before = cdx_clock_mono_ns() + CDX_X_NS_S;
	cdx_xwant_set(w, CDX_X_NEED);
}

static void decode(struct cdx_xdecode *d)
{
	const struct cdx_geometry *g = geometry(d);

	/* nothing to compare it with, so nothing that may be shown */
	if (!know_leaf(d, d->col)) {
		give_up(d);
		return;
	}
	d->known = UINT32_C(1) << d->col;
	for (uint32_t i = 0; i < g->k; i++) {
		if (d->block[i] == NULL && i != d->col && know_leaf(d, i))
			d->known |= UINT32_C(1) << i;
	}
	d->running = true;
	d->job.work = decode_work;
	d->job.done = decode_done;
	cdx_xjob_submit(d->s->ex, &d->job, CDX_POOL_READ);
}

/* ---- having k others ---- */

/* Who keeps what a step gives wants the leaves of all that it can give.  A peer
 * tells the page of one that it has not got, too: once for 256 steps a column that
 * is known to be lost is asked for all the same. */
static bool wants_page(const struct cdx_xdecode *d, uint32_t col)
{
	uint64_t index = cdx_geometry_index(geometry(d), col, d->step);

	return col < geometry(d)->k && d->col < geometry(d)->k &&
	       d->s->ex->caching && !d->passes &&
	       !cdx_xset_padding(d->s->set, index) &&
	       cdx_xsession_page(d->s, (uint32_t)(index / CDX_TREE_PAGE)) ==
		       NULL;
}

/* How well a column will do: data before parity, lost ones last */
static unsigned rank(const struct cdx_xdecode *d, uint32_t col)
{
	const struct cdx_geometry *g = geometry(d);
	const struct cdx_xwant *w = cdx_xwant_get(
		d->s, (uint32_t)cdx_geometry_index(g, col, d->step));

	if (w != NULL && w->state == CDX_X_DECODE)
		return 3;
	if ((d->s->lost >> col & 1) != 0 && !wants_page(d, col))
		return 2;
	return col < g->k ? 0 : 1;
}

/* The next column to try; -1: none is left */
static int next_column(const struct cdx_xdecode *d)
{
	int best = -1;
	unsigned best_rank = 3; /* what is being decoded itself is no help */

	for (uint32_t i = 0; i < geometry(d)->slots; i++) {
		unsigned r;

		if (i == d->col || (d->asked >> i & 1) != 0)
			continue;
		r = rank(d, i);
		if (r < best_rank) {
			best = (int)i;
			best_rank = r;
		}
	}
	return best;
}

/* Asks for as many as are missing; false: there are not enough. */
static bool more(struct cdx_xdecode *d)
{
	const struct cdx_geometry *g = geometry(d);

	while (d->got + d->waiting < g->k) {
		int col = next_column(d);
		struct cdx_xwaiter *w;

		if (col < 0)
			return false;
		d->asked |= UINT32_C(1) << col;
		w = &d->waiter[col];
		w->fn = part_came;
		w->decode = d;
		w->passes = d->passes;
		if (cdx_xwant_wait_part(d->s,
					(uint32_t)cdx_geometry_index(
						g, (uint32_t)col, d->step),
					w) != 0)
			return false;
		d->waiting++;
	}
	return true;
}

static void part_came(struct cdx_xwaiter *w, int rc, struct cdx_xblock *block)
{
	struct cdx_xdecode *d = w->decode;
	size_t col = (size_t)(w - d->waiter);

	d->waiting--;
	if (rc == 0) {
		d->block[col] = cdx_xblock_ref(block);
		d->got++;
	} else {
		d->s->lost |= UINT32_C(1) << col;
		if (rc == -EAGAIN)
			d->later = true;
	}
	if (d->got == geometry(d)->k)
		decode(d);
	else if (!more(d))
		give_up(d);
}

void cdx_xdecode_disappoint(struct cdx_xwant *w, bool later)
{
	struct cdx_list parts;

	cdx_list_init(&parts);
	cdx_list_foreach_safe(pos, tmp, &w->waiters) {
		struct cdx_xwaiter *waiter =
			cdx_list_entry(pos, struct cdx_xwaiter, node);

		if (waiter->fn != part_came)
			continue;
		cdx_list_del(pos);
		cdx_list_add_tail(&parts, pos);
		/* it may leave before its turn */
		waiter->want = NULL;
	}
	/* a step that ends so ends reads, which may have been the others who
	 * waited for this one: it may be gone after any of these */
	while (!cdx_list_empty(&parts)) {
		struct cdx_xwaiter *waiter =
			cdx_list_entry(parts.next, struct cdx_xwaiter, node);

		cdx_list_del(&waiter->node);
		part_came(waiter, later ? -EAGAIN : -ENODATA, NULL);
	}
}

int cdx_xdecode_start(struct cdx_xwant *w)
{
	struct cdx_xsession *s = w->s;
	uint32_t index = w->index;
	uint64_t serial = w->serial;
	struct cdx_xdecode *d;

	s->lost |= UINT32_C(1) << (index / s->set->g.steps);
	cdx_xdecode_disappoint(w, false);
	w = cdx_xwant_get(s, index);
	if (w == NULL || w->serial != serial)
		return 0;
	if (cdx_xdecode_room(s) == 0)
		return -EAGAIN;
	d = calloc(1, sizeof(*d));
	if (d == NULL)
		return -ENOMEM;
	d->s = s;
	d->want = w;
	d->passes = w->passes;
	d->step = w->index % s->set->g.steps;
	d->col = (uint32_t)(w->index / s->set->g.steps);
	for (unsigned i = 0; i < CDX_EC_COLUMNS_MAX; i++)
		cdx_list_init(&d->waiter[i].node);
	s->n_decodes++;
	cdx_xsession_use(s);
	cdx_list_add_tail(&s->decodes, &d->node);
	w->decode = d;
	cdx_xwant_set(w, CDX_X_DECODE);
	if (!more(d))
		give_up(d);
	return 0;
}
