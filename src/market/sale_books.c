/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "market/sales_internal.h"
#include "store/held.h"
#include "store/kv.h"

/* Rows of the store, on a thread that may wait for it */

/* What was paid out, and the sale that was counted last: docs/FORMATS.md */
static const char earned_key[] = "market/earned";
#define EARNED_LEN (2u * 32u)

enum books_what {
	BOOKS_MATCH,
	BOOKS_RESERVE,
	BOOKS_END,
};

struct books {
	struct sale_job job; /* first */
	enum books_what what;
	struct sale_agent *agent;
	struct cdx_store *store;
	sale_books_fn *fn;
	int rc;
	/* match, reserve */
	struct cdx_sale_want want;
	bool any;
	struct cdx_reservation r; /* returns */
	/* end */
	bool has_reservation;
	bool has_data;
	struct cdx_rider_reservation rider;
	struct cdx_cid manifest;
	struct cdx_u256 payout;
	bool counts;		     /* it is to be counted ... */
	bool count;		     /* ... and was not yet */
	struct cdx_u256 earned;	     /* returns, when it was counted */
	struct cdx_reservation heir; /* returns, with the bytes */
};

/* ---- offers ---- */

/* Offers that take it, in the store's order */
#define MATCHES_MAX 16u
struct matches {
	const struct books *b;
	struct cdx_offer list[MATCHES_MAX];
	unsigned n;
};

static bool takes(const struct books *b, const struct cdx_offer *o)
{
	if (!b->any)
		return cdx_sale_match(o, &b->want);
	return (b->want.here || b->want.slot_size <= o->free) &&
	       cdx_u256_cmp(&b->want.collateral, &o->remaining) <= 0;
}

static int add_match(void *arg, const struct cdx_offer *o)
{
	struct matches *m = arg;

	if (takes(m->b, o) && m->n < MATCHES_MAX)
		m->list[m->n++] = *o;
	return 0;
}

static int do_match(struct books *b, struct matches *m)
{
	int rc;

	m->b = b;
	m->n = 0;
	rc = cdx_offer_list(b->store, add_match, m);
	return rc < 0 ? rc : m->n == 0 ? -ENOENT : 0;
}

static int do_reserve(struct books *b)
{
	struct matches m;
	int rc = do_match(b, &m);

	if (rc < 0)
		return rc;
	rc = -ENOENT;
	for (unsigned i = 0; i < m.n && rc < 0; i++) {
		memcpy(b->r.offer, m.list[i].id, sizeof(b->r.offer));
		rc = cdx_reservation_add(b->store, &b->r);
		/* it was changed meanwhile: another one, perhaps */
		if (rc < 0 && rc != -ENOENT && rc != -ERANGE)
			return rc;
	}
	return rc == -ERANGE ? -ENOENT : rc;
}

/* ---- the end ---- */

static int read_earned(struct cdx_store *store, uint8_t row[EARNED_LEN])
{
	int rc = cdx_kv_get(store, CDX_DB_META, earned_key, strlen(earned_key),
			    row, EARNED_LEN);

	if (rc == -ENOENT) {
		memset(row, 0, EARNED_LEN);
		return 0;
	}
	return rc < 0 ? rc : rc == EARNED_LEN ? 0 : CDX_E_CORRUPT;
}

int sale_books_earned(struct cdx_store *store, struct cdx_u256 *out)
{
	uint8_t row[EARNED_LEN];
	int rc = read_earned(store, row);

	if (rc == 0)
		*out = cdx_u256_from_be(row);
	return rc;
}

/* Once, also when a crash comes between this and the end of the reservation: sales
 * are ended one after the other */
static int count(struct books *b)
{
	struct cdx_batch *batch = NULL;
	uint8_t row[EARNED_LEN];
	struct cdx_u256 sum;
	int rc = read_earned(b->store, row);

	b->earned = cdx_u256_from_be(row);
	if (rc < 0 ||
	    memcmp(row + 32, b->rider.slot, sizeof(b->rider.slot)) == 0)
		return rc;
	sum = cdx_u256_from_be(row);
	if (cdx_u256_add(&sum, &sum, &b->payout) < 0)
		sum = cdx_u256_max;
	cdx_u256_to_be(row, &sum);
	memcpy(row + 32, b->rider.slot, sizeof(b->rider.slot));
	b->earned = sum;
	rc = cdx_batch_new(&batch, b->store);
	if (rc < 0)
		return rc;
	cdx_batch_put(batch, CDX_DB_META, earned_key, strlen(earned_key), row,
		      sizeof(row));
	return cdx_batch_apply(batch);
}

static int do_end(struct books *b)
{
	const struct cdx_rider also = {.put = cdx_reservation_ended,
				       .arg = &b->rider};
	int rc = 0;

	if (b->count) {
		rc = count(b);
		if (rc < 0)
			return rc;
		b->count = false;
	}
	if (b->has_data)
		rc = cdx_held_release(b->store, &b->manifest,
				      (uint32_t)b->r.index,
				      b->has_reservation ? &also : NULL);
	else if (b->has_reservation)
		rc = cdx_reservation_end(b->store, &b->rider);
	if (rc == -ENOENT)
		rc = 0;
	if (rc == 0 && b->rider.has_heir &&
	    cdx_reservation_get(b->store, b->rider.heir, &b->heir) < 0)
		b->rider.has_heir = false;
	return rc;
}

/* ---- jobs ---- */

static void run(struct sale_job *j)
{
	struct books *b = CDX_CONTAINER(j, struct books, job);
	struct matches m;

	switch (b->what) {
	case BOOKS_MATCH:
		b->rc = do_match(b, &m);
		return;
	case BOOKS_RESERVE:
		b->rc = do_reserve(b);
		return;
	case BOOKS_END:
		b->rc = do_end(b);
		return;
	}
}

static void inherit(struct cdx_sales *s, const struct cdx_reservation *r)
{
	struct sale_agent *a;
	struct cdx_b32 slot;

	memcpy(slot.b, r->slot, sizeof(slot.b));
	a = sale_find(s, &slot);
	if (a == NULL)
		return;
	pthread_mutex_lock(&s->mu);
	a->info.reservation.bytes = r->bytes;
	a->info.reservation.size = r->size;
	memcpy(a->info.reservation.bytes_of, r->bytes_of, sizeof(r->bytes_of));
	pthread_mutex_unlock(&s->mu);
}

/* Those that end may have waited for this promise */
static void go_on_all(struct cdx_sales *s)
{
	cdx_list_foreach_safe(pos, tmp, &s->agents)
		sale_close_go_on(cdx_list_entry(pos, struct sale_agent, link));
}

static void end(struct sale_job *j, bool gone)
{
	struct books *b = CDX_CONTAINER(j, struct books, job);
	struct sale_agent *a = b->agent;
	struct cdx_sales *s = a->sales;
	enum books_what what;

	a->books = NULL;
	if (gone) {
		free(b);
		return;
	}
	if (b->what == BOOKS_RESERVE && b->rc == 0) {
		pthread_mutex_lock(&s->mu);
		a->info.reservation = b->r;
		a->info.has_reservation = true;
		pthread_mutex_unlock(&s->mu);
	}
	if (b->what == BOOKS_END) {
		if (b->counts && !b->count) {
			a->counted = true;
			pthread_mutex_lock(&s->mu);
			s->stats.earned = b->earned;
			pthread_mutex_unlock(&s->mu);
		}
		if (b->rc == 0 && b->rider.has_heir)
			inherit(s, &b->heir);
	}
	what = b->what;
	b->fn(a, b->rc);
	free(b);
	/* one that ended, ended nothing that others waited for */
	if (what != BOOKS_END)
		go_on_all(s);
}

static void begin(struct sale_agent *a, struct books *b, enum books_what what,
		  sale_books_fn *fn)
{
	b->job.run = run;
	b->job.end = end;
	b->what = what;
	b->agent = a;
	b->store = a->sales->env->store;
	b->fn = fn;
	a->books = &b->job;
	sale_work_add(a->sales->work, SALE_LANE_BOOKS, &b->job);
}

/* @b: zeroed; false: amounts that cannot be */
static bool fill_want(const struct sale_agent *a, struct books *b)
{
	const struct cdx_ask *ask = &a->info.what.ask;
	const struct sale_agent *other = sale_sibling(a);

	b->want.slot_size = ask->slot_size;
	b->want.duration = ask->duration;
	b->want.price = ask->price;
	b->want.end = a->facts.end;
	b->want.here = other != NULL;
	b->any = a->reserve_any;
	return sale_collateral(a, &b->want.collateral) == 0;
}

static struct books *books_new(struct sale_agent *a)
{
	struct books *b = calloc(1, sizeof(*b));

	if (b == NULL)
		sale_retry(a, -ENOMEM, NULL);
	return b;
}

void sale_books_match(struct sale_agent *a, sale_books_fn *fn)
{
	struct books *b = books_new(a);

	if (b == NULL)
		return;
	if (!fill_want(a, b)) {
		free(b);
		sale_close(a, CDX_SALE_IGNORED, false);
		return;
	}
	begin(a, b, BOOKS_MATCH, fn);
}

void sale_books_reserve(struct sale_agent *a, sale_books_fn *fn)
{
	struct books *b = books_new(a);
	struct cdx_buf note = {.p = NULL};

	if (b == NULL)
		return;
	if (!fill_want(a, b) || cdx_sale_note_encode(&note, &a->note) < 0 ||
	    note.len > sizeof(b->r.note)) {
		cdx_buf_free(&note);
		free(b);
		sale_close(a, CDX_SALE_IGNORED, false);
		return;
	}
	memcpy(b->r.note, note.p, note.len);
	b->r.note_len = (uint16_t)note.len;
	cdx_buf_free(&note);
	memcpy(b->r.slot, a->info.slot.b, sizeof(b->r.slot));
	memcpy(b->r.request, a->info.request.b, sizeof(b->r.request));
	b->r.index = a->info.index;
	b->r.bytes = b->want.here ? 0 : b->want.slot_size;
	b->r.collateral = b->want.collateral;
	b->r.valid_until = a->facts.end;
	begin(a, b, BOOKS_RESERVE, fn);
}

bool sale_books_end(struct sale_agent *a, sale_books_fn *fn)
{
	struct books *b = calloc(1, sizeof(*b));
	const struct sale_agent *heir = sale_sibling(a);

	if (b == NULL)
		return false;
	b->has_reservation = a->info.has_reservation;
	b->rider.s = a->sales->env->store;
	memcpy(b->rider.slot, a->info.slot.b, sizeof(b->rider.slot));
	b->has_data = a->has_manifest && heir == NULL;
	b->manifest = a->note.manifest;
	b->r.index = a->info.index;
	if (heir != NULL && heir->info.has_reservation &&
	    a->info.reservation.bytes > 0) {
		b->rider.has_heir = true;
		memcpy(b->rider.heir, heir->info.slot.b, sizeof(b->rider.heir));
	}
	b->payout = a->note.payout;
	b->counts = !a->counted && a->info.state == CDX_SALE_FINISHED &&
		    a->note.step == CDX_SALE_STEP_PAYING;
	b->count = b->counts;
	begin(a, b, BOOKS_END, fn);
	return true;
}
